"""Scores against scikit-learn's, or worked by hand; intervals where the answer is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from benchmarks.automl.scores import METRICS, SCORED, Answered, compare
from sklearn import metrics as sk

RNG = np.random.default_rng(0)


def binary(rows: int = 400) -> Answered:
    truth = RNG.integers(2, size=rows)
    chance = np.round(np.clip(0.3 + 0.3 * truth + RNG.normal(0, 0.2, rows), 0.01, 0.99), 2)
    return Answered(truth=truth, said=np.column_stack([1 - chance, chance]))


def multiclass(rows: int = 400) -> Answered:
    said = RNG.dirichlet(np.ones(4), size=rows)
    return Answered(truth=RNG.integers(4, size=rows), said=said)


def regression(rows: int = 400) -> Answered:
    truth = RNG.normal(size=rows)
    return Answered(truth=truth, said=truth + RNG.normal(size=rows))


MADE = {"binary": binary, "multiclass": multiclass, "regression": regression}
PEERS: dict[tuple[str, str], Any] = {
    ("binary", "roc_auc"): lambda y, p, w: sk.roc_auc_score(y, p[:, 1], sample_weight=w),
    ("binary", "log_loss"): lambda y, p, w: sk.log_loss(y, p, sample_weight=w),
    ("binary", "brier"): lambda y, p, w: sk.brier_score_loss(y, p[:, 1], sample_weight=w),
    ("multiclass", "log_loss"): lambda y, p, w: sk.log_loss(y, p, sample_weight=w),
    ("multiclass", "accuracy"): lambda y, p, w: sk.accuracy_score(
        y, p.argmax(axis=1), sample_weight=w
    ),
    ("regression", "rmse"): lambda y, p, w: sk.root_mean_squared_error(y, p, sample_weight=w),
    ("regression", "mae"): lambda y, p, w: sk.mean_absolute_error(y, p, sample_weight=w),
    ("regression", "r2"): lambda y, p, w: sk.r2_score(y, p, sample_weight=w),
}


@pytest.mark.parametrize(("kind", "name"), PEERS)
def test_score_equals_scikit_learns_on_a_bootstrap_sample(kind: str, name: str) -> None:
    made = MADE[kind]()
    counts = RNG.multinomial(made.rows, np.full(made.rows, 1 / made.rows)).astype(float)
    ours = METRICS[name].of(made)(counts)
    assert ours == pytest.approx(PEERS[kind, name](made.truth, made.said, counts), rel=1e-12)


def test_every_score_has_a_peer_or_a_case_by_hand() -> None:
    scored = {(kind, name) for kind, names in SCORED.items() for name in names}
    assert scored - set(PEERS) == {("binary", "ece"), ("multiclass", "ece")}


def test_calibration_error_by_hand() -> None:
    """15 rows, a bin each: the mean of |chance - answer|."""
    chance = np.linspace(0.1, 0.9, 15)
    truth = (np.arange(15) % 2).astype(np.int64)
    made = Answered(truth=truth, said=np.column_stack([1 - chance, chance]))
    assert METRICS["ece"].score(made) == pytest.approx(np.abs(chance - truth).mean())


def test_calibrated_answers_have_almost_no_calibration_error() -> None:
    chance = RNG.random(200_000)
    truth = (RNG.random(200_000) < chance).astype(np.int64)
    made = Answered(truth=truth, said=np.column_stack([1 - chance, chance]))
    assert METRICS["ece"].score(made) < 0.005


def test_calibration_error_of_classes_is_the_likeliest_ones() -> None:
    said = np.tile([0.7, 0.2, 0.1], (30, 1))
    made = Answered(truth=np.repeat([0, 1, 2], [16, 9, 5]), said=said)  # 8 bins right, 7 wrong
    assert METRICS["ece"].score(made) == pytest.approx((8 * 0.3 + 7 * 0.7) / 15)


def test_log_loss_of_a_class_ruled_out_is_large_but_finite() -> None:
    made = Answered(truth=np.array([0, 1]), said=np.array([[1.0, 0.0], [1.0, 0.0]]))
    assert 10 < METRICS["log_loss"].score(made) < 100


def test_better_tool_gains_and_the_other_is_worse() -> None:
    truth = RNG.normal(size=500)
    near = Answered(truth=truth, said=truth + RNG.normal(scale=0.1, size=500))
    far = Answered(truth=truth, said=truth + RNG.normal(scale=0.5, size=500))
    gain, loss = compare(METRICS["rmse"], near, far), compare(METRICS["rmse"], far, near)
    assert gain.low > 0
    assert not gain.tied
    assert loss.worse
    assert loss.gain == pytest.approx(-gain.gain)


def test_a_tool_is_tied_with_itself() -> None:
    made = binary()
    told = compare(METRICS["roc_auc"], made, made)
    assert (told.gain, told.low, told.high, told.tied, told.worse) == (0, 0, 0, True, False)


def test_interval_of_a_mean_difference_is_the_normal_ones() -> None:
    """Paired: what both tools share falls out."""
    truth = np.zeros(2000)
    shared, own = RNG.exponential(10, 2000), RNG.normal(0.1, 1, 2000)
    one, other = Answered(truth=truth, said=shared), Answered(truth=truth, said=shared + own)
    told = compare(METRICS["mae"], one, other)
    step = np.abs(shared + own) - np.abs(shared)
    half = 1.96 * step.std() / np.sqrt(2000)
    assert told.low == pytest.approx(step.mean() - half, abs=0.1 * half)
    assert told.high == pytest.approx(step.mean() + half, abs=0.1 * half)

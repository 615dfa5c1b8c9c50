from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from assay.automl.calibrate import (
    THRESHOLDS,
    Finish,
    best_threshold,
    calibration_helps,
    conformal_quantile,
    fit_calibration,
    threshold_metric,
)
from assay.automl.family import Task
from assay.automl.metrics import METRICS

BINARY = Task(kind="binary", classes=2)
REGRESSION = Task(kind="regression")


def sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


def drawn(rows: int, *, slope: float, intercept: float) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities that are off by a known slope and intercept on the logit."""
    rng = np.random.default_rng(0)
    logit = rng.normal(size=rows) * 2
    truth = (rng.random(rows) < sigmoid(slope * logit + intercept)).astype(np.int64)
    return sigmoid(logit)[:, None], truth


def test_platt_scaling_agrees_with_logistic_regression() -> None:
    mean, truth = drawn(3000, slope=0.5, intercept=-0.7)
    logit = np.log(mean / (1 - mean))
    peer = LogisticRegression(C=np.inf, tol=1e-10).fit(logit, truth)
    slope, intercept = fit_calibration(mean, truth)
    assert slope == pytest.approx(peer.coef_[0, 0], abs=1e-4)
    assert intercept == pytest.approx(peer.intercept_[0], abs=1e-4)
    assert (slope, intercept) == pytest.approx((0.5, -0.7), abs=0.15)


def test_temperature_is_the_best_on_a_grid() -> None:
    rng = np.random.default_rng(1)
    logits = rng.normal(size=(2000, 3)) * 2
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    truth = np.array([rng.choice(3, p=p) for p in chances])
    sharp = chances**2 / (chances**2).sum(axis=1, keepdims=True)
    slope, intercept = fit_calibration(sharp, truth)
    grid = np.linspace(0.3, 0.8, 501)
    costs = []
    for s in grid:
        p = sharp**s / (sharp**s).sum(axis=1, keepdims=True)
        costs.append(-np.log(p[np.arange(2000), truth]).mean())
    assert slope == pytest.approx(grid[np.argmin(costs)], abs=2e-3)
    assert intercept == 0.0
    assert slope == pytest.approx(0.5, abs=0.05)


def test_an_order_is_never_turned_round() -> None:
    mean, truth = drawn(500, slope=-1.0, intercept=0.0)
    assert fit_calibration(mean, truth) == (1.0, 0.0)


def test_perfect_separation_stays_finite() -> None:
    mean = np.array([[0.1], [0.2], [0.8], [0.9]])
    slope, intercept = fit_calibration(mean, np.array([0, 0, 1, 1]))
    assert np.isfinite([slope, intercept]).all()


def test_calibration_is_kept_only_where_it_helps() -> None:
    finish = Finish(task=BINARY, classes=("no", "yes"))
    folds = np.arange(2000) % 5
    off, truth = drawn(2000, slope=0.4, intercept=0.5)
    assert calibration_helps(finish, off, truth, folds)
    rng = np.random.default_rng(3)
    small, answers = drawn(60, slope=1.0, intercept=0.0)
    noise = rng.permutation(answers)
    assert not calibration_helps(
        finish, np.full_like(small, noise.mean()) + 0.01 * small, noise, folds[:60]
    )
    assert not calibration_helps(Finish(task=REGRESSION, classes=()), off, off[:, 0], folds)


def test_cross_fitting_never_uses_the_fold_itself() -> None:
    """Changing the truth of one fold leaves that fold's own answers as they were."""
    finish = Finish(task=BINARY, classes=("no", "yes"), calibrated=True, cut_by="balanced_accuracy")
    mean, truth = drawn(400, slope=0.5, intercept=1.0)
    folds = np.arange(400) % 4
    changed = np.where(folds == 2, 1 - truth, truth)
    before, after = (finish.cross_fit(mean, t, folds) for t in (truth, changed))
    assert np.array_equal(before.probabilities[folds == 2], after.probabilities[folds == 2])
    assert np.array_equal(before.label[folds == 2], after.label[folds == 2])
    assert np.array_equal(before.sets[folds == 2], after.sets[folds == 2])
    assert not np.array_equal(before.probabilities[folds == 1], after.probabilities[folds == 1])


def test_interval_on_the_log_scale() -> None:
    finish = Finish(task=REGRESSION, classes=(), transform="log", coverage=0.5)
    truth = np.exp(np.array([1.0, 2.0, 3.0]))
    mean = np.array([[1.1], [2.3], [2.8]])
    assert finish.learn(mean, truth).interval == pytest.approx(0.2)
    answer = finish.cross_fit(mean, truth, np.array([0, 1, 2]))
    assert np.log(answer.upper[1] / answer.prediction[1]) == pytest.approx(0.2)


@given(st.integers(1, 400), st.sampled_from([0.5, 0.8, 0.9, 0.95]))
@settings(max_examples=200, deadline=None)
def test_conformal_rank_is_exact(n: int, coverage: float) -> None:
    scores = np.random.default_rng(n).permutation(n).astype(float)
    found = conformal_quantile(scores, coverage)
    enough = [r for r in range(1, n + 1) if r >= (n + 1) * coverage - 1e-9]
    assert found == (enough[0] - 1 if enough else None)


def test_conformal_coverage_by_simulation() -> None:
    """Exchangeable scores: a new one lies within with at least the chance promised."""
    rng = np.random.default_rng(4)
    hits = 0
    for _ in range(4000):
        scores = rng.exponential(size=20)
        hits += scores[0] <= conformal_quantile(scores[1:], 0.9)
    assert hits / 4000 == pytest.approx(0.9, abs=4 * np.sqrt(0.09 / 4000))


@pytest.mark.parametrize("metric", ["f1", "balanced_accuracy"])
def test_the_threshold_is_the_metrics_best(metric: str) -> None:
    mean, truth = drawn(500, slope=1.0, intercept=-2.0)
    found = METRICS[metric].score(
        truth, mean[:, 0], threshold=best_threshold(mean[:, 0], truth, metric=metric)
    )
    best = max(METRICS[metric].score(truth, mean[:, 0], threshold=t) for t in THRESHOLDS)
    assert found == pytest.approx(best)


def test_threshold() -> None:
    chances = np.array([0.05, 0.1, 0.2, 0.35, 0.3, 0.45])
    truth = np.array([0, 0, 0, 0, 1, 1])
    threshold = best_threshold(chances, truth, metric="balanced_accuracy")
    assert 0.2 < threshold <= 0.3
    rare = np.array([1] * 20 + [0] * 80)
    even = np.array([0, 1] * 50)
    assert threshold_metric("roc_auc", rare, BINARY) == "balanced_accuracy"
    assert threshold_metric("roc_auc", even, BINARY) == ""
    assert threshold_metric("accuracy", rare, BINARY) == ""
    assert threshold_metric("f1", even, BINARY) == "f1"
    assert threshold_metric("mae", even, REGRESSION) == ""

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
    choose_calibration,
    conformal_quantile,
    fit_beta,
    fit_calibration,
    least_cost_cut,
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
    assert choose_calibration(finish, off, truth, folds).calibration != "none"
    rng = np.random.default_rng(3)
    small, answers = drawn(60, slope=1.0, intercept=0.0)
    noise = rng.permutation(answers)
    flat = np.full_like(small, noise.mean()) + 0.01 * small
    assert choose_calibration(finish, flat, noise, folds[:60]).calibration == "none"
    regression = Finish(task=REGRESSION, classes=())
    assert choose_calibration(regression, off, off[:, 0], folds) == regression


def test_beta_calibration_wins_where_the_logit_is_no_line() -> None:
    """Probabilities bent at one end only: what one slope cannot straighten."""
    rng = np.random.default_rng(5)
    chances = rng.beta(0.8, 0.8, size=6000)
    truth = (rng.random(6000) < chances).astype(np.int64)
    bent = np.clip(chances**3, 1e-9, 1 - 1e-9)[:, None]
    finish = Finish(task=BINARY, classes=("no", "yes"))
    chosen = choose_calibration(finish, bent, truth, np.arange(6000) % 5)
    assert chosen.calibration == "beta"
    told = chosen.cross_fit(bent, truth, np.arange(6000) % 5).probabilities[:, 1]
    assert np.abs(told - chances).mean() < 0.02


def test_beta_calibration_agrees_with_logistic_regression() -> None:
    mean, truth = drawn(4000, slope=0.6, intercept=0.4)
    p = mean[:, 0]
    design = np.stack([np.log(p), -np.log1p(-p)], axis=1)
    peer = LogisticRegression(C=np.inf, tol=1e-10).fit(design, truth)
    found = fit_beta(p, truth)
    assert (found.a[0], found.b[0]) == pytest.approx(tuple(peer.coef_[0]), abs=2e-3)
    assert found.c[0] == pytest.approx(peer.intercept_[0], abs=2e-3)


def test_weights_count_as_repeated_rows() -> None:
    mean, truth = drawn(300, slope=0.5, intercept=0.3)
    counts = np.random.default_rng(6).integers(1, 4, 300)
    twice = np.repeat(mean, counts, axis=0), np.repeat(truth, counts)
    assert fit_calibration(mean, truth, counts.astype(float)) == pytest.approx(
        fit_calibration(*twice), abs=1e-4
    )
    for metric in ("f1", "balanced_accuracy"):
        weighed = best_threshold(mean[:, 0], truth, metric=metric, weights=counts.astype(float))
        assert weighed == best_threshold(twice[0][:, 0], twice[1], metric=metric)


def spent(chances: np.ndarray, truth: np.ndarray, price: float, cut: float) -> float:
    """What decisions cost where calling a bad one good costs ``price`` times as much."""
    named = chances >= cut
    return float((named & (truth == 0)).sum() + price * (~named & (truth == 1)).sum())


@pytest.mark.parametrize("price", [1.0, 5.0, 20.0])
def test_calibrated_chances_are_cut_where_theory_says(price: float) -> None:
    mean, truth = drawn(20_000, slope=1.0, intercept=0.0)
    cut = least_cost_cut(mean[:, 0], truth, np.array([[0.0, 1.0], [price, 0.0]]))
    assert cut == pytest.approx(1 / (1 + price), abs=0.04)
    least = min(spent(mean[:, 0], truth, price, t) for t in THRESHOLDS)
    assert spent(mean[:, 0], truth, price, cut) <= 1.01 * least


def test_chances_that_are_far_off_are_cut_where_it_cost_least() -> None:
    mean, truth = drawn(20_000, slope=1.0, intercept=-2.0)
    cut = least_cost_cut(mean[:, 0], truth, np.array([[0.0, 1.0], [5.0, 0.0]]))
    costs = [spent(mean[:, 0], truth, 5.0, t) for t in THRESHOLDS]
    assert cut > 0.4
    assert spent(mean[:, 0], truth, 5.0, cut) <= 1.01 * min(costs)
    assert 1.4 * min(costs) < spent(mean[:, 0], truth, 5.0, 1 / 6)


def test_few_rows_leave_the_threshold_to_theory() -> None:
    mean, truth = drawn(50, slope=1.0, intercept=-2.0)
    costs = np.array([[0.0, 1.0], [4.0, 0.0]])
    assert truth.sum() < 30
    assert least_cost_cut(mean[:, 0], truth, costs) == 0.2
    assert least_cost_cut(mean[:, 0], np.zeros(50, dtype=np.int64), costs) == 0.2


def test_thresholds_by_cost_lose_less_on_new_rows_than_the_cheapest_of_the_old() -> None:
    """Mean over 40 draws of 200 rows, judged on 20,000 others."""
    fresh, answers = drawn(20_000, slope=1.0, intercept=-1.5)
    chosen, cheapest = [], []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        rows = rng.permutation(20_000)[:200]
        logit = np.log(fresh[:, 0] / (1 - fresh[:, 0])) - 1.5
        known, truth = sigmoid(logit), answers
        cut = least_cost_cut(known[rows], truth[rows], np.array([[0.0, 1.0], [5.0, 0.0]]))
        costs = [spent(known[rows], truth[rows], 5.0, t) for t in THRESHOLDS]
        chosen.append(spent(known, truth, 5.0, cut))
        cheapest.append(spent(known, truth, 5.0, float(THRESHOLDS[np.argmin(costs)])))
    assert np.mean(chosen) < np.mean(cheapest)


def test_weights_count_in_costs() -> None:
    """Rows of class 1 that count e² times undo the 2 by which the logit is off."""
    mean, truth = drawn(20_000, slope=1.0, intercept=-2.0)
    costs = np.array([[0.0, 1.0], [5.0, 0.0]])
    cut = least_cost_cut(mean[:, 0], truth, costs)
    assert least_cost_cut(mean[:, 0], truth, costs, np.full(20_000, 2.0)) == cut > 0.4
    undone = least_cost_cut(mean[:, 0], truth, costs, np.where(truth == 1, np.exp(2), 1.0))
    assert undone == pytest.approx(1 / 6, abs=0.03)


@pytest.mark.parametrize("positives", [0, 1, 300])
@pytest.mark.parametrize("cut_by", ["", "f1", "balanced_accuracy"])
def test_a_class_may_be_absent_from_a_fold(positives: int, cut_by: str) -> None:
    mean, _ = drawn(300, slope=1.0, intercept=0.0)
    truth = (np.arange(300) < positives).astype(np.int64)
    folds = np.arange(300) % 3
    finish = Finish(task=BINARY, classes=("no", "yes"), cut_by=cut_by)
    chosen = choose_calibration(finish, mean, truth, folds)
    answer = chosen.cross_fit(mean, truth, folds)
    assert np.isfinite(answer.probabilities).all()
    assert 0 < chosen.learn(mean, truth).threshold < 1


def test_quantiles_are_put_in_order() -> None:
    finish = Finish(task=REGRESSION, classes=(), quantiles=(0.1, 0.5, 0.9))
    mean = np.array([[1.0, 3.0, 2.0], [4.0, 5.0, 6.0]])
    answer = finish.cross_fit(mean, np.zeros(2), np.array([0, 1]))
    assert answer.names == ("q0.1", "q0.5", "q0.9")
    assert answer.values.tolist() == [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]


def test_multiclass_costs_go_into_the_decision() -> None:
    chances = np.array([[0.5, 0.3, 0.2], [0.1, 0.8, 0.1]])
    costs = np.array([[0.0, 1.0, 1.0], [1.0, 0.0, 1.0], [9.0, 9.0, 0.0]])
    task = Task(kind="multiclass", classes=3)
    finish = Finish(task=task, classes=("a", "b", "c"), costs=costs)
    rows, truth = np.tile(chances, (10, 1)), np.tile([0, 1], 10)
    answer = finish.cross_fit(rows, truth, np.arange(20) % 2)
    assert answer.label[:2].tolist() == (chances @ costs).argmin(axis=1).tolist() == [2, 2]


def test_one_fold_is_cut_into_parts() -> None:
    finish = Finish(task=BINARY, classes=("no", "yes"), calibration="platt")
    mean, truth = drawn(300, slope=0.5, intercept=1.0)
    one = finish.cross_fit(mean, truth, np.zeros(300, dtype=int))
    five = finish.cross_fit(mean, truth, np.arange(300) % 5)
    assert np.array_equal(one.probabilities, five.probabilities)


def test_cross_fitting_never_uses_the_fold_itself() -> None:
    """Changing the truth of one fold leaves that fold's own answers as they were."""
    finish = Finish(
        task=BINARY, classes=("no", "yes"), calibration="platt", cut_by="balanced_accuracy"
    )
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

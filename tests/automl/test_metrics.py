from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from assay.automl.metrics import METRICS, default_metric, find_metric
from assay.errors import InputError, UnknownName

REGRESSION = {
    "mae": sk.mean_absolute_error,
    "rmse": sk.root_mean_squared_error,
    "r2": sk.r2_score,
    "mape": sk.mean_absolute_percentage_error,
    "median_ae": sk.median_absolute_error,
}
BINARY = {
    "roc_auc": sk.roc_auc_score,
    "average_precision": sk.average_precision_score,
    "log_loss": sk.log_loss,
    "brier": sk.brier_score_loss,
    "accuracy": lambda y, p: sk.accuracy_score(y, p >= 0.5),
    "balanced_accuracy": lambda y, p: sk.balanced_accuracy_score(y, p >= 0.5),
    "f1": lambda y, p: sk.f1_score(y, p >= 0.5, zero_division=0),
}
MULTICLASS = {
    "roc_auc": lambda y, p: sk.roc_auc_score(y, p, multi_class="ovr"),
    "average_precision": lambda y, p: sk.average_precision_score(np.eye(3)[y], p),
    "log_loss": sk.log_loss,
    "brier": lambda y, p: sk.brier_score_loss(y, p, scale_by_half=False),
    "accuracy": lambda y, p: sk.accuracy_score(y, p.argmax(axis=1)),
    "balanced_accuracy": lambda y, p: sk.balanced_accuracy_score(y, p.argmax(axis=1)),
    "f1": lambda y, p: sk.f1_score(y, p.argmax(axis=1), average="macro"),
}


def counts(rng: np.random.Generator, rows: int) -> np.ndarray:
    return rng.multinomial(rows, np.full(rows, 1 / rows), size=5)


def same_as_repeated(name: str, kind: str, truth: np.ndarray, answer: np.ndarray) -> None:
    """A bootstrap replicate scores as the repeated rows do."""
    metric = METRICS[name]
    drawn = counts(np.random.default_rng(0), len(truth))
    cut = metric._cut(answer, None)
    scores = metric.measure(truth, cut, drawn.astype(float))
    for weights, score in zip(drawn, scores, strict=True):
        rows = np.repeat(np.arange(len(truth)), weights)
        assert metric.score(truth[rows], answer[rows]) == pytest.approx(score, rel=1e-9)


@pytest.mark.parametrize("name", REGRESSION)
@pytest.mark.parametrize("rows", [2, 7, 100])
def test_regression_agrees_with_scikit_learn(name: str, rows: int) -> None:
    rng = np.random.default_rng(rows)
    truth = rng.normal(size=rows)
    answer = truth + rng.normal(size=rows)
    expected = REGRESSION[name](truth, answer)
    assert METRICS[name].score(truth, answer) == pytest.approx(expected)
    if rows > 2:
        same_as_repeated(name, "regression", truth, answer)


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize("decimals", [1, 6])
def test_binary_agrees_with_scikit_learn(name: str, decimals: int) -> None:
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 2, 200)
    answer = np.round(np.clip(0.3 * truth + 0.7 * rng.random(200), 0.001, 0.999), decimals)
    assert METRICS[name].score(truth, answer) == pytest.approx(BINARY[name](truth, answer))
    same_as_repeated(name, "binary", truth, answer)


@pytest.mark.parametrize("name", MULTICLASS)
def test_multiclass_agrees_with_scikit_learn(name: str) -> None:
    rng = np.random.default_rng(2)
    truth = rng.integers(0, 3, 150)
    answer = rng.dirichlet(np.ones(3), 150) + 0.5 * np.eye(3)[truth]
    answer /= answer.sum(axis=1, keepdims=True)
    assert METRICS[name].score(truth, answer) == pytest.approx(MULTICLASS[name](truth, answer))
    same_as_repeated(name, "multiclass", truth, answer)


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 4)), min_size=2, max_size=30))
@settings(max_examples=100, deadline=None)
def test_ties_in_ranking(rows: list[tuple[int, int]]) -> None:
    truth = np.array([t for t, _ in rows])
    answer = np.array([a / 4 for _, a in rows])
    if 0 < truth.sum() < len(truth):
        expected = sk.roc_auc_score(truth, answer)
        assert METRICS["roc_auc"].score(truth, answer) == pytest.approx(expected)


def test_threshold_moves_labels_only() -> None:
    truth, answer = np.array([0, 1, 1]), np.array([0.1, 0.3, 0.6])
    assert METRICS["accuracy"].score(truth, answer) == pytest.approx(2 / 3)
    assert METRICS["accuracy"].score(truth, answer, threshold=0.2) == 1.0
    assert METRICS["roc_auc"].score(truth, answer, threshold=0.2) == 1.0


def test_bootstrap_interval_covers_the_mean_error_as_promised() -> None:
    """At 90 %; percentile intervals of a skewed mean fall a little short (Efron 1987)."""
    metric = METRICS["mae"]
    rng = np.random.default_rng(5)
    covered = 0
    for i in range(300):
        errors = rng.exponential(size=120)
        low, high = metric.interval(np.zeros(120), errors, seed=i, samples=200)
        covered += low <= 1.0 <= high
    assert 0.83 <= covered / 300 <= 0.95


def test_interval_is_reproducible_and_holds_the_score() -> None:
    rng = np.random.default_rng(6)
    truth = rng.integers(0, 2, 400)
    answer = 0.5 * truth + 0.5 * rng.random(400)
    metric = METRICS["roc_auc"]
    low, high = metric.interval(truth, answer, seed=1)
    assert (low, high) == metric.interval(truth, answer, seed=1)
    assert low <= metric.score(truth, answer) <= high


def test_names_are_checked() -> None:
    with pytest.raises(UnknownName, match="'roc_acu'") as caught:
        find_metric("roc_acu", "binary")
    assert "roc_auc" in caught.value.hint
    with pytest.raises(InputError, match="does not score binary") as wrong:
        find_metric("mae", "binary")
    assert "log_loss" in wrong.value.hint
    assert find_metric("", "regression").name == default_metric("regression") == "mae"
    assert METRICS["mae"].loss(2.0) == 2.0
    assert METRICS["r2"].loss(0.5) == -0.5

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from assay.automl.metrics import (
    ALIASES,
    METRICS,
    cost_matrix,
    default_metric,
    find_metric,
    least_cost_threshold,
)
from assay.errors import InputError, InvalidConfig, InvalidTable, UnknownName

Scored = Callable[..., float]


def binary_label(score: Scored, **options: Any) -> Scored:
    return lambda y, p, **weights: score(y, p >= 0.5, **options, **weights)


def likeliest(score: Scored, **options: Any) -> Scored:
    return lambda y, p, **weights: score(y, p.argmax(axis=1), **options, **weights)


REGRESSION: dict[str, Scored] = {
    "mae": sk.mean_absolute_error,
    "rmse": sk.root_mean_squared_error,
    "mse": sk.mean_squared_error,
    "r2": sk.r2_score,
    "mape": sk.mean_absolute_percentage_error,
    "median_ae": sk.median_absolute_error,
    "explained_variance": sk.explained_variance_score,
    "max_error": lambda y, a, sample_weight=None: sk.max_error(y, a),
}
FROM_ZERO: dict[str, Scored] = {
    "rmsle": sk.root_mean_squared_log_error,
    "msle": sk.mean_squared_log_error,
    "poisson_deviance": sk.mean_poisson_deviance,
}
LABELS: dict[str, tuple[Scored, dict[str, Any]]] = {
    "accuracy": (sk.accuracy_score, {}),
    "balanced_accuracy": (sk.balanced_accuracy_score, {}),
    "matthews_corrcoef": (sk.matthews_corrcoef, {}),
    "cohen_kappa": (sk.cohen_kappa_score, {}),
    **{
        f"{name}_{average}": (score, {"average": average, "zero_division": 0})
        for name, score in [
            ("f1", sk.f1_score),
            ("precision", sk.precision_score),
            ("recall", sk.recall_score),
        ]
        for average in ("macro", "weighted")
    },
}
BINARY: dict[str, Scored] = {
    "roc_auc": sk.roc_auc_score,
    "roc_auc_ovo": sk.roc_auc_score,
    "average_precision": sk.average_precision_score,
    "log_loss": sk.log_loss,
    "brier": sk.brier_score_loss,
    "f1": binary_label(sk.f1_score, zero_division=0),
    "precision": binary_label(sk.precision_score, zero_division=0),
    "recall": binary_label(sk.recall_score, zero_division=0),
    **{name: binary_label(score, **options) for name, (score, options) in LABELS.items()},
}
MULTICLASS: dict[str, Scored] = {
    "roc_auc": lambda y, p, **w: sk.roc_auc_score(np.eye(p.shape[1])[y], p, **w),
    "average_precision": lambda y, p, **w: sk.average_precision_score(
        np.eye(p.shape[1])[y], p, **w
    ),
    "log_loss": sk.log_loss,
    "brier": lambda y, p, **w: sk.brier_score_loss(y, p, scale_by_half=False, **w),
    "top_k_accuracy": lambda y, p, **w: sk.top_k_accuracy_score(y, p, k=5, **w),
    "f1": likeliest(sk.f1_score, average="macro", zero_division=0),
    "precision": likeliest(sk.precision_score, average="macro", zero_division=0),
    "recall": likeliest(sk.recall_score, average="macro", zero_division=0),
    **{name: likeliest(score, **options) for name, (score, options) in LABELS.items()},
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


def same_as_scikit_learn(
    name: str, expected: Scored, truth: np.ndarray, answer: np.ndarray
) -> None:
    """With rows that count alike, with any weights, and with weights of 0."""
    rng = np.random.default_rng(len(truth))
    metric = METRICS[name]
    assert metric.score(truth, answer) == pytest.approx(expected(truth, answer))
    weights = rng.random(len(truth)) + 0.1
    weighted = expected(truth, answer, sample_weight=weights)
    assert metric.score(truth, answer, weights=weights) == pytest.approx(weighted)
    kept = rng.random(len(truth)) < 0.7
    alone = metric.score(truth[kept], answer[kept])
    zeros = kept.astype(np.float64)
    assert metric.score(truth, answer, weights=zeros) == pytest.approx(alone, nan_ok=True)


@pytest.mark.parametrize("name", REGRESSION)
@pytest.mark.parametrize("rows", [7, 100, 101])
def test_regression_agrees_with_scikit_learn(name: str, rows: int) -> None:
    rng = np.random.default_rng(rows)
    truth = rng.normal(size=rows)
    answer = truth + rng.normal(size=rows)
    same_as_scikit_learn(name, REGRESSION[name], truth, answer)
    same_as_repeated(name, "regression", truth, answer)


@pytest.mark.parametrize("name", FROM_ZERO)
def test_counts_agree_with_scikit_learn(name: str) -> None:
    rng = np.random.default_rng(3)
    answer = rng.exponential(3.0, 80)
    truth = rng.poisson(answer).astype(np.float64)
    same_as_scikit_learn(name, FROM_ZERO[name], truth, answer)
    same_as_repeated(name, "regression", truth, answer)
    with pytest.raises(InvalidTable, match="from 0 on"):
        METRICS[name].score(truth - 1, answer)
    below = METRICS[name].score(truth, answer - 5)
    assert np.isfinite(below)
    assert below > METRICS[name].score(truth, answer)


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize("decimals", [1, 6])
def test_binary_agrees_with_scikit_learn(name: str, decimals: int) -> None:
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 2, 200)
    answer = np.round(np.clip(0.3 * truth + 0.7 * rng.random(200), 0.001, 0.999), decimals)
    same_as_scikit_learn(name, BINARY[name], truth, answer)
    same_as_repeated(name, "binary", truth, answer)


@pytest.mark.parametrize("name", MULTICLASS)
@pytest.mark.parametrize("classes", [3, 9])
def test_multiclass_agrees_with_scikit_learn(name: str, classes: int) -> None:
    if name == "top_k_accuracy" and classes == 3:
        assert METRICS[name].score(np.array([0, 2]), np.full((2, 3), 1 / 3)) == 1.0
        return
    rng = np.random.default_rng(2)
    truth = np.concatenate([np.arange(classes), rng.integers(0, classes, 150)])
    answer = rng.dirichlet(np.ones(classes), len(truth)) + 0.3 * np.eye(classes)[truth]
    answer /= answer.sum(axis=1, keepdims=True)
    same_as_scikit_learn(name, MULTICLASS[name], truth, answer)
    same_as_repeated(name, "multiclass", truth, answer)


def test_pairs_of_classes_agree_with_scikit_learn() -> None:
    rng = np.random.default_rng(4)
    truth = rng.integers(0, 4, 120)
    answer = np.round(rng.dirichlet(np.ones(4), 120) + np.eye(4)[truth] / 2, 1)
    answer /= answer.sum(axis=1, keepdims=True)
    expected = sk.roc_auc_score(truth, answer, multi_class="ovo")
    assert METRICS["roc_auc_ovo"].score(truth, answer) == pytest.approx(expected)


def test_classes_that_do_not_occur_are_no_part_of_a_mean() -> None:
    truth = np.array([0, 0, 1, 1])
    answer = np.eye(4)[[0, 1, 1, 1]]
    for name in ("f1", "precision", "recall", "balanced_accuracy", "f1_weighted"):
        expected = MULTICLASS[name](truth, answer)
        assert METRICS[name].score(truth, answer) == pytest.approx(expected)


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 4)), min_size=2, max_size=30))
@settings(max_examples=100, deadline=None)
def test_ties_in_ranking(rows: list[tuple[int, int]]) -> None:
    truth = np.array([t for t, _ in rows])
    answer = np.array([a / 4 for _, a in rows])
    if 0 < truth.sum() < len(truth):
        expected = sk.roc_auc_score(truth, answer)
        assert METRICS["roc_auc"].score(truth, answer) == pytest.approx(expected)


@pytest.mark.parametrize("weighted", [False, True])
def test_pinball_loss_agrees_with_scikit_learn(weighted: bool) -> None:
    rng = np.random.default_rng(8)
    truth = rng.normal(size=60)
    answer = np.sort(rng.normal(size=(60, 3)), axis=1)
    weights = rng.random(60) if weighted else None
    metric = find_metric("", "regression", quantiles=(0.1, 0.5, 0.9))
    each = [
        sk.mean_pinball_loss(truth, answer[:, k], alpha=q, sample_weight=weights)
        for k, q in enumerate((0.1, 0.5, 0.9))
    ]
    assert metric.score(truth, answer, weights=weights) == pytest.approx(np.mean(each))
    low, high = metric.interval(truth, answer, seed=0, weights=weights)
    assert low < metric.score(truth, answer, weights=weights) < high


CREDIT = {"bad": {"good": 5.0}, "good": {"bad": 1.0}}
"""German credit: to lend to a bad customer costs five times what a good one lost costs."""


def test_the_cost_of_two_classes_by_hand() -> None:
    """Bad from 1/6 on. Missed: none of 0.2 and 0.9, one of 0.1 (5); false alarms: 0.5 (1)."""
    metric = find_metric("", "binary", costs=CREDIT, classes=("good", "bad"))
    assert metric.name == "cost"
    assert metric.cut == pytest.approx(1 / 6)
    truth, answer = np.array([1, 1, 1, 0, 0]), np.array([0.2, 0.9, 0.1, 0.5, 0.01])
    assert metric.score(truth, answer) == pytest.approx(6 / 5)
    assert metric.score(truth, answer, threshold=0.05) == pytest.approx(1 / 5)
    weights = np.array([1.0, 1.0, 2.0, 1.0, 5.0])
    assert metric.score(truth, answer, weights=weights) == pytest.approx(11 / 10)
    assert metric.loss(3.0) == 3.0


def test_the_cost_of_three_classes_by_hand() -> None:
    """Chances 0.5, 0.3, 0.2 and a missed c at 10: a costs 2.3, b 2.5, c 0.8, so c is named."""
    costs = {"a": {"b": 1, "c": 1}, "b": {"a": 1, "c": 1}, "c": {"a": 10, "b": 10}}
    metric = find_metric("cost", "multiclass", costs=costs, classes=("a", "b", "c"))
    answer = np.array([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2], [0.9, 0.1, 0.0]])
    assert metric.score(np.array([2, 0, 0]), answer) == pytest.approx(1 / 3)
    assert metric.score(np.array([2, 0, 2]), answer) == pytest.approx(11 / 3)


def test_the_threshold_of_least_cost_is_where_both_answers_cost_the_same() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        costs = np.add(rng.random((2, 2)), [[0.0, 1.0], [1.0, 0.0]])
        p = least_cost_threshold(costs)
        assert (1 - p) * costs[0, 0] + p * costs[1, 0] == pytest.approx(
            (1 - p) * costs[0, 1] + p * costs[1, 1]
        )


@pytest.mark.parametrize(
    ("message", "costs"),
    [
        ("'bda'", {"bda": {"good": 5.0}}),
        ("'god'", {"bad": {"god": 5.0}}),
        ("not finite", {"bad": {"good": float("inf")}}),
        ("costs more than a wrong", {"bad": {"bad": 2.0}}),
        ("cost the same", {"bad": {"good": 0.0}}),
    ],
)
def test_costs_are_checked(message: str, costs: dict[str, dict[str, float]]) -> None:
    with pytest.raises(InvalidConfig, match=message) as caught:
        cost_matrix(costs, ("good", "bad"))
    assert caught.value.where == "assay.yaml: costs"


def test_costs_and_quantiles_ask_for_their_own_kind() -> None:
    with pytest.raises(InputError, match="no costs to count"):
        find_metric("cost", "binary")
    with pytest.raises(InputError, match="no costs to count"):
        find_metric("", "regression", costs=CREDIT)
    with pytest.raises(InputError, match="do not go together"):
        find_metric("mae", "regression", quantiles=(0.5,))
    with pytest.raises(InputError, match="do not go together"):
        find_metric("pinball", "regression")
    with pytest.raises(InputError, match="do not go together"):
        find_metric("", "binary", quantiles=(0.5,))


@pytest.mark.parametrize("alias", sorted(ALIASES))
def test_names_of_scikit_learn_are_known(alias: str) -> None:
    assert alias in sk.get_scorer_names() or alias in ("neg_mean_pinball_loss", "neg_max_error")
    kind = "regression" if ALIASES[alias] in {*REGRESSION, *FROM_ZERO, "pinball"} else "binary"
    quantiles = (0.5,) if ALIASES[alias] == "pinball" else ()
    assert find_metric(alias, kind, quantiles=quantiles).name == ALIASES[alias]  # type: ignore[arg-type]


def test_every_metric_can_be_sent_to_another_process() -> None:
    made = [
        find_metric("", "regression", quantiles=(0.5,)),
        find_metric("", "binary", costs=CREDIT, classes=("good", "bad")),
    ]
    for metric in (*METRICS.values(), *made):
        assert pickle.loads(pickle.dumps(metric)).name == metric.name


@given(
    st.lists(
        st.tuples(st.integers(0, 1), st.integers(0, 4), st.floats(0.1, 9.0)),
        min_size=2,
        max_size=30,
    )
)
@settings(max_examples=100, deadline=None)
def test_ties_in_weighted_ranking(rows: list[tuple[int, int, float]]) -> None:
    truth, answer, weights = (np.array(column) for column in zip(*rows, strict=True))
    if 0 < truth.sum() < len(truth):
        expected = sk.roc_auc_score(truth, answer / 4, sample_weight=weights)
        found = METRICS["roc_auc"].score(truth, answer / 4, weights=weights)
        assert found == pytest.approx(expected)


def test_one_class_alone_has_no_ranking() -> None:
    assert np.isnan(METRICS["roc_auc"].score(np.ones(3, dtype=np.int64), np.array([0.1, 0.2, 0.3])))


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

"""Scores of answers: one weighted, vectorised definition each, used for points and bootstraps.

Every measure takes a matrix of row weights, shape (n_samples, n_rows), and gives one score a
sample: the plain score is the sample of all ones, a bootstrap replicate counts its draws.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from assay.automl.family import Answers
from assay.errors import InputError, UnknownName
from assay.model.plan import Float64
from assay.question import Kind

Measure = Callable[[Answers, Float64, Float64], Float64]

_CELLS_A_CHUNK = 4_000_000
_TINY = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A score of answers against the truth.

    Answers are values (n,) in regression, probabilities of class 1 (n,) in binary tasks, and
    probabilities (n, n_classes) in multiclass tasks; truth is values or class numbers.
    """

    name: str
    title: str
    better: Literal["lower", "higher"]
    kinds: frozenset[Kind]
    measure: Measure
    constant: Literal["mean", "median"] = "mean"
    """The constant answer that is best under it, in regression."""
    labels: bool = False
    """Whether it judges labels: binary answers are then cut at a threshold first."""

    def score(self, truth: Answers, answer: Float64, *, threshold: float | None = None) -> float:
        """The score of all rows.

        Parameters
        ----------
        truth, answer : array
            See the class.
        threshold : float, optional
            Where a binary label metric cuts probabilities; the default 0.5.

        Examples
        --------
        >>> find_metric("mae", "regression").score(np.array([1.0, 2.0]), np.array([1.0, 4.0]))
        1.0
        """
        ones = np.ones((1, len(truth)))
        return float(self.measure(truth, self._cut(answer, threshold), ones)[0])

    def loss(self, score: float) -> float:
        """The score, signed so that lower is better."""
        return score if self.better == "lower" else -score

    def interval(
        self,
        truth: Answers,
        answer: Float64,
        *,
        seed: int,
        threshold: float | None = None,
        confidence: float = 0.9,
        samples: int = 400,
    ) -> tuple[float, float]:
        """Percentile bootstrap interval over rows (Efron 1979), two-sided at ``confidence``."""
        rng = np.random.default_rng(seed)
        answer = self._cut(answer, threshold)
        rows = len(truth)
        chunk = max(1, _CELLS_A_CHUNK // rows)
        even = np.full(rows, 1 / rows)
        scores = [
            self.measure(truth, answer, rng.multinomial(rows, even, size=size).astype(np.float64))
            for size in np.diff([*range(0, samples, chunk), samples])
        ]
        tails = [(1 - confidence) / 2, (1 + confidence) / 2]
        low, high = np.nanquantile(np.concatenate(scores), tails)
        return float(low), float(high)

    def _cut(self, answer: Float64, threshold: float | None) -> Float64:
        if not self.labels or answer.ndim == 2:
            return answer
        return (answer >= (0.5 if threshold is None else threshold)).astype(np.float64)


def find_metric(name: str, kind: Kind) -> Metric:
    """The metric called ``name``, or the default of ``kind`` where the name is empty.

    Raises
    ------
    UnknownName
        There is no such metric; the hint gives the nearest one.
    InputError
        It does not score this kind of answer.
    """
    name = name or default_metric(kind)
    if name not in METRICS:
        raise UnknownName("metric", name, METRICS)
    metric = METRICS[name]
    if kind not in metric.kinds:
        able = ", ".join(m.name for m in METRICS.values() if kind in m.kinds)
        raise InputError(
            f"The metric {name!r} does not score {kind} answers.", hint=f"Use: {able}."
        )
    return metric


def default_metric(kind: Kind) -> str:
    """Mean absolute error; ranking (ROC AUC) for two classes; log-loss for more."""
    return {"regression": "mae", "binary": "roc_auc", "multiclass": "log_loss"}[kind]


def _mean(values: Float64, weights: Float64) -> Float64:
    return np.asarray(weights @ values / weights.sum(axis=1))


def _mae(truth: Answers, answer: Float64, weights: Float64) -> Float64:
    return _mean(np.abs(truth - answer), weights)


def _rmse(truth: Answers, answer: Float64, weights: Float64) -> Float64:
    return np.sqrt(_mean((truth - answer) ** 2, weights))


def _r2(truth: Answers, answer: Float64, weights: Float64) -> Float64:
    middle = np.mean(truth)
    total = _mean((truth - middle) ** 2, weights) - _mean(truth - middle, weights) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(1 - _mean((truth - answer) ** 2, weights) / total)


def _mape(truth: Answers, answer: Float64, weights: Float64) -> Float64:
    return _mean(np.abs(truth - answer) / np.maximum(np.abs(truth), _TINY), weights)


def _median_ae(truth: Answers, answer: Float64, weights: Float64) -> Float64:
    """Median of absolute errors; the mean of the two middle ones where the count is even."""
    errors = np.abs(truth - answer)
    order = np.argsort(errors, kind="stable")
    reached = np.cumsum(weights[:, order], axis=1)
    total = reached[:, -1:]
    lower = (reached > (total - 1) // 2).argmax(axis=1)
    upper = (reached > total // 2).argmax(axis=1)
    return np.asarray((errors[order[lower]] + errors[order[upper]]) / 2)


def _by_class(measure: Measure) -> Measure:
    """Binary measure as it is; for more classes the mean over one class against the rest."""

    def macro(truth: Answers, answer: Float64, weights: Float64) -> Float64:
        if answer.ndim == 1:
            return measure(truth, answer, weights)
        parts = [measure(truth == k, answer[:, k], weights) for k in range(answer.shape[1])]
        return np.asarray(np.mean(parts, axis=0))

    return macro


def _roc_auc(truth: Answers, answer: Float64, weights: Float64) -> Float64:
    """Share of pairs ranked right, ties half (Mann and Whitney 1947)."""
    hits, misses = _by_score(truth, answer, weights)
    earlier = np.cumsum(misses, axis=1) - misses
    wrong = (hits * (earlier + misses / 2)).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(1 - wrong / (hits.sum(axis=1) * misses.sum(axis=1)))


def _average_precision(truth: Answers, answer: Float64, weights: Float64) -> Float64:
    """Sum over thresholds of precision times the recall gained."""
    hits, misses = _by_score(truth, answer, weights)
    found = np.cumsum(hits, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = np.nan_to_num(found / (found + np.cumsum(misses, axis=1)))
        return np.asarray((precision * hits).sum(axis=1) / found[:, -1])


def _by_score(truth: Answers, answer: Float64, weights: Float64) -> tuple[Float64, Float64]:
    """Weight of positives and negatives at each distinct score, highest score first."""
    order = np.argsort(-answer, kind="stable")
    starts = np.flatnonzero(np.diff(answer[order], prepend=np.inf))
    sorted_weights = weights[:, order]
    positive = np.asarray(truth == 1)[order]
    hits = np.add.reduceat(sorted_weights * positive, starts, axis=1)
    return hits, np.add.reduceat(sorted_weights, starts, axis=1) - hits


def _log_loss(truth: Answers, answer: Float64, weights: Float64) -> Float64:
    if answer.ndim == 1:
        chance = np.where(truth == 1, answer, 1 - answer)
    else:
        chance = answer[np.arange(len(truth)), truth.astype(np.int64)]
    return _mean(-np.log(np.clip(chance, _TINY, 1 - _TINY)), weights)


def _brier(truth: Answers, answer: Float64, weights: Float64) -> Float64:
    """Two classes: mean of (p - y)²; more: the sum over classes (Brier 1950)."""
    if answer.ndim == 1:
        return _mean((answer - truth) ** 2, weights)
    hot = truth[:, None] == np.arange(answer.shape[1])
    return _mean(((answer - hot) ** 2).sum(axis=1), weights)


def _accuracy(truth: Answers, answer: Float64, weights: Float64) -> Float64:
    return _mean((_label(answer) == truth).astype(np.float64), weights)


def _balanced_accuracy(truth: Answers, answer: Float64, weights: Float64) -> Float64:
    """Mean recall over the classes that occur."""
    label = _label(answer)
    with np.errstate(divide="ignore", invalid="ignore"):
        recalls = [
            weights @ ((label == k) & (truth == k)) / (weights @ (truth == k).astype(np.float64))
            for k in np.unique(truth)
        ]
    return np.asarray(np.nanmean(recalls, axis=0))


def _f1(truth: Answers, answer: Float64, weights: Float64) -> Float64:
    """Harmonic mean of precision and recall: of class 1, or the mean over classes."""
    label = _label(answer)
    classes = [1] if answer.ndim == 1 else range(answer.shape[1])
    parts = []
    for k in classes:
        both = weights @ ((label == k) & (truth == k)).astype(np.float64)
        either = weights @ ((label == k).astype(np.float64) + (truth == k))
        parts.append(np.divide(2 * both, either, out=np.zeros_like(both), where=either > 0))
    return np.asarray(np.mean(parts, axis=0))


def _label(answer: Float64) -> npt.NDArray[np.int64]:
    return answer.astype(np.int64) if answer.ndim == 1 else answer.argmax(axis=1)


_NUMBERS: frozenset[Kind] = frozenset({"regression"})
_CLASSES: frozenset[Kind] = frozenset({"binary", "multiclass"})

METRICS = {
    metric.name: metric
    for metric in (
        Metric(
            name="mae",
            title="mean absolute error",
            better="lower",
            kinds=_NUMBERS,
            measure=_mae,
            constant="median",
        ),
        Metric(
            name="rmse",
            title="root mean squared error",
            better="lower",
            kinds=_NUMBERS,
            measure=_rmse,
        ),
        Metric(
            name="r2",
            title="coefficient of determination",
            better="higher",
            kinds=_NUMBERS,
            measure=_r2,
        ),
        Metric(
            name="mape",
            title="mean absolute relative error",
            better="lower",
            kinds=_NUMBERS,
            measure=_mape,
            constant="median",
        ),
        Metric(
            name="median_ae",
            title="median absolute error",
            better="lower",
            kinds=_NUMBERS,
            measure=_median_ae,
            constant="median",
        ),
        Metric(
            name="roc_auc",
            title="area under the ROC curve",
            better="higher",
            kinds=_CLASSES,
            measure=_by_class(_roc_auc),
        ),
        Metric(
            name="average_precision",
            title="average precision",
            better="higher",
            kinds=_CLASSES,
            measure=_by_class(_average_precision),
        ),
        Metric(
            name="log_loss",
            title="log-loss",
            better="lower",
            kinds=_CLASSES,
            measure=_log_loss,
        ),
        Metric(
            name="brier",
            title="Brier score",
            better="lower",
            kinds=_CLASSES,
            measure=_brier,
        ),
        Metric(
            name="accuracy",
            title="accuracy",
            better="higher",
            kinds=_CLASSES,
            measure=_accuracy,
            labels=True,
        ),
        Metric(
            name="balanced_accuracy",
            title="balanced accuracy",
            better="higher",
            kinds=_CLASSES,
            measure=_balanced_accuracy,
            labels=True,
        ),
        Metric(
            name="f1",
            title="F1 score",
            better="higher",
            kinds=_CLASSES,
            measure=_f1,
            labels=True,
        ),
    )
}
"""Every metric by name."""

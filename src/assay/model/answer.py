"""What a model answers for some rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from assay.model.plan import Float64

Int64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Answers for ``n`` rows.

    Attributes
    ----------
    prediction : ndarray of float64, shape (n,)
        Regression: the value, in the target's unit. Binary: the probability of ``classes[1]``.
        Multiclass and clusters: the position of the label. Anomaly: the score, larger is
        stranger. Vector: the first of ``values``.
    probabilities : ndarray of float64, shape (n, n_classes), or None
        Calibrated; rows sum to 1. None for regression.
    lower, upper : ndarray of float64, shape (n,) or (n, n_names), or None
        Regression and vector: the prediction interval at the model's coverage. None for other
        kinds, and where there were too few rows to calibrate one.
    label : ndarray of int64, shape (n,), or None
        Position in ``classes`` or in ``names``; anomaly: 1 for strange. None for regression.
    values : ndarray of float64, shape (n, n_names), or None
        Vector: the targets, quantiles or components. Clusters: each cluster's score.
    names : tuple of str
        Of the columns of ``values``.
    sets : ndarray of bool, shape (n, n_classes), or None
        Classification: the prediction set at the model's coverage, that is the classes whose
        probability is at least 1 - q for the conformal threshold q. None without a threshold.
    classes : tuple of str
        Names of the classes; empty for regression.
    """

    prediction: Float64
    probabilities: Float64 | None = None
    lower: Float64 | None = None
    upper: Float64 | None = None
    label: Int64 | None = None
    sets: Bool | None = None
    values: Float64 | None = None
    classes: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


def regression_answer(
    prediction: Float64, lower: Float64 | None = None, upper: Float64 | None = None
) -> Answer:
    """Answer of a regression."""
    return Answer(prediction=prediction, lower=lower, upper=upper)


def class_answer(
    probabilities: Float64, label: Int64, *, classes: tuple[str, ...], interval: float | None
) -> Answer:
    """Answer of a classification; ``interval`` is the conformal threshold q, or None.

    Examples
    --------
    >>> p = np.array([[0.7, 0.3], [0.45, 0.55]])
    >>> a = class_answer(p, np.array([0, 1]), classes=("no", "yes"), interval=0.6)
    >>> a.prediction.tolist(), a.sets.tolist()
    ([0.3, 0.55], [[True, False], [True, True]])
    """
    binary = len(classes) == 2
    return Answer(
        prediction=probabilities[:, 1].copy() if binary else label.astype(np.float64),
        probabilities=probabilities,
        label=label,
        sets=None if interval is None else probabilities >= 1.0 - interval,
        classes=classes,
    )


def vector_answer(
    values: Float64,
    lower: Float64 | None = None,
    upper: Float64 | None = None,
    *,
    names: tuple[str, ...],
) -> Answer:
    """Answer of several numbers a row, (n, n_names)."""
    return Answer(
        prediction=values[:, 0].copy(), values=values, lower=lower, upper=upper, names=names
    )


def cluster_answer(scores: Float64, label: Int64, *, names: tuple[str, ...]) -> Answer:
    """Answer of a clustering: a score a cluster, and the position of the largest."""
    return Answer(prediction=label.astype(np.float64), label=label, values=scores, names=names)


def anomaly_answer(score: Float64, label: Int64) -> Answer:
    """Answer of an anomaly detector: a score, and 1 where it reaches the threshold."""
    return Answer(prediction=score, label=label)

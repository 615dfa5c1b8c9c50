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
        Multiclass: the position of the label in ``classes``.
    probabilities : ndarray of float64, shape (n, n_classes), or None
        Calibrated; rows sum to 1. None for regression.
    lower, upper : ndarray of float64, shape (n,), or None
        Regression: the prediction interval at the model's coverage. None for classification,
        and where there were too few rows to calibrate one.
    label : ndarray of int64, shape (n,), or None
        Position in ``classes``. None for regression.
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
    classes: tuple[str, ...] = ()


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

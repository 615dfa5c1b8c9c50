"""What an answer costs, row by row: absolute error or Brier score; whether a label is wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from assay.assess.statistics import Bool, Float64
from assay.assess.subject import Answered, Scored, Subject
from assay.errors import NotApplicable
from assay.question import Kind


def row_loss(kind: Kind, truth: npt.NDArray[Any], answer: Answered | Scored) -> Float64:
    """Loss of each row, at least 0.

    Regression: absolute error. Binary: squared error of the probability. Multiclass: sum of
    squared errors of all probabilities (Brier 1950); without probabilities, 1 where wrong.

    Returns
    -------
    ndarray of float64, shape (n,)
    """
    if kind == "regression":
        return np.asarray(np.abs(answer.prediction - truth), np.float64)
    if kind == "binary":
        return np.asarray((answer.prediction - truth) ** 2, np.float64)
    if answer.probabilities is None:
        return np.asarray(answer.prediction != truth, np.float64)
    hit = np.arange(answer.probabilities.shape[1]) == np.asarray(truth)[:, None]
    return np.asarray(np.sum((answer.probabilities - hit) ** 2, axis=1), np.float64)


def baseline_loss(subject: Subject, scored: Scored) -> Float64:
    """Loss of the constant answer; for several classes, of their shares among training rows.

    Where there are no training rows, the shares are those of the rows themselves.
    """
    if subject.kind != "multiclass" or scored.probabilities is None:
        return row_loss(subject.kind, scored.truth, _constant(scored))
    classes = scored.probabilities.shape[1]
    known = subject.truth_of(subject.train) if subject.train.height else scored.truth
    shares = np.bincount(known, minlength=classes) / known.size
    squares: Float64 = np.sum(shares**2) - 2 * shares[scored.truth] + 1
    return squares


def wrong(subject: Subject, scored: Scored) -> Bool:
    """Whether the label of each row is wrong; `NotApplicable` for regression."""
    return np.asarray(labels(subject, scored) != scored.truth, np.bool_)


def only_labels(scored: Scored) -> bool:
    """Whether answers of two classes are labels, from which no probability can be read."""
    return scored.probabilities is None and bool(np.isin(scored.prediction, (0.0, 1.0)).all())


def labels(subject: Subject, scored: Scored) -> npt.NDArray[Any]:
    """The class answered for each row, as a position; `NotApplicable` for regression."""
    if subject.kind == "regression":
        raise NotApplicable("The answer is a number, not a class.")
    if scored.label is not None:
        return scored.label
    if subject.kind == "binary":
        return (scored.prediction >= 0.5).astype(np.int64)
    return scored.prediction.astype(np.int64)


def loss_name(kind: Kind) -> str:
    """What `row_loss` is called."""
    return "absolute error" if kind == "regression" else "Brier score"


def _constant(scored: Scored) -> Scored:
    """The rows with the constant answer in place of the model's."""
    return Scored(
        frame=scored.frame,
        truth=scored.truth,
        prediction=np.asarray(scored.baseline, np.float64),
        baseline=scored.baseline,
    )

"""From the members' mean to an honest answer: calibration, threshold, interval.

Everything here is learned from out-of-fold answers, and judged by fitting on the other folds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import minimize

from assay.automl.family import Answers, Task
from assay.automl.metrics import METRICS
from assay.automl.problem import Rows
from assay.model.answer import Answer
from assay.model.plan import Float64, LogitCalibration, ModelPlan, Output
from assay.model.reference import SMALLEST_PROBABILITY, combine
from assay.model.reference import calibrate as apply_calibration

THRESHOLDS = np.arange(1, 100) / 100
IMBALANCED = 0.4
"""Binary targets whose rarer class has a smaller share get a threshold of their own."""


@dataclass(frozen=True, kw_only=True)
class Finish:
    """Which constants to learn: the form of the answer, without its numbers."""

    task: Task
    classes: tuple[str, ...]
    transform: str = "identity"
    coverage: float = 0.9
    calibrated: bool = False
    cut_by: str = ""
    """Metric whose best threshold cuts binary labels; empty: 0.5."""

    def learn(self, mean: Float64, truth: Answers) -> Output:
        """Learn the constants from out-of-fold means (n, width) and the truth."""
        output = Output(
            kind=self.task.kind,
            transform="log" if self.transform == "log" else "identity",
            classes=self.classes,
            coverage=self.coverage,
        )
        if self.task.kind == "regression":
            scale = np.log(truth) if self.transform == "log" else truth
            errors = np.abs(scale - mean[:, 0])
            return replace(output, interval=conformal_quantile(errors, self.coverage))
        if self.calibrated:
            slope, intercept = fit_calibration(mean, truth)
            calibration = LogitCalibration(slope=slope, intercept=intercept)
            output = replace(output, calibration=calibration)
        chances = apply_calibration(output, mean)
        missed = 1 - chances[np.arange(len(truth)), truth.astype(np.int64)]
        output = replace(output, interval=conformal_quantile(missed, self.coverage))
        if self.cut_by:
            threshold = best_threshold(chances[:, 1], truth, metric=self.cut_by)
            output = replace(output, threshold=threshold)
        return output

    def cross_fit(self, mean: Float64, truth: Answers, folds: Rows) -> Answer:
        """Answer each fold with constants learned from the others."""
        parts = []
        order = []
        for fold in np.unique(folds):
            held = folds == fold
            output = self.learn(mean[~held], truth[~held])
            parts.append(combine(_only(output), [mean[held]]))
            order.append(np.flatnonzero(held))
        return _reordered(parts, np.argsort(np.concatenate(order)))


def calibration_helps(finish: Finish, mean: Float64, truth: Answers, folds: Rows) -> bool:
    """Whether calibration, fitted on other folds, lowers the log-loss of the folds held."""
    if finish.task.kind == "regression":
        return False
    fixed = replace(finish, cut_by="")
    plain, fitted = (
        _log_loss(replace(fixed, calibrated=calibrated).cross_fit(mean, truth, folds), truth)
        for calibrated in (False, True)
    )
    return fitted < plain


def fit_calibration(mean: Float64, truth: Answers) -> tuple[float, float]:
    """Slope and intercept on the logit: Platt (1999) for two classes, temperature for more.

    Parameters
    ----------
    mean : array, shape (n_rows, 1) or (n_rows, n_classes)
        Probabilities of class 1, or of each class (Guo et al. 2017: one slope, no intercept).
    truth : array of int, shape (n_rows,)

    Returns
    -------
    slope, intercept : float
        1 and 0 where the fit would turn the order round.
    """
    binary = mean.shape[1] == 1
    rows, truth = np.arange(len(truth)), truth.astype(np.int64)
    logs = np.log(np.clip(mean, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY))
    if binary:
        logits = logs[:, 0] - np.log1p(-np.exp(logs[:, 0]))
        design = np.stack([logits, np.ones_like(logits)], axis=1)

    def loss(constants: Float64) -> tuple[float, Float64]:
        if binary:
            z = design @ constants
            gap = 1 / (1 + np.exp(-z)) - truth
            cost = np.mean(np.logaddexp(0, z) - truth * z)
            return float(cost), np.asarray(design.T @ gap / len(z))
        z = constants[0] * logs
        norm = np.logaddexp.reduce(z, axis=1)
        chances = np.exp(z - norm[:, None])
        slope = np.mean((chances * logs).sum(axis=1) - logs[rows, truth])
        return float(np.mean(norm - z[rows, truth])), np.array([slope])

    start = np.array([1.0, 0.0]) if binary else np.array([1.0])
    found = minimize(loss, start, jac=True, method="BFGS").x
    slope = float(found[0])
    if not np.isfinite(found).all() or slope <= 0:
        return 1.0, 0.0
    return slope, float(found[1]) if binary else 0.0


def best_threshold(chances: Float64, truth: Answers, *, metric: str) -> float:
    """The hundredth at which F1 or balanced accuracy is best; the middle one where several tie.

    Examples
    --------
    >>> best_threshold(np.array([0.1, 0.2, 0.3, 0.6]), np.array([0, 0, 1, 1]),
    ...                metric="balanced_accuracy")
    0.25
    """
    right = _at_least(chances[truth == 1])
    wrong = _at_least(chances[truth == 0])
    positives = float(np.sum(truth == 1))
    if metric == "f1":
        scores = 2 * right / np.maximum(right + wrong + positives, 1)
    else:
        scores = right / positives - wrong / (len(truth) - positives)
    tied = THRESHOLDS[scores >= scores.max() - 1e-12]
    return float(tied[(len(tied) - 1) // 2])


def _at_least(chances: Float64) -> Float64:
    """How many chances reach each threshold."""
    missed = np.searchsorted(np.sort(chances), THRESHOLDS, side="left")
    return np.asarray(len(chances) - missed, dtype=np.float64)


def conformal_quantile(scores: Float64, coverage: float) -> float | None:
    """The ``ceil((n + 1) * coverage)``-th smallest score; None where there are too few.

    An interval of this half-width covers a new exchangeable row with at least the chance
    ``coverage`` when scores come from rows the model has not seen (Vovk, Gammerman and Shafer
    2005). Out-of-fold residuals come from the fold models, not the final one, so here coverage is
    approximate, without a guarantee (the related CV+ of Barber et al. 2021, which is made
    differently, has ``1 - 2 * (1 - coverage)``).

    Examples
    --------
    >>> conformal_quantile(np.array([3.0, 1.0, 2.0, 5.0]), 0.8)
    5.0
    >>> conformal_quantile(np.array([3.0, 1.0, 2.0]), 0.8) is None
    True
    """
    rank = math.ceil(round((len(scores) + 1) * coverage, 9))
    if rank > len(scores):
        return None
    return float(np.partition(scores, rank - 1)[rank - 1])


def threshold_metric(metric: str, truth: Answers, task: Task) -> str:
    """Which metric chooses the binary threshold; empty for 0.5.

    F1 and balanced accuracy choose their own. Otherwise a rare class would hardly ever be
    named at 0.5, so balanced accuracy (Youden 1950) chooses for imbalanced targets, unless the
    question asks for accuracy.
    """
    if task.kind != "binary" or metric == "accuracy":
        return ""
    if metric in ("f1", "balanced_accuracy"):
        return metric
    share = float(np.mean(truth))
    return "balanced_accuracy" if min(share, 1 - share) < IMBALANCED else ""


def _log_loss(answer: Answer, truth: Answers) -> float:
    chances = answer.probabilities
    assert chances is not None
    return METRICS["log_loss"].score(truth, chances)


def _only(output: Output) -> ModelPlan:
    """A plan of an output alone, to apply to a mean."""
    return ModelPlan(inputs=(), encoders=(), members=(), weights=(1.0,), output=output)


def _reordered(parts: list[Answer], order: Rows) -> Answer:
    """Answers of all folds, in the rows' own order."""

    def joined(name: str) -> Float64 | None:
        columns = [getattr(part, name) for part in parts]
        if any(column is None for column in columns):
            return None
        return np.asarray(np.concatenate(columns)[order])

    prediction = joined("prediction")
    label = joined("label")
    sets = joined("sets")
    assert prediction is not None
    return Answer(
        prediction=prediction,
        probabilities=joined("probabilities"),
        lower=joined("lower"),
        upper=joined("upper"),
        label=None if label is None else label.astype(np.int64),
        sets=None if sets is None else sets.astype(np.bool_),
        classes=parts[0].classes,
    )

"""From the members' mean to an honest answer: calibration, threshold, interval.

Everything here is learned from out-of-fold answers, and judged by fitting on the other folds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from assay.automl.family import Answers, Task
from assay.automl.metrics import METRICS, least_cost_threshold
from assay.automl.parity import Parity, gains_of, group_cuts
from assay.automl.problem import Rows, Transform, transformed
from assay.model.answer import Answer
from assay.model.plan import (
    BetaCalibration,
    Calibration,
    Float64,
    LogitCalibration,
    ModelPlan,
    Output,
)
from assay.model.reference import SMALLEST_PROBABILITY, combine
from assay.model.reference import calibrate as apply_calibration

THRESHOLDS = np.arange(1, 100) / 100
IMBALANCED = 0.4
"""Binary targets whose rarer class has a smaller share get a threshold of their own."""
BETA_ROWS = 1000
"""Fewer rows are too few for the three constants of beta calibration."""
FEW_OF_A_CLASS, DOUBT = 30, 1.5
"""When a threshold other than theory's is chosen by cost; see `least_cost_cut`."""
PARTS = 5
"""Parts that judged rows are cut into where all of them lie in one fold."""

Method = Literal["none", "platt", "beta", "temperature"]


@dataclass(frozen=True, kw_only=True)
class Finish:
    """Which constants to learn: the form of the answer, without its numbers."""

    task: Task
    classes: tuple[str, ...]
    transform: Transform = "identity"
    coverage: float = 0.9
    calibration: Method = "none"
    cut_by: str = ""
    """Metric whose best threshold cuts binary labels; ``cost`` for least cost; empty: 0.5."""
    costs: Float64 | None = None
    """Cost of each label (columns) by true class (rows)."""
    quantiles: tuple[float, ...] = ()
    cut_at: float | None = None
    """Binary: the members' mean at which the label turns, in place of any metric or cost."""
    parity: Parity | None = None
    """Which rates thresholds of groups make alike; None: one threshold for all."""
    groups: int = 0
    """How many groups there are."""

    def learn(self, mean: Float64, truth: Answers, weights: Float64 | None = None) -> Output:
        """Learn the constants from out-of-fold means (n, width) and the truth.

        Weights count in calibration and threshold. Conformal quantiles are of rows as they
        are: coverage is promised for rows, not for weights.
        """
        output = Output(
            kind=self.task.kind,
            transform=self.transform,
            classes=self.classes,
            coverage=self.coverage,
        )
        if self.quantiles:
            return replace(
                output, kind="vector", names=quantile_names(self.quantiles), sorted_names=True
            )
        if self.task.kind == "regression":
            errors = np.abs(transformed(truth, self.transform) - mean[:, 0])
            return replace(output, interval=conformal_quantile(errors, self.coverage))
        output = replace(output, calibration=self._calibration(mean, truth, weights))
        chances = apply_calibration(output, mean)
        missed = 1 - chances[np.arange(len(truth)), truth.astype(np.int64)]
        output = replace(output, interval=conformal_quantile(missed, self.coverage))
        return self._decide(output, chances, truth, weights)

    def cross_fit(
        self,
        mean: Float64,
        truth: Answers,
        folds: Rows,
        weights: Float64 | None = None,
        groups: Rows | None = None,
    ) -> Answer:
        """Answer each fold with constants learned from the others.

        Where all rows lie in one fold they are cut into `PARTS` parts: no model has learned
        from any of them, so any part may teach the others' constants. ``groups`` are needed
        where thresholds depend on them.
        """
        parts = []
        order = []
        if len(np.unique(folds)) == 1:
            folds = np.arange(len(folds)) % PARTS
        for fold in np.unique(folds):
            held = folds == fold
            known = None if weights is None else weights[~held]
            output = self.learn(mean[~held], truth[~held], known)
            part = combine(_only(output), [mean[held]])
            if self.parity is not None:
                assert groups is not None
                cuts = self.cuts(output, mean[~held], truth[~held], groups[~held], known)
                label = (part.prediction >= cuts[groups[held]]).astype(np.int64)
                part = replace(part, label=label)
            parts.append(part)
            order.append(np.flatnonzero(held))
        return _reordered(parts, np.argsort(np.concatenate(order)))

    def cuts(
        self,
        output: Output,
        mean: Float64,
        truth: Answers,
        groups: Rows,
        weights: Float64 | None = None,
    ) -> Float64:
        """The threshold of each group, and of rows of none: see `assay.automl.parity`."""
        assert self.parity is not None
        return group_cuts(
            apply_calibration(output, mean)[:, 1],
            truth,
            groups,
            count=self.groups,
            parity=self.parity,
            gains=self.gains(truth, weights),
            usual=output.threshold,
            weights=weights,
        )

    def gains(self, truth: Answers, weights: Float64 | None = None) -> Float64:
        """What naming the second of two classes brings, by true class: (2,)."""
        balanced = bool(self.cut_by)
        return gains_of(truth, costs=self.costs, balanced=balanced, weights=weights)

    def _calibration(
        self, mean: Float64, truth: Answers, weights: Float64 | None
    ) -> Calibration | None:
        if self.calibration == "none":
            return None
        if self.calibration == "beta":
            return fit_beta(mean[:, 0], truth, weights)
        slope, intercept = fit_calibration(mean, truth, weights)
        return LogitCalibration(slope=slope, intercept=intercept)

    def _decide(
        self, output: Output, chances: Float64, truth: Answers, weights: Float64 | None
    ) -> Output:
        """How a label is chosen."""
        if self.cut_at is not None:
            at = apply_calibration(output, np.array([[self.cut_at]]))
            return replace(output, threshold=float(at[0, 1]))
        if self.costs is not None and self.task.kind == "multiclass":
            return replace(output, costs=tuple(tuple(row) for row in self.costs.tolist()))
        if self.costs is not None:
            cut = least_cost_cut(chances[:, 1], truth, self.costs, weights)
            return replace(output, threshold=cut)
        if self.cut_by:
            cut = best_threshold(chances[:, 1], truth, metric=self.cut_by, weights=weights)
            return replace(output, threshold=cut)
        return output


def quantile_names(quantiles: tuple[float, ...]) -> tuple[str, ...]:
    """What the answers of a quantile model are called.

    Examples
    --------
    >>> quantile_names((0.05, 0.5))
    ('q0.05', 'q0.5')
    """
    return tuple(f"q{quantile:g}" for quantile in quantiles)


def choose_calibration(
    finish: Finish, mean: Float64, truth: Answers, folds: Rows, weights: Float64 | None = None
) -> Finish:
    """The finish with the calibration that, fitted on other folds, has the least log-loss.

    None is kept unless another is better. Beta calibration is tried from `BETA_ROWS` rows on.
    """
    if finish.task.kind == "regression":
        return finish
    methods: tuple[Method, ...] = ("none", "temperature")
    if finish.task.kind == "binary":
        methods = ("none", "platt", "beta") if len(truth) >= BETA_ROWS else ("none", "platt")
    undecided = replace(finish, cut_by="", costs=None)
    losses = {}
    for method in methods:
        answer = replace(undecided, calibration=method).cross_fit(mean, truth, folds, weights)
        losses[method] = _log_loss(answer, truth, weights)
    return replace(finish, calibration=min(losses, key=losses.__getitem__))


def fit_calibration(
    mean: Float64, truth: Answers, weights: Float64 | None = None
) -> tuple[float, float]:
    """Slope and intercept on the logit: Platt (1999) for two classes, temperature for more.

    Parameters
    ----------
    mean : array, shape (n_rows, 1) or (n_rows, n_classes)
        Probabilities of class 1, or of each class (Guo et al. 2017: one slope, no intercept).
    truth : array of int, shape (n_rows,)
    weights : array, shape (n_rows,), optional

    Returns
    -------
    slope, intercept : float
        1 and 0 where the fit would turn the order round.
    """
    binary = mean.shape[1] == 1
    rows, truth = np.arange(len(truth)), truth.astype(np.int64)
    share = _shares(weights, len(truth))
    logs = np.log(np.clip(mean, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY))
    if binary:
        logits = logs[:, 0] - np.log1p(-np.exp(logs[:, 0]))
        found = _logistic(
            np.stack([logits, np.ones_like(logits)], axis=1), truth, share, (1.0, 0.0)
        )
    else:

        def loss(slope: Float64) -> tuple[float, Float64]:
            z = slope[0] * logs
            norm = np.logaddexp.reduce(z, axis=1)
            chances = np.exp(z - norm[:, None])
            fall = (chances * logs).sum(axis=1) - logs[rows, truth]
            return float(share @ (norm - z[rows, truth])), np.array([share @ fall])

        found = minimize(loss, np.array([1.0]), jac=True, method="BFGS").x
    slope = float(found[0])
    if not np.isfinite(found).all() or slope <= 0:
        return 1.0, 0.0
    return slope, float(found[1]) if binary else 0.0


def fit_beta(chances: Float64, truth: Answers, weights: Float64 | None = None) -> Calibration:
    """Beta calibration (Kull, Silva Filho and Flach 2017): three constants for two classes.

    A logistic regression on ``log p`` and ``-log(1 - p)``. Where one of the two would count
    against the order, it is left out, as the authors do; Platt scaling where both would.

    Parameters
    ----------
    chances : array, shape (n_rows,)
        Probability of class 1.
    truth : array of int, shape (n_rows,)
    weights : array, shape (n_rows,), optional
    """
    inside = np.clip(chances, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
    terms = np.stack([np.log(inside), -np.log1p(-inside)], axis=1)
    share, one = _shares(weights, len(truth)), np.ones((len(truth), 1))
    truth = truth.astype(np.int64)
    a, b, c = _logistic(np.hstack([terms, one]), truth, share, (1.0, 1.0, 0.0))
    if min(a, b) < 0:
        kept = 1 if a < 0 else 0
        slope, c = _logistic(np.hstack([terms[:, [kept]], one]), truth, share, (1.0, 0.0))
        a, b = (0.0, slope) if kept else (slope, 0.0)
    if min(a, b) < 0 or not np.isfinite([a, b, c]).all():
        slope, intercept = fit_calibration(chances[:, None], truth, weights)
        return LogitCalibration(slope=slope, intercept=intercept)
    return BetaCalibration(a=(float(a),), b=(float(b),), c=(float(c),))


def _shares(weights: Float64 | None, rows: int) -> Float64:
    """What each row counts in a mean."""
    return np.full(rows, 1 / rows) if weights is None else np.asarray(weights / weights.sum())


def _logistic(design: Float64, truth: Rows, share: Float64, start: tuple[float, ...]) -> Float64:
    """Coefficients of a logistic regression without a penalty."""

    def loss(constants: Float64) -> tuple[float, Float64]:
        z = design @ constants
        gap = share * (expit(z) - truth)
        return float(share @ (np.logaddexp(0, z) - truth * z)), np.asarray(design.T @ gap)

    return np.asarray(minimize(loss, np.array(start), jac=True, method="BFGS").x)


def best_threshold(
    chances: Float64, truth: Answers, *, metric: str, weights: Float64 | None = None
) -> float:
    """The hundredth at which F1 or balanced accuracy is best; the middle one where several tie.

    Examples
    --------
    >>> best_threshold(np.array([0.1, 0.2, 0.3, 0.6]), np.array([0, 0, 1, 1]),
    ...                metric="balanced_accuracy")
    0.25
    """
    counts = np.ones(len(truth)) if weights is None else weights
    right = _at_least(chances[truth == 1], counts[truth == 1])
    wrong = _at_least(chances[truth == 0], counts[truth == 0])
    positives, negatives = counts[truth == 1].sum(), counts[truth == 0].sum()
    if metric == "f1":
        scores = 2 * right / np.maximum(right + wrong + positives, 1e-300)
    else:
        scores = right / max(positives, 1e-300) - wrong / max(negatives, 1e-300)
    return _middle(scores)


def least_cost_cut(
    chances: Float64, truth: Answers, costs: Float64, weights: Float64 | None = None
) -> float:
    """The threshold at which decisions cost least.

    What calibrated probabilities ask for (Elkan 2001), unless decisions at some hundredth have
    cost less by more than `DOUBT` standard errors of the difference: then the one that saves
    most beyond that. The cheapest hundredth alone is a noisy choice, the dearer the mistakes
    and the fewer the rows of the rarer class; below `FEW_OF_A_CLASS` of them it is not asked.

    Examples
    --------
    >>> round(least_cost_cut(np.array([0.1, 0.3, 0.2, 0.8]), np.array([0, 0, 1, 1]),
    ...                      np.array([[0.0, 1.0], [5.0, 0.0]])), 4)
    0.1667
    """
    asked = least_cost_threshold(costs)
    positives = int(np.sum(truth == 1))
    if min(positives, len(truth) - positives) < FEW_OF_A_CLASS:
        return asked
    counts = np.ones(len(truth)) if weights is None else weights
    paid = np.where(truth == 1, costs[1, 1] - costs[1, 0], costs[0, 1] - costs[0, 0]) * counts
    cuts = np.append(THRESHOLDS, asked)
    price, doubt = _at_least(chances, paid, cuts), _at_least(chances, paid**2, cuts)
    error = np.sqrt(np.abs(doubt - doubt[-1]))  # of what rows between the two thresholds paid
    dearest = price - price[-1] + DOUBT * error
    tied = cuts[dearest <= dearest.min() + 1e-9 * np.abs(paid).sum()]
    return float(tied[np.argmin(np.abs(tied - asked))])


def _middle(scores: Float64) -> float:
    tied = THRESHOLDS[scores >= scores.max() - 1e-12]
    return float(tied[(len(tied) - 1) // 2])


def _at_least(chances: Float64, counts: Float64, cuts: Float64 = THRESHOLDS) -> Float64:
    """The weight of the chances that reach each threshold."""
    order = np.argsort(chances, kind="stable")
    below = np.concatenate([[0.0], np.cumsum(counts[order])])
    missed = below[np.searchsorted(chances[order], cuts, side="left")]
    return np.asarray(below[-1] - missed)


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


def _log_loss(answer: Answer, truth: Answers, weights: Float64 | None) -> float:
    chances = answer.probabilities
    assert chances is not None
    return METRICS["log_loss"].score(truth, chances, weights=weights)


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
    sets, values = joined("sets"), joined("values")
    assert prediction is not None
    return Answer(
        prediction=prediction,
        probabilities=joined("probabilities"),
        lower=joined("lower"),
        upper=joined("upper"),
        label=None if label is None else label.astype(np.int64),
        sets=None if sets is None else sets.astype(np.bool_),
        values=values,
        names=parts[0].names,
        classes=parts[0].classes,
    )

"""Reliability and safety: the Brier score taken apart, and what would recalibrate the answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import special

from assay.assess import pictures
from assay.assess.check import BaseCheck
from assay.assess.finding import Finding, Principle
from assay.assess.losses import wrong
from assay.assess.reliability import FEWEST, by_row, require_rows, weighing
from assay.assess.statistics import Bounds, Float64, Int64, mean_bounds, moments
from assay.assess.subject import Scored, Subject
from assay.errors import NotApplicable

NEVER = 1e-6
"""Probabilities nearer than this to 0 or 1 are taken to be this near, where a logit is needed."""
UNFITTED = "No slope can be fitted: the answers vary too little, or part the classes without error."


@dataclass(frozen=True, kw_only=True)
class BrierScore(BaseCheck):
    """How good are the probabilities, and is it calibration or sharpness that they lack?"""

    code: ClassVar[str] = "REL010"
    title: ClassVar[str] = "Brier score and its parts"
    principle: ClassVar[Principle] = "reliability-safety"

    rows_a_bin: ClassVar[int] = 50

    def run(self, subject: Subject) -> Finding:
        """Mean squared error of the probabilities, with reliability, resolution, uncertainty."""
        scored = self.scored(subject)
        outcomes, forecasts = all_forecasts(subject, scored)
        require_rows(scored.rows, FEWEST)
        loss = np.sum((forecasts - outcomes) ** 2, axis=1)
        bins = min(10, max(2, scored.rows // self.rows_a_bin))
        parts = [
            brier_parts(y, p, pictures.equal_bins(p, bins))
            for y, p in zip(outcomes.T, forecasts.T, strict=True)
        ]
        total = {name: sum(part[name] for part in parts) for name in parts[0]}
        bounds = mean_bounds(moments(by_row(loss, scored.weight)), self.confidence)
        most = 1.0 if subject.kind == "binary" else 2.0
        return self.finding(
            Bounds(bounds.value, np.clip(bounds.lower, 0, None), np.clip(bounds.upper, None, most)),
            measure="Brier score",
            method="Mean squared error of the probabilities"
            + ("" if subject.kind == "binary" else ", summed over the classes")
            + " (Brier 1950); Student's bounds, widened by Hall's correction for skewness (1992). "
            f"Taken apart over up to {bins} bins (Murphy 1973) with Ferro and Fricker's correction "
            "for bias (2012) and the two parts within bins (Stephenson and others 2008), so that "
            "the parts add up; the parts take no weights." + weighing(scored),
            rows=scored.rows,
            details={
                **total,
                "skill": 1 - loss.mean() / total["uncertainty"]
                if total["uncertainty"] > 0
                else None,
                "log_loss": _log_loss(subject, scored, forecasts),
            },
        )


@dataclass(frozen=True, kw_only=True)
class CalibrationSlope(BaseCheck):
    """Are the answers too bold or too timid?"""

    code: ClassVar[str] = "REL011"
    title: ClassVar[str] = "Calibration slope and intercept"
    principle: ClassVar[Principle] = "reliability-safety"

    fewest: ClassVar[int] = 50
    fewest_of_class: ClassVar[int] = 10

    def run(self, subject: Subject) -> Finding:
        """Slope of the outcome on the answer (classes: of log-odds on log-odds); 1 is right."""
        scored = self.scored(subject)
        require_rows(scored.rows, self.fewest)
        weight = np.ones(scored.rows) if scored.weight is None else scored.weight
        if subject.kind == "regression":
            return self._of_numbers(subject, scored, weight)
        outcome, probability = one_forecast(subject, scored)
        if min(outcome.sum(), (1 - outcome).sum()) < self.fewest_of_class:
            raise NotApplicable(
                f"Fewer than {self.fewest_of_class} rows had the event, or did not have it."
            )
        odds = special.logit(np.clip(probability, NEVER, 1 - NEVER))
        if np.ptp(odds) == 0:
            raise NotApplicable("All probabilities are equal.")
        fit = recalibrate(outcome, np.stack([np.ones(odds.size), odds], axis=1), weight)
        large = recalibrate(outcome, np.ones((odds.size, 1)), weight, offset=odds)
        return self._finding(
            fit,
            large,
            rows=scored.rows,
            measure="slope of the outcome's log-odds on the answer's",
            method="Logistic regression of the outcome on the answer's log-odds (Cox 1958); Wald's "
            "bounds with the sandwich variance (White 1982). The intercept is that with the slope "
            f"held at 1. Probabilities within {NEVER:g} of 0 or 1 count as that far away.",
        )

    def _of_numbers(self, subject: Subject, scored: Scored, weight: Float64) -> Finding:
        if np.ptp(scored.prediction) == 0:
            raise NotApplicable("All answers are equal.")
        design = np.stack([np.ones(scored.rows), scored.prediction], axis=1)
        fit = least_squares(scored.truth.astype(np.float64), design, weight)
        residual = scored.truth - scored.prediction
        large = least_squares(residual, np.ones((scored.rows, 1)), weight)
        return self._finding(
            fit,
            large,
            rows=scored.rows,
            measure="slope of the true value on the answer",
            method="Least squares of the true value on the answer (Mincer and Zarnowitz 1969); "
            "Wald's bounds with the HC4 variance (Cribari-Neto 2004). The intercept is that "
            f"with the slope held at 1, in {subject.question.unit or 'the unit of the answer'}.",
        )

    def _finding(self, fit: Fit, large: Fit, *, rows: int, measure: str, method: str) -> Finding:
        quantile = float(special.stdtrit(rows - 2, self.confidence))
        slope, intercept = fit.bounds(1, quantile), large.bounds(0, quantile)
        return self.finding(
            slope,
            measure=measure,
            method=f"{method} Below 1 answers are too bold, above 1 too timid; an intercept above "
            "0 says that they are too low on the whole.",
            rows=rows,
            higher_is_better=True,
            details={
                "intercept": intercept.value,
                "intercept_lower": intercept.lower,
                "intercept_upper": intercept.upper,
                "recalibration": {"intercept": fit.values[0], "slope": fit.values[1]},
                "too_bold": bool(slope.upper < 1),
                "too_timid": bool(slope.lower > 1),
            },
        )


@dataclass(frozen=True, eq=False)
class Fit:
    """Coefficients with their standard errors."""

    values: Float64
    errors: Float64

    def bounds(self, place: int, quantile: float) -> Bounds:
        """Wald's bounds of one coefficient."""
        half = quantile * self.errors[place]
        return Bounds.of(self.values[place], self.values[place] - half, self.values[place] + half)


def recalibrate(
    outcome: Float64, design: Float64, weight: Float64, *, offset: Float64 | float = 0.0
) -> Fit:
    """Logistic regression by Newton's method, with the sandwich variance.

    Parameters
    ----------
    outcome : ndarray, shape (n,)
        0 or 1.
    design : ndarray, shape (n, k)
    weight : ndarray, shape (n,)
    offset : ndarray, shape (n,), or 0
        Log-odds that are added with coefficient 1.

    Raises
    ------
    NotApplicable
        The likelihood has no largest value: the answers part the classes without error.
    """
    beta, step = np.zeros(design.shape[1]), np.zeros(design.shape[1])
    worst = np.inf
    for _ in range(100):
        odds = design @ (beta + step) + offset
        deviance = float(np.sum(weight * (np.logaddexp(0, odds) - outcome * odds)))
        if deviance > worst + 1e-12 * abs(worst):
            step = step / 2  # Newton's step was too long
            continue
        beta, worst = beta + step, deviance
        p = special.expit(odds)
        information = (design * (weight * p * (1 - p))[:, None]).T @ design
        step = _solved(information, design.T @ (weight * (outcome - p)))
        if np.abs(step).max() < 1e-9 * max(1.0, float(np.abs(beta).max())):
            break
    else:
        raise NotApplicable(UNFITTED)
    residual = weight * (outcome - p)
    return Fit(beta, _sandwich(information, design, residual))


def least_squares(target: Float64, design: Float64, weight: Float64) -> Fit:
    """Weighted least squares with the HC4 variance (Cribari-Neto 2004).

    A row's residual counts the more, the more the row pulls the line towards itself.
    """
    gram = (design * weight[:, None]).T @ design
    beta = _solved(gram, design.T @ (weight * target))
    inverse = _solved(gram, np.eye(gram.shape[0]))
    leverage = weight * np.sum((design @ inverse) * design, axis=1)
    power = np.minimum(4.0, leverage / leverage.mean()) / 2
    residual = weight * (target - design @ beta) / np.maximum(1 - leverage, 1e-9) ** power
    return Fit(beta, _sandwich(gram, design, residual))


def _sandwich(bread: Float64, design: Float64, residual: Float64) -> Float64:
    """Standard errors that hold where rows have variances of their own (Huber 1967)."""
    meat = (design * residual[:, None] ** 2).T @ design
    half = _solved(bread, meat)
    return np.sqrt(np.maximum(np.diag(_solved(bread, half.T)), 0.0))


def _solved(matrix: Float64, right: Float64) -> Float64:
    try:
        return np.asarray(np.linalg.solve(matrix, right), np.float64)
    except np.linalg.LinAlgError:
        raise NotApplicable(UNFITTED) from None


def brier_parts(outcome: Float64, probability: Float64, bins: Int64) -> dict[str, float]:
    """Parts of one event's Brier score over given bins.

    ``brier = reliability - resolution + uncertainty + within``, exactly. The first three are
    corrected for the bias that bins of few rows bring (Broecker 2012; Ferro and Fricker 2012);
    ``within`` is what the spread of forecasts inside bins adds (Stephenson, Coelho and Jolliffe
    2008: variance less twice the covariance with the outcome). Uncorrected parts: ``*_raw``.

    Examples
    --------
    >>> parts = brier_parts(np.array([0., 1, 1, 1]), np.array([.2, .2, .8, .8]),
    ...                     np.array([0, 0, 1, 1]))
    >>> round(parts["reliability_raw"], 4), round(parts["resolution_raw"], 4)
    (0.065, 0.0625)
    """
    n = outcome.size
    rows = np.bincount(bins).astype(np.float64)
    keep = rows > 0
    observed = np.bincount(bins, outcome)[keep] / rows[keep]
    forecast = np.bincount(bins, probability)[keep] / rows[keep]
    rows, base = rows[keep], float(outcome.mean())
    reliability = float(np.sum(rows * (forecast - observed) ** 2) / n)
    resolution = float(np.sum(rows * (observed - base) ** 2) / n)
    uncertainty = base * (1 - base)
    single = np.maximum(rows - 1, 1)
    noise = float(np.sum(rows / single * observed * (1 - observed)) / n)
    overall = uncertainty / max(n - 1, 1)
    raw = reliability - resolution + uncertainty
    return {
        "reliability": reliability - noise,
        "resolution": resolution - noise + overall,
        "uncertainty": uncertainty + overall,
        "within": float(np.mean((probability - outcome) ** 2)) - raw,
        "reliability_raw": reliability,
        "resolution_raw": resolution,
        "uncertainty_raw": uncertainty,
    }


def all_forecasts(subject: Subject, scored: Scored) -> tuple[Float64, Float64]:
    """Outcomes and probabilities of every event, shape (n, events); one for two classes."""
    if subject.kind == "binary":
        outcome, probability = one_forecast(subject, scored)
        return outcome[:, None], probability[:, None]
    one_forecast(subject, scored)
    assert scored.probabilities is not None
    hits = scored.truth.astype(int)[:, None] == np.arange(scored.probabilities.shape[1])
    return hits.astype(np.float64), scored.probabilities


def one_forecast(subject: Subject, scored: Scored) -> tuple[Float64, Float64]:
    """What was forecast with which probability: class 1, or the answered class.

    Raises
    ------
    NotApplicable
        The answer is a number, or a class without a probability.
    """
    if subject.kind == "regression":
        raise NotApplicable("The answer is a number, not a class.")
    if subject.kind == "binary":
        bare = scored.probabilities is None and np.isin(scored.prediction, (0.0, 1.0)).all()
        if bare:
            raise NotApplicable("The model gives no probabilities.")
        return scored.truth.astype(np.float64), scored.prediction
    if scored.probabilities is None:
        raise NotApplicable("The model gives no probabilities.")
    right = ~wrong(subject, scored)
    return right.astype(np.float64), np.max(scored.probabilities, axis=1)


def _log_loss(subject: Subject, scored: Scored, forecasts: Float64) -> float:
    """Mean of minus the logarithm of the true class's probability."""
    truth = scored.truth.astype(int)
    if subject.kind == "binary":
        of_truth = np.where(truth == 1, forecasts[:, 0], 1 - forecasts[:, 0])
    else:
        of_truth = forecasts[np.arange(truth.size), truth]
    tiny = np.finfo(np.float64).eps
    return float(-np.mean(np.log(np.clip(of_truth, tiny, 1.0))))

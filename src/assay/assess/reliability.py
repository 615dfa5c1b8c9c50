"""Reliability and safety: how large errors are, and whether stated uncertainty holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from assay.assess import pictures
from assay.assess.check import BaseCheck
from assay.assess.finding import Finding, Principle
from assay.assess.losses import baseline_loss, labels, loss_name, only_labels, row_loss, wrong
from assay.assess.statistics import (
    Bool,
    Bounds,
    Float64,
    auc,
    calibration_error,
    clopper_pearson,
    mean_bounds,
    moments,
    paired_ratio,
    quantile_bounds,
    weighted_counts,
)
from assay.assess.subject import Scored, Subject
from assay.errors import NotApplicable

FEWEST = 10
"""Rows below which a mean is not bounded."""


@dataclass(frozen=True, kw_only=True)
class ErrorAgainstBaseline(BaseCheck):
    """How large is the model's error against the same answer for everyone?"""

    code: ClassVar[str] = "REL001"
    title: ClassVar[str] = "Error against the baseline"
    principle: ClassVar[Principle] = "reliability-safety"

    def run(self, subject: Subject) -> Finding:
        """Ratio of mean losses over the same rows; below 1 the model helps."""
        scored = self.scored(subject)
        require_rows(scored.rows, FEWEST)
        model = row_loss(subject.kind, scored.truth, scored)
        constant = baseline_loss(subject, scored)
        if constant.mean() == 0:
            raise NotApplicable("The same answer for everyone is right on every row.")
        name = loss_name(subject.kind)
        weight = 1.0 if scored.weight is None else scored.weight
        return self.finding(
            paired_ratio(weight * model, weight * constant, self.confidence),
            measure=f"mean {name} divided by the constant answer's",
            method=f"Ratio of the mean {name} of the model and of the constant answer over the "
            "same rows; Fieller's bounds (1954) with Hall's correction for skewness (1992). "
            "Rows are taken as independent." + weighing(scored),
            rows=scored.rows,
            details={
                "model": np.average(model, weights=scored.weight),
                "baseline": np.average(constant, weights=scored.weight),
                "loss": name,
            },
        )


@dataclass(frozen=True, kw_only=True)
class ErrorLevel(BaseCheck):
    """How large is the error itself?"""

    code: ClassVar[str] = "REL002"
    title: ClassVar[str] = "Error"
    principle: ClassVar[Principle] = "reliability-safety"

    def run(self, subject: Subject) -> Finding:
        """Mean absolute error; area under the curve of two classes; accuracy of several."""
        scored = self.scored(subject)
        if subject.kind == "regression":
            return self._absolute_error(subject, scored)
        return (
            self._area(subject, scored)
            if subject.kind == "binary"
            else self._accuracy(subject, scored)
        )

    def _absolute_error(self, subject: Subject, scored: Scored) -> Finding:
        require_rows(scored.rows, FEWEST)
        residual = scored.prediction - scored.truth
        around = scored.truth - scored.truth.mean()
        spread = float(np.sum(around**2))
        return self.finding(
            mean_bounds(moments(by_row(np.abs(residual), scored.weight)), self.confidence),
            measure="mean absolute error",
            method="Mean over the rows; Student's bounds, widened by Hall's correction for "
            "skewness (1992)." + weighing(scored),
            rows=scored.rows,
            unit=subject.question.unit,
            details={
                "root_mean_square": np.sqrt(np.mean(residual**2)),
                "median": np.median(np.abs(residual)),
                "r2": 1 - np.sum(residual**2) / spread if spread > 0 else None,
                "residuals": pictures.histogram(residual),
                "points": pictures.points(subject, scored),
            },
        )

    def _area(self, subject: Subject, scored: Scored) -> Finding:
        positive = scored.prediction[scored.truth == 1]
        negative = scored.prediction[scored.truth == 0]
        if min(positive.size, negative.size) < 2:
            raise NotApplicable("Fewer than two rows of a class.")
        return self.finding(
            auc(positive, negative, self.confidence),
            measure="area under the ROC curve",
            method="Mann-Whitney statistic; the wider of DeLong's bounds on the logit scale "
            "(1988) and Hanley and McNeil's by inversion (Newcombe 2006).",
            rows=scored.rows,
            higher_is_better=True,
            details={
                "confusion": pictures.confusion(
                    scored.truth, labels(subject, scored), subject.classes
                ),
                "positives": positive.size,
            },
        )

    def _accuracy(self, subject: Subject, scored: Scored) -> Finding:
        require_rows(scored.rows, 1)
        right = ~wrong(subject, scored)
        return self.finding(
            rate_bounds(right, scored.weight, self.confidence),
            measure="share of rows with the right class",
            method=rate_method(scored.weight),
            rows=scored.rows,
            unit="share",
            higher_is_better=True,
            details={
                "confusion": pictures.confusion(
                    scored.truth, labels(subject, scored), subject.classes
                )
            },
        )


@dataclass(frozen=True, kw_only=True)
class Coverage(BaseCheck):
    """Does the true answer fall inside the stated interval or set as often as promised?"""

    code: ClassVar[str] = "REL003"
    title: ClassVar[str] = "Coverage of the stated uncertainty"
    principle: ClassVar[Principle] = "reliability-safety"

    def run(self, subject: Subject) -> Finding:
        """Share of rows whose true answer lies inside."""
        scored = self.scored(subject)
        require_rows(scored.rows, 1)
        inside = covered(scored)
        bounds = rate_bounds(inside, scored.weight, self.confidence)
        return self.finding(
            bounds,
            measure="share of true answers inside the interval"
            if subject.kind == "regression"
            else "share of true answers inside the set",
            method=f"{rate_method(scored.weight)} Less than promised is "
            "overconfident; more than promised makes intervals wider than need be.",
            rows=scored.rows,
            unit="share",
            higher_is_better=True,
            details={
                "target": subject.coverage,
                "below_promise": bool(bounds.upper < subject.coverage),
                "above_promise": bool(bounds.lower > subject.coverage),
                **_width(scored),
            },
        )


@dataclass(frozen=True, kw_only=True)
class CalibrationError(BaseCheck):
    """Do events happen as often as the probabilities say?"""

    code: ClassVar[str] = "REL007"
    title: ClassVar[str] = "Calibration of probabilities"
    principle: ClassVar[Principle] = "reliability-safety"

    fewest: ClassVar[int] = 100
    rows_a_bin: ClassVar[int] = 50

    def run(self, subject: Subject) -> Finding:
        """Expected calibration error; for several classes, of the answered class."""
        scored = self.scored(subject)
        outcome, probability = _forecasts(subject, scored)
        require_rows(scored.rows, self.fewest)
        bins = pictures.equal_bins(probability, min(10, max(2, scored.rows // self.rows_a_bin)))
        return self.finding(
            calibration_error(outcome, probability, bins, self.confidence),
            measure="expected calibration error",
            method=f"Mean gap between forecast and observed rate over {bins.max() + 1} bins of "
            "about equal size. The upper bound is that of the gap's mean with its signs as "
            "measured; the lower bound subtracts what chance alone adds (Cornish-Fisher).",
            rows=scored.rows,
            unit="share",
            details={
                "bins": pictures.reliability_bins(
                    outcome, probability, bins, confidence=self.confidence
                ),
                "mean_forecast": probability.mean(),
                "observed_rate": outcome.mean(),
            },
        )


@dataclass(frozen=True, kw_only=True)
class TypicalRelativeError(BaseCheck):
    """By what share of the true value is a typical answer off?"""

    code: ClassVar[str] = "REL008"
    title: ClassVar[str] = "Typical relative error"
    principle: ClassVar[Principle] = "reliability-safety"

    def run(self, subject: Subject) -> Finding:
        """Median of the absolute error divided by the true value."""
        if subject.kind != "regression":
            raise NotApplicable("The answer is a class, not a number.")
        scored = self.scored(subject)
        require_rows(scored.rows, FEWEST)
        if np.any(scored.truth <= 0):
            raise NotApplicable("Some true values are not above zero.")
        relative = np.abs(scored.prediction / scored.truth - 1)
        return self.finding(
            quantile_bounds(relative, 0.5, self.confidence),
            measure="median of the error as a share of the true value",
            method="Sample median; distribution-free bounds by order statistics.",
            rows=scored.rows,
            unit="share",
            details={
                "mean": relative.mean(),
                "within_10_percent": np.mean(relative <= 0.10),
                "within_20_percent": np.mean(relative <= 0.20),
                "histogram": pictures.histogram(np.minimum(relative, 1.0)),
            },
        )


def require_rows(rows: int, fewest: int) -> None:
    """`NotApplicable` where there are too few rows to say anything."""
    if rows < fewest:
        raise NotApplicable(f"There are {rows} rows; {fewest} are needed.")


def by_row(values: Float64, weight: Float64 | None) -> Float64:
    """Values whose mean is the weighted mean, and whose spread is that of its error.

    Taylor linearisation of a ratio of two sums (Saerndal, Swensson and Wretman 1992, chapter 5).

    Examples
    --------
    >>> by_row(np.array([1.0, 4.0]), np.array([2.0, 1.0])).mean()
    np.float64(2.0)
    """
    if weight is None:
        return values
    mean = np.average(values, weights=weight)
    linear: Float64 = mean + weight * (values - mean) / weight.mean()
    return linear


def rate_bounds(events: Bool, weight: Float64 | None, confidence: float) -> Bounds:
    """Bounds of a rate; with weights, of the weighted rate from the effective number of rows."""
    if weight is None:
        return clopper_pearson(events.sum(), events.size, confidence)
    hits, rows = weighted_counts(events, weight, np.zeros(events.size, np.int64), 1)
    return clopper_pearson(hits, rows, confidence)[0]


def rate_method(weight: Float64 | None) -> str:
    """How `rate_bounds` bounds a rate, as a sentence."""
    if weight is None:
        return "Clopper and Pearson's exact bounds (1934)."
    return (
        "Rows count by their weight; Clopper and Pearson's bounds (1934) from the effective number "
        "of rows (Korn and Graubard 1998)."
    )


def weighing(scored: Scored) -> str:
    """A sentence for the method where rows have weights."""
    return "" if scored.weight is None else " Rows count by their weight (Taylor linearisation)."


def covered(scored: Scored) -> Bool:
    """Whether the true answer lies in each row's interval or set."""
    if scored.sets is not None:
        return np.asarray(scored.sets[np.arange(scored.rows), scored.truth.astype(int)], bool)
    if scored.lower is None or scored.upper is None:
        raise NotApplicable("The model states no intervals or sets.")
    return np.asarray((scored.lower <= scored.truth) & (scored.truth <= scored.upper), bool)


def _width(scored: Scored) -> dict[str, Any]:
    """How wide the stated uncertainty is."""
    if scored.sets is not None:
        return {"mean_set_size": scored.sets.sum(axis=1).mean()}
    if scored.lower is None or scored.upper is None:
        return {}
    return {"median_width": np.median(scored.upper - scored.lower)}


def _forecasts(subject: Subject, scored: Scored) -> tuple[Float64, Float64]:
    """What was forecast with which probability: class 1, or the answered class."""
    if subject.kind == "binary":
        if only_labels(scored):
            raise NotApplicable("The model gives no probabilities.")
        return scored.truth.astype(np.float64), scored.prediction
    right = ~wrong(subject, scored)
    if scored.probabilities is None:
        raise NotApplicable("The model gives no probabilities.")
    return right.astype(np.float64), np.max(scored.probabilities, axis=1)

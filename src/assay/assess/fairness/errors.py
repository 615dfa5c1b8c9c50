"""Errors and answers by group: how large, how one-sided, how unequal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from assay.assess.fairness.gaps import GAP, Event, count_rates, widest_gap
from assay.assess.fairness.group_check import (
    LARGEST,
    BoundsOf,
    GroupCheck,
    largest_absolute,
    means_of,
    moments_by_group,
    of_weights,
    rates_of,
    ratio_to_all,
)
from assay.assess.finding import Finding, Principle
from assay.assess.groups import JudgedGroups
from assay.assess.losses import row_loss, wrong
from assay.assess.statistics import (
    Bounds,
    Float64,
    gap_of_means,
    group_moments,
    largest,
    mean_bounds,
)
from assay.assess.subject import Scored, Subject
from assay.errors import NotApplicable

SKEWED = "Student's bounds, widened by Hall's correction for skewness (1992)."


@dataclass(frozen=True, kw_only=True)
class GroupErrorRatio(GroupCheck):
    """Does one group carry larger errors than all rows together?"""

    code: ClassVar[str] = "FAI001"
    title: ClassVar[str] = "Error of the worst group"
    principle: ClassVar[Principle] = "fairness"

    def run(self, subject: Subject) -> Finding:
        """Largest group error divided by the error over all rows; 1 where all are equal."""
        scored = self.scored(subject)
        groups, loss, bounds_of = self._errors(subject, scored)
        if loss.mean() == 0:
            raise NotApplicable("There are no errors to compare.")
        share = groups.sizes / scored.rows

        def against_all(confidence: float) -> Bounds:
            return ratio_to_all(loss, groups.codes, share, confidence, bounds_of)

        tests = len(groups.names)
        what = "absolute error" if subject.kind == "regression" else "error rate"
        return self.finding(
            largest(against_all, tests=tests, confidence=self.confidence),
            measure=f"largest {what} of a group divided by that of all rows",
            method=LARGEST.format(tests=tests, what="ratios of a group's error to that of all rows")
            + "Each ratio comes from the group against the rest (MOVER-R, Donner and Zou 2012), "
            f"from {'means' if subject.kind == 'regression' else 'rates'} with "
            f"{'skewness-corrected' if subject.kind == 'regression' else 'exact'} bounds."
            + of_weights(scored, used=False),
            rows=scored.rows,
            groups=groups.table(against_all(self.confidence)),
            details={
                **groups.details(),
                "overall": loss.mean(),
                "by_group": _by_group(groups, _means(loss, groups)),
            },
        )

    def _errors(self, subject: Subject, scored: Scored) -> tuple[JudgedGroups, Float64, BoundsOf]:
        if subject.kind == "regression":
            loss = row_loss(subject.kind, scored.truth, scored)
            return self.judged(subject, scored, default=self.ROWS_FOR_MEAN), loss, means_of
        loss = wrong(subject, scored).astype(np.float64)
        return self.judged(subject, scored, default=self.ROWS_FOR_RATE), loss, rates_of


@dataclass(frozen=True, kw_only=True)
class GroupBias(GroupCheck):
    """Is one group's answer too high or too low on average?"""

    code: ClassVar[str] = "FAI002"
    title: ClassVar[str] = "Answers too high or too low for a group"
    principle: ClassVar[Principle] = "fairness"

    def run(self, subject: Subject) -> Finding:
        """Largest absolute mean of predicted minus true, by group.

        Regression: as a share of the mean true value. Binary: of probabilities.
        """
        scored = self.scored(subject)
        if subject.kind == "multiclass":
            raise NotApplicable("The answer has no high or low.")
        scale = scale_of(subject, scored)
        default = self.ROWS_FOR_MEAN if subject.kind == "regression" else self.ROWS_FOR_RATE
        groups = self.judged(subject, scored, default=default)
        residual = (scored.prediction - scored.truth) / scale
        sample = moments_by_group(residual, groups, scored.weight)
        tests = len(groups.names)
        relative = subject.kind == "regression"
        return self.finding(
            largest_absolute(
                lambda at: mean_bounds(sample, at), tests=tests, confidence=self.confidence
            ),
            measure="largest mean of predicted minus true of a group"
            + (", as a share of the mean true value" if relative else ""),
            method=LARGEST.format(tests=2 * tests, what="signed group means")
            + f"{SKEWED} Groups are shown with their sign: above 0 the answers are too high."
            + of_weights(scored, used=True),
            rows=scored.rows,
            unit="share",
            groups=groups.table(mean_bounds(sample, self.confidence)),
            details={**groups.details(), "scale": scale},
        )


@dataclass(frozen=True, kw_only=True)
class BoundedGroupLoss(GroupCheck):
    """How large is the mean loss of the group that fares worst?"""

    code: ClassVar[str] = "FAI013"
    title: ClassVar[str] = "Loss of the worst group"
    principle: ClassVar[Principle] = "fairness"

    def run(self, subject: Subject) -> Finding:
        """Largest mean absolute error of a group; for classes, its share of wrong answers."""
        scored = self.scored(subject)
        if subject.kind == "regression":
            return self._of_errors(subject, scored)
        event = Event(name="", happens=wrong(subject, scored))
        groups = self.judged(subject, scored, default=self.ROWS_FOR_RATE)
        rates = count_rates(event, groups, scored.weight)
        return self.finding(
            largest(rates.bounds, tests=len(groups.names), confidence=self.confidence),
            measure="largest error rate of a group",
            method=LARGEST.format(tests=len(groups.names), what="error rates")
            + "Exact bounds (Clopper and Pearson 1934)."
            + of_weights(scored, used=True),
            rows=int(groups.sizes.sum()),
            unit="share",
            groups=groups.table(rates.bounds(self.confidence)),
            details={**groups.details(), "overall": event.happens.mean()},
        )

    def _of_errors(self, subject: Subject, scored: Scored) -> Finding:
        loss = row_loss(subject.kind, scored.truth, scored)
        groups = self.judged(subject, scored, default=self.ROWS_FOR_MEAN)
        sample = moments_by_group(loss, groups, scored.weight)

        def losses(confidence: float) -> Bounds:
            b = mean_bounds(sample, confidence)
            return Bounds(b.value, np.maximum(b.lower, 0.0), b.upper)

        return self.finding(
            largest(losses, tests=len(groups.names), confidence=self.confidence),
            measure="largest mean absolute error of a group",
            method=LARGEST.format(tests=len(groups.names), what="mean absolute errors")
            + SKEWED
            + of_weights(scored, used=True),
            rows=int(groups.sizes.sum()),
            unit=subject.question.unit,
            groups=groups.table(losses(self.confidence)),
            details={**groups.details(), "overall": loss.mean()},
        )


@dataclass(frozen=True, kw_only=True)
class MeanOutcomeGap(GroupCheck):
    """Do some groups get higher answers than others on average?"""

    code: ClassVar[str] = "FAI014"
    title: ClassVar[str] = "Gap in the mean answer"
    principle: ClassVar[Principle] = "fairness"

    def run(self, subject: Subject) -> Finding:
        """Largest difference between two groups' mean answers; of two classes, probabilities."""
        scored = self.scored(subject)
        if subject.kind == "multiclass":
            raise NotApplicable("The answer has no high or low.")
        groups = self.judged(subject, scored, default=self.ROWS_FOR_MEAN)
        return mean_gap_finding(
            self,
            scored,
            groups,
            scored.prediction,
            measure="largest difference between groups in the mean "
            + ("answer" if subject.kind == "regression" else "probability"),
            unit=subject.question.unit if subject.kind == "regression" else "share",
            of_truth=True,
        )


@dataclass(frozen=True, kw_only=True)
class ErrorGap(GroupCheck):
    """Do some groups carry larger errors than others?"""

    code: ClassVar[str] = "FAI015"
    title: ClassVar[str] = "Gap in errors"
    principle: ClassVar[Principle] = "fairness"

    def run(self, subject: Subject) -> Finding:
        """Largest difference between two groups' mean absolute errors, or error rates."""
        scored = self.scored(subject)
        if subject.kind == "regression":
            groups = self.judged(subject, scored, default=self.ROWS_FOR_MEAN)
            return mean_gap_finding(
                self,
                scored,
                groups,
                row_loss(subject.kind, scored.truth, scored),
                measure="largest difference between groups in the mean absolute error",
                unit=subject.question.unit,
            )
        groups = self.judged(subject, scored, default=self.ROWS_FOR_RATE)
        rates = count_rates(Event(name="", happens=wrong(subject, scored)), groups, scored.weight)
        return widest_gap(
            self,
            [rates],
            measure="largest difference between groups in the error rate",
            note=of_weights(scored, used=True),
        )


def mean_gap_finding(
    check: GroupCheck,
    scored: Scored,
    groups: JudgedGroups,
    values: Float64,
    *,
    measure: str,
    unit: str,
    of_truth: bool = False,
) -> Finding:
    """The largest difference between two groups' means of some values.

    Parameters
    ----------
    values : ndarray of float64, shape (n,)
    of_truth : bool
        Whether the details hold the groups' means of the true values too.
    """
    sample = moments_by_group(values, groups, scored.weight)
    true = moments_by_group(scored.truth.astype(np.float64), groups, scored.weight).mean
    return check.finding(
        gap_of_means(sample, check.confidence),
        measure=measure,
        method=f"{GAP}the bounds of two means: {SKEWED}" + of_weights(scored, used=True),
        rows=int(groups.sizes.sum()),
        unit=unit,
        groups=groups.table(mean_bounds(sample, check.confidence)),
        details={
            **groups.details(),
            **(
                {"true_by_group": _by_group(groups, true), "true_gap": np.ptp(true)}
                if of_truth
                else {}
            ),
        },
    )


def scale_of(subject: Subject, scored: Scored) -> float:
    """What residuals are divided by: the mean true value of numbers, 1 for probabilities."""
    if subject.kind != "regression":
        return 1.0
    scale = abs(float(scored.truth.mean()))
    if scale == 0:
        raise NotApplicable("The mean true value is zero.")
    return scale


def _by_group(groups: JudgedGroups, values: Float64) -> list[dict[str, object]]:
    return [
        {"group": name, "value": float(value)}
        for name, value in zip(groups.names, values, strict=True)
    ]


def _means(values: Float64, groups: JudgedGroups) -> Float64:
    return group_moments(values, groups.codes, len(groups.names)).mean

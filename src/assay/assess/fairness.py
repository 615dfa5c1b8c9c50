"""Fairness: whether errors and favourable decisions differ between groups."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from assay.assess.check import BaseCheck
from assay.assess.finding import Finding, Principle
from assay.assess.groups import JudgedGroups, groups_of, judge_groups
from assay.assess.losses import labels, row_loss, wrong
from assay.assess.statistics import (
    Bool,
    Bounds,
    Float64,
    Int64,
    difference,
    group_moments,
    largest,
    mean_bounds,
    ratio,
    rest_moments,
    wilson,
)
from assay.assess.subject import Scored, Subject
from assay.errors import NotApplicable

LARGEST = (
    "The largest of {tests} {what}: its lower bound is corrected for their number (Bonferroni), "
    "its upper bound holds without correction (intersection-union, Berger 1982). "
)


PARTS = ("value", "lower", "upper")


@dataclass(frozen=True, kw_only=True)
class GroupCheck(BaseCheck):
    """What checks of groups share.

    ``min_rows`` is the number of rows from which a group is judged; by default
    `ROWS_FOR_MEAN` or `ROWS_FOR_RATE`.
    """

    min_rows: int | None = None

    takes_column: ClassVar[bool] = True

    ROWS_FOR_MEAN: ClassVar[int] = 10
    ROWS_FOR_RATE: ClassVar[int] = 30

    def judged(
        self, subject: Subject, scored: Scored, *, default: int, among: Bool | None = None
    ) -> JudgedGroups:
        """Groups of the scored rows (or of those ``among`` them) with rows enough."""
        frame = scored.frame if among is None else scored.frame.filter(among)
        groups = groups_of(subject, frame, self.column)
        return judge_groups(groups, min_rows=self.min_rows or default)


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
            f"{'skewness-corrected' if subject.kind == 'regression' else 'Wilson'} bounds.",
            rows=scored.rows,
            groups=groups.table(against_all(self.confidence)),
            details={
                **groups.details(),
                "overall": loss.mean(),
                "by_group": [
                    {"group": name, "value": mean}
                    for name, mean in zip(groups.names, _means(loss, groups), strict=True)
                ],
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
        scale = abs(float(scored.truth.mean())) if subject.kind == "regression" else 1.0
        if scale == 0:
            raise NotApplicable("The mean true value is zero.")
        default = self.ROWS_FOR_MEAN if subject.kind == "regression" else self.ROWS_FOR_RATE
        groups = self.judged(subject, scored, default=default)
        residual = (scored.prediction - scored.truth) / scale
        sample = group_moments(residual, groups.codes, len(groups.names))

        def both_signs(confidence: float) -> Bounds:
            bounds = mean_bounds(sample, confidence)
            signed = [(bounds.value, bounds.lower, bounds.upper)]
            signed.append((-bounds.value, -bounds.upper, -bounds.lower))
            return Bounds(*(np.concatenate(pair) for pair in zip(*signed, strict=True)))

        worst = largest(both_signs, tests=2 * len(groups.names), confidence=self.confidence)
        relative = subject.kind == "regression"
        return self.finding(
            Bounds(worst.value, np.maximum(worst.lower, 0.0), worst.upper),
            measure="largest mean of predicted minus true of a group"
            + (", as a share of the mean true value" if relative else ""),
            method=LARGEST.format(tests=2 * len(groups.names), what="signed group means")
            + "Student's bounds, widened by Hall's correction for skewness (1992). "
            "Groups are shown with their sign: above 0 the answers are too high.",
            rows=scored.rows,
            unit="share",
            groups=groups.table(mean_bounds(sample, self.confidence)),
            details={**groups.details(), "scale": scale},
        )


@dataclass(frozen=True, kw_only=True)
class SelectionRateGap(GroupCheck):
    """Do some groups receive the positive answer less often than others?"""

    code: ClassVar[str] = "FAI003"
    title: ClassVar[str] = "Gap in how often groups are selected"
    principle: ClassVar[Principle] = "fairness"

    def run(self, subject: Subject) -> Finding:
        """Largest difference between two groups' rates of the positive answer.

        Among several classes: of whichever class differs most.
        """
        scored = self.scored(subject)
        label = labels(subject, scored)
        groups = self.judged(subject, scored, default=self.ROWS_FOR_RATE)
        if subject.kind == "binary":
            what, events = "the positive answer", (label == 1)[:, None]
        else:
            what, events = "any one class", label[:, None] == np.arange(len(subject.classes))
        return gap_finding(
            self,
            groups,
            events,
            measure=f"largest difference between groups in the rate of {what}",
            events_named=subject.classes if subject.kind == "multiclass" else (),
        )


@dataclass(frozen=True, kw_only=True)
class EqualOpportunityGap(GroupCheck):
    """Are true positives of some groups recognised less often than those of others?"""

    code: ClassVar[str] = "FAI004"
    title: ClassVar[str] = "Gap in how often positives are recognised"
    principle: ClassVar[Principle] = "fairness"

    def run(self, subject: Subject) -> Finding:
        """Largest difference between two groups' true positive rates."""
        if subject.kind != "binary":
            raise NotApplicable("The answer is not one of two classes.")
        scored = self.scored(subject)
        positive = scored.truth == 1
        groups = self.judged(subject, scored, default=self.ROWS_FOR_RATE, among=positive)
        return gap_finding(
            self,
            groups,
            (labels(subject, scored) == 1)[positive, None],
            measure="largest difference between groups in the true positive rate",
        )


BoundsOf = Callable[[Float64, Int64, int, float], tuple[Bounds, Bounds]]
"""From values, group of each row, number of groups and confidence to bounds of the mean within
each group, and of the mean over all rows outside it."""


def means_of(
    values: Float64, codes: Int64, groups: int, confidence: float
) -> tuple[Bounds, Bounds]:
    """Bounds of means within and outside each group."""
    inside = mean_bounds(group_moments(values, codes, groups), confidence)
    return inside, mean_bounds(rest_moments(values, codes, groups), confidence)


def rates_of(
    values: Float64, codes: Int64, groups: int, confidence: float
) -> tuple[Bounds, Bounds]:
    """Bounds of rates of 0/1 values within and outside each group."""
    within = codes >= 0
    rows = np.bincount(codes[within], minlength=groups)
    events = np.bincount(codes[within], values[within], groups)
    rest = np.maximum(values.size - rows, 1)
    return wilson(events, rows, confidence), wilson(values.sum() - events, rest, confidence)


def ratio_to_all(
    loss: Float64, codes: Int64, share: Float64, confidence: float, bounds_of: BoundsOf
) -> Bounds:
    """Bounds of each group's mean loss divided by that of all rows.

    With q the ratio of the group to the rest and s its share of the rows, the ratio to all is
    ``q / (s * q + 1 - s)``, which grows with q and stays below ``1 / s``.

    Parameters
    ----------
    loss, codes : ndarray, shape (n,)
    share : ndarray, shape (n_groups,)
        Share of all rows that is in each group.
    """
    inside, rest = (
        Bounds(b.value, np.maximum(b.lower, 0.0), b.upper)
        for b in bounds_of(loss, codes, share.size, confidence)
    )
    q = ratio(inside, rest)

    def to_all(ratios: Float64) -> Float64:
        finite = np.where(np.isfinite(ratios), ratios, 0.0)
        bounded: Float64 = np.where(
            np.isfinite(ratios), finite / (share * finite + 1 - share), 1 / share
        )
        return bounded

    return Bounds(to_all(q.value), to_all(q.lower), to_all(q.upper))


def gap_finding(
    check: BaseCheck,
    groups: JudgedGroups,
    events: Bool,
    *,
    measure: str,
    events_named: Sequence[str] = (),
) -> Finding:
    """The largest difference of an event's rate between any two groups.

    Parameters
    ----------
    events : ndarray of bool, shape (n, n_events)
        Whether each event happened; the finding shows the groups' rates of the one that
        differs most.
    events_named : sequence of str
        Names of the events where there are several.
    """
    count = len(groups.names)
    columns = events.astype(np.float64).T

    def rates(event: Float64, confidence: float) -> Bounds:
        return rates_of(event, groups.codes, count, confidence)[0]

    def gaps(confidence: float) -> Bounds:
        each = [rates(event, confidence) for event in columns]
        pairs = [difference(r[:, None], r[None, :]) for r in each]
        return Bounds(*(np.array([getattr(p, part) for p in pairs]) for part in PARTS))

    tests = count * (count - 1) * len(columns)
    worst = largest(gaps, tests=tests, confidence=check.confidence)
    widest = int(np.argmax(gaps(check.confidence).value.max(axis=(1, 2))))
    named = {"event": events_named[widest]} if events_named else {}
    return check.finding(
        Bounds(worst.value, np.maximum(worst.lower, 0.0), worst.upper),
        measure=measure,
        method=LARGEST.format(tests=tests, what="differences between two groups")
        + "Each difference has Newcombe's bounds (1998), which square and add Wilson's.",
        rows=int(groups.sizes.sum()),
        unit="share",
        groups=groups.table(rates(columns[widest], check.confidence)),
        details={**groups.details(), **named},
    )


def _means(values: Float64, groups: JudgedGroups) -> Float64:
    return group_moments(values, groups.codes, len(groups.names)).mean

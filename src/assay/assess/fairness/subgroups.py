"""Every group of every affected column and crossing at once: no gap hides in a crossing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from assay.assess import pictures
from assay.assess.check import BaseCheck
from assay.assess.fairness.decisions import OneClass, classes_of
from assay.assess.fairness.errors import SKEWED, scale_of
from assay.assess.fairness.group_check import LARGEST, largest_absolute, of_weights
from assay.assess.fairness.scores import Forecast, forecasts_of
from assay.assess.finding import Finding, GroupValue, Principle
from assay.assess.groups import Groups, groupings_of
from assay.assess.losses import only_labels
from assay.assess.statistics import (
    Bounds,
    Float64,
    Int64,
    Moments,
    clopper_pearson,
    difference,
    group_moments,
    mean_bounds,
)
from assay.assess.subject import Scored, Subject
from assay.errors import NotApplicable

MOST_SHOWN = 12
"""Groups that a finding shows, those farthest from 0 first."""

ALL_ROWS = "all rows"


@dataclass(frozen=True, kw_only=True)
class SubgroupViolation(BaseCheck):
    """Do false positives fall on some group or crossing of groups more than on all rows?"""

    min_rows: int = 30
    """True negatives from which a group is judged."""

    code: ClassVar[str] = "FAI011"
    title: ClassVar[str] = "False positives of groups and crossings"
    principle: ClassVar[Principle] = "fairness"

    def run(self, subject: Subject) -> Finding:
        """Largest share of rows times gap of a group's false positive rate from everyone's."""
        scored = self.scored(subject)
        classes = classes_of(subject, scored)
        groupings = _groupings(subject, scored)
        found = _Violations.joined(
            [
                count_violations(one, key, groups, min_rows=self.min_rows)
                for one in classes
                for key, groups in groupings
            ]
        )
        tests = len(found.names)
        if not tests:
            raise NotApplicable(
                f"No group has {self.min_rows} true negatives and others to compare with."
            )
        return self.finding(
            largest_absolute(found.bounds, tests=tests, confidence=self.confidence),
            measure="largest share of rows that are true negatives of a group, times the gap "
            "of its false positive rate from that of all rows",
            method=LARGEST.format(tests=2 * tests, what="signed violations (Kearns et al. 2018)")
            + "Each bound is the wider of two: of the mean, over the rows, of the product of what "
            "membership and answer exceed their rates by (Student's bounds, widened by Hall's "
            "correction for skewness, 1992), and Newcombe's (1998) of the group's rate less that "
            "of the others, at the group's share. Groups are shown with their sign: above 0 they "
            "have more false positives." + of_weights(scored, used=False),
            rows=scored.rows,
            unit="share",
            groups=_shown(found.names, found.rows, found.bounds(self.confidence)),
            details={
                "groups_judged": tests,
                "groupings": [key for key, _ in groupings],
                "min_rows": self.min_rows,
            },
        )


@dataclass(frozen=True, kw_only=True)
class Multicalibration(BaseCheck):
    """Do forecasts hold in every group and crossing, at every level of the forecast?"""

    min_rows: int = 50
    """Rows of a group and level from which they are judged."""

    code: ClassVar[str] = "FAI012"
    title: ClassVar[str] = "Calibration in every group and crossing"
    principle: ClassVar[Principle] = "fairness"

    MOST_LEVELS: ClassVar[int] = 10
    ROWS_A_LEVEL: ClassVar[int] = 100

    def run(self, subject: Subject) -> Finding:
        """Largest absolute mean of true minus forecast in a group and level of the forecast.

        Regression: as a share of the mean true value.
        """
        scored = self.scored(subject)
        regression = subject.kind == "regression"
        if subject.kind == "binary" and only_labels(scored):
            raise NotApplicable("The model gives no probabilities.")
        groupings = _groupings(subject, scored)
        found = self._cells(subject, scored, groupings)
        tests = len(found.names)
        if not tests:
            raise NotApplicable(f"No group has {self.min_rows} rows at one level of the forecast.")
        bounds_at = found.bounds_of_means if regression else found.bounds_of_rates
        return self.finding(
            largest_absolute(bounds_at, tests=tests, confidence=self.confidence),
            measure="largest mean of true minus forecast in a group and level of the forecast"
            + (", as a share of the mean true value" if regression else ""),
            method=LARGEST.format(tests=2 * tests, what="signed means (Hebert-Johnson et al. 2018)")
            + (
                SKEWED
                if regression
                else "Clopper and Pearson's exact bounds of the observed rate (1934)."
            )
            + " Groups are shown with their sign: above 0 the forecast is too low."
            + of_weights(scored, used=False),
            rows=scored.rows,
            unit="share",
            groups=_shown(found.names, found.moments.rows, bounds_at(self.confidence)),
            details={
                "cells_judged": tests,
                "groupings": [key for key, _ in groupings],
                "min_rows": self.min_rows,
            },
        )

    def _cells(
        self, subject: Subject, scored: Scored, groupings: Sequence[tuple[str, Groups]]
    ) -> _Cells:
        everyone = Groups((ALL_ROWS,), np.zeros(scored.rows, np.int64))
        forecasts = (
            [Forecast("", scored.truth, scored.prediction)]
            if subject.kind == "regression"
            else forecasts_of(subject, scored)
        )
        count = min(self.MOST_LEVELS, max(2, scored.rows // self.ROWS_A_LEVEL))
        scale = scale_of(subject, scored)
        return _Cells.joined(
            [
                count_cells(forecast, levels, grouping, scale=scale, min_rows=self.min_rows)
                for forecast in forecasts
                for levels in [Levels.of(forecast.probability, count)]
                for grouping in [("", everyone), *groupings]
            ]
        )


class Levels(NamedTuple):
    """The level of each row's forecast, and the range of the forecasts at each level."""

    codes: Int64
    names: list[str]

    @classmethod
    def of(cls, forecast: Float64, count: int) -> Levels:
        """Up to ``count`` levels of about equal numbers of rows."""
        codes = pictures.equal_bins(forecast, count)
        members = [forecast[codes == level] for level in range(int(codes.max()) + 1)]
        return cls(codes, [f"{m.min():.3g} to {m.max():.3g}" for m in members])


@dataclass(frozen=True, eq=False, kw_only=True)
class _Violations:
    """True negatives and false positives of groups, and of all rows; one entry a group."""

    names: tuple[str, ...]
    rows: Float64
    hits: Float64
    negatives: Float64
    alarms: Float64
    everyone: int

    @classmethod
    def joined(cls, parts: Sequence[_Violations]) -> _Violations:
        """All groups in one list."""
        fields = ("rows", "hits", "negatives", "alarms")
        arrays = {f: np.concatenate([getattr(part, f) for part in parts]) for f in fields}
        names = tuple(name for part in parts for name in part.names)
        return cls(names=names, everyone=parts[0].everyone, **arrays)

    def bounds(self, confidence: float) -> Bounds:
        """Bounds of each violation with its sign: the wider of two, see `SubgroupViolation`."""
        a = mean_bounds(self._moments(), confidence)
        inside = clopper_pearson(self.hits, self.rows, confidence)
        outside = clopper_pearson(self.alarms - self.hits, self.negatives - self.rows, confidence)
        factor = self.rows / self.everyone * (1 - self.rows / self.negatives)
        b = difference(inside, outside)
        return Bounds(
            a.value, np.minimum(a.lower, factor * b.lower), np.maximum(a.upper, factor * b.upper)
        )

    def _moments(self) -> Moments:
        """Moments over all rows of what each adds to the violation.

        With membership m, answer a, s the group's share of the true negatives and f the false
        positive rate of all, the violation is the mean over all rows of ``(m - s) * (a - f)``
        among true negatives and 0 elsewhere. To first order it does not change with s and f,
        so their own errors do not count.
        """
        share, rate = self.rows / self.negatives, self.alarms / self.negatives
        missed = self.rows - self.hits
        elsewhere = self.everyone - self.negatives
        counts = np.stack(
            [self.hits, missed, self.alarms - self.hits, self.negatives - self.alarms - missed]
        )
        values = np.stack(
            [(1 - share) * (1 - rate), (share - 1) * rate, share * (rate - 1), share * rate]
        )
        mean = np.sum(counts * values, axis=0) / self.everyone
        second, third = (
            (np.sum(counts * (values - mean) ** k, axis=0) + elsewhere * (-mean) ** k)
            / self.everyone
            for k in (2, 3)
        )
        n = np.full(mean.shape, float(self.everyone))
        return Moments(n, mean, second * n / (n - 1), third)


@dataclass(frozen=True, eq=False, kw_only=True)
class _Cells:
    """Groups at levels of the forecast: true minus forecast, and what was observed."""

    names: tuple[str, ...]
    moments: Moments
    outcomes: Float64

    @classmethod
    def joined(cls, parts: Sequence[_Cells]) -> _Cells:
        """All cells in one list."""
        fields = ("rows", "mean", "variance", "third")
        return cls(
            names=tuple(name for part in parts for name in part.names),
            moments=Moments(
                *(np.concatenate([getattr(part.moments, f) for part in parts]) for f in fields)
            ),
            outcomes=np.concatenate([part.outcomes for part in parts]),
        )

    def bounds_of_means(self, confidence: float) -> Bounds:
        """Bounds for numbers."""
        return mean_bounds(self.moments, confidence)

    def bounds_of_rates(self, confidence: float) -> Bounds:
        """Bounds for outcomes of 0 or 1: the forecasts are given, the observed rate is not."""
        rate = clopper_pearson(self.outcomes, self.moments.rows, confidence)
        gap = self.moments.mean
        return Bounds(gap, gap + rate.lower - rate.value, gap + rate.upper - rate.value)


def count_violations(one: OneClass, key: str, groups: Groups, *, min_rows: int) -> _Violations:
    """True negatives and false positives of one grouping's groups that have rows enough."""
    negatives = ~one.true
    alarms = negatives & one.answered
    count = len(groups.names)
    rows = np.bincount(groups.codes[negatives], minlength=count).astype(np.float64)
    hits = np.bincount(groups.codes[alarms], minlength=count).astype(np.float64)
    kept = np.flatnonzero((rows >= min_rows) & (rows < negatives.sum()))
    return _Violations(
        names=tuple(_named(key, groups.names[i], one.name) for i in kept),
        rows=rows[kept],
        hits=hits[kept],
        negatives=np.full(kept.size, float(negatives.sum())),
        alarms=np.full(kept.size, float(alarms.sum())),
        everyone=one.true.size,
    )


def count_cells(
    forecast: Forecast,
    levels: Levels,
    grouping: tuple[str, Groups],
    *,
    scale: float,
    min_rows: int,
) -> _Cells:
    """One grouping's groups at each level of the forecast that have rows enough."""
    key, groups = grouping
    depth = len(levels.names)
    codes, width = groups.codes * depth + levels.codes, len(groups.names) * depth
    sample = group_moments((forecast.outcome - forecast.probability) / scale, codes, width)
    kept = np.flatnonzero(sample.rows >= min_rows)
    return _Cells(
        names=tuple(
            f"{_named(key, groups.names[cell // depth], forecast.name)}; "
            f"forecast {levels.names[cell % depth]}"
            for cell in kept
        ),
        moments=Moments(
            sample.rows[kept], sample.mean[kept], sample.variance[kept], sample.third[kept]
        ),
        outcomes=np.bincount(codes, forecast.outcome, width)[kept].astype(np.float64),
    )


def _groupings(subject: Subject, scored: Scored) -> list[tuple[str, Groups]]:
    found = list(groupings_of(subject, scored.frame))
    if not found:
        raise NotApplicable("The question names no affected groups that may be shown.")
    return found


def _named(key: str, group: str, of_class: str) -> str:
    """A group with its grouping, and the class that is looked at."""
    return f"{key}{': ' if key else ''}{group}{f'; class {of_class}' if of_class else ''}"


def _shown(names: Sequence[str], rows: Float64, bounds: Bounds) -> list[GroupValue]:
    """The groups farthest from 0."""
    farthest = sorted(range(len(names)), key=lambda i: (-abs(bounds.value[i]), names[i]))
    return [
        GroupValue(
            group=names[i],
            rows=int(rows[i]),
            value=float(bounds.value[i]),
            lower=float(bounds.lower[i]),
            upper=float(bounds.upper[i]),
        )
        for i in farthest[:MOST_SHOWN]
    ]

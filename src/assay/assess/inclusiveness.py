"""Inclusiveness: who is in the table, and whether the model serves every group well enough."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import special

from assay.assess.fairness import GroupCheck, gap_finding
from assay.assess.fairness.gaps import Event, rates_by_group, widest_gap
from assay.assess.finding import Evidence, Finding, GroupValue, Principle
from assay.assess.groups import Groups, JudgedGroups, groups_of, judge_groups
from assay.assess.losses import wrong
from assay.assess.reliability import covered
from assay.assess.statistics import Bool, Bounds, Float64, clopper_pearson, smallest
from assay.assess.subject import Scored, Subject
from assay.errors import NotApplicable


@dataclass(frozen=True, kw_only=True)
class Representation(GroupCheck):
    """Is every group in the table in numbers that can be learned from?"""

    evidence: Evidence = "table"

    code: ClassVar[str] = "INC001"
    title: ClassVar[str] = "Share of the smallest group"
    principle: ClassVar[Principle] = "inclusiveness"
    sources: ClassVar[tuple[Evidence, ...]] = ("table",)

    def run(self, subject: Subject) -> Finding:
        """Rows of the smallest group divided by all rows: a fact of this table."""
        groups = groups_of(subject, subject.table, self.column)
        everyone = judge_groups(groups, min_rows=1)
        shares = everyone.sizes / everyone.sizes.sum()
        floor = self.min_rows or self.ROWS_FOR_RATE
        return self.finding(
            float(shares.min()),
            measure="share of rows in the smallest group",
            method="Counted over the whole table; it says nothing of groups that are not in the "
            "table at all.",
            rows=subject.table.height,
            unit="share",
            higher_is_better=True,
            groups=everyone.table(Bounds(shares, shares, shares)),
            details={
                "groups": shares.size,
                "floor_rows": floor,
                "below_floor": int(np.sum(everyone.sizes < floor)),
            },
        )


@dataclass(frozen=True, kw_only=True)
class QualityFloor(GroupCheck):
    """How often is the stated uncertainty, or the class, right in the worst-served group?"""

    code: ClassVar[str] = "INC002"
    title: ClassVar[str] = "Quality in the worst-served group"
    principle: ClassVar[Principle] = "inclusiveness"

    def run(self, subject: Subject) -> Finding:
        """Smallest coverage of intervals or sets among groups; without these, of right classes."""
        scored = self.scored(subject)
        served, measure = _served(subject, scored)
        groups = self.judged(subject, scored, default=self.ROWS_FOR_MEAN)
        codes, inside = groups.codes, groups.codes >= 0
        hits = np.bincount(codes[inside], served[inside], len(groups.names))

        def rates(confidence: float) -> Bounds:
            return clopper_pearson(hits, groups.sizes, confidence)

        tests = len(groups.names)
        return self.finding(
            smallest(rates, tests=tests, confidence=self.confidence),
            measure=f"smallest {measure} of a group",
            method=f"The smallest of {tests} rates with Clopper and Pearson's exact bounds "
            "(1934): the upper bound is corrected for their number (Bonferroni), the lower "
            "bound holds without correction (intersection-union, Berger 1982).",
            rows=int(groups.sizes.sum()),
            unit="share",
            higher_is_better=True,
            groups=groups.table(rates(self.confidence)),
            details={**groups.details(), "target": _promise(subject, scored)},
        )


@dataclass(frozen=True, kw_only=True)
class MissingnessGap(GroupCheck):
    """Do some groups come with gaps in their rows more often than others?"""

    evidence: Evidence = "table"

    code: ClassVar[str] = "INC003"
    title: ClassVar[str] = "Gap in how often rows are incomplete"
    principle: ClassVar[Principle] = "inclusiveness"
    sources: ClassVar[tuple[Evidence, ...]] = ("table",)

    def run(self, subject: Subject) -> Finding:
        """Largest difference between two groups' shares of rows with a missing feature."""
        table = subject.table
        features = [name for name in subject.feature_names if name != self.column]
        if not features:
            raise NotApplicable("The model reads no other column.")
        groups = groups_of(subject, table, self.column)
        judged = judge_groups(groups, min_rows=self.min_rows or self.ROWS_FOR_RATE)
        return gap_finding(
            self,
            judged,
            incomplete(table.select(features))[:, None],
            measure="largest difference between groups in the share of incomplete rows",
        )


@dataclass(frozen=True, kw_only=True)
class AgainstReference(GroupCheck):
    """Are groups as frequent in the table as among the people the model is for?"""

    evidence: Evidence = "table"

    code: ClassVar[str] = "INC004"
    title: ClassVar[str] = "Representation against a reference"
    principle: ClassVar[Principle] = "inclusiveness"
    sources: ClassVar[tuple[Evidence, ...]] = ("table",)

    def run(self, subject: Subject) -> Finding:
        """Smallest ratio of a group's share of the table to its share of the reference."""
        reference = _reference(subject, self.column)
        counted = _counts(groups_of(subject, subject.table, self.column))
        rows = sum(counted.values())
        names = sorted(reference)
        counts = np.array([counted.get(name, 0) for name in names], np.float64)
        expected = np.array([reference[name] for name in names])

        def ratios(confidence: float) -> Bounds:
            share = clopper_pearson(counts, rows, confidence)
            return Bounds(share.value / expected, share.lower / expected, share.upper / expected)

        each = ratios(self.confidence)
        return self.finding(
            smallest(ratios, tests=len(names), confidence=self.confidence),
            measure="smallest share of a group divided by its share of the reference",
            method=f"The smallest of {len(names)} ratios; shares have Clopper and Pearson's "
            "exact bounds (1934), the reference is taken as known. The upper bound is corrected "
            "for the number of groups (Bonferroni), the lower bound holds without correction "
            "(intersection-union, Berger 1982). Rows are taken as drawn one by one.",
            rows=int(rows),
            higher_is_better=True,
            groups=_by_name(names, counts, each),
            details={
                "reference": [{"group": n, "share": reference[n]} for n in names],
                "not_in_reference": sorted(set(counted) - set(names)),
                **_goodness(counts, rows, expected),
            },
        )


def reference_shares(subject: Subject, column: str) -> Mapping[str, float]:
    """Share of each group in the reference population, as the question gives it; or none."""
    stated = [g.reference for g in subject.question.affected_groups if g.key == column]
    return {name: share for name, share in (stated[0] if stated else {}).items() if share > 0}


def _reference(subject: Subject, column: str) -> Mapping[str, float]:
    """Reference shares that can be compared with."""
    shares = reference_shares(subject, column)
    if not shares:
        raise NotApplicable("The question gives no reference shares for these groups.")
    if sum(shares.values()) > 1.0 + 1e-6:
        raise NotApplicable("The reference shares add up to more than 1.")
    return shares


def _counts(groups: Groups) -> dict[str, int]:
    return dict(zip(groups.names, groups.sizes.tolist(), strict=True))


def _by_name(names: list[str], counts: Float64, ratios: Bounds) -> tuple[GroupValue, ...]:
    """All groups of the reference, the largest first."""
    found = [
        GroupValue(
            group=name,
            rows=int(counts[i]),
            value=float(ratios.value[i]),
            lower=float(ratios.lower[i]),
            upper=float(ratios.upper[i]),
        )
        for i, name in enumerate(names)
    ]
    return tuple(sorted(found, key=lambda g: (-g.rows, g.group)))


def _goodness(counts: Float64, rows: int, expected: Float64) -> dict[str, float | None]:
    """Pearson's chi-square (1900) of the shares against the reference; the rest is one group."""
    rest = 1.0 - expected.sum()
    if rest > 1e-6:
        counts, expected = np.append(counts, rows - counts.sum()), np.append(expected, rest)
    total = counts.sum()
    if counts.size < 2 or total == 0:
        return {"chi_square": None, "p": None}
    wanted = total * expected / expected.sum()
    statistic = float(np.sum((counts - wanted) ** 2 / wanted))
    return {"chi_square": statistic, "p": float(special.chdtrc(counts.size - 1, statistic))}


@dataclass(frozen=True, kw_only=True)
class CoverageParity(GroupCheck):
    """Do some groups get wrong ranges, or no clear answer, more often than others?"""

    code: ClassVar[str] = "INC006"
    title: ClassVar[str] = "Gap in coverage and in clear answers"
    principle: ClassVar[Principle] = "inclusiveness"

    def run(self, subject: Subject) -> Finding:
        """Largest difference between two groups in coverage, or in the rate of clear answers.

        A set that names one class is a clear answer; intervals have their coverage alone.
        """
        scored = self.scored(subject)
        events, named = [Event(name="coverage", happens=covered(scored))], "coverage"
        if scored.sets is not None:
            clear = np.count_nonzero(scored.sets, axis=1) == 1
            events.append(Event(name="clear answers", happens=clear))
            named = "coverage or in the rate of clear answers"
        rates = rates_by_group(self, subject, scored, events)
        return widest_gap(
            self,
            rates,
            measure=f"largest difference between groups in {named}",
            details={"by_group": _stated(scored, rates[0].groups)},
        )


def _stated(scored: Scored, groups: JudgedGroups) -> list[dict[str, Any]]:
    """Coverage, and how wide or undecided the stated uncertainty is, of each group."""
    measures: dict[str, npt.NDArray[Any]] = {"coverage": covered(scored)}
    if scored.sets is not None:
        size = np.count_nonzero(scored.sets, axis=1)
        measures |= {"mean_set_size": size, "empty": size == 0, "several_classes": size > 1}
    elif scored.lower is not None and scored.upper is not None:
        measures["mean_width"] = scored.upper - scored.lower
    inside = groups.codes >= 0
    codes, count = groups.codes[inside], len(groups.names)
    weight = np.ones(codes.size) if scored.weight is None else scored.weight[inside]
    total = np.bincount(codes, weight, count)
    means = {n: np.bincount(codes, v[inside] * weight, count) / total for n, v in measures.items()}
    return [
        {"group": name, "rows": int(groups.sizes[i]), **{n: m[i] for n, m in means.items()}}
        for i, name in enumerate(groups.names)
    ]


def incomplete(frame: pl.DataFrame) -> Bool:
    """Whether each row misses any value."""
    missing = [
        (pl.col(name).is_null() | pl.col(name).is_nan())
        if dtype.is_float()
        else pl.col(name).is_null()
        for name, dtype in frame.schema.items()
    ]
    return frame.select(pl.any_horizontal(missing).fill_null(value=True)).to_series().to_numpy()


def _served(subject: Subject, scored: Scored) -> tuple[Bool, str]:
    """Whether each row is served as promised, and what that is called."""
    if scored.sets is not None or scored.lower is not None or subject.kind == "regression":
        return covered(scored), "coverage"
    return ~wrong(subject, scored), "share of right classes"


def _promise(subject: Subject, scored: Scored) -> float | None:
    stated = scored.sets is not None or scored.lower is not None
    return subject.coverage if stated else None

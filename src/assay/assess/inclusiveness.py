"""Inclusiveness: who is in the table, and whether the model serves every group well enough."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import polars as pl

from assay.assess.fairness import GroupCheck, gap_finding
from assay.assess.finding import Evidence, Finding, Principle
from assay.assess.groups import groups_of, judge_groups
from assay.assess.losses import wrong
from assay.assess.reliability import covered
from assay.assess.statistics import Bool, Bounds, clopper_pearson, smallest
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

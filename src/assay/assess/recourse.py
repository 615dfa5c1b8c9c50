"""Transparency: what would bring another answer, and whether that costs some groups more."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import polars as pl

from assay.assess.check import BaseCheck
from assay.assess.counterfactuals import MOST_DONORS, Counterfactuals, counterfactuals
from assay.assess.finding import Evidence, Finding, Principle
from assay.assess.goals import Wanted
from assay.assess.groups import Groups, columns_behind, groups_of, judge_groups
from assay.assess.losses import labels
from assay.assess.statistics import (
    Int64,
    clopper_pearson,
    gap_of_means,
    group_moments,
    mean_bounds,
)
from assay.assess.subject import Subject, canonical_order, sample_of
from assay.errors import NotApplicable
from assay.question import Actions

MOST_COLUMNS = 400
"""Columns that a model may read for counterfactuals to be sought."""
FEWEST_COSTS = 10
"""Rows with a counterfactual from which a group is judged."""


@dataclass(frozen=True, kw_only=True)
class RecourseCheck(BaseCheck):
    """What checks of recourse share.

    ``actions`` says what can change, by default what the question says; the groups of the
    question never do.
    """

    actions: Actions | None = None

    principle: ClassVar[Principle] = "transparency"
    slow: ClassVar[bool] = True
    sources: ClassVar[tuple[Evidence, ...]] = ("held-out",)

    def seek(
        self, subject: Subject, frame: pl.DataFrame, wanted: Wanted, *, count: int, fixed: str = ""
    ) -> Counterfactuals:
        """Counterfactuals of some rows, in the columns that the model reads."""
        names = subject.feature_names
        if len(names) > MOST_COLUMNS:
            raise NotApplicable(
                f"The model reads {len(names):,} columns; counterfactuals are sought for up to "
                f"{MOST_COLUMNS}."
            )
        if subject.train.is_empty():
            raise NotApplicable("There are no training rows that could lend their values.")
        lenders = sample_of(canonical_order(subject.train.select(names)), 2 * MOST_DONORS, seed=0)
        return counterfactuals(
            subject.score,
            frame.select(names),
            subject.train[lenders],
            wanted=wanted,
            count=count,
            actions=self._actions(subject, fixed),
        )

    def _actions(self, subject: Subject, fixed: str) -> Actions:
        keys = [g.key for g in subject.question.affected_groups] + [fixed] * bool(fixed)
        frame = subject.held_out.frame
        traits = set[str]().union(*(columns_behind(subject, frame, key) for key in keys))
        actions = self.actions or subject.question.actions
        return actions.with_immutable(sorted(traits)).of_columns(subject.feature_names)


@dataclass(frozen=True, kw_only=True)
class CounterfactualsFound(RecourseCheck):
    """Is there something to change that would bring another answer?"""

    code: ClassVar[str] = "TRA010"
    title: ClassVar[str] = "Counterfactuals"

    most_rows: int = 100
    count: int = 10

    def run(self, subject: Subject) -> Finding:
        """Share of the rows with another answer in reach of what can change."""
        rows, wanted, what = unfavoured(subject)
        chosen = rows[sample_of(np.arange(rows.size), self.most_rows, seed=0)]
        frame = subject.held_out.frame[chosen]
        found = self.seek(subject, frame, wanted, count=self.count)
        reached = int(np.count_nonzero(found.found))
        return self.finding(
            clopper_pearson(reached, chosen.size, self.confidence),
            measure=f"share of rows for which a change was found that brings {what}",
            method=f"Up to {self.count} counterfactuals for each of {chosen.size} rows: values "
            "lent by the nearest real rows with the wanted answer, as few as the model needs, "
            "asked of the model again (after Keane and Smyth 2020, Wachter et al. 2018, "
            "Mothilal et al. 2020). What the search does not find may exist all the same. Exact "
            "bounds (Clopper and Pearson 1934); weights were not used.",
            rows=chosen.size,
            unit="share",
            higher_is_better=True,
            details={
                "found_per_row": found.found.mean(),
                "validity": found.validity,
                "proximity": found.proximity,
                "sparsity": found.sparsity,
                "diversity": found.diversity,
                "plausibility": found.plausibility,
                "immutable": sorted(self._actions(subject, "").immutable),
                "importance": self._changed_columns(subject, found),
            },
        )

    def _changed_columns(self, subject: Subject, found: Counterfactuals) -> list[dict[str, Any]]:
        """How often each column is part of a row's easiest counterfactual."""
        easiest = np.flatnonzero(np.diff(found.row, prepend=-1))
        if not easiest.size:
            return []
        changed = found.changed[easiest].sum(axis=0)
        bounds = clopper_pearson(changed, easiest.size, self.confidence)
        return [
            {
                "column": subject.feature_names[i],
                "value": bounds.value[i],
                "lower": bounds.lower[i],
                "upper": bounds.upper[i],
                "unit": "share",
                "measure": "Share of rows whose easiest counterfactual changes it",
            }
            for i in np.argsort(-changed, kind="stable")
        ]


@dataclass(frozen=True, kw_only=True)
class RecourseGap(RecourseCheck):
    """Must one group change more than another to get the favourable answer?"""

    code: ClassVar[str] = "TRA011"
    title: ClassVar[str] = "Gap in what another answer costs"
    takes_column: ClassVar[bool] = True

    most_rows: int = 600
    min_rows: int = FEWEST_COSTS

    def run(self, subject: Subject) -> Finding:
        """Largest difference between two groups' mean cost of the easiest counterfactual."""
        if subject.kind == "multiclass":
            raise NotApplicable("None of several classes is the favourable one.")
        rows, wanted, what = unfavoured(subject)
        everyone = groups_of(subject, subject.held_out.frame, self.column)
        groups = Groups(everyone.names, everyone.codes[rows])
        taken = _evenly(groups, self.most_rows)
        frame = subject.held_out.frame[rows[taken]]
        found = self.seek(subject, frame, wanted, count=1, fixed=self.column)
        own = groups.codes[taken]
        judged = judge_groups(
            Groups(groups.names, own[found.row]), min_rows=self.min_rows, at_least=2
        )
        sample = group_moments(found.cost, judged.codes, len(judged.names))
        return self.finding(
            gap_of_means(sample, self.confidence),
            measure="largest difference between groups in the mean cost of the easiest change "
            f"that brings {what}",
            method="Cost: over the changed columns, the distance of numbers in median absolute "
            "deviations, and 1 for each category (Wachter et al. 2018), of the counterfactual "
            "found with the least cost plus number of changes; the groups and what cannot change "
            "stay as they are (after Ustun et al. 2019; von Kügelgen et al. 2022). Rows for which "
            "none is found do not count in the mean. Means with skewness-corrected bounds (Hall "
            "1992), each difference by MOVER (Zou and Donner 2008), the largest with both bounds "
            "corrected for what chance sets apart. A random sample of each group; weights were "
            "not used.",
            rows=found.row.size,
            unit="deviations",
            groups=judged.table(mean_bounds(sample, self.confidence)),
            details={
                **judged.details(),
                "asked": int(taken.size),
                "without_recourse": _without(groups, own, np.unique(found.row)),
            },
        )


def unfavoured(subject: Subject) -> tuple[Int64, Wanted, str]:
    """Held-out rows that would want another answer, that answer, and what it is called.

    Binary: rows that are not given the positive class. Regression: rows whose answer lies below
    the median of all answers, which they are to reach. Several classes: all rows, which are to
    be given the likeliest other class.

    Returns
    -------
    positions, wanted, words
        The positions are in an order that depends on the rows' content only.

    Raises
    ------
    NotApplicable
        There is no such row.
    """
    scored = subject.held_out
    if subject.kind == "multiclass":
        return scored.order, None, "another class"
    if subject.kind == "binary":
        low, wanted, what = labels(subject, scored) == 0, 1, "the positive answer"
        return _some(scored.order[low[scored.order]]), wanted, what
    middle = float(np.median(scored.prediction))
    below = scored.prediction < middle
    return _some(scored.order[below[scored.order]]), (middle, np.inf), "the median answer or more"


def _some(rows: Int64) -> Int64:
    if not rows.size:
        raise NotApplicable("No row would want another answer.")
    return rows


def _evenly(groups: Groups, most: int) -> Int64:
    """The first rows of each group, as many of each as there are, ``most`` together."""
    order = np.argsort(groups.codes, kind="stable")
    codes = groups.codes[order]
    place = np.arange(codes.size) - np.searchsorted(codes, codes)
    share = max(1, most // max(1, int(np.count_nonzero(groups.sizes))))
    return np.sort(order[place < share])


def _without(groups: Groups, own: Int64, found: Iterable[int]) -> list[dict[str, Any]]:
    """Share of the asked rows of each group for which nothing was found."""
    asked = np.bincount(own, minlength=len(groups.names))
    hits = np.bincount(own[np.asarray(found, np.int64)], minlength=len(groups.names))
    return [
        {"group": name, "rows": int(asked[i]), "share": 1.0 - hits[i] / asked[i]}
        for i, name in enumerate(groups.names)
        if asked[i]
    ]

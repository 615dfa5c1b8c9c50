"""What checks of groups share: which rows and groups they judge, and a group against all rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from assay.assess.check import BaseCheck
from assay.assess.groups import Groups, JudgedGroups, groups_of, judge_groups
from assay.assess.statistics import (
    Bool,
    Bounds,
    Float64,
    Int64,
    Moments,
    clopper_pearson,
    group_moments,
    largest,
    mean_bounds,
    ratio,
    rest_moments,
    weighted_moments,
)
from assay.assess.subject import Scored, Subject

LARGEST = (
    "The largest of {tests} {what}: its lower bound is corrected for their number (Bonferroni), "
    "its upper bound holds without correction (intersection-union, Berger 1982). "
)


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

    def groups(self, subject: Subject, scored: Scored) -> Groups:
        """Groups of the scored rows; rows that count nothing are in none."""
        groups = groups_of(subject, scored.frame, self.column)
        return groups if scored.weight is None else groups.among(scored.weight > 0)

    def judged(
        self, subject: Subject, scored: Scored, *, default: int, among: Bool | None = None
    ) -> JudgedGroups:
        """Groups with rows enough; rows that are not ``among`` those that count are in none."""
        groups = self.groups(subject, scored)
        if among is not None:
            groups = groups.among(among)
        return judge_groups(groups, min_rows=self.min_rows or default)


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
    """Exact bounds of rates of 0/1 values within and outside each group."""
    within = codes >= 0
    rows = np.bincount(codes[within], minlength=groups)
    events = np.bincount(codes[within], values[within], groups)
    rest = np.maximum(values.size - rows, 1)
    inside = clopper_pearson(events, rows, confidence)
    return inside, clopper_pearson(values.sum() - events, rest, confidence)


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


def largest_absolute(
    signed_at: Callable[[float], Bounds], *, tests: int, confidence: float
) -> Bounds:
    """Bounds of the largest absolute value of ``tests`` true values; see `largest`."""

    def both_signs(at: float) -> Bounds:
        b = signed_at(at)
        pairs = ((b.value, -b.value), (b.lower, -b.upper), (b.upper, -b.lower))
        return Bounds(*(np.concatenate(pair) for pair in pairs))

    worst = largest(both_signs, tests=2 * tests, confidence=confidence)
    return Bounds(worst.value, np.maximum(worst.lower, 0.0), worst.upper)


def moments_by_group(values: Float64, groups: JudgedGroups, weight: Float64 | None) -> Moments:
    """Moments of values in each judged group, weighted rows as in `weighted_moments`."""
    count = len(groups.names)
    if weight is None:
        return group_moments(values, groups.codes, count)
    return weighted_moments(values, weight, groups.codes, count)


def of_weights(scored: Scored, *, used: bool) -> str:
    """What a method says of the rows' weights; nothing where there are none."""
    if scored.weight is None:
        return ""
    if used:
        return " Rows count by their weights; bounds take the effective rows (Kish 1965)."
    return " Weights of rows were not used."

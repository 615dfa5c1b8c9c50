"""The largest difference between two groups, of rates and of means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from assay.assess.check import BaseCheck
from assay.assess.fairness.group_check import GroupCheck
from assay.assess.finding import Finding
from assay.assess.groups import JudgedGroups, judge_groups
from assay.assess.statistics import (
    Bool,
    Bounds,
    Float64,
    bonferroni,
    clopper_pearson,
    gap_of_rates,
    weighted_counts,
)
from assay.assess.subject import Scored, Subject
from assay.errors import NotApplicable

GAP = (
    "The lower bound is strict enough for all pairs of groups that could lie so far apart at once; "
    "the upper bound is that of the pair farthest apart, less what chance alone spreads groups "
    "that are alike. Each difference squares and adds (MOVER, Zou and Donner 2008) "
)
OF_RATES = "exact bounds of two rates (Clopper and Pearson 1934)."


@dataclass(frozen=True, eq=False, kw_only=True)
class Event:
    """Something that happens to a row.

    Attributes
    ----------
    name : str
        What it is called where there are several.
    happens : ndarray of bool, shape (n,)
    among : ndarray of bool, shape (n,), or None
        The rows that count; None: all.
    """

    name: str
    happens: Bool
    among: Bool | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class Rates:
    """How often an event happens in each judged group.

    Attributes
    ----------
    name : str
        Of the event.
    groups : JudgedGroups
        Of the rows that count.
    hits, rows : ndarray of float64, shape (n_groups,)
        Events and rows; of weighted rows, as many as they are worth.
    """

    name: str
    groups: JudgedGroups
    hits: Float64
    rows: Float64

    def bounds(self, confidence: float) -> Bounds:
        """Exact bounds of each group's rate (Clopper and Pearson 1934)."""
        return clopper_pearson(self.hits, self.rows, confidence)


def count_rates(event: Event, groups: JudgedGroups, weight: Float64 | None = None) -> Rates:
    """Count an event in each judged group, weighted rows as in `weighted_counts`."""
    count = len(groups.names)
    if weight is not None:
        hits, rows = weighted_counts(event.happens, weight, groups.codes, count)
        return Rates(name=event.name, groups=groups, hits=hits, rows=rows)
    inside = groups.codes >= 0
    hits = np.bincount(groups.codes[inside], event.happens[inside], count).astype(np.float64)
    return Rates(name=event.name, groups=groups, hits=hits, rows=groups.sizes)


def rates_by_group(
    check: GroupCheck, subject: Subject, scored: Scored, events: Sequence[Event]
) -> list[Rates]:
    """Rates of each event that at least two groups have rows enough for.

    Raises
    ------
    NotApplicable
        There is no such event.
    """
    groups = check.groups(subject, scored)
    found, reasons = [], []
    for event in events:
        counted = groups if event.among is None else groups.among(event.among)
        try:
            judged = judge_groups(counted, min_rows=check.min_rows or check.ROWS_FOR_RATE)
        except NotApplicable as error:
            reasons.append(error)
            continue
        found.append(count_rates(event, judged, scored.weight))
    if not found:
        raise reasons[0]
    return found


def widest_gap(
    check: BaseCheck,
    rates: Sequence[Rates],
    *,
    measure: str,
    note: str = "",
    details: Mapping[str, Any] | None = None,
) -> Finding:
    """The largest difference of any event's rate between any two groups.

    Parameters
    ----------
    check : BaseCheck
    rates : sequence of Rates
        One an event; the finding shows the groups' rates of the one that differs most.
    measure : str
    note : str
        Added to the method.
    details : mapping
        Added to the details.
    """
    each = Bounds.stack(gap_of_rates(r.hits, r.rows, check.confidence) for r in rates)
    widest = rates[int(np.argmax(each.value))]
    return check.finding(
        Bounds(each.value.max(), _lower(rates, each.lower, check.confidence), each.upper.max()),
        measure=measure,
        method=f"{_of_several(len(rates))}{GAP}{OF_RATES}{note}",
        rows=int(widest.groups.sizes.sum()),
        unit="share",
        groups=widest.groups.table(widest.bounds(check.confidence)),
        details={
            **widest.groups.details(),
            **({"event": widest.name, "gaps": _by_event(rates, each)} if len(rates) > 1 else {}),
            **(details or {}),
        },
    )


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
    names = events_named or ("",) * events.shape[1]
    rates = [
        count_rates(Event(name=name, happens=happens), groups)
        for name, happens in zip(names, events.T, strict=True)
    ]
    return widest_gap(check, rates, measure=measure)


def _lower(rates: Sequence[Rates], plain: Float64, confidence: float) -> Float64:
    """Largest lower bound of the gaps, corrected for their number; none exceeds its plain one."""
    if len(rates) == 1:
        return np.asarray(plain[0])
    strict, reached = bonferroni(confidence, len(rates)), 0.0
    for i in np.argsort(-plain):
        if plain[i] <= reached:
            break
        reached = max(reached, float(gap_of_rates(rates[i].hits, rates[i].rows, strict).lower))
    return np.asarray(reached)


def _of_several(events: int) -> str:
    """How the largest of several gaps is bounded."""
    if events == 1:
        return ""
    return (
        f"The largest of {events} gaps: its lower bound is corrected for their number "
        "(Bonferroni), its upper bound holds without correction (intersection-union, Berger "
        "1982). "
    )


def _by_event(rates: Sequence[Rates], gaps: Bounds) -> list[dict[str, Any]]:
    return [
        {"event": r.name, "value": gaps.value[i], "lower": gaps.lower[i], "upper": gaps.upper[i]}
        for i, r in enumerate(rates)
    ]

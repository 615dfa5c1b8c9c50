"""How many further rows would settle what is undecided, in all and group by group."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from assay.assess.finding import Finding, GroupValue
from assay.policy.policy import Rule
from assay.policy.wording import shown

MOST_NAMED = 6
"""Groups that the sentence names; the record has all."""


class _Side(NamedTuple):
    """One limit: how far the bound is from the value, and how far the limit is."""

    width: float
    distance: float


class _Interval(NamedTuple):
    """A group's value and how far its bounds are from it."""

    name: str
    rows: int
    value: float
    below: float
    above: float


def further_rows(rule: Rule, finding: Finding) -> int | None:
    """Rows to add so that the bound reaches the limit, if the value stays where it is.

    The half-width of a bound shrinks with the square root of the rows, so ``rows`` become
    ``rows * (half_width / distance) ** 2``, with the distance from the value to the limit. The
    rows are thought to come as the present ones do; see `further_rows_by_group`.
    """
    sides = _sides(rule, finding)
    if finding.rows <= 0 or any(side.distance <= 0 for side in sides):
        return None
    try:
        needed = max(finding.rows * (side.width / side.distance) ** 2 for side in sides)
        # Rounding in the last place must not cost a row.
        return max(1, math.ceil(needed * (1 - 1e-12) - finding.rows))
    except OverflowError:
        return None


def further_rows_by_group(rule: Rule, finding: Finding) -> dict[str, int]:
    """Rows to add to each group so that the rule is settled, if the values stay.

    Were every group's interval shorter by the factor by which the finding's must be, the rule
    would be settled. But not every group stands in the way: an interval may end where the
    farthest of the shortened ones ends. A group whose interval ends there already needs no
    more rows, so that these are fewer rows than `further_rows` says, if they can be gathered
    where they are needed. An estimate: the bound of a finding follows the groups' intervals
    only nearly.

    Which ends matter follows from the value. Where it is the largest of the groups' values only
    upper ends do, where it is the smallest only lower ends, and otherwise, for gaps and ratios,
    both.

    Returns
    -------
    dict
        Name and further rows of the groups that need any; empty where the finding has no groups
        with bounds, or speaks of the whole table.
    """
    intervals = _intervals(finding.groups)
    sides = _sides(rule, finding)
    counted = finding.evidence in ("held-out", "cross-fitted")
    if not counted or len(intervals) < 2 or any(side.distance <= 0 for side in sides):
        return {}
    needed: dict[str, float] = {}
    for factor in (side.distance / side.width for side in sides if side.width > side.distance):
        for ends in _ends(finding, intervals):
            for name, rows in _needed(ends, factor):
                needed[name] = max(rows, needed.get(name, 0.0))
    # Rounding in the last place must not cost a row, nor an immense number overflow.
    whole = {name: math.ceil(rows - 1e-9) for name, rows in needed.items() if rows < 1e15}
    return {name: rows for name, rows in sorted(whole.items()) if rows > 0}


def outlook(rule: Rule, finding: Finding, further: int | None, groups: dict[str, int]) -> str:
    """What more rows would bring, as a sentence."""
    if further is not None:
        named = sorted(groups.items(), key=lambda item: (-item[1], item[0]))
        parts = [f"{shown(rows)} of {name}" for name, rows in named[:MOST_NAMED]]
        if len(named) > MOST_NAMED:
            parts.append(f"and {len(named) - MOST_NAMED} more groups")
        where = f"; gathered where they are needed: {', '.join(parts)}" if parts else ""
        return f" About {shown(further)} further rows would settle it, if the value stays{where}."
    beyond = any(side.distance <= 0 for side in _sides(rule, finding))
    return " More rows are likelier to show a violation." if beyond else ""


def _sides(rule: Rule, finding: Finding) -> list[_Side]:
    """The limits of a rule as the finding stands to them."""
    value = finding.value or 0.0
    sides = []
    if rule.at_most is not None:
        sides.append(_Side((finding.upper or 0.0) - value, rule.at_most - value))
    if rule.at_least is not None:
        sides.append(_Side(value - (finding.lower or 0.0), value - rule.at_least))
    return sides


def _intervals(groups: Sequence[GroupValue]) -> list[_Interval]:
    """The groups that have a value with two bounds."""
    return [
        _Interval(g.group, g.rows, g.value, g.value - g.lower, g.upper - g.value)
        for g in groups
        if g.value is not None and g.lower is not None and g.upper is not None and g.rows > 0
    ]


def _ends(finding: Finding, intervals: Sequence[_Interval]) -> list[list[_Interval]]:
    """The intervals with the ends that matter turned upwards."""
    value = finding.value or 0.0
    values = [interval.value for interval in intervals]
    upwards = list(intervals)
    downwards = [i._replace(value=-i.value, below=i.above, above=i.below) for i in intervals]
    if math.isclose(value, max(values), rel_tol=1e-9):
        return [upwards]
    if math.isclose(value, min(values), rel_tol=1e-9):
        return [downwards]
    return [upwards, downwards]


def _needed(intervals: Sequence[_Interval], factor: float) -> list[tuple[str, float]]:
    """Further rows of each group, so that no upper end lies beyond the farthest shortened one."""
    farthest = max(interval.value + factor * interval.above for interval in intervals)
    found = []
    for interval in intervals:
        room = farthest - interval.value
        if interval.above > room > 0:
            found.append((interval.name, interval.rows * ((interval.above / room) ** 2 - 1)))
    return found

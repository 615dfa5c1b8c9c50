"""How many rules ended how."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from assay.report.wording import STATUS_SHAPES


@dataclass(frozen=True, kw_only=True)
class Tally:
    """How many rules ended in one status."""

    status: str
    shape: str
    rules: int


def tallies(statuses: Iterable[str]) -> tuple[Tally, ...]:
    """Rules by status, every status that occurs, in a fixed order."""
    ended = list(statuses)
    return tuple(
        Tally(status=status, shape=shape, rules=ended.count(status))
        for status, shape in STATUS_SHAPES.items()
        if status in ended
    )

"""A wall-clock budget that is kept, unless the number of trials is fixed."""

from __future__ import annotations

import time


class TooDear(Exception):
    """A trial would not fit into what is left of the budget; the message says by how much."""


class Clock:
    """Counts seconds from its making.

    Parameters
    ----------
    budget_s : float
        Seconds allowed.
    bounds : bool
        Whether the budget bounds the work; if not, time is counted and nothing depends on it.
    spent_s : float
        Seconds that the same search spent before it was cut off.
    """

    def __init__(self, budget_s: float, *, bounds: bool, spent_s: float = 0.0) -> None:
        self.budget_s = budget_s
        self.bounds = bounds
        self.reserve_s = 0.0
        """What must be kept for the end: the final fits."""
        self._start = time.monotonic() - min(spent_s, budget_s)

    @property
    def spent_s(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._start

    @property
    def left_s(self) -> float:
        """Seconds that trials may still take."""
        return self.budget_s - self.spent_s - self.reserve_s

    @property
    def fraction(self) -> float:
        """Share of the budget that is spent, in [0, 1]."""
        return min(1.0, self.spent_s / self.budget_s)

    def fits(self, needed_s: float) -> bool:
        """Whether work of ``needed_s`` seconds fits."""
        return not self.bounds or needed_s <= self.left_s

    def demand(self, needed_s: float) -> None:
        """Raise `TooDear` unless ``needed_s`` seconds fit."""
        if not self.fits(needed_s):
            left = max(0.0, self.left_s)
            raise TooDear(f"needs about {needed_s:.1f} s more, {left:.1f} s are left for trials")

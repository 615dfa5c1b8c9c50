"""Worlds with a known truth: true rates and sizes of groups."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

SHAPES = ("one high", "half high", "ladder", "one high, one low")


class World(NamedTuple):
    """Groups of people with the true rate of each."""

    groups: int
    sizes: str
    shape: str
    rows: np.ndarray
    rates: np.ndarray

    @property
    def gap(self) -> float:
        """The largest true difference."""
        return float(np.ptp(self.rates))

    def sample(self, rng: np.random.Generator) -> np.ndarray:
        """Events of each group in one sample."""
        return rng.binomial(self.rows, self.rates)


def world(groups: int, rows: int | str, shape: str, base: float, gap: float) -> World:
    """Groups of ``rows`` each, or from 30 up to 3,000 rows where that is ``"unequal"``."""
    if rows == "unequal":
        sizes = np.geomspace(30, 3000, groups).round().astype(int)
    else:
        sizes = np.full(groups, int(rows))
    place = np.zeros(groups)
    if shape == "one high":
        place[0] = 1.0
    elif shape == "half high":
        place[: (groups + 1) // 2] = 1.0
    elif shape == "ladder":
        place = np.linspace(0.0, 1.0, groups)
    else:  # one high, one low, the others between
        place[:] = 0.5
        place[0], place[-1] = 1.0, 0.0
    return World(groups, str(rows), shape, sizes, base + gap * place)


def planted(groups: int) -> list[World]:
    """Worlds that try the gap's bounds: small and unequal groups, rare and frequent events."""
    found = []
    for rows in (30, 50, 200, "unequal"):
        for base in (0.02, 0.1, 0.4):
            for gap in (0.0, 0.03, 0.1, 0.3):
                shapes = SHAPES if gap else SHAPES[:1]
                found += [world(groups, rows, shape, base, gap) for shape in shapes]
    return found

"""How strict the bounds of pairs must be where the pair that differs most is picked out.

"No two groups are farther apart than g" is refuted where the bound of some pair says so. Were
each pair's bound as strict as for a single one, many pairs would refute it by chance. How strict
it must be depends on how many pairs could lie g apart at once. For g = 0 it is all pairs in both
directions (Bonferroni). For g > 0 it is at most a quarter of the square of the number of groups,
since then half of the groups are high and half are low; the other pairs are nearer, and count
with the chance that they have left. The data narrow it further: a pair that is seen to be much
nearer than g cannot be one of them. That is the two-step method of Romano, Shaikh and Wolf (2014,
Econometrica 82) for moment inequalities, here with summed chances in place of resampling.
"""

from __future__ import annotations

import numpy as np
from scipy import special

from assay.assess.statistics.bounds import Float64

FIRST_STEP = 0.02
"""Share of the chance of an error that the first step spends."""


def strictness(apart: Float64, gap: Float64, groups: int, alpha: float) -> float:
    """The normal quantile at which a pair's bound must be taken.

    Parameters
    ----------
    apart, gap : ndarray, shape (n_pairs,)
        Measured distance and supposed largest distance of each pair, in standard errors of the
        pair.
    groups : int
        Number of groups, which make ``groups * (groups - 1) / 2`` pairs.
    alpha : float
        Chance of a wrong refutation.
    """
    ordered_pairs = groups * (groups - 1)
    seen = float(special.ndtri(1.0 - FIRST_STEP * alpha / ordered_pairs))
    left = (1.0 - FIRST_STEP) * alpha
    known = np.maximum(gap - np.concatenate([apart, -apart]).reshape(2, -1) - seen, 0.0)
    low = float(special.ndtri(1.0 - alpha))
    high = float(special.ndtri(1.0 - left / ordered_pairs))
    for _ in range(4):  # each round makes the interval eight times shorter
        tried = np.linspace(low, high, 9)[:, None]
        by_sight = special.ndtr(-tried[..., None] - known).sum(axis=(1, 2))
        chance = np.minimum(by_sight, _worst_chance(tried, gap, groups))
        holds = chance <= left
        holds[-1] = True
        first = int(np.argmax(holds))
        low, high = float(tried[max(first - 1, 0), 0]), float(tried[first, 0])
    return high


def _worst_chance(z: Float64, gap: Float64, groups: int) -> Float64:
    """Chance that any pair is wrongly refuted, for the worst arrangement within the gap.

    The sum of chances is convex in the groups' values, so the worst arrangement has every group
    at one of the two ends, and at most a quarter of ``groups ** 2`` pairs across.
    """
    beside = 2.0 * special.ndtr(-z - gap)
    across = special.ndtr(-z) + special.ndtr(-z - 2.0 * gap)
    most = min(groups**2 // 4, gap.size)
    extra = np.partition(across - beside, gap.size - most, axis=1)[:, gap.size - most :]
    total: Float64 = beside.sum(axis=1) + extra.sum(axis=1)
    return total

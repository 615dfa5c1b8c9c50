"""Bounds of the gap between the largest and the smallest of several groups.

The measured gap is too large on average: chance alone sets some group highest and some group
lowest, the more so the more groups there are. Both bounds here allow for that.

The lower bound
    "The true gap is at most g" is refuted where the difference of some two groups has a lower
    bound above g, strict enough for all pairs that could lie g apart at once
    (`assay.assess.statistics.pairs`). The bound is the smallest g that is not refuted.

The upper bound
    "The true gap is at least g" says that some pair lies g apart. It is refuted where even the
    largest upper bound of a difference lies below g. At the plain confidence that always holds
    (intersection-union, Berger 1982, Technometrics 24), but it is far too careful where several
    groups are alike, for then chance has already spread them. So the confidence of each
    difference is lowered to where the chance of a wrong refutation is what was promised, for
    two groups g apart and all others midway: where they are spread least (Anderson 1955,
    Proceedings of the AMS 6). It is never larger than the plain one. Groups of which too little
    is known for the normal law (`TRUSTED`) are not counted as spread by chance.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy import special

from assay.assess.statistics.bounds import Bounds, Float64, bonferroni
from assay.assess.statistics.means import Moments, mean_bounds
from assay.assess.statistics.pairs import strictness
from assay.assess.statistics.rates import clopper_pearson, difference, ratio

BoundsAt = Callable[[float], Bounds]
"""From a confidence to the bounds of each group."""

MOST_STEPS = 8
"""Of the way to a bound; it may end at any of them."""
TRUSTED = 4.0
"""Least ``rows * rate * (1 - rate)`` of a group whose chance spread is counted on."""
TRUSTED_ROWS = 30
"""The same for means: least rows."""
EVEN = 6.0
"""Groups whose error is this many times below the largest are not counted on either."""


def gap_of_rates(events: npt.ArrayLike, rows: npt.ArrayLike, confidence: float) -> Bounds:
    """Bounds of the largest difference of a rate between two groups.

    Each pair of groups has exact bounds (Clopper and Pearson 1934), squared and added (Zou and
    Donner 2008); the module says how they are put together.

    Parameters
    ----------
    events : array-like, shape (n_groups,) or (n_events, n_groups)
        How often it happened in each group; several rows are several events, of which the one
        that differs most is meant.
    rows : array-like, shape (n_groups,)
        Rows of each group, at least 1; effective rows need not be whole.
    confidence : float
        Of each of the two bounds, in (0.5, 1).

    Returns
    -------
    Bounds
        Without dimensions; 0 <= lower <= value <= upper.

    Examples
    --------
    >>> b = gap_of_rates([30, 20, 25], [100, 100, 100], 0.95)
    >>> round(float(b.value), 2), float(b.lower), round(float(b.upper), 2)
    (0.1, 0.0, 0.2)
    """
    each, n = np.atleast_2d(np.asarray(events, np.float64)), np.asarray(rows, np.float64)
    strict = bonferroni(confidence, len(each))
    lower, value, upper = [], [], []
    for k in each:

        def exact(at: float, k: Float64 = k) -> Bounds:
            return clopper_pearson(k, n, at)

        value.append(np.ptp(k / n))
        lower.append(_lower(exact, strict))
        upper.append(_upper(exact, _spread_of_rates(k, n), confidence))
    return _ordered(max(value), max(lower), max(upper))


def gap_of_means(sample: Moments, confidence: float) -> Bounds:
    """Bounds of the largest difference of a mean between two groups.

    As `gap_of_rates`, from the bounds of `mean_bounds`.

    Parameters
    ----------
    sample : Moments
        One entry a group, each of at least 2 rows.
    confidence : float
        Of each of the two bounds, in (0.5, 1).
    """

    def skewed(at: float) -> Bounds:
        return mean_bounds(sample, at)

    error = np.sqrt(sample.variance / sample.rows)
    spread = np.where(sample.rows >= TRUSTED_ROWS, error, 0.0)
    return _ordered(
        float(np.ptp(sample.mean)), _lower(skewed, confidence), _upper(skewed, spread, confidence)
    )


def ratio_of_rates(events: npt.ArrayLike, rows: npt.ArrayLike, confidence: float) -> Bounds:
    """Bounds of the smallest rate of a group divided by the largest.

    The upper bound as the lower one of `gap_of_rates`, on the scale of logarithms; the lower
    bound is the smallest lower bound of any two groups' ratio (intersection-union). Each pair
    has MOVER-R bounds (Donner and Zou 2012) from exact ones.

    Parameters
    ----------
    events, rows : array-like, shape (n_groups,)
        How often it happened in each group, and its rows, at least 1.
    confidence : float
        Of each of the two bounds, in (0.5, 1).

    Returns
    -------
    Bounds
        Without dimensions, within 0 and 1; no number where it happened in no group.

    Examples
    --------
    >>> b = ratio_of_rates([300, 200], [1000, 1000], 0.95)
    >>> round(float(b.value), 3), round(float(b.lower), 2), round(float(b.upper), 2)
    (0.667, 0.58, 0.76)
    """
    k, n = np.asarray(events, np.float64), np.asarray(rows, np.float64)
    plain = clopper_pearson(k, n, confidence)
    with np.errstate(invalid="ignore", divide="ignore"):
        value = float(plain.value.min() / plain.value.max())
    i, j = np.triu_indices(k.size, 1)
    each = np.concatenate([ratio(plain[i], plain[j]).lower, ratio(plain[j], plain[i]).lower])
    upper = _ratio_upper(k, n, confidence)
    return Bounds.of(value, np.fmin(each.min(), value), np.fmax(upper, value))


def _ratio_upper(events: Float64, rows: Float64, confidence: float) -> float:
    """The largest ratio that is not refuted, descending from 1; each step on the way holds."""
    plain = clopper_pearson(events, rows, confidence)
    i, j = np.triu_indices(events.size, 1)
    scale = (plain.upper - plain.lower) / (2 * float(special.ndtri(confidence)))
    with np.errstate(invalid="ignore", divide="ignore"):
        error = np.hypot((scale / plain.value)[i], (scale / plain.value)[j])
        apart = np.abs(np.log(plain.value[i] / plain.value[j])) / error
    unknown = ~np.isfinite(error)  # no event in one of the two: it counts in full
    error, apart = np.where(unknown, np.inf, error), np.where(unknown, 0.0, apart)
    reached = 1.0
    for _ in range(MOST_STEPS):
        z_all = strictness(apart, -np.log(reached) / error, events.size, 1.0 - confidence)
        strict = clopper_pearson(events, rows, float(special.ndtr(z_all)))
        further = min(
            float(np.nanmin(ratio(strict[a], strict[b]).upper)) for a, b in ((i, j), (j, i))
        )
        if further >= reached - 1e-9 or further <= 0:
            break
        reached = further
    return reached


def _ordered(value: float, lower: float, upper: float) -> Bounds:
    return Bounds.of(value, min(max(lower, 0.0), value), max(upper, value))


# ---- the lower bound


def _lower(bounds_at: BoundsAt, confidence: float) -> float:
    """The smallest gap that is not refuted, climbing from 0; each step on the way holds."""
    plain = bounds_at(confidence)
    z = float(special.ndtri(confidence))
    scale = np.maximum((plain.upper - plain.lower) / (2 * z), 1e-12)
    i, j = np.triu_indices(scale.size, 1)
    apart = np.abs(plain.value[i] - plain.value[j])
    error = np.hypot(scale[i], scale[j])
    reached = 0.0
    for _ in range(MOST_STEPS):
        z_all = strictness(apart / error, reached / error, scale.size, 1.0 - confidence)
        strict = bounds_at(float(special.ndtr(z_all)))
        further = float(difference(strict[:, None], strict[None, :]).lower.max())
        if further <= reached + 1e-9:
            break
        reached = further
    return reached


# ---- the upper bound


def _upper(bounds_at: BoundsAt, spread: Float64, confidence: float) -> float:
    """The largest difference's upper bound, at the lowest strictness that keeps the promise."""

    def reach(z: float) -> float:
        at = bounds_at(float(special.ndtr(z)))
        return float(difference(at[:, None], at[None, :]).upper.max())

    low, high = 0.0, float(special.ndtri(confidence))
    trusted = np.sort(spread[spread > spread.max() / EVEN])[::-1]
    if trusted.size < 3:  # no third group that chance could have spread
        return reach(high)
    all_trusted = trusted.size == spread.size
    for _ in range(8):
        middle = (low + high) / 2
        if _wrong_chance(trusted, middle, reach(middle), all_trusted) <= 1.0 - confidence:
            high = middle
        else:
            low = middle
    return reach(high)


def _wrong_chance(spread: Float64, z: float, gap: float, all_trusted: bool) -> float:
    """Largest chance that every difference's bound at ``z`` lies below a true gap.

    Parameters
    ----------
    spread : ndarray, shape (n_trusted,)
        Standard errors of groups, largest first; at least three.
    all_trusted : bool
        Whether there are no other groups, which might be among the two that lie apart.
    """
    one_pair = float(special.ndtr(-z))
    last = spread.size - 1
    pairs = [(0, 1, 0.0)]
    if spread[last] < 0.99 * spread[0]:
        pairs += [(last, last - 1, 0.0), *((0, last, shift) for shift in (-0.125, 0.0, 0.125))]
    place = np.array([np.full(spread.size, shift * gap) for _, _, shift in pairs])
    for row, (high, low, _) in zip(place, pairs, strict=True):
        row[high], row[low] = gap / 2, -gap / 2
    chance = float(_chance_within(place, spread, z, gap).max())
    if not all_trusted:
        alike = float(_chance_within(np.zeros((1, last)), spread[1:], z, gap)[0])
        chance = max(chance, one_pair * alike)
    return min(one_pair, chance)


def _chance_within(place: Float64, spread: Float64, z: float, gap: float) -> Float64:
    """Chance that all groups, each with a margin on both sides, fit into a stretch of ``gap``.

    With margins ``z * spread / sqrt(2)`` those of two groups are together no wider than the
    margin of their difference, so that this is no smaller than the chance that is asked for.
    Integrated over where the lowest group's margin begins.

    Parameters
    ----------
    place : ndarray, shape (n_arrangements, n_groups)
        True values of the groups.
    spread : ndarray, shape (n_groups,)
        Their standard errors.

    Returns
    -------
    ndarray, shape (n_arrangements,)
    """
    margin = z * spread / np.sqrt(2.0)
    if gap <= 2 * margin.max():
        return np.zeros(len(place))
    start = (place - margin - 5 * spread).min(axis=1)
    stop = (place - margin + 5 * spread).min(axis=1)
    t = np.linspace(start, stop, 64)[..., None]
    below = (t + margin - place) / spread
    above = (t + gap - margin - place) / spread
    inside = np.maximum(special.ndtr(above) - special.ndtr(below), np.finfo(float).tiny)
    density = np.exp(-0.5 * below**2) / (spread * np.sqrt(2.0 * np.pi))
    each = (density / inside).sum(axis=-1) * np.exp(np.log(inside).sum(axis=-1))
    chance: Float64 = np.minimum(each.sum(axis=0) * (stop - start) / 63, 1.0)
    return chance


def _spread_of_rates(events: Float64, rows: Float64) -> Float64:
    """Standard errors that chance is sure to have; 0 where too little is known."""
    own, all_rows = events / rows, events.sum() / rows.sum()
    variance = np.minimum(own * (1 - own), all_rows * (1 - all_rows))
    return np.where(rows * variance >= TRUSTED, np.sqrt(variance / rows), 0.0)

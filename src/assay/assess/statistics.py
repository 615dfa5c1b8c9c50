"""Bounds behind the verdicts: rates, means, ratios, differences, areas, quantiles, calibration.

Every bound is one-sided: the lower bound alone, or the upper bound alone, holds at the stated
confidence. Nothing here draws random numbers, so the same rows in any order give the same
bounds. Coverage was simulated; see ``benchmarks/verdicts/coverage.py``.

How a worst group is bounded
    The largest of several measured values is too large on average, even where all true values
    are equal. `largest` therefore corrects the lower bound for the number of groups
    (Bonferroni). The upper bound needs no correction: the truly worst group is one fixed
    group, its own upper bound holds, and the largest upper bound is not smaller
    (intersection-union principle, Berger 1982, Technometrics 24).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]

LONG_TAIL = 1.5
"""Factor on the sample's skewness for the bound on the side of the long tail.

Samples of some dozens of rows understate skewness; with the factor the bound keeps its
coverage for exponential, half-normal and log-normal errors from 30 rows on.
"""


@dataclass(frozen=True)
class Bounds:
    """Values with a lower and an upper one-sided bound, all of one shape."""

    value: Float64
    lower: Float64
    upper: Float64

    @classmethod
    def of(cls, value: float, lower: float, upper: float) -> Bounds:
        """One value with its bounds, as arrays without dimensions."""
        return cls(np.asarray(value, float), np.asarray(lower, float), np.asarray(upper, float))

    @classmethod
    def stack(cls, each: Iterable[Bounds]) -> Bounds:
        """Single values with their bounds as one array each."""
        parts = [(b.value, b.lower, b.upper) for b in each]
        value, lower, upper = np.array(parts, np.float64).T
        return cls(value, lower, upper)

    def __getitem__(self, where: Any) -> Bounds:
        """The bounds at an index, as numpy indexes."""
        return Bounds(self.value[where], self.lower[where], self.upper[where])


def bonferroni(confidence: float, tests: int) -> float:
    """Confidence of each of ``tests`` bounds so that all hold together at ``confidence``.

    Examples
    --------
    >>> round(bonferroni(0.95, 5), 4)
    0.99
    """
    return 1.0 - (1.0 - confidence) / max(tests, 1)


def holm(p: npt.ArrayLike) -> Float64:
    """Adjusted p-values that control the chance of any false alarm (Holm 1979).

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).round(4).tolist()
    [0.03, 0.06, 0.06]
    """
    raw = np.asarray(p, np.float64)
    order = np.argsort(raw, kind="stable")
    steps = np.maximum.accumulate(raw[order] * np.arange(raw.size, 0, -1))
    adjusted = np.empty_like(raw)
    adjusted[order] = np.minimum(steps, 1.0)
    return adjusted


def largest(bounds_at: Callable[[float], Bounds], *, tests: int, confidence: float) -> Bounds:
    """Bounds of the largest of several true values.

    Parameters
    ----------
    bounds_at : callable
        Gives the bounds of all values at a confidence.
    tests : int
        Number of values looked at, for the correction of the lower bound.
    confidence : float
        Of each of the two bounds, in (0.5, 1).
    """
    plain, strict = bounds_at(confidence), bounds_at(bonferroni(confidence, tests))
    return Bounds.of(plain.value.max(), strict.lower.max(), plain.upper.max())


def smallest(bounds_at: Callable[[float], Bounds], *, tests: int, confidence: float) -> Bounds:
    """Bounds of the smallest of several true values; see `largest`."""
    plain, strict = bounds_at(confidence), bounds_at(bonferroni(confidence, tests))
    return Bounds.of(plain.value.min(), plain.lower.min(), strict.upper.min())


def clopper_pearson(successes: npt.ArrayLike, rows: npt.ArrayLike, confidence: float) -> Bounds:
    """Exact bounds of a rate (Clopper and Pearson 1934); never too narrow.

    Examples
    --------
    >>> b = clopper_pearson(0, 10, 0.95)
    >>> float(b.lower), round(float(b.upper), 4)
    (0.0, 0.2589)
    """
    k, n = np.asarray(successes, np.float64), np.asarray(rows, np.float64)
    alpha = 1.0 - confidence
    with np.errstate(invalid="ignore"):
        lower = np.where(k > 0, special.betaincinv(np.maximum(k, 1), n - k + 1, alpha), 0.0)
        upper = np.where(k < n, special.betaincinv(k + 1, np.maximum(n - k, 1), confidence), 1.0)
    return Bounds(k / n, lower, upper)


def wilson(successes: npt.ArrayLike, rows: npt.ArrayLike, confidence: float) -> Bounds:
    """Score bounds of a rate (Wilson 1927).

    Examples
    --------
    >>> b = wilson(8, 10, 0.975)
    >>> round(float(b.lower), 4), round(float(b.upper), 4)
    (0.4902, 0.9433)
    """
    k, n = np.asarray(successes, np.float64), np.asarray(rows, np.float64)
    z = float(special.ndtri(confidence))
    rate = k / n
    centre = (rate + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(rate * (1 - rate) / n + z**2 / (4 * n**2))
    return Bounds(rate, np.clip(centre - half, 0.0, rate), np.clip(centre + half, rate, 1.0))


def difference(a: Bounds, b: Bounds) -> Bounds:
    """Bounds of ``a - b`` of independent samples, from the bounds of each (square-and-add).

    With Wilson bounds this is Newcombe's method 10 (1998, Statistics in Medicine 17); with any
    other bounds it is MOVER (Zou and Donner 2008, Statistics in Medicine 27).

    Examples
    --------
    >>> d = difference(wilson(56, 70, 0.975), wilson(48, 80, 0.975))
    >>> round(float(d.value), 2), round(float(d.lower), 4), round(float(d.upper), 4)
    (0.2, 0.0524, 0.3339)
    """
    value = a.value - b.value
    return Bounds(
        value,
        value - np.hypot(a.value - a.lower, b.upper - b.value),
        value + np.hypot(a.upper - a.value, b.value - b.lower),
    )


def ratio(a: Bounds, b: Bounds) -> Bounds:
    """Bounds of ``a / b`` of independent, non-negative measures, from the bounds of each.

    MOVER-R (Donner and Zou 2012, Statistical Methods in Medical Research 21). The upper bound
    is infinite where the lower bound of ``b`` is 0.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        value = a.value / b.value
        lower = _mover_ratio(a.value, a.lower, b.value, b.upper, sign=-1.0)
        upper = _mover_ratio(a.value, a.upper, b.value, b.lower, sign=1.0)
    return Bounds(value, np.where(b.value > 0, lower, 0.0), np.where(b.lower > 0, upper, np.inf))


def _mover_ratio(a: Float64, a_end: Float64, b: Float64, b_end: Float64, sign: float) -> Float64:
    """The end of the ratio's interval at which ``a`` and ``b`` lie at ``a_end`` and ``b_end``."""
    product = a * b
    inside = product**2 - a_end * b_end * (2 * a - a_end) * (2 * b - b_end)
    root = np.sqrt(np.maximum(inside, 0.0))
    ends: Float64 = (product + sign * root) / (b_end * (2 * b - b_end))
    return ends


@dataclass(frozen=True)
class Moments:
    """Rows, mean, variance (divisor rows - 1) and third central moment, one entry a group."""

    rows: Float64
    mean: Float64
    variance: Float64
    third: Float64


def moments(values: npt.ArrayLike) -> Moments:
    """Moments of one sample, as arrays without dimensions."""
    x = np.asarray(values, np.float64)
    grouped = group_moments(x, np.zeros(x.size, np.int64), 1)
    return Moments(grouped.rows[0], grouped.mean[0], grouped.variance[0], grouped.third[0])


def group_moments(values: Float64, codes: Int64, groups: int) -> Moments:
    """Moments of ``values`` in each group, in one pass.

    Parameters
    ----------
    values : ndarray, shape (n,)
    codes : ndarray of int, shape (n,)
        Group of each row, in ``range(groups)``; negative: in none.
    groups : int
    """
    inside = codes >= 0
    x, c = values[inside], codes[inside]
    rows = np.bincount(c, minlength=groups).astype(np.float64)
    safe = np.maximum(rows, 1)
    mean = np.bincount(c, x, groups) / safe
    deviation = x - mean[c]
    squares = np.bincount(c, deviation**2, groups)
    cubes = np.bincount(c, deviation**3, groups)
    return Moments(rows, mean, squares / np.maximum(rows - 1, 1), cubes / safe)


def rest_moments(values: Float64, codes: Int64, groups: int) -> Moments:
    """Moments of the rows outside each group, in one pass; see `group_moments`."""
    centred = values - values.mean()
    inside = codes >= 0
    x, c = centred[inside], codes[inside]
    rows = values.size - np.bincount(c, minlength=groups).astype(np.float64)
    safe = np.maximum(rows, 1)
    first, second, third = (
        (np.sum(centred**k) - np.bincount(c, x**k, groups)) / safe for k in (1, 2, 3)
    )
    spread = np.maximum(second - first**2, 0.0)
    cubic = third - 3 * first * second + 2 * first**3
    return Moments(rows, values.mean() + first, spread * safe / np.maximum(rows - 1, 1), cubic)


def mean_bounds(sample: Moments, confidence: float) -> Bounds:
    """Bounds of a mean that allow for skewness: Student's t, widened by Hall's transformation.

    Towards the long tail the bound is Hall's, second-order correct without resampling (Hall
    1992, JRSS B 54, "On the removal of skewness by transformation"), with Student's quantile
    in place of the normal one and `LONG_TAIL`; towards the other it is Student's, which is
    then on the safe side. Without skewness it is Student's interval.

    Examples
    --------
    >>> b = mean_bounds(moments([1.0, 2.0, 3.0, 4.0, 5.0]), 0.95)
    >>> round(float(b.lower), 3), round(float(b.upper), 3)
    (1.493, 4.507)
    """
    scale = np.sqrt(sample.variance / np.maximum(sample.rows, 1))
    deviation = np.sqrt(sample.variance * (sample.rows - 1) / np.maximum(sample.rows, 1))
    with np.errstate(all="ignore"):
        skew = sample.third / deviation / deviation / deviation / np.sqrt(sample.rows)
    skew = np.where(np.isfinite(skew), skew, 0.0)
    lower, upper = _skewed_bounds(sample.mean, scale, skew, sample.rows - 1, confidence)
    return Bounds(sample.mean, lower, upper)


def _skewed_bounds(
    value: Float64, scale: Float64, skew: Float64, freedom: Float64, confidence: float
) -> tuple[Float64, Float64]:
    """Bounds of an estimate with standard error ``scale`` and skewness ``skew`` of its own."""
    t = special.stdtrit(np.maximum(freedom, 1), confidence)
    below = np.minimum(_hall_inverse(-t, LONG_TAIL * np.maximum(skew, 0.0)), -t)
    above = np.maximum(_hall_inverse(t, LONG_TAIL * np.minimum(skew, 0.0)), t)
    return value - scale * above, value - scale * below


def _hall_inverse(quantile: Float64, skew: Float64) -> Float64:
    """Inverse of Hall's monotone cubic: from a symmetric quantile to the skewed statistic's."""
    near_zero = np.abs(skew) < 1e-9
    a = np.where(near_zero, 1.0, skew)
    curved = 3.0 / a * (np.cbrt(1.0 + a * (quantile - a / 6.0)) - 1.0)
    result: Float64 = np.where(near_zero, quantile, curved)
    return result


def paired_ratio(numerator: npt.ArrayLike, denominator: npt.ArrayLike, confidence: float) -> Bounds:
    """Bounds of the ratio of two means over the same rows.

    Fieller's argument (1954, JRSS B 16): a ratio r is refuted where the mean of
    ``numerator - r * denominator`` is bounded away from 0, here by `mean_bounds`. Where the
    denominator's mean is not bounded away from 0, an end is infinite.

    Parameters
    ----------
    numerator, denominator : array-like, shape (n,)
        Two measurements of each row; the denominator's mean is positive.

    Examples
    --------
    >>> b = paired_ratio([1.0, 2.0, 3.0, 2.0], [2.0, 4.0, 6.0, 4.0], 0.95)
    >>> float(b.value), round(float(b.upper), 6)
    (0.5, 0.5)
    """
    a, b = np.asarray(numerator, np.float64), np.asarray(denominator, np.float64)
    centre = float(a.mean() / b.mean())
    combine = _combined_moments(a, b)

    def refuted_above(r: Float64) -> Bool:
        return mean_bounds(combine(r), confidence).upper < 0

    def refuted_below(r: Float64) -> Bool:
        return mean_bounds(combine(r), confidence).lower > 0

    return Bounds.of(
        centre, _boundary(refuted_below, centre, -1.0), _boundary(refuted_above, centre, 1.0)
    )


def _combined_moments(a: Float64, b: Float64) -> Callable[[Float64], Moments]:
    """Moments of ``a - r * b`` for any r, from joint moments that are computed once."""
    da, db = a - a.mean(), b - b.mean()
    n = a.size
    second = [np.mean(da**2), np.mean(da * db), np.mean(db**2)]
    third = [np.mean(da**3), np.mean(da**2 * db), np.mean(da * db**2), np.mean(db**3)]

    def combine(r: Float64) -> Moments:
        spread = second[0] - 2 * r * second[1] + r**2 * second[2]
        return Moments(
            np.full(r.shape, float(n)),
            a.mean() - r * b.mean(),
            np.maximum(spread, 0.0) * n / (n - 1),
            third[0] - 3 * r * third[1] + 3 * r**2 * third[2] - r**3 * third[3],
        )

    return combine


def _boundary(refuted: Callable[[Float64], Bool], centre: float, direction: float) -> float:
    """Where ``refuted`` begins, going from ``centre``; infinite where it never does."""
    scale = direction * max(abs(centre), 1e-12)
    reach = np.concatenate([[0.0], 2.0 ** np.arange(-20, 60)])
    for _ in range(9):
        found = np.flatnonzero(refuted(centre + scale * reach))
        if not found.size:
            return direction * np.inf
        first = max(int(found[0]), 1)
        reach = np.linspace(reach[first - 1], reach[first], 65)
    return float(centre + scale * reach[-1])


def auc(positive: npt.ArrayLike, negative: npt.ArrayLike, confidence: float) -> Bounds:
    """Chance that a random positive scores above a random negative, ties counting one half.

    The Mann-Whitney statistic with DeLong's variance (1988, Biometrics 44; midranks after Sun
    and Xu 2014) bounds it on the logit scale; that is too narrow for a dozen positives near 1,
    and gives nothing where the classes separate. The inversion of Hanley and McNeil's variance
    (Newcombe 2006, Statistics in Medicine 25) holds there; each bound is the wider of the two.

    Parameters
    ----------
    positive, negative : array-like, shape (m,), (n,)
        Scores of the two classes; at least two each.

    Examples
    --------
    >>> round(float(auc([0.8, 0.7, 0.4], [0.6, 0.3, 0.2], 0.95).value), 4)
    0.8889
    """
    x, y = np.asarray(positive, np.float64), np.asarray(negative, np.float64)
    both = _midranks(np.concatenate([x, y]))
    above = (both[: x.size] - _midranks(x)) / y.size
    below = 1.0 - (both[x.size :] - _midranks(y)) / x.size
    area = float(above.mean())
    other = _hanley_mcneil(area, x.size, y.size, confidence)
    variance = above.var(ddof=1) / x.size + below.var(ddof=1) / y.size
    if variance <= 1e-15 or not 0.0 < area < 1.0:
        return other
    logit = np.log(area / (1 - area))
    half = float(special.ndtri(confidence)) * np.sqrt(variance) / (area * (1 - area))
    return Bounds.of(
        area,
        np.minimum(special.expit(logit - half), other.lower),
        np.maximum(special.expit(logit + half), other.upper),
    )


def _midranks(values: Float64) -> Float64:
    """Ranks from 1, ties sharing their mean rank."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: Float64 = (last - (counts - 1) / 2)[inverse]
    return ranks


def _hanley_mcneil(area: float, positives: int, negatives: int, confidence: float) -> Bounds:
    """Bounds at which the area would lie just ``z`` of its standard errors away."""
    z = float(special.ndtri(confidence))
    half = (positives + negatives) / 2 - 1

    def too_far(a: float) -> bool:
        inner = 1 + half * ((1 - a) / (2 - a) + a / (1 + a))
        error = np.sqrt(max(a * (1 - a), 0.0) * inner / (positives * negatives))
        return bool(abs(area - a) > z * error)

    ends = []
    for end in (0.0, 1.0):
        inside, outside = area, end
        for _ in range(80):
            middle = (inside + outside) / 2
            inside, outside = (inside, middle) if too_far(middle) else (middle, outside)
        ends.append(inside)
    return Bounds.of(area, ends[0], ends[1])


def quantile_bounds(values: npt.ArrayLike, quantile: float, confidence: float) -> Bounds:
    """Distribution-free bounds of a quantile by order statistics (exact for continuous values).

    Ends that the rows cannot give are infinite.

    Examples
    --------
    >>> b = quantile_bounds(range(1, 12), 0.5, 0.95)
    >>> float(b.value), float(b.lower), float(b.upper)
    (6.0, 3.0, 9.0)
    """
    x = np.sort(np.asarray(values, np.float64))
    n = x.size
    below = special.bdtr(np.arange(n), n, quantile)  # P(fewer than k + 1 rows lie below)
    covers_above = np.flatnonzero(below >= confidence)
    covers_below = np.flatnonzero(below <= 1 - confidence)
    upper = x[covers_above[0]] if covers_above.size else np.inf
    lower = x[covers_below[-1]] if covers_below.size else -np.inf
    return Bounds.of(np.quantile(x, quantile), lower, upper)


def greater_p(a: Moments, b: Moments) -> Float64:
    """One-sided p-values of Welch's test that the mean of ``a`` is above that of ``b``."""
    error_a, error_b = a.variance / a.rows, b.variance / b.rows
    total = error_a + error_b
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(total > 0, (a.mean - b.mean) / np.sqrt(total), 0.0)
        freedom = total**2 / (error_a**2 / (a.rows - 1) + error_b**2 / (b.rows - 1))
    p: Float64 = np.where(total > 0, special.stdtr(np.maximum(freedom, 1), -t), 0.5)
    return p


def calibration_error(
    outcome: Float64, probability: Float64, bins: Int64, confidence: float
) -> Bounds:
    """Bounds of the expected calibration error over given bins.

    ``sum_b n_b / n * |mean outcome - mean probability|``. The upper bound takes the signs of
    the gaps as known, which makes the error one mean (intersection-union over signs). The
    measured error is too large on average even for calibrated probabilities; the lower bound
    subtracts the confidence quantile of what chance alone would add.

    Parameters
    ----------
    outcome : ndarray, shape (n,)
        0 or 1.
    probability : ndarray, shape (n,)
        In [0, 1].
    bins : ndarray of int, shape (n,)
        Bin of each row, from 0, chosen without looking at the outcomes.
    """
    n = outcome.size
    residual = outcome - probability
    gaps = np.bincount(bins, residual)
    value = float(np.abs(gaps).sum() / n)
    noise = np.sqrt(np.bincount(bins, residual**2)) / n  # standard error of each bin's share
    chance = _sum_of_half_normals(noise, confidence)
    upper = value + float(special.stdtrit(n - 1, confidence)) * np.sqrt(np.mean(residual**2) / n)
    return Bounds.of(value, max(value - chance, 0.0), min(upper, 1.0))


def _sum_of_half_normals(scales: Float64, confidence: float) -> float:
    """Quantile of a sum of absolute normal deviates (Cornish and Fisher 1938, third order)."""
    z = float(special.ndtri(confidence))
    deviation = np.sqrt((1 - 2 / np.pi) * np.sum(scales**2))
    third = np.sqrt(2 / np.pi) * (4 / np.pi - 1) * np.sum(scales**3)
    skew = third / deviation**3 if deviation > 0 else 0.0
    return float(np.sqrt(2 / np.pi) * scales.sum() + deviation * (z + skew * (z**2 - 1) / 6))

"""Bounds of means and of ratios of means."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from assay.assess.statistics.bounds import Bool, Bounds, Float64, Int64

LONG_TAIL = 1.7
"""Factor on the sample's skewness for the bound on the side of the long tail.

Samples of some dozens of rows understate skewness; with the factor the bound keeps its
coverage for exponential, gamma, log-normal and Student's absolute errors from 50 rows on.
"""
MOST_SKEW = 1.1
"""Skewness times the quantile from which Hall's bound would come nearer again; it is capped."""


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


def weighted_moments(values: Float64, weights: npt.ArrayLike, codes: Int64, groups: int) -> Moments:
    """Weighted moments of ``values`` in each group, with effective rows.

    The rows are Kish's (1965): ``(sum w)^2 / sum w^2``. Equal weights, of whatever size, give
    `group_moments`.

    Parameters
    ----------
    values : ndarray, shape (n,)
    weights : array-like, shape (n,)
        What each row counts, at least 0; rows of weight 0 count for nothing.
    codes : ndarray of int, shape (n,)
        Group of each row, in ``range(groups)``; negative: in none.
    groups : int
    """
    inside = codes >= 0
    x, w, c = values[inside], np.asarray(weights, np.float64)[inside], codes[inside]
    total = np.maximum(np.bincount(c, w, groups), np.finfo(float).tiny)
    rows = total**2 / np.maximum(np.bincount(c, w**2, groups), np.finfo(float).tiny)
    rows = np.where(np.bincount(c, w > 0, groups) > 0, rows, 0.0)
    mean = np.bincount(c, w * x, groups) / total
    deviation = x - mean[c]
    spread = np.bincount(c, w * deviation**2, groups) / total
    cubes = np.bincount(c, w * deviation**3, groups) / total
    return Moments(rows, mean, spread * rows / np.maximum(rows - 1, 1), cubes)


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
    most = MOST_SKEW / np.maximum(np.abs(t), 1e-9)
    below = np.minimum(_hall_inverse(-t, np.clip(LONG_TAIL * skew, 0.0, most)), -t)
    above = np.maximum(_hall_inverse(t, np.clip(LONG_TAIL * skew, -most, 0.0)), t)
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


def greater_p(a: Moments, b: Moments) -> Float64:
    """One-sided p-values of Welch's test that the mean of ``a`` is above that of ``b``."""
    error_a, error_b = a.variance / a.rows, b.variance / b.rows
    total = error_a + error_b
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(total > 0, (a.mean - b.mean) / np.sqrt(total), 0.0)
        freedom = total**2 / (error_a**2 / (a.rows - 1) + error_b**2 / (b.rows - 1))
    p: Float64 = np.where(total > 0, special.stdtr(np.maximum(freedom, 1), -t), 0.5)
    return p

"""Bounds of rates, and of differences and ratios of independent measures."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import special

from assay.assess.statistics.bounds import Bounds, Float64, Int64


def clopper_pearson(successes: npt.ArrayLike, rows: npt.ArrayLike, confidence: float) -> Bounds:
    """Exact bounds of a rate (Clopper and Pearson 1934); never too narrow.

    Counts need not be whole: with `weighted_counts` these are the bounds of Korn and Graubard
    (1998, Survey Methodology 24).

    Examples
    --------
    >>> b = clopper_pearson(0, 10, 0.95)
    >>> float(b.lower), round(float(b.upper), 4)
    (0.0, 0.2589)
    """
    k, n = np.asarray(successes, np.float64), np.asarray(rows, np.float64)
    none, all_of_them = k <= 0, k >= n
    lower = special.betaincinv(np.where(none, 1, k), np.maximum(n - k, 0) + 1, 1.0 - confidence)
    upper = special.betaincinv(np.maximum(k, 0) + 1, np.where(all_of_them, 1, n - k), confidence)
    with np.errstate(invalid="ignore", divide="ignore"):
        rate = k / n
    return Bounds(rate, np.where(none, 0.0, lower), np.where(all_of_them, 1.0, upper))


def wilson(successes: npt.ArrayLike, rows: npt.ArrayLike, confidence: float) -> Bounds:
    """Score bounds of a rate (Wilson 1927).

    Narrow, but one-sided they hold only on average over rates: for rates near 0 the lower bound
    fails more often than it promises (Cai 2005). Verdicts rest on `clopper_pearson`.

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


def weighted_counts(
    events: npt.ArrayLike, weights: npt.ArrayLike, codes: Int64, groups: int
) -> tuple[Float64, Float64]:
    """Effective events and effective rows of each group, for `clopper_pearson` and gaps.

    The rows are Kish's (1965): ``(sum w)^2 / sum w^2``; the events are the weighted rate times
    these. Equal weights give plain counts.

    Parameters
    ----------
    events : array-like of 0 and 1, shape (n,)
    weights : array-like, shape (n,)
        What each row counts, at least 0.
    codes : ndarray of int, shape (n,)
        Group of each row, in ``range(groups)``; negative: in none.
    groups : int

    Returns
    -------
    events, rows : ndarray of float64, shape (groups,)

    Examples
    --------
    >>> k, n = weighted_counts([1, 0, 1], [2.0, 2.0, 2.0], np.zeros(3, np.int64), 1)
    >>> k.tolist(), n.tolist()
    ([2.0], [3.0])
    """
    inside = codes >= 0
    w, c = np.asarray(weights, np.float64)[inside], codes[inside]
    total = np.bincount(c, w, groups)
    hits = np.bincount(c, w * np.asarray(events, np.float64)[inside], groups)
    rows = total**2 / np.maximum(np.bincount(c, w**2, groups), np.finfo(float).tiny)
    return rows * hits / np.maximum(total, np.finfo(float).tiny), rows


def difference(a: Bounds, b: Bounds) -> Bounds:
    """Bounds of ``a - b`` of independent samples, from the bounds of each (square-and-add).

    With Wilson bounds this is Newcombe's method 10 (1998, Statistics in Medicine 17); with any
    other bounds it is MOVER (Zou and Donner 2008, Statistics in Medicine 27). Verdicts use it
    with `clopper_pearson`.

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

"""Bounds of anything that is computed from counts, by resampling the counts.

Rates of groups depend on rows only through a small table: how many rows of each group have each
combination of truth and prediction. Drawing rows with repetition and counting again is the same
as drawing that table from a multinomial distribution, at a cost that does not grow with the
rows.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import special

from assay.assess.statistics.bounds import Bounds, Float64, Int64

Statistic = Callable[[Float64], Float64]
"""From tables, shape (n_tables, n_groups, n_cells), to numbers, shape (n_tables,) or
(n_tables, n_numbers)."""


def count_bootstrap(
    counts: Int64,
    statistic: Statistic,
    confidence: float,
    *,
    replicates: int = 1000,
    seed: int = 0,
) -> Bounds:
    """Bounds of numbers that follow from a table of counts, by the bootstrap (BCa).

    Bias-corrected and accelerated (Efron 1987, JASA 82), the acceleration from leaving out one
    row of each cell. A replicate without a value, such as a rate among no rows, counts as
    the worst for either bound. Nothing is corrected for looking at several numbers, nor for the
    bias of a largest difference: use `gap_of_rates` for that.

    Where a closed form exists use it: with fewer than a hundred rows behind a rate, or with
    empty cells, the bootstrap's bounds are too narrow.

    Parameters
    ----------
    counts : ndarray of int, shape (n_groups, n_cells)
        Rows of each group by cell, say (truth, prediction). Whole numbers.
    statistic : callable
        From tables, shape (n_tables, n_groups, n_cells), to (n_tables,) or (n_tables, k).
    confidence : float
        Of each of the two bounds, in (0.5, 1).
    replicates : int
        Tables drawn, at least 200.
    seed : int
        The draws are the same for the same counts, whatever the groups are called.

    Returns
    -------
    Bounds
        Shape () or (k,).

    Examples
    --------
    >>> def gap(tables):
    ...     rates = tables[..., 1] / tables.sum(axis=-1)
    ...     return rates[:, 0] - rates[:, 1]
    >>> b = count_bootstrap(np.array([[600, 400], [700, 300]]), gap, 0.95)
    >>> round(float(b.value), 3), bool(0.05 < b.lower < 0.08), bool(0.12 < b.upper < 0.15)
    (0.1, True, True)
    """
    table = np.asarray(counts, np.int64)
    drawn = _drawn(table, replicates, seed)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = np.asarray(statistic(table[None].astype(np.float64))[0], np.float64)
        each = _columns(statistic(drawn))
        without = _columns(statistic(_one_row_less(table)))
    weight = table[table > 0].astype(np.float64)
    skew = _acceleration(without, weight)
    ends = [
        _end(each[:, i], center, skew[i], confidence) for i, center in enumerate(value.reshape(-1))
    ]
    lower, upper = (np.array(side).reshape(value.shape) for side in zip(*ends, strict=True))
    return Bounds(value, np.fmin(lower, value), np.fmax(upper, value))


def _drawn(table: Int64, replicates: int, seed: int) -> Float64:
    """Tables as drawing rows with repetition would give them, from one multinomial call."""
    order = np.lexsort(table.T[::-1])  # the draws must not depend on the order of the groups
    cells = table[order].reshape(-1)
    total = int(cells.sum())
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(total, cells / total, size=replicates)
    back = np.empty_like(order)
    back[order] = np.arange(order.size)
    return drawn.reshape(replicates, *table.shape)[:, back].astype(np.float64)


def _one_row_less(table: Int64) -> Float64:
    """The table without one row, for each cell that holds any."""
    places = np.flatnonzero(table)
    less = np.repeat(table.reshape(1, -1), places.size, axis=0).astype(np.float64)
    less[np.arange(places.size), places] -= 1.0
    return less.reshape(-1, *table.shape)


def _acceleration(without: Float64, weight: Float64) -> Float64:
    """How fast the standard error changes with the value, of each number."""
    with np.errstate(divide="ignore", invalid="ignore"):
        pulled = np.average(without, axis=0, weights=weight) - without
        cubes, squares = weight @ pulled**3, weight @ pulled**2
        skew = cubes / (6.0 * squares**1.5)
    return np.where(np.isfinite(skew), skew, 0.0)


def _end(each: Float64, value: float, skew: float, confidence: float) -> tuple[float, float]:
    """Both bounds of one number from its replicates."""
    known = each[np.isfinite(each)]
    if not known.size or not np.isfinite(value):
        return -np.inf, np.inf
    share = np.mean(known < value) + 0.5 * np.mean(known == value)
    shift = float(special.ndtri(np.clip(share, 0.5 / known.size, 1 - 0.5 / known.size)))
    z = float(special.ndtri(confidence))
    ranks = [_rank(shift, side * z, skew) for side in (-1.0, 1.0)]
    low = np.where(np.isnan(each), -np.inf, each)
    high = np.where(np.isnan(each), np.inf, each)
    return (
        float(np.quantile(low, ranks[0], method="lower")),
        float(np.quantile(high, ranks[1], method="higher")),
    )


def _rank(shift: float, z: float, skew: float) -> float:
    """Share of replicates below the bound."""
    room = 1.0 - skew * (shift + z)
    if room <= 0:  # accelerated beyond every replicate
        return float(z > 0)
    return float(special.ndtr(shift + (shift + z) / room))


def _columns(values: Float64) -> Float64:
    """One column a number."""
    array = np.asarray(values, np.float64)
    return array.reshape(array.shape[0], -1)

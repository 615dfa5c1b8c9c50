"""How unlike the training rows a row is: a small model of the rows that serving can carry.

Every column is cut into bins, and each bin's chance is learned given the bin of the one column
that tells most about it (the tree of Chow and Liu 1968). A row's score adds up the squares of
how surprising its cells are. What is stored are counts turned into chances, never a row; a level
that fewer than `FEWEST_NAMED` rows have is not named. Needs NumPy only.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from assay.records import Record

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]
Array = npt.NDArray[Any]

FEWEST_NAMED = 5
"""Rows from which a level is stored by its name."""
MOST_LEVELS = 100
MOST_PAIRED = 40
"""Columns that may depend on another one: the most varied."""
SHRINKAGE = 20.0
"""Rows' worth of belief that a column does not depend on its parent."""
CUTS = (0.005, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.995)
"""Quantiles at which a number is cut: finer towards its ends."""
BEYOND_CHANCE = 4.0
"""Standard deviations by which two columns must go together beyond chance to be paired."""
STEPS = 200
"""Steps in which the scores of calibration rows are stored."""


class NoveltyColumn(Record, frozen=True, kw_only=True):
    """One column's bins and how surprising each is.

    Bin 0 holds missing cells. Numbers: bin 1 below everything seen, then ranges, the last above
    everything seen. Categories: bin 1 onwards the levels, the last all others.
    """

    name: str
    number: bool
    edges: tuple[float, ...] = ()
    """Numbers: upper edges of bins 1 onwards."""
    levels: tuple[str, ...] = ()
    parent: int | None = None
    """Position of the column it depends on; None: on none."""
    surprise: tuple[tuple[float, ...], ...]
    """Minus the logarithm of each bin's chance, by the parent's bin; one row without parent."""

    @property
    def bins(self) -> int:
        """Number of bins."""
        return len(self.edges) + 2 if self.number else len(self.levels) + 2

    def bin_of(self, cells: Array) -> Int64:
        """The bin of each cell; numbers as float64 with NaN missing, categories with ''."""
        flat = cells.ravel()
        if not self.number:
            places = {name: place for place, name in enumerate(self.levels, start=1)} | {"": 0}
            rest = len(self.levels) + 1
            return np.array([places.get(cell, rest) for cell in flat], np.int64)
        values = flat.astype(np.float64)
        bins = np.searchsorted(np.array(self.edges), values, side="left").astype(np.int64) + 1
        bins[np.isnan(values)] = 0
        return bins


class Novelty(Record, frozen=True, kw_only=True):
    """A model of the training rows.

    ``scores`` are those of training rows that the chances were not learned from, at steps of
    equal numbers of rows: conformal p-values come from them.
    """

    columns: tuple[NoveltyColumn, ...]
    scores: tuple[float, ...]
    alarm_rate: float
    """Share of rows like the training rows that may raise an alarm."""
    threshold: float
    """Score above which a row raises an alarm; infinite (1e300) where rows were too few."""
    rows: int
    """Rows it was learned from, and calibrated on."""

    def surprises(self, inputs: Mapping[str, Array]) -> Float64:
        """How surprising each cell is, given the column it depends on.

        Parameters
        ----------
        inputs : mapping of str to ndarray, shape (n, 1)
            As a graph takes them: float64 with NaN missing, or strings with '' missing.

        Returns
        -------
        ndarray, shape (n, n_columns)
            In nats, at least 0; in the order of ``columns``.
        """
        bins = [column.bin_of(inputs[column.name]) for column in self.columns]
        each = []
        for column, own in zip(self.columns, bins, strict=True):
            table = np.array(column.surprise)
            above = np.zeros_like(own) if column.parent is None else bins[column.parent]
            each.append(table[above, own])
        return np.stack(each, axis=1)

    def score(self, inputs: Mapping[str, Array]) -> Float64:
        """How unlike the training rows each row is, shape (n,); larger is stranger."""
        return combined(self.surprises(inputs))

    def strange(self, inputs: Mapping[str, Array]) -> npt.NDArray[np.bool_]:
        """Whether each row raises an alarm, shape (n,).

        A row like the training rows does so with at most the chance ``alarm_rate`` (split
        conformal detection: Laxhammar and Falkman 2015; Bates and others 2023).
        """
        return np.asarray(self.score(inputs) > self.threshold, np.bool_)

    def p_values(self, inputs: Mapping[str, Array]) -> Float64:
        """Share of rows like the training rows that are at least as strange, shape (n,).

        From the stored steps, so no finer than one in `STEPS`; at least ``1 / (rows + 1)``.
        """
        below = np.searchsorted(np.array(self.scores), self.score(inputs), side="left")
        return np.maximum(1 - below / len(self.scores), 1 / (self.rows + 1))


def combined(surprises: Float64) -> Float64:
    """One score of a row from the surprise of its cells: the sum of their squares.

    Between the plain sum (minus the logarithm of the row's chance), in which one impossible cell
    is lost among many ordinary ones, and the largest alone, which sees no row that is odd in
    many cells a little.
    """
    return np.asarray(np.sum(surprises**2, axis=1), np.float64)


def fit_novelty(
    inputs: Mapping[str, Array], names: Sequence[str], *, alarm_rate: float = 0.01
) -> Novelty:
    """Learn a model of the training rows: from two in three of them, calibrated on the third.

    Parameters
    ----------
    inputs : mapping of str to ndarray, shape (n, 1)
        Training rows in an order that chance gave them; every third row calibrates.
    names : sequence of str
        Columns to use.
    alarm_rate : float
        Share of rows like these that may raise an alarm, in (0, 1).
    """
    rows = len(inputs[names[0]])
    held = np.arange(rows) % 3 == 2
    learned = {name: inputs[name][~held] for name in names}
    columns = _learned(learned, names)
    whole = Novelty(
        columns=columns, scores=(0.0,), alarm_rate=alarm_rate, threshold=1e300, rows=rows
    )
    scores = np.sort(whole.score({name: inputs[name][held] for name in names}))
    rank = math.ceil(round((scores.size + 1) * (1 - alarm_rate), 9))
    steps = np.quantile(scores, np.arange(1, STEPS + 1) / STEPS, method="inverted_cdf")
    return Novelty(
        columns=columns,
        scores=tuple(float(score) for score in steps),
        alarm_rate=alarm_rate,
        threshold=float(scores[rank - 1]) if rank <= scores.size else 1e300,
        rows=rows,
    )


def _learned(inputs: Mapping[str, Array], names: Sequence[str]) -> tuple[NoveltyColumn, ...]:
    """Bins of every column, the tree between them, and the chances."""
    empty = [_bins(name, inputs[name]) for name in names]
    codes = [column.bin_of(inputs[column.name]) for column in empty]
    shares = [_marginal(own, column.bins) for own, column in zip(codes, empty, strict=True)]
    parents = _tree(codes, [column.bins for column in empty])
    columns = []
    for place, (column, own) in enumerate(zip(empty, codes, strict=True)):
        parent = parents[place]
        chances = shares[place][None, :]
        if parent is not None:
            table = _counts(codes[parent], own, empty[parent].bins, column.bins)
            seen = table.sum(axis=1, keepdims=True)
            chances = (table + SHRINKAGE * shares[place]) / (seen + SHRINKAGE)
        surprise = tuple(tuple(round(float(s), 4) for s in row) for row in -np.log(chances))
        columns.append(
            NoveltyColumn(
                name=column.name,
                number=column.number,
                edges=column.edges,
                levels=column.levels,
                parent=parent,
                surprise=surprise,
            )
        )
    return tuple(columns)


def _bins(name: str, cells: Array) -> NoveltyColumn:
    """A column's bins, without their chances."""
    flat = cells.ravel()
    if flat.dtype == object:
        levels, counts = np.unique(flat[flat != ""].astype(str), return_counts=True)
        order = np.argsort(-counts, kind="stable")[:MOST_LEVELS]
        named = tuple(str(levels[i]) for i in order if counts[i] >= FEWEST_NAMED)
        return NoveltyColumn(name=name, number=False, levels=named, surprise=())
    values = flat.astype(np.float64)
    known = values[np.isfinite(values)]
    if not known.size:
        return NoveltyColumn(name=name, number=True, edges=(0.0,), surprise=())
    inner = np.quantile(known, CUTS, method="inverted_cdf")
    ends = [np.nextafter(known.min(), -np.inf), known.max()]
    edges = np.unique(np.concatenate([ends, inner]))
    return NoveltyColumn(name=name, number=True, edges=tuple(map(float, edges)), surprise=())


def _marginal(codes: Int64, bins: int) -> Float64:
    """Chance of each bin; half a row is added to each (Jeffreys), so that none is impossible."""
    counts = np.bincount(codes, minlength=bins) + 0.5
    shares: Float64 = counts / counts.sum()
    return shares


def _counts(a: Int64, b: Int64, width_a: int, width_b: int) -> Int64:
    return np.bincount(a * width_b + b, minlength=width_a * width_b).reshape(width_a, width_b)


def _tree(codes: Sequence[Int64], widths: Sequence[int]) -> list[int | None]:
    """The parent of each column in the tree that holds most mutual information (Prim 1957).

    Columns that share no more than chance may bring have no parent.
    """
    shares = [np.bincount(own) / max(own.size, 1) for own in codes]
    entropy = np.array([_entropy(share) for share in shares])
    parents: list[int | None] = [None] * len(codes)
    waiting = [int(i) for i in np.argsort(-entropy, kind="stable")[:MOST_PAIRED]]
    reached = [waiting.pop(0)]
    best = dict.fromkeys(waiting, (0.0, -1))
    while best:
        latest = reached[-1]
        for place, (information, _) in best.items():
            table = _counts(codes[latest], codes[place], widths[latest], widths[place])
            shared = _shared(table, entropy[latest] + entropy[place])
            if shared > information:
                best[place] = (shared, latest)
        place = max(best, key=lambda i: (best[i][0], -i))
        information, parent = best.pop(place)
        parents[place] = parent if information > 0 else None
        reached.append(place)
    return parents


def _shared(table: Int64, entropies: float) -> float:
    """Mutual information of two columns in nats, less what chance alone may bring.

    Without dependence, ``2 n`` times the information is about chi-squared (Wilks 1938): its mean
    and `BEYOND_CHANCE` of its standard deviations are taken off.
    """
    rows = max(int(table.sum()), 1)
    used = [np.count_nonzero(table.sum(axis=axis)) - 1 for axis in (0, 1)]
    freedom = used[0] * used[1]
    chance = (freedom + BEYOND_CHANCE * math.sqrt(2 * freedom)) / (2 * rows)
    return round(float(entropies - _entropy(table.ravel() / rows) - chance), 12)


def _entropy(shares: Float64) -> float:
    p = shares[shares > 0]
    return float(-np.sum(p * np.log(p)))

"""The search behind counterfactuals: donors, subsets of columns, what is needless, what differs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from assay.assess.actions import Moves
from assay.assess.distances import Space
from assay.assess.goals import Goal
from assay.assess.statistics import Bool, Float64, Int64
from assay.assess.subject import Answered, Score

DONORS_A_ROW = 6
"""Donors that each row has at least."""
KEPT = 4
"""Candidates a row, for each that is asked for, among which the easy and different are chosen."""
SIZES = (1, 2, 3, 4, 6, 10)
"""How many columns are taken from a donor; all that differ come last."""
FIXED_COUNTS = 10.0
"""How much more a difference counts in a column that cannot change, when donors are chosen."""
HALVINGS = 4
"""Times that the way back of the dearest number is halved."""
_SHRINK = 5.0
"""Rows that pull the mean answer of a value towards the mean of all."""


@dataclass(frozen=True, eq=False)
class Candidates:
    """Changed rows: ``lender`` (m, n_columns) is where in the pool a value is from, or -1."""

    row: Int64
    lender: Int64

    def __getitem__(self, which: Int64 | Bool) -> Candidates:
        return Candidates(self.row[which], self.lender[which])


@dataclass(frozen=True, eq=False)
class Search:
    """Rows that want another answer, and the real rows that may lend them values."""

    score: Score
    rows: pl.DataFrame
    pool: pl.DataFrame
    space: Space
    moves: Moves
    count: int

    def run(self, goals: Iterable[tuple[Goal, Int64]]) -> tuple[Candidates, Bool]:
        """The chosen candidates of all rows, and whether each holds when asked again.

        Parameters
        ----------
        goals : iterable of goal and positions
            Which rows are to reach it; each row has one goal.
        """
        chosen, holds = [self._none], [np.zeros(0, dtype=np.bool_)]
        for goal, asking in goals:
            usable = np.flatnonzero(goal.reached(self._pool_answer))
            if usable.size and asking.size:
                found = self._of_goal(goal, asking, usable)
                chosen.append(found)
                holds.append(self._reaches(found, goal))
        return _joined(chosen), np.concatenate(holds)

    @cached_property
    def _cells(self) -> tuple[Float64, Float64]:
        """Rows and pool as numbers."""
        both = self.space.cells(pl.concat([self.rows, self.pool]))
        return both[: self.rows.height], both[self.rows.height :]

    @cached_property
    def _pool_answer(self) -> Answered:
        return self.score(self.pool)

    @property
    def _none(self) -> Candidates:
        nowhere = np.zeros(0, dtype=np.int64)
        return Candidates(nowhere, np.zeros((0, self.rows.width), dtype=np.int64))

    def _of_goal(self, goal: Goal, asking: Int64, usable: Int64) -> Candidates:
        """The chosen candidates of some rows."""
        tried = self._tried(goal, asking, usable)
        valid = tried[self._reaches(tried, goal)]
        valid = self._easiest(valid, KEPT * self.count, 2)
        least = self._nearer(self._without_needless(valid, goal), goal)
        if self.count == 1:
            return self._diverse(least)
        return self._diverse(_joined([least, valid]))  # too few may differ in what is needed

    def _tried(self, goal: Goal, asking: Int64, usable: Int64) -> Candidates:
        """Subsets of what each row may take from its nearest donors."""
        rows, pool = self._cells
        lift = self._lift(goal)
        donors = usable[self._nearest(rows[asking], pool[usable])]
        common = np.broadcast_to(self._telling(lift, usable), (asking.size, self.count))
        donors = np.concatenate([donors, common], axis=1)
        steps = self.space.steps(rows[asking, None, :], pool[donors])
        moving = steps > 0
        allowed = self.moves.allowed(rows[asking, None, :], pool[donors], moving, self.space)
        barred = self.moves.any_of_unit(moving & ~allowed)
        possible = self.moves.any_of_unit(moving) & ~barred
        gain = np.stack([own[1][donors] - own[0][asking, None] for own in lift], axis=2)
        unit_gain = self.moves.sum_of_unit(gain * moving)
        unit_cost = self.moves.sum_of_unit(steps)
        found = [self._none]
        for units in _subsets(possible, unit_gain, unit_cost):
            at = np.nonzero(units.any(axis=2))
            taken = self.moves.columns_of(units[at]) & moving[at]
            found.append(Candidates(asking[at[0]], np.where(taken, donors[at][:, None], -1)))
        return _joined(found)

    def _nearest(self, rows: Float64, pool: Float64) -> Int64:
        """Donors of each row, (n_rows, k): the nearest, and the nearest of its own kind.

        Those of its own kind share what cannot change, for what is enough for others may not be
        enough for this row; the others are there because a rare kind has few donors.
        """
        k = min(len(pool), max(DONORS_A_ROW, 2 * self.count))
        near = self._first(self.space.distances(rows, pool), k)
        if not self.moves.fixed.any():
            return near
        weight = np.where(self.moves.fixed, FIXED_COUNTS, 1.0)
        own = self._first(self.space.distances(rows, pool, weight), k)
        return np.concatenate([near, own], axis=1)

    @staticmethod
    def _first(distance: Float64, k: int) -> Int64:
        """Places of the ``k`` least of each row, in rising order."""
        near = np.argpartition(distance, k - 1, axis=1)[:, :k]
        order = np.argsort(np.take_along_axis(distance, near, axis=1), axis=1, kind="stable")
        return np.take_along_axis(near, order, axis=1)

    def _telling(self, lift: list[tuple[Float64, Float64]], usable: Int64) -> Int64:
        """Donors for everyone, (count,): of each column one whose value is answered best.

        Columns in the order of how much better that is than usual; each number as usual as
        possible.
        """
        pool = self._cells[1][usable]
        found = []
        for c, (_, means) in enumerate(lift):
            away = _from_usual(pool[:, c]) if self.space.number[c] else np.zeros(usable.size)
            best = usable[np.lexsort((away, -means[usable]))[0]]
            found.append((float(np.median(means) - means[best]), c, best))
        donors = np.array([best for _, _, best in sorted(found)], dtype=np.int64)
        return np.resize(donors, self.count)

    def _lift(self, goal: Goal) -> list[tuple[Float64, Float64]]:
        """How near to the goal rows with each row's and each donor's value are on average."""
        rows, pool = self._cells
        near = goal.nearness(self._pool_answer)
        return [
            _mean_by_value(rows[:, c], pool[:, c], near, number=bool(self.space.number[c]))
            for c in range(self.space.width)
        ]

    def _reaches(self, candidates: Candidates, goal: Goal) -> Bool:
        """Whether the model gives each candidate the wanted answer."""
        if not candidates.row.size:
            return np.zeros(0, dtype=np.bool_)
        return goal.reached(self.score(self.frame(candidates)))

    def frame(self, candidates: Candidates) -> pl.DataFrame:
        """The changed rows."""
        lender = np.ascontiguousarray(candidates.lender.T)
        return pl.DataFrame(
            [
                self.pool[name]
                .gather(np.maximum(lender[c], 0))
                .zip_with(pl.Series(lender[c] >= 0), self.rows[name].gather(candidates.row))
                for c, name in enumerate(self.rows.columns)
            ]
        )

    def _values(self, candidates: Candidates) -> Float64:
        """The changed rows as numbers."""
        rows, pool = self._cells
        own, lender = rows[candidates.row], candidates.lender
        lent = np.take_along_axis(pool, np.maximum(lender, 0), axis=0)
        return np.where(lender >= 0, lent, own)

    def steps(self, candidates: Candidates) -> Float64:
        """What each change costs, (m, n_columns); 0 where nothing changes."""
        return self.space.steps(self._cells[0][candidates.row], self._values(candidates))

    def effort(self, candidates: Candidates) -> Float64:
        """Cost of all changes, and 1 more for each: few and small ones come first; (m,)."""
        steps = self.steps(candidates)
        return np.asarray(steps.sum(axis=1) + (steps > 0).sum(axis=1))

    def _easiest(self, candidates: Candidates, most: int, of_donor: int) -> Candidates:
        """The easiest of each row, at most so many of one donor, sorted by row and effort."""
        order = np.lexsort((self.effort(candidates), candidates.row))
        ordered = candidates[order]
        pair = ordered.row * np.int64(self.pool.height) + ordered.lender.max(axis=1, initial=-1)
        ordered = ordered[_turns(pair) < of_donor]
        return ordered[_turns(ordered.row) < most]

    def _without_needless(self, candidates: Candidates, goal: Goal) -> Candidates:
        """Candidates without changes that are not needed, the dearest given back first."""
        lender = candidates.lender.copy()
        taken = self.moves.any_of_unit(lender >= 0)
        active = np.flatnonzero(taken.sum(axis=1) > 1)
        while active.size:
            which, unit = np.nonzero(taken[active])
            which = active[which]
            kept = np.where(self.moves.members.T[unit], -1, lender[which])
            fewer = Candidates(candidates.row[which], kept)
            held = np.flatnonzero(self._reaches(fewer, goal))
            cost = self.steps(fewer[held]).sum(axis=1)
            held = held[np.argsort(-cost, kind="stable")]  # the cheapest comes last and stays
            lender[which[held]] = kept[held]
            active = np.unique(which[held])
            taken = self.moves.any_of_unit(lender >= 0)
            active = active[taken[active].sum(axis=1) > 1]
        return Candidates(candidates.row, lender)

    def _nearer(self, candidates: Candidates, goal: Goal) -> Candidates:
        """Candidates, each with its dearest number as near to the row's own as was found.

        The values in between that real rows hold are halved again and again. Linked columns
        stay as they were lent.
        """
        rows, pool = self._cells
        alone = self.moves.members.sum(axis=0)[self.moves.members.argmax(axis=1)] == 1
        steps = self.steps(candidates) * (alone & self.space.number)
        steps = np.where(np.isnan(rows[candidates.row]), 0.0, steps)
        column = steps.argmax(axis=1)
        mine = np.flatnonzero(steps.max(axis=1, initial=0.0) > 0)
        lender = candidates.lender.copy()
        order = np.argsort(pool, axis=0, kind="stable")
        ranked = np.take_along_axis(pool, order, axis=0)
        column, row = column[mine], candidates.row[mine]
        ahead = _ranks(ranked, column, pool[lender[mine, column], column])
        back = _ranks(ranked, column, rows[row, column])
        for _ in range(HALVINGS):
            middle = (ahead + back) // 2
            value = ranked[middle, column] * self.space.scale[column]
            tried = Candidates(row, lender[mine])
            tried.lender[np.arange(mine.size), column] = order[middle, column]
            holds = (value >= self.moves.low[column]) & (value <= self.moves.high[column])
            holds &= self._reaches(tried, goal) & _between(ranked, column, middle, back, ahead)
            lender[mine[holds]] = tried.lender[holds]
            ahead, back = np.where(holds, middle, ahead), np.where(holds, back, middle)
        return Candidates(candidates.row, lender)

    def _diverse(self, candidates: Candidates) -> Candidates:
        """Of each row the easiest, then again and again one unlike all that were chosen.

        One that differs in two columns or more from every chosen one comes before one that
        differs in a single column, and the easier before the harder.
        """
        if not candidates.row.size:
            return candidates
        effort = self.effort(candidates)
        order = np.lexsort((effort, candidates.row))
        candidates, effort = candidates[order], effort[order]
        owners, group = np.unique(candidates.row, return_inverse=True)
        place = _turns(group)
        shape = (owners.size, int(place.max()) + 1)
        table = np.zeros((*shape, self.space.width))
        table[group, place] = self._values(candidates)
        costs = np.full(shape, np.inf)
        costs[group, place] = effort
        numbers = np.full(shape, -1)
        numbers[group, place] = np.arange(group.size)
        return candidates[np.sort(self._greedy(table, costs, numbers))]

    def _greedy(self, table: Float64, costs: Float64, numbers: Int64) -> Int64:
        """Numbers of the chosen; ``table``: (n_rows, n_candidates, n_columns)."""
        unlike = np.full(costs.shape, 2)
        everyone = np.arange(len(costs))
        dearest = np.max(costs, where=np.isfinite(costs), initial=0.0) + 1.0
        picked = []
        for _ in range(self.count):
            rank = np.where(unlike > 0, costs + dearest * (2 - unlike), np.inf)
            best = np.argmin(rank, axis=1)
            some = np.isfinite(rank[everyone, best])
            if not some.any():
                break
            picked.append(numbers[everyone[some], best[some]])
            differing = (self.space.steps(table, table[everyone, best][:, None, :]) > 0).sum(axis=2)
            unlike = np.minimum(unlike, differing)
        return np.concatenate(picked)


def _from_usual(values: Float64) -> Float64:
    """How far each value lies from the median; missing ones lie farthest."""
    known = values[~np.isnan(values)]
    usual = float(np.median(known)) if known.size else 0.0
    return np.nan_to_num(np.abs(values - usual), nan=np.inf)


def _turns(values: Int64) -> Int64:
    """How many equal values come before each."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    turns = np.empty(values.size, dtype=np.int64)
    turns[order] = np.arange(values.size) - np.searchsorted(ordered, ordered)
    return turns


def _ranks(ranked: Float64, column: Int64, values: Float64) -> Int64:
    """Where each value would stand in its column of ``ranked``, which rises down each column."""
    found = np.zeros(values.size, dtype=np.int64)
    for c in np.unique(column):
        here = column == c
        found[here] = np.searchsorted(ranked[:, c], values[here], side="left")
    return np.minimum(found, len(ranked) - 1)


def _between(ranked: Float64, column: Int64, middle: Int64, back: Int64, ahead: Int64) -> Bool:
    """Whether the value in the middle is no farther than the one ahead, and not missing."""
    value, limit = ranked[middle, column], ranked[ahead, column]
    return np.where(back <= ahead, value <= limit, value >= limit) & ~np.isnan(value)


def _subsets(possible: Bool, gain: Float64, cost: Float64) -> Iterator[Bool]:
    """Units to take, (n_rows, n_donors, n_units): the best few by gain, and by gain a cost."""
    count = possible.sum(axis=2)
    ranks = [
        np.argsort(np.argsort(np.where(possible, -key, np.inf), axis=2, kind="stable"), axis=2)
        for key in (gain, gain / np.maximum(cost, 1e-9))
    ]
    before = np.zeros(count.shape, dtype=np.int64)
    for size in (*SIZES, possible.shape[2]):
        size_here = np.minimum(count, size)
        fresh = (size_here > before)[:, :, None]
        first, second = (possible & (rank < size) & fresh for rank in ranks)
        yield first
        yield second & (first != second).any(axis=2, keepdims=True)
        before = size_here


def _mean_by_value(
    rows: Float64, pool: Float64, near: Float64, *, number: bool
) -> tuple[Float64, Float64]:
    """Mean nearness of the pool at the value of each row, and of each pool row."""
    if number:
        known = pool[~np.isnan(pool)]
        edges = np.unique(np.quantile(known, np.arange(1, 16) / 16)) if known.size else known
        codes = [
            np.where(np.isnan(x), edges.size + 1, np.searchsorted(edges, x, side="right"))
            for x in (rows, pool)
        ]
    else:
        _, both = np.unique(np.concatenate([rows, pool]), return_inverse=True)
        codes = [both[: rows.size], both[rows.size :]]
    size = max(int(c.max(initial=0)) for c in codes) + 1
    counts = np.bincount(codes[1], minlength=size)
    sums = np.bincount(codes[1], near, minlength=size)
    mean = (sums + _SHRINK * near.mean()) / (counts + _SHRINK)
    return mean[codes[0]], mean[codes[1]]


def _joined(parts: list[Candidates]) -> Candidates:
    return Candidates(
        np.concatenate([p.row for p in parts]), np.concatenate([p.lender for p in parts])
    )

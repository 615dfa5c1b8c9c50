"""What would have to change for another answer, in the user's own columns.

For each row the nearest real rows with the wanted answer lend it some of their values, the
fewest and nearest that the model itself says are enough. All rows are asked in a few calls of
the model, and every value in a counterfactual is one that a real row holds.

The steps: nearest donors by distance; which columns to take from a donor, by how much rows
with its value differ on average in their answers; subsets of growing size, all asked at once;
what turns out not to be needed is given back; the dearest number moves back as far as it may;
a greedy choice of cheap and different ones; and all that are chosen are asked once more.

Sources: S. Wachter, B. Mittelstadt and C. Russell, Counterfactual explanations without opening
the black box, Harvard Journal of Law & Technology 31 (2018), for the distance; R. Mothilal,
A. Sharma and C. Tan, Explaining machine learning classifiers through diverse counterfactual
explanations, FAT* 2020, for the measures; B. Ustun, A. Spangher and Y. Liu, Actionable
recourse in linear classification, FAT* 2019, for actions; M. Keane and B. Smyth, Good
counterfactuals and where to find them, ICCBR 2020, for real rows that lend values.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from assay.assess.actions import moves_of
from assay.assess.counterfactual_search import Search
from assay.assess.distances import Space
from assay.assess.goals import Wanted, goals
from assay.assess.statistics import Bool, Float64, Int64
from assay.assess.subject import Score
from assay.errors import InputError, InvalidTable, UnknownColumn
from assay.question import Actions

MOST_DONORS = 2_000
"""Training rows among which donors are sought."""
NEAREST = 5
"""The neighbour up to which plausibility measures the distance."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Counterfactuals:
    """Changed rows to which the model gives the wanted answer.

    Attributes
    ----------
    asked : int
        Rows that a counterfactual was sought for.
    frame : pl.DataFrame, m rows
        The changed rows.
    row : ndarray of int, shape (m,)
        Which of the rows given each was made from; the easiest first within a row, that is the
        one with the least cost plus number of changed columns.
    changed : ndarray of bool, shape (m, n_columns)
        Which columns differ from that row.
    cost : ndarray, shape (m,)
        Sum over the changed columns: of numbers, the distance in median absolute deviations;
        1 for a category or a missing value.
    holds : ndarray of bool, shape (m,)
        Whether the model, asked again, gives the wanted answer.
    """

    asked: int
    frame: pl.DataFrame
    row: Int64
    changed: Bool
    cost: Float64
    holds: Bool
    space: Space
    pool: Float64

    @cached_property
    def found(self) -> Int64:
        """How many each row has, (asked,)."""
        return np.bincount(self.row, minlength=self.asked).astype(np.int64)

    @property
    def validity(self) -> float:
        """Share of the counterfactuals that the model answers as wanted; NaN without any."""
        return float(np.mean(self.holds)) if self.holds.size else float("nan")

    @property
    def proximity(self) -> float:
        """Mean cost of a counterfactual; NaN without any."""
        return float(np.mean(self.cost)) if self.cost.size else float("nan")

    @property
    def sparsity(self) -> float:
        """Mean number of changed columns; NaN without any."""
        return float(np.mean(self.changed.sum(axis=1))) if self.cost.size else float("nan")

    @cached_property
    def diversity(self) -> float:
        """Mean share of columns in which two counterfactuals of a row differ; NaN without two."""
        cells = self.space.cells(self.frame)
        places = np.arange(self.row.size) - np.searchsorted(self.row, self.row)
        differing = [
            np.mean(self.space.steps(cells[gap:][pairs], cells[:-gap][pairs]) > 0, axis=1)
            for gap in range(1, int(places.max(initial=0)) + 1)
            if (pairs := self.row[gap:] == self.row[:-gap]).any()
        ]
        return float(np.mean(np.concatenate(differing))) if differing else float("nan")

    @cached_property
    def plausibility(self) -> float:
        """How far from real rows: 1 is as far as real rows are from one another; less is nearer.

        Median distance to the fifth nearest training row, divided by that of training rows.
        NaN without any counterfactual.
        """
        near = min(NEAREST, len(self.pool) - 1)
        if not self.row.size or near < 1:
            return float("nan")
        real = self.space.nth_nearest(self.pool[:500], self.pool, near + 1)  # itself is the first
        own = self.space.nth_nearest(self.space.cells(self.frame), self.pool, near)
        usual = float(np.median(real))
        return float(np.median(own)) / usual if usual > 0 else float("nan")


def counterfactuals(
    score: Score,
    rows: pl.DataFrame,
    train: pl.DataFrame,
    *,
    wanted: Wanted = None,
    count: int = 10,
    actions: Actions | None = None,
    seed: int = 0,
) -> Counterfactuals:
    """Seek changed rows that get the wanted answer.

    Parameters
    ----------
    score : callable
        The model.
    rows : pl.DataFrame
        Rows to change. Its columns are those that count, best the ones the model reads.
    train : pl.DataFrame
        Real rows that lend their values; it has at least the columns of ``rows``.
    wanted : int, pair of float, or None
        A class by its position; the least and largest value of a regression; None: the
        likeliest class other than the row's own.
    count : int
        Counterfactuals of each row, at most.
    actions : Actions, optional
        What may change, and how; by default everything.
    seed : int
        Of the sample of ``train`` that donors come from.

    Returns
    -------
    Counterfactuals
        Of rows that have the wanted answer already there is none.

    Raises
    ------
    UnknownColumn, InputError
        Columns, actions and ``wanted`` do not fit the tables or the model.
    """
    lacking = [name for name in rows.columns if name not in train.columns]
    if lacking:
        raise UnknownColumn(lacking[0], train.columns)
    if train.is_empty():
        raise InvalidTable("No real rows can lend their values.", hint="Pass training rows.")
    if count < 1:
        raise InputError("No counterfactual is asked for.", hint="Set count to at least 1.")
    train = train.select(pl.col(n).cast(t) for n, t in rows.schema.items())
    space = Space.of(train)
    chosen = np.random.default_rng(seed).permutation(train.height)[: _most_donors(rows)]
    pool = train[np.sort(chosen)]
    search = Search(score, rows, pool, space, moves_of(actions or Actions(), rows), count)
    found, holds = search.run(goals(score(rows), wanted))
    steps = search.steps(found)
    cost = steps.sum(axis=1)
    order = np.lexsort((search.effort(found), found.row))
    return Counterfactuals(
        asked=rows.height,
        frame=search.frame(found[order]),
        row=found.row[order],
        changed=steps[order] > 0,
        cost=cost[order],
        holds=holds[order],
        space=space,
        pool=space.cells(pool),
    )


def _most_donors(rows: pl.DataFrame) -> int:
    """Donors that can be compared with all rows in reasonable time."""
    return max(50, min(MOST_DONORS, 200_000_000 // max(1, rows.height * rows.width)))

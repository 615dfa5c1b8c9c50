"""Which combinations of groups and categories the table hardly holds.

A pattern fixes the values of some columns and leaves the others open: women, or women who rent.
It is uncovered where fewer rows than a threshold match it, and maximal where every pattern with
one value fewer is covered: the widest gaps, each told once (Asudeh, Jin and Jagadish 2019).
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import polars as pl

from assay.assess.check import BaseCheck
from assay.assess.finding import Evidence, Finding, Principle
from assay.assess.groups import MISSING, Groups, groups_of
from assay.assess.statistics import Bool, Int64
from assay.assess.subject import Subject
from assay.errors import NotApplicable
from assay.question import CROSS

FEWEST_ROWS = 30
FEW_LEVELS = 12
"""A category with more values is not crossed with others, unless its groups are affected."""
MOST_LEVELS = 200
MOST_CELLS = 1_000_000
"""Patterns that are counted, at most: columns are added, small ones first, until then."""
MOST_SHOWN = 25


@dataclass(frozen=True, kw_only=True)
class UncoveredPatterns(BaseCheck):
    """Which combinations of groups does the table hardly hold?"""

    min_rows: int = FEWEST_ROWS
    evidence: Evidence = "table"

    code: ClassVar[str] = "INC005"
    title: ClassVar[str] = "Combinations of groups without rows enough"
    principle: ClassVar[Principle] = "inclusiveness"
    sources: ClassVar[tuple[Evidence, ...]] = ("table",)

    def run(self, subject: Subject) -> Finding:
        """Number of maximal uncovered patterns of the affected groups: a fact.

        Those that categories have a part in are in the details: some of them cannot occur.
        """
        columns, affected = _columns(subject)
        cube = count_patterns([groups.codes for groups in columns.values()], _shape(columns))
        gaps = maximal_uncovered(cube, self.min_rows)
        places = np.argwhere(gaps)
        fixed = places != np.array(cube.shape) - 1
        own = fixed[:, : len(affected)].any(axis=1)
        mixed = fixed[:, len(affected) :].any(axis=1)
        found = _Gaps(places, fixed, cube[gaps], columns)
        return self.finding(
            float(np.sum(own & ~mixed)),
            measure=f"widest combinations of groups with fewer than {self.min_rows} rows",
            method="Maximal uncovered patterns (Asudeh, Jin and Jagadish 2019) of the affected "
            "groups, counted over the whole table: a combination is named only where every "
            "part of it with one column fewer has rows enough. In the details also those of "
            "affected groups and categories of few values.",
            rows=subject.table.height,
            details={
                "min_rows": self.min_rows,
                "affected": affected,
                "columns": list(columns),
                "left_out": _left_out(subject, columns),
                "patterns": found.shown(own & ~mixed),
                "with_categories": int(np.sum(own & mixed)),
                "patterns_with_categories": found.shown(own & mixed),
            },
        )


def count_patterns(codes: list[Int64], shape: tuple[int, ...]) -> Int64:
    """Rows that match each pattern.

    Parameters
    ----------
    codes : list of ndarray of int, shape (n,)
        Value of each row in each column.
    shape : tuple of int
        Number of values of each column.

    Returns
    -------
    ndarray of int, shape (shape[0] + 1, shape[1] + 1, ...)
        The last place along a column leaves it open.

    Examples
    --------
    >>> count_patterns([np.array([0, 0, 1]), np.array([0, 1, 1])], (2, 2)).tolist()
    [[1, 1, 2], [0, 1, 1], [1, 2, 3]]
    """
    flat = np.ravel_multi_index(tuple(codes), shape)
    cube = np.bincount(flat, minlength=int(np.prod(shape))).reshape(shape)
    for axis in range(len(shape)):
        cube = np.concatenate([cube, cube.sum(axis=axis, keepdims=True)], axis=axis)
    return cube.astype(np.int64)


def maximal_uncovered(cube: Int64, min_rows: int) -> Bool:
    """Which patterns of `count_patterns` have fewer rows than ``min_rows``, no parent having.

    Returns
    -------
    ndarray of bool, of the shape of ``cube``
    """
    uncovered = cube < min_rows
    maximal = uncovered.copy()
    for axis in range(cube.ndim):
        parent = np.take(uncovered, [-1], axis=axis)
        inner = [slice(None)] * cube.ndim
        inner[axis] = slice(0, -1)
        maximal[tuple(inner)] &= ~parent
    return maximal


def _columns(subject: Subject) -> tuple[dict[str, Groups], list[str]]:
    """Columns to cross with their groups, affected ones first, and which are affected."""
    table = subject.table
    columns: dict[str, Groups] = {}
    keys = [group.key for group in subject.question.affected_groups]
    for name in dict.fromkeys(part for key in keys for part in key.split(CROSS)):
        with suppress(NotApplicable):  # personal data is not shown
            columns[name] = groups_of(subject, table, name)
    if not columns:
        raise NotApplicable("The question names no affected groups that can be shown.")
    affected = list(columns)
    if (
        np.prod([size + 1.0 for size in _shape(columns)]) > MOST_CELLS
        or max(_shape(columns)) > MOST_LEVELS
    ):
        raise NotApplicable("The affected groups have too many combinations to count.")
    for name, _ in _categories(subject, set(affected)):
        more = _category(table[name])
        cells = np.prod([size + 1.0 for size in (*_shape(columns), len(more.names))])
        if cells > MOST_CELLS:
            break
        columns[name] = more
    return columns, affected


def _categories(subject: Subject, but: set[str]) -> list[tuple[str, int]]:
    """Categories and booleans of few values that the model reads, fewest values first."""
    hidden = subject.personal_columns | but
    table = subject.table
    counted = [
        (column.name, table[column.name].n_unique())
        for column in subject.contract.features
        if column.kind in ("category", "boolean")
        and column.name not in hidden
        and column.name in table.columns
    ]
    few = [(name, levels) for name, levels in counted if 1 < levels <= FEW_LEVELS]
    return sorted(few, key=lambda item: (item[1], item[0]))


def _category(column: pl.Series) -> Groups:
    """Rows by the values of a category; missing is a value of its own."""
    texts = column.cast(pl.String).fill_null(MISSING)
    names = texts.unique().sort()
    codes = texts.cast(pl.Enum(names)).to_physical().to_numpy().astype(np.int64)
    return Groups(tuple(names), codes)


def _shape(columns: dict[str, Groups]) -> tuple[int, ...]:
    return tuple(len(groups.names) for groups in columns.values())


def _left_out(subject: Subject, columns: dict[str, Groups]) -> list[str]:
    """Categories of few values that would have been too many to cross."""
    return [name for name, _ in _categories(subject, set(columns))]


@dataclass(frozen=True, eq=False)
class _Gaps:
    """Patterns by their places in the cube, which columns they fix, and their rows."""

    places: Int64
    fixed: Bool
    rows: Int64
    columns: dict[str, Groups]

    def shown(self, chosen: Bool) -> list[dict[str, Any]]:
        """Some of them in words: the widest first, then those with the fewest rows."""
        keys = (*self.places.T[::-1], self.rows, self.fixed.sum(axis=1), ~chosen)
        order = np.lexsort(keys)[: min(MOST_SHOWN, int(chosen.sum()))]
        return [{"pattern": self._named(i), "rows": int(self.rows[i])} for i in order]

    def _named(self, i: int) -> dict[str, str]:
        return {
            name: groups.names[self.places[i, axis]]
            for axis, (name, groups) in enumerate(self.columns.items())
            if self.fixed[i, axis]
        }

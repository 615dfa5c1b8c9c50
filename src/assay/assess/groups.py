"""Rows by the groups of a column, and which groups have rows enough to be judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl

from assay.assess.finding import GroupValue
from assay.assess.statistics import Bounds, Float64, Int64
from assay.assess.subject import Subject
from assay.errors import NotApplicable, UnknownColumn

MISSING = "(missing)"
FEW_LEVELS = 12
"""A number or year with at most so many different values is taken value by value."""


@dataclass(frozen=True, eq=False)
class Groups:
    """Names of groups, and the group of each row as a position among them."""

    names: tuple[str, ...]
    codes: Int64

    @property
    def sizes(self) -> Int64:
        """Rows of each group."""
        return np.bincount(self.codes, minlength=len(self.names)).astype(np.int64)


@dataclass(frozen=True, eq=False)
class JudgedGroups:
    """Groups with rows enough; the rest are named, not judged.

    ``codes`` counts within ``names``; rows of groups that are not judged have -1.
    """

    names: tuple[str, ...]
    codes: Int64
    sizes: Float64
    not_judged: tuple[tuple[str, int], ...]
    min_rows: int

    def table(self, bounds: Bounds) -> tuple[GroupValue, ...]:
        """All groups with their bounds, largest group first; no value where not judged."""
        judged = [
            GroupValue(
                group=name,
                rows=int(rows),
                value=_finite(bounds.value[i]),
                lower=_finite(bounds.lower[i]),
                upper=_finite(bounds.upper[i]),
            )
            for i, (name, rows) in enumerate(zip(self.names, self.sizes, strict=True))
        ]
        rest = [GroupValue(group=n, rows=rows, value=None) for n, rows in self.not_judged]
        return tuple(sorted([*judged, *rest], key=lambda g: (-g.rows, g.group)))

    def details(self) -> dict[str, Any]:
        """What a finding says about groups that are too small."""
        return {
            "min_rows": self.min_rows,
            "not_judged": [{"group": name, "rows": rows} for name, rows in self.not_judged],
        }


def groups_of(subject: Subject, frame: pl.DataFrame, column: str) -> Groups:
    """Groups of rows by a column: its values, or quarters of the training rows for numbers.

    Missing is a group of its own.

    Raises
    ------
    UnknownColumn
        The table has no such column.
    NotApplicable
        No column is named, or its values are personal data and must not be shown.
    """
    if not column:
        raise NotApplicable("The question names no affected groups.")
    if column not in frame.columns:
        raise UnknownColumn(column, frame.columns)
    if column in subject.personal_columns:
        raise NotApplicable(f"Column {column!r} holds personal data or identifiers.")
    labels = group_labels(frame[column], subject.train[column])
    names, codes = np.unique(labels.to_numpy().astype(str), return_inverse=True)
    return Groups(tuple(str(n) for n in names), codes.astype(np.int64))


def group_labels(column: pl.Series, train: pl.Series) -> pl.Series:
    """The group of each cell, as text."""
    if column.dtype.is_temporal():
        column, train = column.dt.year(), train.dt.year()
    if not column.dtype.is_numeric():
        return column.cast(pl.String).fill_null(MISSING)
    known = train.cast(pl.Float64).drop_nulls().drop_nans()
    numbers = column.cast(pl.Float64).fill_nan(None)
    if known.n_unique() <= FEW_LEVELS:
        names = [MISSING if v is None else f"{v:g}" for v in numbers]
        return pl.Series(column.name, names, dtype=pl.String)
    edges = np.unique([known.quantile(q) for q in (0.25, 0.5, 0.75)])
    return label_intervals(numbers, edges)


def label_intervals(numbers: pl.Series, edges: Float64) -> pl.Series:
    """Name of the interval that each number falls in; intervals include their upper edge."""
    inner = [f"{low:g} to {high:g}" for low, high in pairwise(edges)]
    names = np.array([f"up to {edges[0]:g}", *inner, f"over {edges[-1]:g}"], dtype=object)
    values = numbers.to_numpy().astype(np.float64)
    labels = names[np.searchsorted(edges, np.nan_to_num(values), side="left")]
    labels[np.isnan(values)] = MISSING
    return pl.Series(numbers.name, labels.tolist(), dtype=pl.String)


def judge_groups(groups: Groups, *, min_rows: int, at_least: int = 2) -> JudgedGroups:
    """Keep the groups with ``min_rows`` rows; `NotApplicable` where fewer than ``at_least``."""
    sizes = groups.sizes
    kept = np.flatnonzero(sizes >= min_rows)
    if kept.size < at_least:
        raise NotApplicable(
            f"{kept.size} of {np.count_nonzero(sizes)} groups have {min_rows} rows or more; "
            f"{at_least} are needed."
        )
    position = np.full(len(groups.names), -1)
    position[kept] = np.arange(kept.size)
    small = [i for i in np.flatnonzero(sizes) if position[i] < 0]
    return JudgedGroups(
        names=tuple(groups.names[i] for i in kept),
        codes=position[groups.codes],
        sizes=sizes[kept].astype(np.float64),
        not_judged=tuple(
            sorted(((groups.names[i], int(sizes[i])) for i in small), key=lambda g: (-g[1], g[0]))
        ),
        min_rows=min_rows,
    )


def too_small(names: Sequence[tuple[str, int]]) -> str:
    """Groups that were not judged, as half a sentence: ``a (3 rows), b (1 row)``."""
    shown = ", ".join(f"{n} ({r} {'row' if r == 1 else 'rows'})" for n, r in names[:8])
    return shown + (f" and {len(names) - 8} more" if len(names) > 8 else "")


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None

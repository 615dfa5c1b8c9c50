"""Rows by groups: of a column, its bins, a condition, or several of these crossed.

What findings and rules call ``column`` is the key of a grouping: the name that the question
gives it, a column of the table, or several of these with `assay.question.CROSS` between them,
as in ``sex & race``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import reduce
from itertools import combinations, islice, pairwise, product
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from assay import question as asked
from assay.assess.finding import GroupValue
from assay.assess.statistics import Bool, Bounds, Float64, Int64
from assay.assess.subject import Subject
from assay.data.condition import holds, parse_condition
from assay.data.groupings import definitions_of
from assay.errors import InvalidConfig, NotApplicable, UnknownColumn
from assay.question import CROSS

MISSING = "(missing)"
OTHERS = "others"
"""Rows for which the condition that names a group does not hold."""

FEW_LEVELS = 12
"""A number or year with at most so many different values is taken value by value."""

ROWS_TO_CROSS = 30
"""Rows that at least two groups of a crossing need, for the crossing to be looked at."""

MOST_CROSSINGS = 20
"""Crossings that are looked at without being asked for, those of fewer columns first."""

MOST_CROSSED_GROUPS = 300
"""Groups that a crossing may have to be looked at without being asked for."""

MOST_CELLS = 1_000_000
"""Cells of a crossing that are counted in one array; beyond, rows are sorted instead."""


@dataclass(frozen=True, eq=False)
class Groups:
    """Names of groups, and the group of each row as a position among them; -1 in none."""

    names: tuple[str, ...]
    codes: Int64

    @property
    def sizes(self) -> Int64:
        """Rows of each group."""
        inside = self.codes[self.codes >= 0]
        return np.bincount(inside, minlength=len(self.names)).astype(np.int64)

    def among(self, rows: Bool) -> Groups:
        """The same groups, with all other rows in none."""
        return Groups(self.names, np.where(rows, self.codes, -1))


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
    """Groups of rows by the key of a grouping.

    A column's groups are its values; of a number with many values, quarters of the training
    rows, or the bins that the question names; of dates, years. A condition has two groups: its
    name, and `OTHERS`. Missing is a group of its own. Crossed groups are named after each part.

    Parameters
    ----------
    subject : Subject
    frame : pl.DataFrame
        The rows to group, with the columns of the subject's table.
    column : str
        The key, see the module.

    Raises
    ------
    UnknownColumn
        The table has no such column, and the question no groups of that name.
    InvalidConfig
        A condition or bins do not fit the table.
    NotApplicable
        No column is named, or its values are personal data and must not be shown.
    """
    if not column:
        raise NotApplicable("The question names no affected groups.")
    parts = definitions_of(subject.question, frame.columns, column)
    return reduce(_crossed, (_groups_by(subject, frame, part) for part in parts))


def crossings_of(subject: Subject, frame: pl.DataFrame) -> tuple[str, ...]:
    """Keys of the crossings of affected groups that have the rows, of fewer columns first.

    A crossing has the rows where two of its groups have `ROWS_TO_CROSS`. Those of more than
    `MOST_CROSSED_GROUPS` groups are left out; at most `MOST_CROSSINGS` are given.
    """
    return tuple(key for key, _ in islice(_crossings(subject, frame), MOST_CROSSINGS))


def pairs_of(subject: Subject, frame: pl.DataFrame) -> tuple[str, ...]:
    """Keys of every two affected groups that are made of different columns, to be crossed."""
    keys = [groups.key for groups in subject.question.affected_groups]
    reads = {key: columns_behind(subject, frame, key) for key in keys}
    return tuple(f"{a}{CROSS}{b}" for a, b in combinations(keys, 2) if not reads[a] & reads[b])


def groupings_of(subject: Subject, frame: pl.DataFrame) -> Iterator[tuple[str, Groups]]:
    """Key and groups of each affected column alone, then of the crossings that have the rows.

    Columns with personal data are left out.
    """
    yield from _alone(subject, frame).items()
    yield from islice(_crossings(subject, frame), MOST_CROSSINGS)


def group_labels(column: pl.Series, train: pl.Series) -> pl.Series:
    """The group of each cell, as text."""
    groups = _groups_of_values(column, train)
    return pl.Series(column.name, groups.names, dtype=pl.String).gather(groups.codes)


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
        codes=np.where(groups.codes >= 0, position[groups.codes], -1),
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


def _alone(subject: Subject, frame: pl.DataFrame) -> dict[str, Groups]:
    """Groups of each affected column that may be shown, by key."""
    found = {}
    for key in (groups.key for groups in subject.question.affected_groups):
        with suppress(NotApplicable):
            found[key] = groups_of(subject, frame, key)
    return found


def _crossings(subject: Subject, frame: pl.DataFrame) -> Iterator[tuple[str, Groups]]:
    """Key and groups of every crossing that has the rows.

    What has not the rows, or too many groups, is no better in a larger crossing, so only the
    others grow.
    """
    alone = _alone(subject, frame)
    reads = {key: columns_behind(subject, frame, key) for key in alone}
    seen, level = {frozenset(key.split(CROSS)) for key in alone}, dict(alone)
    while level:
        larger: dict[str, Groups] = {}
        for (key, groups), (other, more) in product(level.items(), alone.items()):
            parts = frozenset((*key.split(CROSS), *other.split(CROSS)))
            if reads[key] & reads[other] or parts in seen:
                continue
            seen.add(parts)
            crossed = _crossed(groups, more)
            enough = np.count_nonzero(crossed.sizes >= ROWS_TO_CROSS) >= 2
            if enough and len(crossed.names) <= MOST_CROSSED_GROUPS:
                both = f"{key}{CROSS}{other}"
                larger[both], reads[both] = crossed, reads[key] | reads[other]
                yield both, crossed
        level = larger


def columns_behind(subject: Subject, frame: pl.DataFrame, key: str) -> set[str]:
    """The columns that the groups of a key are made of."""
    parts = definitions_of(subject.question, frame.columns, key)
    return set[str]().union(*(_reads(part, frame) for part in parts))


def _groups_by(subject: Subject, frame: pl.DataFrame, definition: asked.Groups) -> Groups:
    """Groups of rows by one definition of the question."""
    if _reads(definition, frame) & subject.personal_columns:
        raise NotApplicable(f"Column {definition.key!r} holds personal data or identifiers.")
    if definition.where:
        return _groups_by_condition(frame, definition)
    column = frame[definition.column]
    if definition.bins:
        return _groups_by_bins(column, definition)
    known = definition.column in subject.train.columns and subject.train.height > 0
    return _groups_of_values(column, subject.train[definition.column] if known else column)


def _reads(definition: asked.Groups, frame: pl.DataFrame) -> set[str]:
    """The columns that a definition looks at."""
    if not definition.where:
        if definition.column not in frame.columns:
            raise UnknownColumn(definition.column, frame.columns)
        return {definition.column}
    condition = parse_condition(definition.where, frame.columns, where=_place(definition))
    return set(condition.meta.root_names())


def _groups_by_condition(frame: pl.DataFrame, definition: asked.Groups) -> Groups:
    where = _place(definition)
    condition = parse_condition(definition.where, frame.columns, where=where)
    held = holds(condition, frame, sql=definition.where, where=where)
    codes = held.cast(pl.Int64).fill_null(2).to_numpy()
    return _compact((OTHERS, definition.name, MISSING), codes)


def _place(definition: asked.Groups) -> str:
    """Where a definition stands, for an error."""
    return f"assay.yaml: affected_groups: {definition.key}"


def _groups_by_bins(column: pl.Series, definition: asked.Groups) -> Groups:
    numbers = _as_number(column)
    if numbers is None:
        raise InvalidConfig(
            f"Column {column.name!r} holds no numbers that bins could cut.",
            hint="Take the bins away: its values are then the groups.",
            where=_place(definition),
        )
    return _groups_by_edges(numbers, np.array(definition.bins))


def _groups_of_values(column: pl.Series, train: pl.Series) -> Groups:
    """Groups of a column's values; the quarters of many numbers are those of ``train``."""
    numbers, known = _as_number(column), _as_number(train)
    if numbers is None or known is None:
        texts = column.cast(pl.String).fill_null(MISSING)
        names = texts.unique().sort()
        codes = texts.cast(pl.Enum(names)).to_physical().to_numpy()
        return Groups(tuple(names.to_list()), codes.astype(np.int64))
    known = known[np.isfinite(known)]
    if np.unique(known).size <= FEW_LEVELS:
        values, codes = np.unique(numbers, return_inverse=True)  # NaN comes last
        return _compact([MISSING if np.isnan(v) else f"{v:g}" for v in values], codes)
    quarters = [pl.Series(known).quantile(q) for q in (0.25, 0.5, 0.75)]
    return _groups_by_edges(numbers, np.unique(np.array(quarters, np.float64)))


def _as_number(column: pl.Series) -> Float64 | None:
    """Numbers, and the years of dates; NaN where missing, None for anything else."""
    if column.dtype.is_temporal():
        if column.dtype not in (pl.Date, pl.Datetime):
            return None
        column = column.dt.year()
    if not column.dtype.is_numeric():
        return None
    return column.cast(pl.Float64).fill_null(np.nan).to_numpy().astype(np.float64)


def _groups_by_edges(numbers: Float64, edges: Float64) -> Groups:
    """Groups of numbers by intervals, which include their upper edge."""
    inner = [f"{low:g} to {high:g}" for low, high in pairwise(edges)]
    names = [f"up to {edges[0]:g}", *inner, f"over {edges[-1]:g}", MISSING]
    codes = np.searchsorted(edges, numbers, side="left")  # NaN sorts after every edge
    return _compact(names, np.where(np.isnan(numbers), len(names) - 1, codes))


def _crossed(a: Groups, b: Groups) -> Groups:
    """Groups formed by both."""
    width = len(b.names)
    cells = a.codes * width + b.codes
    few = len(a.names) * width <= MOST_CELLS
    found = np.flatnonzero(np.bincount(cells)) if few else np.unique(cells)
    names = [f"{a.names[c // width]}{CROSS}{b.names[c % width]}" for c in found.tolist()]
    return Groups(tuple(names), np.searchsorted(found, cells).astype(np.int64))


def _compact(names: Sequence[str], codes: npt.NDArray[Any]) -> Groups:
    """Groups without those that have no rows; equal names are one group."""
    found = np.flatnonzero(np.bincount(codes, minlength=len(names)))
    kept = list(dict.fromkeys(names[i] for i in found.tolist()))
    place = {name: i for i, name in enumerate(kept)}
    new = np.array([place.get(name, -1) for name in names], np.int64)
    return Groups(tuple(kept), new[codes])


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None

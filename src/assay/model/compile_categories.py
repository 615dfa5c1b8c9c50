"""What codes of categories stand for: tables that hold the features of all encoders of a column.

A code is the place of a level in the column's table: see `assay.model.coding`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from assay.model.coding import Coding
from assay.model.compile_features import PADDING, Block
from assay.model.encode import feature_width
from assay.model.graph import ML, GraphBuilder
from assay.model.plan import (
    CrossEncoder,
    Encoder,
    Float32,
    LevelEncoder,
    MissingEncoder,
    OneHotEncoder,
    PairEncoder,
)

MOST_CELLS = 20_000
"""Cells of a table that are no matter; a larger one-hot table goes by the rank of the level
first, and columns of other widths do not share a larger one."""


@dataclass(frozen=True)
class Categories:
    """The category columns of a graph.

    Attributes
    ----------
    builder : GraphBuilder
    coding : Coding
        Names the columns and their levels.
    codes : str
        Name of the codes of all these columns, int64 (N, n_categories).
    """

    builder: GraphBuilder
    coding: Coding
    codes: str

    def blocks(self, encoders: Sequence[tuple[int, Encoder]]) -> list[Block]:
        """The features of encoders that a table of levels can tell."""
        long = [(s, e) for s, e in encoders if self._is_long(e)]
        crosses = [(s, e) for s, e in encoders if isinstance(e, CrossEncoder)]
        rest = [(s, e) for s, e in encoders if (s, e) not in long and (s, e) not in crosses]
        tables = [self._table(place, rest) for place in range(len(self.coding.categories))]
        read = [table for table in tables if table.order]
        return [
            *(self._look_up(tables, room) for room, tables in _share_rooms(read).items()),
            *(self._one_hot(start, e) for start, e in long if isinstance(e, OneHotEncoder)),
            *(self._cross(start, e) for start, e in crosses if isinstance(e, CrossEncoder)),
        ]

    def _is_long(self, encoder: Encoder) -> bool:
        """Whether a one-hot table would hold a row of mostly zeros for very many levels."""
        if not isinstance(encoder, OneHotEncoder):
            return False
        levels = dict(self.coding.categories)[encoder.column]
        return len(levels) * feature_width(encoder) > MOST_CELLS

    def _table(self, place: int, encoders: Sequence[tuple[int, Encoder]]) -> _Table:
        """The features of one column; none where nothing else reads it."""
        column, levels = self.coding.categories[place]
        own = [(s, e) for s, e in encoders if _column_of(e) == column]
        parts = [np.zeros((len(levels) + 2, 0), np.float32)]
        parts += [_level_table(e, levels) for _, e in own]
        order = [s + i for s, e in own for i in range(feature_width(e))]
        return _Table(place, np.hstack(parts), order)

    def _look_up(self, tables: Sequence[_Table], room: int) -> Block:
        """Columns of about one width in one table, each filled up with zeros to ``room``."""
        builder = self.builder
        own = self._pick([table.place for table in tables])
        starts = np.cumsum([0, *(len(table.values) for table in tables)])[:-1]
        if len(tables) > 1:
            own = builder.node("Add", own, builder.constant(starts[None, :].astype(np.int64)))
        values = np.vstack(
            [np.pad(table.values, ((0, 0), (0, room - table.width))) for table in tables]
        )
        order = [
            number
            for table in tables
            for number in (*table.order, *[PADDING] * (room - table.width))
        ]
        if room == 1:
            return Block(builder.node("Gather", builder.constant(values[:, 0]), own), order)
        return Block(self._flat(values, own, len(tables) * room), order)

    def _one_hot(self, start: int, encoder: OneHotEncoder) -> Block:
        """The rank of the level among those with a feature, then one 1.0."""
        levels = dict(self.coding.categories)[encoder.column]
        width = feature_width(encoder)
        ranks = _level_table(encoder, levels).argmax(axis=1)
        rank = self.builder.node(
            "Gather", self.builder.constant(ranks), self._pick([self._place(encoder.column)])
        )
        order = list(range(start, start + width))
        return Block(self._flat(np.eye(width, dtype=np.float32), rank, width), order)

    def _cross(self, start: int, encoder: CrossEncoder) -> Block:
        """The code of the pair, then its value."""
        tables = dict(self.coding.categories)
        places = [
            {"": 0} | {level: i for i, level in enumerate(tables[c], 1)} for c in encoder.columns
        ]
        one, other = (self._pick([self._place(column)]) for column in encoder.columns)
        step = len(places[1]) + 1
        scaled = self.builder.node("Mul", one, self.builder.constant(np.array(step, np.int64)))
        pairs = [places[0][a] * step + places[1][b] for a, b in encoder.levels]
        value = self.builder.node(
            "LabelEncoder",
            self.builder.node("Add", scaled, other),
            domain=ML,
            keys_int64s=pairs,
            values_floats=np.asarray(encoder.values, dtype=np.float32).tolist(),
            default_float=float(np.float32(encoder.unseen)),
        )
        return Block(value, [start])

    def _pick(self, places: list[int]) -> str:
        return self.builder.pick(self.codes, places, width=len(self.coding.categories))

    def _place(self, column: str) -> int:
        return [name for name, _ in self.coding.categories].index(column)

    def _flat(self, rows: Float32, places: str, width: int) -> str:
        """Rows of a table at some places (N, n), side by side: (N, width)."""
        cube = self.builder.node("Gather", self.builder.constant(rows), places)
        shape = self.builder.constant(np.array([-1, width], dtype=np.int64))
        return self.builder.node("Reshape", cube, shape)


@dataclass(frozen=True)
class _Table:
    """The features of one category column, code by code: (n_codes, width)."""

    place: int
    """Of the column among the coding's categories."""
    values: Float32
    order: list[int]

    @property
    def width(self) -> int:
        return len(self.order)


def _room(width: int) -> int:
    """The next power of two: columns of about one width share a table."""
    return 1 << (width - 1).bit_length()


def _share_rooms(tables: Sequence[_Table]) -> dict[int, list[_Table]]:
    """Tables by the width they are filled up to: one for all where that wastes little."""
    widest = max((table.width for table in tables), default=0)
    if widest * sum(len(table.values) for table in tables) <= MOST_CELLS:
        return {widest: list(tables)} if tables else {}
    rooms: dict[int, list[_Table]] = {}
    for table in sorted(tables, key=lambda table: table.width):
        rooms.setdefault(_room(table.width), []).append(table)
    return rooms


def _column_of(encoder: Encoder) -> str:
    """The one column that an encoder reads; empty for those that read two."""
    return "" if isinstance(encoder, (CrossEncoder, PairEncoder)) else encoder.column


def _level_table(encoder: Encoder, levels: tuple[str, ...]) -> Float32:
    """Features of each code: missing, the levels, all others: (n_levels + 2, width)."""
    if isinstance(encoder, MissingEncoder):
        return np.asarray(np.arange(len(levels) + 2) == 0, dtype=np.float32)[:, None]
    if isinstance(encoder, OneHotEncoder):
        places = {level: i for i, level in enumerate(encoder.levels)}
        rest = len(encoder.levels)
        found = [places.get("", rest), *(places.get(level, rest) for level in levels), rest]
        return np.asarray(np.eye(rest + 1, dtype=np.float32)[found])
    assert isinstance(encoder, LevelEncoder)
    table = dict(zip(encoder.levels, encoder.values, strict=True))
    known = [table.get(level, encoder.unseen) for level in levels]
    return np.array([encoder.missing, *known, encoder.unseen]).astype(np.float32)[:, None]

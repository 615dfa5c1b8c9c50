"""One matrix of codes as the input of the graph, and tables of what each code stands for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from onnx import TensorProto

from assay.model.coding import LETTERS, Coding
from assay.model.compile_features import PADDING, Block, look_up_pair
from assay.model.encode import feature_width
from assay.model.graph import GraphBuilder
from assay.model.plan import (
    CrossEncoder,
    Encoder,
    Float32,
    LevelEncoder,
    MissingEncoder,
    OneHotEncoder,
    PairEncoder,
)


class Codes:
    """One matrix of doubles, as `Coding` lays it out."""

    def __init__(self, builder: GraphBuilder, name: str, coding: Coding) -> None:
        self.builder = builder
        self._name = name
        self._coding = coding
        self._places = {column: place for place, column in enumerate(coding.numbers)}

    def numbers(self, columns: Sequence[str]) -> str:
        """Columns of the matrix."""
        return self.builder.pick(
            self._name, [self._places[c] for c in columns], width=self._coding.width
        )

    def categories(self, encoders: Sequence[tuple[int, Encoder]]) -> list[Block]:
        """Tables that hold, code by code, the features of all encoders of a column."""
        by_table = [(s, e) for s, e in encoders if not isinstance(e, LETTERS)]
        if not by_table:
            return self._ready(encoders)
        codes = self._codes()
        tables = [self._table(place, by_table) for place in range(len(self._coding.categories))]
        read = [table for table in tables if table.order]
        groups = {_room(table.width) for table in read}
        blocks = [
            self._look_up(codes, [t for t in read if _room(t.width) == room], room)
            for room in sorted(groups)
        ]
        blocks += [self._cross(start, e, codes) for start, e in by_table if _is_cross(e)]
        return blocks + self._ready(encoders)

    def _table(self, place: int, encoders: Sequence[tuple[int, Encoder]]) -> _Table:
        """The features of one column; none where only crossings read it."""
        column, levels = self._coding.categories[place]
        own = [(s, e) for s, e in encoders if _column_of(e) == column]
        parts = [np.zeros((len(levels) + 2, 0), np.float32)]
        parts += [_level_table(e, levels) for _, e in own]
        order = [s + i for s, e in own for i in range(feature_width(e))]
        return _Table(place, np.hstack(parts), order)

    def _codes(self) -> str:
        """The codes of all category columns, int64 (N, n_categories)."""
        first, count = len(self._coding.numbers), len(self._coding.categories)
        own = list(range(first, first + count))
        doubles = self.builder.pick(self._name, own, width=self._coding.width)
        return self.builder.cast(doubles, TensorProto.INT64)

    def _look_up(self, codes: str, tables: Sequence[_Table], room: int) -> Block:
        """Columns of about one width in one table, each filled up with zeros to ``room``."""
        builder, count = self.builder, len(self._coding.categories)
        own = builder.pick(codes, [table.place for table in tables], width=count)
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
        cube = builder.node("Gather", builder.constant(values), own)
        shape = builder.constant(np.array([-1, len(tables) * room], dtype=np.int64))
        return Block(builder.node("Reshape", cube, shape), order)

    def _cross(self, start: int, encoder: Encoder, codes: str) -> Block:
        """The code of the pair, then its value."""
        assert isinstance(encoder, CrossEncoder)
        builder, tables = self.builder, dict(self._coding.categories)
        places = [
            {"": 0} | {level: i for i, level in enumerate(tables[c], 1)} for c in encoder.columns
        ]
        names = [name for name, _ in self._coding.categories]
        one, other = (
            builder.pick(codes, [names.index(column)], width=len(names))
            for column in encoder.columns
        )
        value = look_up_pair(builder, encoder, (one, other), places)
        return Block(value, [start])

    def _ready(self, encoders: Sequence[tuple[int, Encoder]]) -> list[Block]:
        """The features that came ready made, in the coding's order, which is the plan's."""
        order = [
            start + i
            for start, e in encoders
            if isinstance(e, LETTERS)
            for i in range(feature_width(e))
        ]
        if not order:
            return []
        width = self._coding.width
        own = self.builder.pick(self._name, list(range(width - len(order), width)), width=width)
        return [Block(self.builder.cast(own, TensorProto.FLOAT), order)]


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


def _is_cross(encoder: Encoder) -> bool:
    return isinstance(encoder, CrossEncoder)


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

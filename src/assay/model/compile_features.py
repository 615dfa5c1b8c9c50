"""The encoders of a plan as graph nodes, numbers in double until the one cast to float32.

Encoders of one kind share their nodes, so their features come out side by side: `Features`
says which feature of the plan lies where. Where the columns come from (the user's own, or one
matrix of codes) is a `Source`; all that does not touch letters is the same for both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt
from onnx import TensorProto

from assay.model.coding import LETTERS, Coding
from assay.model.compile_text import compile_hashed_text, compile_hashes, compile_text
from assay.model.encode import (
    FIRST_DAY,
    FIRST_OF_JANUARY,
    LAST_DAY,
    MICROSECONDS_A_DAY,
    MICROSECONDS_AN_HOUR,
    feature_count,
    feature_width,
)
from assay.model.graph import ML, GraphBuilder
from assay.model.plan import (
    Bool,
    CrossEncoder,
    DateEncoder,
    DatePart,
    Encoder,
    Float32,
    HashedTextEncoder,
    HashEncoder,
    LevelEncoder,
    MissingEncoder,
    ModelPlan,
    NumberEncoder,
    OneHotEncoder,
    PairEncoder,
    TextEncoder,
)

Kind = TypeVar("Kind", NumberEncoder, MissingEncoder, DateEncoder, PairEncoder)
Numbered = list[tuple[int, Kind]]
"""Encoders with the plan's number of their first feature."""


@dataclass(frozen=True)
class Features:
    """The matrix of all features in the graph.

    Attributes
    ----------
    name : str
        Of the double matrix (N, n_features); every value in it is a float32 value.
    position : ndarray of int64, shape (n_features,)
        Where feature i of the plan lies in the matrix.
    whole : ndarray of bool, shape (n_features,)
        Whether feature i of the plan is a whole number in every row, or missing.
    width : int
        Columns of the matrix; those that are no feature are zeros.
    """

    name: str
    position: npt.NDArray[np.int64]
    whole: Bool
    width: int


@dataclass(frozen=True)
class Block:
    """Features side by side; ``order``: the plan's number of each, or `PADDING`."""

    name: str
    order: list[int]


PADDING = -1
"""Stands for a column of zeros that is no feature."""


class Source(Protocol):
    """Where the graph's columns come from."""

    builder: GraphBuilder

    def numbers(self, columns: Sequence[str]) -> str:
        """Number columns side by side, double (N, n_columns)."""

    def categories(self, encoders: Sequence[tuple[int, Encoder]]) -> list[Block]:
        """The features that category columns make."""


def compile_features(source: Source, plan: ModelPlan) -> Features:
    """Add the encoders."""
    builder = source.builder
    numbers = {item.name for item in plan.inputs if item.kind == "number"}
    starts = np.cumsum([0, *map(feature_width, plan.encoders)])[:-1]
    numbered = [(int(s), e) for s, e in zip(starts, plan.encoders, strict=True)]
    on_numbers = [(s, e) for s, e in numbered if _reads_numbers(e, numbers)]
    on_texts = [(s, e) for s, e in numbered if not _reads_numbers(e, numbers)]
    blocks = [*_number_blocks(source, on_numbers), *source.categories(on_texts)]
    order = np.concatenate([block.order for block in blocks])
    position = np.empty(feature_count(plan.encoders), dtype=np.int64)
    features = np.flatnonzero(order != PADDING)
    position[order[features]] = features
    matrix = builder.concat([block.name for block in blocks])
    whole = np.array([_is_whole(e) for e in plan.encoders for _ in range(feature_width(e))])
    return Features(builder.cast(matrix, TensorProto.DOUBLE), position, whole, len(order))


def _is_whole(encoder: Encoder) -> bool:
    if isinstance(encoder, (LevelEncoder, CrossEncoder)):
        values = np.array([*encoder.values, encoder.unseen, getattr(encoder, "missing", 0.0)])
        return bool(np.all(np.isnan(values) | (values == np.floor(values))))
    return isinstance(encoder, (MissingEncoder, OneHotEncoder, HashEncoder, DateEncoder))


def _reads_numbers(encoder: Encoder, numbers: set[str]) -> bool:
    if isinstance(encoder, (PairEncoder, CrossEncoder)):
        return isinstance(encoder, PairEncoder)
    return encoder.column in numbers


class Columns:
    """The user's own columns, one input each; ``names`` holds the graph's name of each."""

    def __init__(self, builder: GraphBuilder, names: dict[str, str]) -> None:
        self.builder = builder
        self._names = names

    def numbers(self, columns: Sequence[str]) -> str:
        """The inputs side by side."""
        return self.builder.concat([self._names[c] for c in columns])

    def categories(self, encoders: Sequence[tuple[int, Encoder]]) -> list[Block]:
        """Look-ups of strings."""
        blocks, hot, hot_order = [], [], []
        for start, encoder in encoders:
            own = list(range(start, start + feature_width(encoder)))
            if isinstance(encoder, OneHotEncoder):
                hot.append(self._one_hot(encoder))
                hot_order += own
            else:
                blocks.append(Block(self._features(encoder), own))
        if hot:
            wide = self.builder.concat(hot, axis=2)
            squeezed = self.builder.node("Squeeze", wide, self.builder.axis(1))
            blocks.append(Block(squeezed, hot_order))
        return blocks

    def _features(self, encoder: Encoder) -> str:
        if isinstance(encoder, CrossEncoder):
            return self._cross(encoder)
        assert not isinstance(encoder, PairEncoder)
        column = self._names[encoder.column]
        if isinstance(encoder, HashEncoder):
            return compile_hashes(self.builder, encoder, column)
        if isinstance(encoder, TextEncoder):
            return compile_text(self.builder, encoder, column)
        if isinstance(encoder, HashedTextEncoder):
            return compile_hashed_text(self.builder, encoder, column)
        assert isinstance(encoder, (LevelEncoder, MissingEncoder))
        return self._look_up(encoder, column)

    def _look_up(self, encoder: LevelEncoder | MissingEncoder, column: str) -> str:
        if isinstance(encoder, MissingEncoder):
            levels, values, default = [""], [1.0], 0.0
        else:
            levels = ["", *encoder.levels]
            values, default = [encoder.missing, *encoder.values], encoder.unseen
        return self.builder.node(
            "LabelEncoder",
            column,
            domain=ML,
            keys_strings=levels,
            values_floats=np.asarray(values, dtype=np.float32).tolist(),
            default_float=float(np.float32(default)),
        )

    def _one_hot(self, encoder: OneHotEncoder) -> str:
        """One 1.0 along a third axis, (N, 1, n_levels + 1)."""
        rest = len(encoder.levels)
        code = self._codes(self._names[encoder.column], list(encoder.levels) or [""], rest)
        depth = self.builder.constant(np.array(rest + 1, dtype=np.int64))
        off_on = self.builder.constant(np.array([0.0, 1.0], dtype=np.float32))
        return self.builder.node("OneHot", code, depth, off_on, axis=-1)

    def _cross(self, encoder: CrossEncoder) -> str:
        """The code of the pair, then its value."""
        sides = [list(dict.fromkeys(side)) for side in zip(*encoder.levels, strict=True)]
        one, other = (
            self._codes(self._names[column], levels, len(levels))
            for column, levels in zip(encoder.columns, sides, strict=True)
        )
        step = len(sides[1]) + 1
        scaled = self.builder.node("Mul", one, self._whole(step))
        places = [{level: i for i, level in enumerate(levels)} for levels in sides]
        pairs = [places[0][a] * step + places[1][b] for a, b in encoder.levels]
        return self.builder.node(
            "LabelEncoder",
            self.builder.node("Add", scaled, other),
            domain=ML,
            keys_int64s=pairs,
            values_floats=np.asarray(encoder.values, dtype=np.float32).tolist(),
            default_float=float(np.float32(encoder.unseen)),
        )

    def _codes(self, column: str, levels: list[str], rest: int) -> str:
        """Places of a column's cells among ``levels``; ``rest`` for all others."""
        places = [min(i, rest) for i in range(len(levels))]
        return self.builder.node(
            "LabelEncoder",
            column,
            domain=ML,
            keys_strings=levels,
            values_int64s=places,
            default_int64=rest,
        )

    def _whole(self, value: int) -> str:
        return self.builder.constant(np.array(value, dtype=np.int64))


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
        step = len(places[1]) + 1
        names = [name for name, _ in self._coding.categories]
        one, other = (
            builder.pick(codes, [names.index(column)], width=len(names))
            for column in encoder.columns
        )
        scaled = builder.node("Mul", one, builder.constant(np.array(step, dtype=np.int64)))
        pairs = [places[0][a] * step + places[1][b] for a, b in encoder.levels]
        value = builder.node(
            "LabelEncoder",
            builder.node("Add", scaled, other),
            domain=ML,
            keys_int64s=pairs,
            values_floats=np.asarray(encoder.values, dtype=np.float32).tolist(),
            default_float=float(np.float32(encoder.unseen)),
        )
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


def _number_blocks(source: Source, encoders: Sequence[tuple[int, Encoder]]) -> list[Block]:
    """Columns that are encoded alike go into one matrix, so that a step is one node for all."""
    table = _NumberTable(source)
    builder = source.builder
    blocks = []
    if numbers := _of_kind(encoders, NumberEncoder):
        blocks.append(_numbers(table, numbers))
    if flags := _of_kind(encoders, MissingEncoder):
        missing = table.missing([e.column for _, e in flags])
        blocks.append(Block(builder.cast(missing, TensorProto.FLOAT), [s for s, _ in flags]))
    dates = _of_kind(encoders, DateEncoder)
    for parts in dict.fromkeys(e.parts for _, e in dates):
        blocks += _dates(table, [(s, e) for s, e in dates if e.parts == parts])
    pairs = _of_kind(encoders, PairEncoder)
    for operation in dict.fromkeys(e.operation for _, e in pairs):
        blocks.append(_pairs(table, [(s, e) for s, e in pairs if e.operation == operation]))
    return blocks


class _NumberTable:
    """Number columns side by side, each choice of them made once."""

    def __init__(self, source: Source) -> None:
        self.builder = source.builder
        self._source = source
        self._made: dict[tuple[str, ...], str] = {}
        self._missing: dict[str, str] = {}

    def values(self, columns: Sequence[str]) -> str:
        """The columns, double (N, n_columns)."""
        key = tuple(columns)
        if key not in self._made:
            self._made[key] = self._source.numbers(columns)
        return self._made[key]

    def missing(self, columns: Sequence[str]) -> str:
        """Where the columns are missing, bool (N, n_columns)."""
        values = self.values(columns)
        if values not in self._missing:
            self._missing[values] = self.builder.node("IsNaN", values)
        return self._missing[values]

    def filled(self, encoders: Sequence[NumberEncoder | DateEncoder]) -> str:
        """The encoders' columns with their fills where missing."""
        columns = [e.column for e in encoders]
        values = self.values(columns)
        fills = [e.fill for e in encoders]
        if np.isnan(fills).all():
            return values
        return self.builder.node(
            "Where", self.missing(columns), self.builder.constant(_row(fills)), values
        )


def _numbers(table: _NumberTable, numbered: list[tuple[int, NumberEncoder]]) -> Block:
    builder, encoders = table.builder, [e for _, e in numbered]
    bounded = _bounded(builder, table.filled(encoders), encoders)
    if any(e.offset for e in encoders):
        bounded = builder.node("Sub", bounded, builder.constant(_row([e.offset for e in encoders])))
    return Block(builder.cast(bounded, TensorProto.FLOAT), [s for s, _ in numbered])


def _pairs(table: _NumberTable, numbered: list[tuple[int, PairEncoder]]) -> Block:
    """All pairs of one operation in one node."""
    builder, encoders = table.builder, [e for _, e in numbered]
    operation = {"add": "Add", "subtract": "Sub", "multiply": "Mul", "divide": "Div"}
    one, other = (table.values([e.columns[side] for e in encoders]) for side in (0, 1))
    value = builder.node(operation[encoders[0].operation], one, other)
    fills = builder.constant(_row([e.fill for e in encoders]))
    filled = builder.node("Where", builder.node("IsNaN", value), fills, value)
    bounded = _bounded(builder, filled, encoders)
    return Block(builder.cast(bounded, TensorProto.FLOAT), [s for s, _ in numbered])


def _bounded(
    builder: GraphBuilder, name: str, encoders: Sequence[NumberEncoder | PairEncoder]
) -> str:
    """Between low and high. Max and Min keep NaN, and infinities in order; Clip does not."""
    low, high = ([getattr(e, end) for e in encoders] for end in ("low", "high"))
    if not np.isneginf(low).all():
        name = builder.node("Max", name, builder.constant(_row(low)))
    if not np.isposinf(high).all():
        name = builder.node("Min", name, builder.constant(_row(high)))
    return name


def _dates(table: _NumberTable, numbered: list[tuple[int, DateEncoder]]) -> list[Block]:
    """Dates of which the same parts are wanted."""
    made = _Calendar(table.builder, table.filled([e for _, e in numbered]))
    parts = numbered[0][1].parts
    return [Block(made.part(part), [s + i for s, _ in numbered]) for i, part in enumerate(parts)]


class _Calendar:
    """Parts of days in whole numbers; see `assay.model.encode.calendar` for the method."""

    def __init__(self, builder: GraphBuilder, days: str) -> None:
        self.builder = builder
        late = builder.node("Max", days, builder.number(FIRST_DAY))
        self._bounded = builder.node("Min", late, builder.number(LAST_DAY))
        self._floor = builder.node("Floor", self._bounded)
        day = builder.cast(self._floor, TensorProto.INT64)
        self._since_march = self._whole("Add", day, 719_468)
        self._of_400_years = self._whole("Add", self._whole("Mul", self._since_march, 4), 3)
        century_day = self._whole("Div", self._whole("Mod", self._of_400_years, 146_097), 4)
        self._of_100_years = self._whole("Add", self._whole("Mul", century_day, 4), 3)
        self._march_day = self._whole("Div", self._whole("Mod", self._of_100_years, 1_461), 4)

    def part(self, part: DatePart) -> str:
        """One part of every date, float (N, n_dates)."""
        if part in ("month", "day"):
            tables = _march_year()
            table = self.builder.constant(tables[part])
            return self.builder.node("Gather", table, self._march_day)
        if part == "hour":
            return self.builder.cast(self._hour(), TensorProto.FLOAT)
        if part == "weekday":
            whole = self._whole("Mod", self._whole("Add", self._since_march, 2), 7)
        else:
            whole = self._year() if part == "year" else self._day_of_year()
        return self.builder.cast(whole, TensorProto.FLOAT)

    def _year(self) -> str:
        century = self._whole("Div", self._of_400_years, 146_097)
        year = self.builder.node(
            "Add",
            self._whole("Mul", century, 100),
            self._whole("Div", self._of_100_years, 1_461),
        )
        return self.builder.node("Add", year, self.builder.cast(self._late(), TensorProto.INT64))

    def _day_of_year(self) -> str:
        builder, year = self.builder, self._year()

        def divides(number: int) -> str:
            zero = builder.constant(np.array(0, dtype=np.int64))
            return builder.node("Equal", self._whole("Mod", year, number), zero)

        common = builder.node("And", divides(4), builder.node("Not", divides(100)))
        leap = builder.cast(builder.node("Or", common, divides(400)), TensorProto.INT64)
        before = builder.constant(np.array(-FIRST_OF_JANUARY, dtype=np.int64))
        shift = builder.node("Where", self._late(), before, self._whole("Add", leap, 59))
        return self._whole("Add", builder.node("Add", self._march_day, shift), 1)

    def _late(self) -> str:
        """January or February, bool."""
        first = self.builder.constant(np.array(FIRST_OF_JANUARY, dtype=np.int64))
        return self.builder.node("GreaterOrEqual", self._march_day, first)

    def _hour(self) -> str:
        builder = self.builder
        fraction = builder.node("Sub", self._bounded, self._floor)
        scaled = builder.node("Mul", fraction, builder.number(MICROSECONDS_A_DAY))
        rounded = builder.node("Floor", builder.node("Add", scaled, builder.number(0.5)))
        hours = builder.node("Div", rounded, builder.number(MICROSECONDS_AN_HOUR))
        return builder.node("Min", builder.node("Floor", hours), builder.number(23.0))

    def _whole(self, op: str, name: str, value: int) -> str:
        return self.builder.node(op, name, self.builder.constant(np.array(value, dtype=np.int64)))


def _march_year() -> dict[str, Float32]:
    """Month and day of each day of a year that begins on 1 March."""
    lengths = (31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 31, 29)
    months = (*range(3, 13), 1, 2)
    return {
        "month": np.repeat(np.array(months, dtype=np.float32), lengths),
        "day": np.concatenate([np.arange(1, n + 1, dtype=np.float32) for n in lengths]),
    }


def _of_kind(encoders: Sequence[tuple[int, Encoder]], kind: type[Kind]) -> Numbered[Kind]:
    return [(s, e) for s, e in encoders if isinstance(e, kind)]


def _row(values: list[float]) -> npt.NDArray[np.float64]:
    return np.asarray(values, dtype=np.float64)[None, :]

"""The encoders of a plan as graph nodes, numbers in double until the one cast to float32.

Encoders of one kind share their nodes, so their features come out side by side: `Features`
says which feature of the plan lies where.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from onnx import TensorProto

from assay.model.encode import FIRST_DAY, LAST_DAY, feature_count, feature_width
from assay.model.graph import ML, GraphBuilder
from assay.model.plan import (
    DateEncoder,
    Encoder,
    LevelEncoder,
    MissingEncoder,
    ModelPlan,
    NumberEncoder,
    OneHotEncoder,
)

Kind = TypeVar("Kind", NumberEncoder, MissingEncoder, DateEncoder)


@dataclass(frozen=True)
class Features:
    """The matrix of all features in the graph.

    Attributes
    ----------
    name : str
        Of the double matrix (N, n_features); every value in it is a float32 value.
    position : ndarray of int64, shape (n_features,)
        Where feature i of the plan lies in the matrix.
    """

    name: str
    position: npt.NDArray[np.int64]


@dataclass(frozen=True)
class _Block:
    """Features side by side; ``order``: the plan's number of each."""

    name: str
    order: list[int]


def compile_features(builder: GraphBuilder, plan: ModelPlan, names: dict[str, str]) -> Features:
    """Add the encoders; ``names`` holds the graph's name of each column."""
    numbers = {item.name for item in plan.inputs if item.kind == "number"}
    starts = np.cumsum([0, *map(feature_width, plan.encoders)])[:-1]
    numbered = [(int(s), e) for s, e in zip(starts, plan.encoders, strict=True)]
    on_numbers = [(s, e) for s, e in numbered if e.column in numbers]
    on_texts = [(s, e) for s, e in numbered if e.column not in numbers]
    blocks = [*_number_blocks(builder, on_numbers, names), *_text_blocks(builder, on_texts, names)]
    order = np.concatenate([block.order for block in blocks])
    position = np.empty(feature_count(plan.encoders), dtype=np.int64)
    position[order] = np.arange(len(order))
    matrix = builder.concat([block.name for block in blocks])
    return Features(builder.cast(matrix, TensorProto.DOUBLE), position)


def _number_blocks(
    builder: GraphBuilder, encoders: Sequence[tuple[int, Encoder]], names: dict[str, str]
) -> list[_Block]:
    """Columns that are encoded alike go into one matrix, so that a step is one node for all."""
    table = _NumberTable(builder, names)
    blocks = []
    if numbers := _of_kind(encoders, NumberEncoder):
        blocks.append(_numbers(table, numbers))
    if flags := _of_kind(encoders, MissingEncoder):
        missing = table.missing([e.column for _, e in flags])
        blocks.append(_Block(builder.cast(missing, TensorProto.FLOAT), [s for s, _ in flags]))
    if dates := _of_kind(encoders, DateEncoder):
        blocks.extend(_dates(table, dates))
    return blocks


class _NumberTable:
    """Number columns side by side, each choice of them made once."""

    def __init__(self, builder: GraphBuilder, names: dict[str, str]) -> None:
        self.builder = builder
        self._names = names
        self._made: dict[tuple[str, ...], tuple[str, str]] = {}

    def missing(self, columns: Sequence[str]) -> str:
        """Where the columns are missing, bool (N, n_columns)."""
        return self._matrix(columns)[1]

    def filled(self, encoders: Sequence[NumberEncoder | DateEncoder]) -> str:
        """The encoders' columns with their fills where missing."""
        values, missing = self._matrix([e.column for e in encoders])
        fills = self.builder.constant(_row([e.fill for e in encoders]))
        return self.builder.node("Where", missing, fills, values)

    def _matrix(self, columns: Sequence[str]) -> tuple[str, str]:
        key = tuple(columns)
        if key not in self._made:
            values = self.builder.concat([self._names[c] for c in columns])
            self._made[key] = values, self.builder.node("IsNaN", values)
        return self._made[key]


def _numbers(table: _NumberTable, numbered: list[tuple[int, NumberEncoder]]) -> _Block:
    builder, encoders = table.builder, [e for _, e in numbered]
    low = builder.constant(_row([e.low for e in encoders]))
    high = builder.constant(_row([e.high for e in encoders]))
    offset = builder.constant(_row([e.offset for e in encoders]))
    # Clip in ONNX Runtime turns an infinity into the largest double; Max and Min do not.
    bounded = builder.node("Min", builder.node("Max", table.filled(encoders), low), high)
    shifted = builder.node("Sub", bounded, offset)
    return _Block(builder.cast(shifted, TensorProto.FLOAT), [s for s, _ in numbered])


def _dates(table: _NumberTable, numbered: list[tuple[int, DateEncoder]]) -> list[_Block]:
    """Month and weekday in whole numbers; see `assay.model.encode.calendar` for the method."""
    builder = table.builder

    def whole(op: str, name: str, value: int) -> str:
        return builder.node(op, name, builder.constant(np.array(value, dtype=np.int64)))

    def quarter(odd: str, cycle: int) -> str:
        return whole("Div", whole("Mod", odd, cycle), 4)

    filled = table.filled([e for _, e in numbered])
    late = builder.node("Max", filled, builder.number(FIRST_DAY))
    bounded = builder.node("Min", late, builder.number(LAST_DAY))
    day = builder.cast(builder.node("Floor", bounded), TensorProto.INT64)
    since_march = whole("Add", day, 719_468)
    day_of_century = quarter(whole("Add", whole("Mul", since_march, 4), 3), 146_097)
    day_of_year = quarter(whole("Add", whole("Mul", day_of_century, 4), 3), 1_461)
    month = builder.node("Gather", builder.constant(_month_of_day()), day_of_year)
    weekday = whole("Mod", whole("Add", since_march, 2), 7)
    return [
        _Block(month, [s for s, _ in numbered]),
        _Block(builder.cast(weekday, TensorProto.FLOAT), [s + 1 for s, _ in numbered]),
    ]


def _month_of_day() -> npt.NDArray[np.float32]:
    """The month of each day of a year that begins on 1 March."""
    lengths = (31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 31, 29)
    months = (*range(3, 13), 1, 2)
    return np.repeat(np.array(months, dtype=np.float32), lengths)


def _text_blocks(
    builder: GraphBuilder, encoders: Sequence[tuple[int, Encoder]], names: dict[str, str]
) -> list[_Block]:
    blocks, hot, hot_order = [], [], []
    for start, encoder in encoders:
        column = names[encoder.column]
        if isinstance(encoder, OneHotEncoder):
            hot.append(_one_hot(builder, encoder, column))
            hot_order += list(range(start, start + feature_width(encoder)))
        elif isinstance(encoder, (LevelEncoder, MissingEncoder)):
            blocks.append(_Block(_look_up(builder, encoder, column), [start]))
    if hot:
        wide = builder.concat(hot, axis=2)
        blocks.append(_Block(builder.node("Squeeze", wide, builder.axis(1)), hot_order))
    return blocks


def _look_up(builder: GraphBuilder, encoder: LevelEncoder | MissingEncoder, column: str) -> str:
    if isinstance(encoder, MissingEncoder):
        levels, values, default = [""], [1.0], 0.0
    else:
        levels = ["", *encoder.levels]
        values, default = [encoder.missing, *encoder.values], encoder.unseen
    return builder.node(
        "LabelEncoder",
        column,
        domain=ML,
        keys_strings=levels,
        values_floats=np.asarray(values, dtype=np.float32).tolist(),
        default_float=float(np.float32(default)),
    )


def _one_hot(builder: GraphBuilder, encoder: OneHotEncoder, column: str) -> str:
    """One 1.0 along a third axis, (N, 1, n_levels + 1)."""
    rest = len(encoder.levels)
    if not encoder.levels:
        code = builder.node(
            "LabelEncoder", column, domain=ML, keys_strings=[""], values_int64s=[0], default_int64=0
        )
    else:
        code = builder.node(
            "LabelEncoder",
            column,
            domain=ML,
            keys_strings=list(encoder.levels),
            values_int64s=list(range(rest)),
            default_int64=rest,
        )
    depth = builder.constant(np.array(rest + 1, dtype=np.int64))
    off_on = builder.constant(np.array([0.0, 1.0], dtype=np.float32))
    return builder.node("OneHot", code, depth, off_on, axis=-1)


def _of_kind(encoders: Sequence[tuple[int, Encoder]], kind: type[Kind]) -> list[tuple[int, Kind]]:
    return [(s, e) for s, e in encoders if isinstance(e, kind)]


def _row(values: list[float]) -> npt.NDArray[np.float64]:
    return np.asarray(values, dtype=np.float64)[None, :]

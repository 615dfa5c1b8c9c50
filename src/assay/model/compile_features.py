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
    """Every number column goes into one matrix first, so that a step is one node for all."""
    if not encoders:
        return []
    columns = list(dict.fromkeys(e.column for _, e in encoders))
    matrix = builder.concat([names[c] for c in columns])
    missing = builder.node("IsNaN", matrix)
    table = _NumberTable(builder, columns, matrix, missing)
    blocks = []
    if numbers := _of_kind(encoders, NumberEncoder):
        blocks.append(_numbers(table, numbers))
    if flags := _of_kind(encoders, MissingEncoder):
        picked = table.pick(missing, [e.column for _, e in flags])
        blocks.append(_Block(builder.cast(picked, TensorProto.FLOAT), [s for s, _ in flags]))
    if dates := _of_kind(encoders, DateEncoder):
        blocks.extend(_dates(table, dates))
    return blocks


@dataclass(frozen=True)
class _NumberTable:
    builder: GraphBuilder
    columns: list[str]
    matrix: str
    missing: str

    def pick(self, name: str, columns: Sequence[str]) -> str:
        """Some of the columns of a matrix, in another order or repeated."""
        if list(columns) == self.columns:
            return name
        indices = np.array([self.columns.index(c) for c in columns], dtype=np.int64)
        return self.builder.node("Gather", name, self.builder.constant(indices), axis=1)

    def filled(self, encoders: Sequence[NumberEncoder | DateEncoder]) -> str:
        """The encoders' columns with their fills where missing."""
        columns = [e.column for e in encoders]
        fills = self.builder.constant(_row([e.fill for e in encoders]))
        missing, values = self.pick(self.missing, columns), self.pick(self.matrix, columns)
        return self.builder.node("Where", missing, fills, values)


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
    """Month and weekday; see `assay.model.encode.calendar` for the arithmetic."""
    builder = table.builder

    def step(op: str, name: str, value: float) -> str:
        return builder.node(op, name, builder.number(value))

    def rest(name: str, divisor: float) -> str:
        return builder.node("Mod", name, builder.number(divisor), fmod=1)

    def quarter(name: str, cycle: float) -> str:
        """``floor(((4 x + 3) mod cycle) / 4)``."""
        odd = step("Add", step("Mul", name, 4.0), 3.0)
        return builder.node("Floor", step("Div", rest(odd, cycle), 4.0))

    bounded = step("Min", step("Max", table.filled([e for _, e in numbered]), FIRST_DAY), LAST_DAY)
    since_march = step("Add", builder.node("Floor", bounded), 719_468.0)
    day_of_year = quarter(quarter(since_march, 146_097.0), 1_461.0)
    line = step("Add", step("Mul", day_of_year, 2_141.0), 132_377.0)
    months = builder.node("Floor", step("Div", line, 65_536.0))
    month = step("Add", rest(months, 12.0), 1.0)
    weekday = rest(step("Add", since_march, 2.0), 7.0)
    return [
        _Block(builder.cast(month, TensorProto.FLOAT), [s for s, _ in numbered]),
        _Block(builder.cast(weekday, TensorProto.FLOAT), [s + 1 for s, _ in numbered]),
    ]


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

"""The encoders of a plan as graph nodes, numbers in double until the one cast to float32.

Encoders of one kind share their nodes, so their features come out side by side: `Features`
says which feature of the plan lies where. Where the columns come from (the user's own, or one
matrix of codes) is a `Source`; see `assay.model.compile_sources`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt
from onnx import TensorProto

from assay.model.compile_dates import Calendar
from assay.model.encode import feature_count, feature_width
from assay.model.graph import GraphBuilder
from assay.model.plan import (
    Bool,
    CrossEncoder,
    DateEncoder,
    Encoder,
    HashEncoder,
    LevelEncoder,
    MissingEncoder,
    ModelPlan,
    NumberEncoder,
    OneHotEncoder,
    PairEncoder,
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
    made = Calendar(table.builder, table.filled([e for _, e in numbered]))
    parts = numbered[0][1].parts
    return [Block(made.part(part), [s + i for s, _ in numbered]) for i, part in enumerate(parts)]


def _of_kind(encoders: Sequence[tuple[int, Encoder]], kind: type[Kind]) -> Numbered[Kind]:
    return [(s, e) for s, e in encoders if isinstance(e, kind)]


def _row(values: list[float]) -> npt.NDArray[np.float64]:
    return np.asarray(values, dtype=np.float64)[None, :]

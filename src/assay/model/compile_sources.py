"""Where the graph's columns come from: the user's own, one input each, or one matrix of codes."""

from __future__ import annotations

from collections.abc import Sequence

from onnx import TensorProto

from assay.model.coding import LETTERS, Coding
from assay.model.compile_categories import Categories
from assay.model.compile_features import Block
from assay.model.compile_text import compile_hashed_text, compile_hashes, compile_text
from assay.model.encode import feature_width
from assay.model.graph import ML, GraphBuilder
from assay.model.plan import Encoder, HashedTextEncoder, HashEncoder, TextEncoder


class Columns:
    """The user's own columns; ``names`` holds the graph's name of each."""

    def __init__(self, builder: GraphBuilder, names: dict[str, str], coding: Coding) -> None:
        self.builder = builder
        self._names = names
        self._coding = coding

    def numbers(self, columns: Sequence[str]) -> str:
        """The inputs side by side."""
        return self.builder.concat([self._names[c] for c in columns])

    def categories(self, encoders: Sequence[tuple[int, Encoder]]) -> list[Block]:
        """Codes of the strings, and what they stand for; letters by themselves."""
        by_table = [(s, e) for s, e in encoders if not isinstance(e, LETTERS)]
        blocks = []
        if by_table:
            codes = self.builder.concat([self._codes(*own) for own in self._coding.categories])
            blocks = Categories(self.builder, self._coding, codes).blocks(by_table)
        for start, encoder in encoders:
            if isinstance(encoder, LETTERS):
                order = list(range(start, start + feature_width(encoder)))
                blocks.append(Block(self._letters(encoder), order))
        return blocks

    def _codes(self, column: str, levels: tuple[str, ...]) -> str:
        """The code of each cell of a column, int64 (N, 1)."""
        return self.builder.node(
            "LabelEncoder",
            self._names[column],
            domain=ML,
            keys_strings=["", *levels],
            values_int64s=list(range(len(levels) + 1)),
            default_int64=len(levels) + 1,
        )

    def _letters(self, encoder: HashEncoder | TextEncoder | HashedTextEncoder) -> str:
        column = self._names[encoder.column]
        if isinstance(encoder, HashEncoder):
            return compile_hashes(self.builder, encoder, column)
        if isinstance(encoder, TextEncoder):
            return compile_text(self.builder, encoder, column)
        return compile_hashed_text(self.builder, encoder, column)


class Codes:
    """One matrix of doubles, as `Coding` lays it out."""

    def __init__(self, builder: GraphBuilder, name: str, coding: Coding) -> None:
        self.builder = builder
        self._name = name
        self._coding = coding
        self._places = {column: place for place, column in enumerate(coding.numbers)}

    def numbers(self, columns: Sequence[str]) -> str:
        """Columns of the matrix."""
        return self._pick([self._places[c] for c in columns])

    def categories(self, encoders: Sequence[tuple[int, Encoder]]) -> list[Block]:
        """What the codes stand for, and the features that came ready made."""
        by_table = [(s, e) for s, e in encoders if not isinstance(e, LETTERS)]
        blocks = []
        if by_table:
            first, count = len(self._coding.numbers), len(self._coding.categories)
            doubles = self._pick(list(range(first, first + count)))
            codes = self.builder.cast(doubles, TensorProto.INT64)
            blocks = Categories(self.builder, self._coding, codes).blocks(by_table)
        return blocks + self._ready(encoders)

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
        own = self._pick(list(range(width - len(order), width)))
        return [Block(self.builder.cast(own, TensorProto.FLOAT), order)]

    def _pick(self, places: list[int]) -> str:
        return self.builder.pick(self._name, places, width=self._coding.width)

"""The user's own columns as inputs of the graph, and look-ups of their strings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from assay.model.compile_features import Block, look_up_pair
from assay.model.compile_text import compile_hashed_text, compile_hashes, compile_text
from assay.model.encode import feature_width
from assay.model.graph import ML, GraphBuilder
from assay.model.plan import (
    CrossEncoder,
    Encoder,
    HashedTextEncoder,
    HashEncoder,
    LevelEncoder,
    MissingEncoder,
    OneHotEncoder,
    PairEncoder,
    TextEncoder,
)


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
        places = [{level: i for i, level in enumerate(levels)} for levels in sides]
        return look_up_pair(self.builder, encoder, (one, other), places)

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

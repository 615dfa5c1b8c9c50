"""Columns as one matrix of doubles: what a graph in coded form takes.

A number is itself. A category is its place in a table: 0 where missing, then the levels that
encoders know, then one place for all others. What only letters can tell (hashes, terms of a
text) is encoded here and goes into the matrix ready made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from assay.errors import UnknownColumn
from assay.model.encode import encode, feature_count
from assay.model.inputs import row_count
from assay.model.plan import (
    Array,
    CrossEncoder,
    Encoder,
    Float64,
    HashedTextEncoder,
    HashEncoder,
    Input,
    LevelEncoder,
    OneHotEncoder,
    TextEncoder,
    columns_of,
)
from assay.model.plan_file import from_plain, to_plain

LETTERS = (HashEncoder, TextEncoder, HashedTextEncoder)
"""Encoders whose features come ready made, for a table of levels cannot tell them."""


@dataclass(frozen=True)
class Coding:
    """How columns become the matrix: numbers, then categories, then ready features.

    Attributes
    ----------
    numbers : tuple of str
    categories : tuple of (str, tuple of str)
        Column and its levels.
    letters : tuple of Encoder
    """

    numbers: tuple[str, ...]
    categories: tuple[tuple[str, tuple[str, ...]], ...]
    letters: tuple[Encoder, ...]

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The columns that are read."""
        texts = (name for encoder in self.letters for name in columns_of(encoder))
        named = (*self.numbers, *(name for name, _ in self.categories), *texts)
        return tuple(dict.fromkeys(named))

    @cached_property
    def width(self) -> int:
        """Columns of the matrix."""
        return len(self.numbers) + len(self.categories) + feature_count(self.letters)

    def codes(self, inputs: Mapping[str, Array]) -> Float64:
        """The matrix of some rows.

        Parameters
        ----------
        inputs : mapping of str to ndarray, shape (n, 1)
            As `graph_inputs` gives them.

        Returns
        -------
        ndarray of float64, shape (n, width), C-contiguous

        Examples
        --------
        >>> coding = Coding(("age",), (("fuel", ("gas",)),), ())
        >>> coding.codes({"age": np.array([[20.0], [np.nan]]),
        ...               "fuel": np.array([["gas"], ["coal"]], dtype=object)}).tolist()
        [[20.0, 1.0], [nan, 2.0]]
        """
        for name in self.columns:
            if name not in inputs:
                raise UnknownColumn(name, inputs)
        rows = row_count({name: inputs[name] for name in self.columns})
        matrix = np.empty((rows, self.width))
        if self.numbers:
            numbers = [inputs[name] for name in self.numbers]
            np.concatenate(numbers, axis=1, out=matrix[:, : len(numbers)])
        for place, (name, table, unseen) in enumerate(self._tables, start=len(self.numbers)):
            cells = inputs[name].ravel().tolist()
            matrix[:, place] = [table.get(cell, unseen) for cell in cells]
        if self.letters:
            matrix[:, len(self.numbers) + len(self.categories) :] = encode(self.letters, inputs)
        return matrix

    @cached_property
    def _tables(self) -> tuple[tuple[str, dict[str, int], int], ...]:
        """For each category: its code table, and the code of everything else."""
        return tuple(
            (name, {"": 0} | {level: i for i, level in enumerate(levels, start=1)}, len(levels) + 1)
            for name, levels in self.categories
        )

    def to_plain(self) -> dict[str, Any]:
        """As JSON values; it holds no arrays."""
        fields = {"numbers": self.numbers, "categories": self.categories, "letters": self.letters}
        return {name: to_plain(value, {}) for name, value in fields.items()}

    @classmethod
    def from_plain(cls, fields: Mapping[str, Any]) -> Coding:
        """Read what `to_plain` gave."""
        return cls(**{name: from_plain(value, {}) for name, value in fields.items()})


def coding_of(inputs: Sequence[Input], encoders: Sequence[Encoder]) -> Coding:
    """The coding that a plan's encoders need; columns that none reads are left out."""
    kinds = {item.name: item.kind for item in inputs}
    by_table = [encoder for encoder in encoders if not isinstance(encoder, LETTERS)]
    read = dict.fromkeys(name for encoder in by_table for name in columns_of(encoder))
    levels: dict[str, dict[str, None]] = {n: {} for n in read if kinds[n] == "category"}
    for encoder in by_table:
        for name, known in _known_levels(encoder):
            levels[name].update(dict.fromkeys(known))
    return Coding(
        numbers=tuple(name for name in read if kinds[name] == "number"),
        categories=tuple(
            (name, tuple(level for level in known if level)) for name, known in levels.items()
        ),
        letters=tuple(encoder for encoder in encoders if isinstance(encoder, LETTERS)),
    )


def _known_levels(encoder: Encoder) -> list[tuple[str, tuple[str, ...]]]:
    if isinstance(encoder, (LevelEncoder, OneHotEncoder)):
        return [(encoder.column, encoder.levels)]
    if isinstance(encoder, CrossEncoder):
        sides = zip(*encoder.levels, strict=True) if encoder.levels else ((), ())
        return list(zip(encoder.columns, (tuple(side) for side in sides), strict=True))
    return []

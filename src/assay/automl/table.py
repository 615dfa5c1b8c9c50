"""The training rows, read once: numbers as doubles, categories and texts as codes of levels.

A search learns and applies encoders many times, on other rows each time. With codes, what a
level means is worked out once a level and handed to the rows by position; no row costs a text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl

from assay.model.inputs import graph_inputs
from assay.model.plan import Array, Float64, Input, Int32

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Category:
    """A category or text column.

    Attributes
    ----------
    codes : ndarray of int32, shape (n_rows,)
        The place of each row's level in ``texts``.
    texts : polars.Series of str, shape (n_levels,)
        Distinct levels, sorted; the empty string stands for a missing cell. Rows that were
        taken from a larger table share its levels, so some levels may have no row.
    """

    codes: Int32
    texts: pl.Series

    @cached_property
    def levels(self) -> tuple[str, ...]:
        """The levels as Python strings; ``texts`` is lighter where most rows differ."""
        return tuple(self.texts.to_list())

    @property
    def missing(self) -> int:
        """The code of a missing cell, -1 where the table has none."""
        has_missing = len(self.texts) > 0 and self.texts[0] == ""
        return 0 if has_missing else -1

    def counts(self) -> Rows:
        """Rows of each level, shape (n_levels,)."""
        return np.bincount(self.codes, minlength=len(self.texts))


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of all columns that a model reads.

    Attributes
    ----------
    numbers : mapping of str to ndarray of float64, shape (n_rows,)
        NaN where missing; booleans are 0 and 1, dates days since 1970-01-01.
    categories : mapping of str to Category
        Categories and texts.
    rows : int
    """

    numbers: Mapping[str, Float64]
    categories: Mapping[str, Category]
    rows: int

    @classmethod
    def from_frame(cls, inputs: Sequence[Input], frame: pl.DataFrame) -> Table:
        """Read a frame; every cell means what `assay.model.inputs.graph_inputs` makes of it.

        Parameters
        ----------
        inputs : sequence of Input
            From `assay.model.inputs.plan_inputs`.
        frame : polars.DataFrame
            Typed as `Contract.conform` types it; further columns are left out.

        Raises
        ------
        UnknownColumn
            A column is absent.
        ContractViolation
            A column's type cannot be read as its kind.

        Examples
        --------
        >>> frame = pl.DataFrame({"age": [20, None, 40], "fuel": ["gas", None, "diesel"]})
        >>> kinds = (Input(name="age", kind="number"), Input(name="fuel", kind="category"))
        >>> table = Table.from_frame(kinds, frame)
        >>> table.numbers["age"].tolist(), table.categories["fuel"].codes.tolist()
        ([20.0, nan, 40.0], [2, 0, 1])
        >>> table.categories["fuel"].levels
        ('', 'diesel', 'gas')
        """
        graph_inputs(inputs, frame.clear())  # one rule for what is absent or of a wrong type
        numbers = graph_inputs([i for i in inputs if i.kind == "number"], frame)
        return cls(
            numbers={name: column.reshape(-1) for name, column in numbers.items()},
            categories={
                i.name: _category(frame.get_column(i.name)) for i in inputs if i.kind == "category"
            },
            rows=len(frame),
        )

    def take(self, rows: npt.NDArray[np.integer]) -> Table:
        """Some rows, in the order given; levels are shared."""
        return Table(
            numbers={name: column[rows] for name, column in self.numbers.items()},
            categories={
                name: Category(codes=column.codes[rows], texts=column.texts)
                for name, column in self.categories.items()
            },
            rows=len(rows),
        )

    def inputs(self) -> dict[str, Array]:
        """The rows as `assay.model.encode.encode` and a graph take them: (n_rows, 1) each."""
        numbers = {name: column[:, None] for name, column in self.numbers.items()}
        texts = {
            name: np.array(column.levels, dtype=object)[column.codes][:, None]
            for name, column in self.categories.items()
        }
        return {**numbers, **texts}


def _category(series: pl.Series) -> Category:
    texts = series.cast(pl.String).fill_null("")
    levels = texts.unique().sort()  # by bytes of UTF-8: the order of Python's strings
    codes = texts.cast(pl.Enum(levels)).to_physical().to_numpy().astype(np.int32)
    return Category(codes=codes, texts=levels.alias(""))

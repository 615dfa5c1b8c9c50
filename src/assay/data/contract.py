"""The contract that every later table and request is held to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from assay.records import Record

if TYPE_CHECKING:
    import numpy.typing as npt
    import polars as pl

    from assay.data.request import RequestReader

ColumnKind = Literal["number", "integer", "boolean", "category", "date", "text"]
Role = Literal["feature", "target", "identifier", "group", "time", "ignored"]


class Novelty(NamedTuple):
    """A cell that is allowed, but unlike anything seen in training."""

    row: int
    column: str
    kind: Literal["unseen category", "below range", "above range"]


class Column(Record, frozen=True, kw_only=True):
    """What one column may hold."""

    name: str
    kind: ColumnKind
    role: Role = "feature"
    nullable: bool = False
    low: float | None = None
    """Least value seen in training (numbers; dates as days since 1970-01-01)."""
    high: float | None = None
    categories: tuple[str, ...] = ()
    """Values seen in training (categories, booleans as written). A class target lists its
    classes: the one asked for comes last in a binary question, else they are sorted."""
    why: str = ""
    """Why it has this role, where that is not plain."""


class Contract(Record, frozen=True, kw_only=True, dict=True):
    """All columns of a table, in order.

    Rows that break it raise `ContractViolation`, which lists up to 100 broken columns and
    cells: names first, then types. Unseen categories and numbers out of range do not break it;
    `novelties` reports them. A column that was complete in training may not be missing later.
    """

    columns: tuple[Column, ...]

    @cached_property
    def features(self) -> tuple[Column, ...]:
        """The columns a model reads, in order."""
        return tuple(c for c in self.columns if c.role == "feature")

    @property
    def target(self) -> Column:
        """The column a model answers."""
        return next(c for c in self.columns if c.role == "target")

    def conform(self, frame: pl.DataFrame, *, require_target: bool = False) -> pl.DataFrame:
        """Hold a table to the contract and type its columns.

        Parameters
        ----------
        frame : pl.DataFrame
            Columns in any order. All features must be there; the target if it is required;
            identifiers, group, time and ignored columns may be there.
        require_target : bool
            Whether every row must have its answer.

        Returns
        -------
        pl.DataFrame
            The contract's columns that ``frame`` has, in the contract's order: numbers and
            integers as Float64 without NaN, booleans as Boolean, categories and text as String
            (stripped, never empty), dates as Date or Datetime. The target is Float64 for
            regression and String (the class) otherwise. Cells of columns that are neither
            feature nor target and do not fit are null.

        Raises
        ------
        ContractViolation
            A column is missing or unknown, or a cell is of the wrong kind.
        """
        from assay.data.conform import conform

        return conform(self, frame, require_target=require_target)

    def decode(self, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> pl.DataFrame:
        """Hold a request of rows (JSON values) to the contract; see `decode_inputs`.

        Returns
        -------
        pl.DataFrame
            The features, typed as `conform` types them.
        """
        from assay.data.conform import inputs_to_frame

        return inputs_to_frame(self, self.reader.inputs(columns, rows))

    def decode_records(self, records: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
        """Hold a request of records (one dict a row) to the contract; see `decode`."""
        from assay.data.conform import inputs_to_frame

        return inputs_to_frame(self, self.reader.record_inputs(records))

    def decode_inputs(
        self, columns: Sequence[str], rows: Sequence[Sequence[Any]]
    ) -> dict[str, npt.NDArray[Any]]:
        """Hold a request of rows to the contract, and give what the graph takes.

        Parameters
        ----------
        columns : sequence of str
            Names of the cells of each row, in any order. Identifiers, ignored columns and the
            target may be among them; they are not read.
        rows : sequence of sequences
            JSON values: numbers for numbers (whole ones for integers); true, false, 0, 1 or the
            words seen in training for booleans; strings for categories; ISO 8601 strings for
            dates; null, or an empty string for a category, where a cell is missing.

        Returns
        -------
        dict of str to array, each of shape (n_rows, 1)
            By feature: doubles (NaN missing; booleans 0 and 1; dates as days since 1970-01-01)
            or objects holding strings ('' missing).

        Raises
        ------
        ContractViolation
            A name is missing, unknown or double, or a cell is of the wrong kind.
        """
        return self.reader.inputs(columns, rows)

    def decode_record_inputs(
        self, records: Sequence[Mapping[str, Any]]
    ) -> dict[str, npt.NDArray[Any]]:
        """Hold a request of records to the contract; see `decode_inputs`.

        Every record names every feature; one whose cell is missing is null.
        """
        return self.reader.record_inputs(records)

    def novelties(self, frame: pl.DataFrame) -> list[Novelty]:
        """Cells of a conformed table that are allowed, but unlike anything seen in training.

        Only features are looked at. Columns whose categories the contract does not list
        (personal ones, and those with very many levels) are not judged.
        """
        from assay.data.conform import frame_to_inputs

        return self.input_novelties(frame_to_inputs(self, frame))

    def input_novelties(self, inputs: Mapping[str, npt.NDArray[Any]]) -> list[Novelty]:
        """The same for what `decode_inputs` gives."""
        return self.reader.novelties(inputs)

    @cached_property
    def reader(self) -> RequestReader:
        """What reads requests, made once a contract."""
        from assay.data.request import RequestReader

        return RequestReader(self)

    def json_schema(self) -> dict[str, Any]:
        """JSON Schema (2020-12) of one row as a record."""
        from assay.data.request import row_schema

        return row_schema(self)

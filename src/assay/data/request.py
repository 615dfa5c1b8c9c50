"""Read scoring requests: the quick way from JSON values to what the graph takes.

No table library takes part, so that one row costs tens of microseconds.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from assay.data.contract import Column, Contract, Novelty
from assay.data.words import FALSE_WORDS, TRUE_WORDS
from assay.errors import ContractViolation, nearest

MOST_VIOLATIONS = 100
_EXAMPLES = 20
_NAN = float("nan")
_NOTHING = (_NAN, "")
_TEXTS = ("category", "text")
_EPOCH = datetime(1970, 1, 1)
_ISO = re.compile(
    r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:?\d{2})?)?$"
)

Violation = dict[str, str | int | None]
Cells = Sequence[Any]
Inputs = dict[str, npt.NDArray[Any]]

EXPECTED = {
    "number": "a number",
    "integer": "a whole number",
    "boolean": "a boolean",
    "category": "text",
    "text": "text",
    "date": "a date",
}


class Violations:
    """Collects what breaks the contract, up to `MOST_VIOLATIONS`."""

    def __init__(self) -> None:
        self._found: list[Violation] = []

    def add(self, column: str, row: int | None, expected: str, got: str) -> None:
        """Note one broken column or cell."""
        if len(self._found) < MOST_VIOLATIONS:
            self._found.append({"column": column, "row": row, "expected": expected, "got": got})

    def check(self) -> None:
        """Raise `ContractViolation` if there are any."""
        if self._found:
            raise ContractViolation(self._found)


class _Cell(Exception):
    """A cell is of the wrong kind; the argument says which kind it is."""


class RequestReader:
    """Reads requests under one contract; see `Contract.decode_inputs`."""

    def __init__(self, contract: Contract) -> None:
        self._known = {column.name: column for column in contract.columns}
        self._features = [(column, _reader(column)) for column in contract.features]
        self._seen = {
            c.name: frozenset((*c.categories, ""))
            for c in contract.features
            if c.kind in _TEXTS and c.categories
        }
        self._ranges = {
            c.name: (c.low, c.high)
            for c in contract.features
            if c.low is not None and c.high is not None
        }

    def inputs(self, columns: Sequence[str], rows: Sequence[Cells]) -> Inputs:
        """The graph's inputs from rows of cells."""
        violations = Violations()
        self._check_names(columns, violations)
        width = len(columns)
        for number, row in enumerate(rows):
            if len(row) != width:
                violations.add(
                    columns[min(len(row), width - 1)], number, f"{width} cells", f"{len(row)}"
                )
        violations.check()
        place = {name: i for i, name in enumerate(columns)}
        places = [place[column.name] for column, _ in self._features]
        return self._read([row[i] for row in rows] for i in places)

    def record_inputs(self, records: Sequence[Mapping[str, Any]]) -> Inputs:
        """The graph's inputs from records."""
        violations = Violations()
        wanted = [column.name for column, _ in self._features]
        known = self._known.keys()
        for number, record in enumerate(records):
            for name in wanted:
                if name not in record:
                    violations.add(name, number, EXPECTED[self._known[name].kind], "no such key")
            for name in record.keys() - known:
                violations.add(name, number, self._no_such(name), "a key")
        violations.check()
        return self._read([record[name] for record in records] for name in wanted)

    def _check_names(self, columns: Sequence[str], violations: Violations) -> None:
        given = set(columns)
        for column, _ in self._features:
            if column.name not in given:
                violations.add(column.name, None, EXPECTED[column.kind], "no such column")
        for name in columns:
            if name not in self._known:
                violations.add(name, None, self._no_such(name), "a column")
        if len(given) < len(columns):
            for name in sorted(given):
                if (times := columns.count(name)) > 1:
                    violations.add(name, None, "one column", f"{times} columns")

    def _no_such(self, name: str) -> str:
        return f"no column of this name ({nearest(name, self._known).rstrip('.')})"

    def _read(self, cells: Iterable[Cells]) -> Inputs:
        """One block of doubles and one of strings, of which the inputs are rows."""
        violations = Violations()
        numbers: list[list[float]] = []
        texts: list[list[str]] = []
        for (column, read), values in zip(self._features, cells, strict=True):
            block: list[list[Any]] = texts if column.kind in _TEXTS else numbers
            block.append(_column(column, read, values, violations))
        violations.check()
        doubles: Iterator[Any] = iter(_block(numbers, np.dtype(np.float64)))
        strings: Iterator[Any] = iter(_block(texts, np.dtype(np.object_)))
        return {
            column.name: next(strings if column.kind in _TEXTS else doubles)
            for column, _ in self._features
        }

    def novelties(self, inputs: Mapping[str, npt.NDArray[Any]]) -> list[Novelty]:
        """Allowed cells unlike anything seen in training, row by row."""
        found: list[Novelty] = []
        for name, seen in self._seen.items():
            if name in inputs:
                levels = inputs[name].ravel().tolist()
                if not seen.issuperset(levels):
                    found += _unseen(name, seen, levels)
        for name, (low, high) in self._ranges.items():
            if name in inputs:
                found += _beyond(name, low, high, inputs[name].ravel().tolist())
        return sorted(found, key=lambda novelty: novelty.row)


def _block(columns: list[Any], kind: np.dtype[Any]) -> npt.NDArray[Any]:
    """Shape (n_columns, n_rows, 1), so that each input is contiguous."""
    return np.array(columns, dtype=kind)[:, :, None] if columns else np.empty((0, 0, 1), kind)


def _unseen(name: str, seen: frozenset[str], levels: list[str]) -> list[Novelty]:
    return [
        Novelty(row, name, "unseen category")
        for row, level in enumerate(levels)
        if level not in seen
    ]


def _beyond(name: str, low: float, high: float, values: list[float]) -> list[Novelty]:
    return [
        Novelty(row, name, "below range" if value < low else "above range")
        for row, value in enumerate(values)
        if value < low or value > high
    ]


def _column(
    column: Column, read: Callable[[Any], Any], cells: Cells, violations: Violations
) -> list[Any]:
    """The cells of one column as the graph takes them."""
    missing: Any = "" if column.kind in _TEXTS else _NAN
    values = []
    for row, cell in enumerate(cells):
        try:
            value = missing if cell is None else read(cell)
        except _Cell as wrong:
            violations.add(column.name, row, EXPECTED[column.kind], str(wrong))
            value = missing
        else:
            if value in _NOTHING and not column.nullable:
                violations.add(column.name, row, EXPECTED[column.kind], "nothing")
        values.append(value)
    return values


def _reader(column: Column) -> Callable[[Any], Any]:
    if column.kind == "boolean":
        words: dict[Any, float] = {True: 1.0, False: 0.0}
        for word in column.categories:
            lowered = word.strip().lower()
            if lowered in TRUE_WORDS | FALSE_WORDS and not lowered.isdigit():
                words[lowered] = float(lowered in TRUE_WORDS)
        return lambda cell: _boolean(cell, words)
    return _READERS[column.kind]


def _number(cell: Any) -> float:
    kind = type(cell)
    if kind is float:
        if math.isinf(cell):
            raise _Cell("an infinite number")
        return cell if cell == cell else _NAN  # noqa: PLR0124 - NaN is missing, of one identity
    if kind is int:
        try:
            return float(cell)
        except OverflowError:
            raise _Cell("a number too large for a double") from None
    raise _Cell(kind_of(cell))


def _integer(cell: Any) -> float:
    value = _number(cell)
    if value % 1 > 0:
        raise _Cell("a number with a fraction")
    return value


def _boolean(cell: Any, words: Mapping[Any, float]) -> float:
    key = cell.strip().lower() if type(cell) is str else cell
    try:
        return words[key]
    except (KeyError, TypeError):
        raise _Cell(kind_of(cell)) from None


def _text(cell: Any) -> str:
    if type(cell) is not str:
        raise _Cell(kind_of(cell))
    return cell.strip()


def _date(cell: Any) -> float:
    if type(cell) is not str:
        raise _Cell(kind_of(cell))
    if not _ISO.match(cell):
        raise _Cell("text that is no ISO 8601 date")
    try:
        moment = datetime.fromisoformat(cell)
    except ValueError:
        raise _Cell("text that is no ISO 8601 date") from None
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    since = moment - _EPOCH
    # As `assay.data.profile.as_numbers` computes it, bit for bit.
    return float((since.days * 86_400 + since.seconds) * 10**6 + since.microseconds) / 86_400e6


_READERS: dict[str, Callable[[Any], Any]] = {
    "number": _number,
    "integer": _integer,
    "category": _text,
    "text": _text,
    "date": _date,
}

_KINDS = {
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "text",
    list: "a list",
    dict: "an object",
    type(None): "nothing",
}


def kind_of(cell: object) -> str:
    """What kind of thing a cell is, in words; never the thing itself.

    Examples
    --------
    >>> kind_of("secret"), kind_of([1])
    ('text', 'a list')
    """
    return _KINDS.get(type(cell), "something else")


def row_schema(contract: Contract) -> dict[str, Any]:
    """JSON Schema of one row; see `Contract.json_schema`."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "One row to score",
        "type": "object",
        "properties": {column.name: _cell_schema(column) for column in contract.columns},
        "required": [column.name for column in contract.features],
        "additionalProperties": False,
    }


def _cell_schema(column: Column) -> dict[str, Any]:
    if column.role != "feature":
        return {"description": f"Accepted and not read ({column.role})."}
    schema = _kind_schema(column)
    if column.nullable:
        schema = {"anyOf": [schema, {"type": "null"}]}
    note = _seen(column)
    return {**schema, "description": note} if note else schema


def _kind_schema(column: Column) -> dict[str, Any]:
    if column.kind in {"number", "integer"}:
        return {"type": column.kind}
    if column.kind == "boolean":
        words = [w for w in column.categories if not w.isdigit() and w not in {"true", "false"}]
        return {"enum": [True, False, 0, 1, *words]}
    if column.kind == "date":
        return {"type": "string", "anyOf": [{"format": "date"}, {"format": "date-time"}]}
    schema: dict[str, Any] = {"type": "string"}
    if not column.nullable:
        schema["minLength"] = 1
    if column.categories:
        schema["examples"] = list(column.categories[:_EXAMPLES])
    return schema


def _seen(column: Column) -> str:
    if column.kind in {"category", "text"} and column.categories:
        return f"{len(column.categories)} levels in training; others are accepted."
    if column.low is None or column.high is None or column.kind == "boolean":
        return ""
    if column.kind == "date":
        first, last = (
            (_EPOCH + timedelta(days=math.floor(day))).date().isoformat()
            for day in (column.low, column.high)
        )
        return f"From {first} to {last} in training; others are accepted."
    return f"From {column.low:g} to {column.high:g} in training; others are accepted."

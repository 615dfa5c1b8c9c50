"""What scoring protocols look like to a client: rows as a request, a reply as answers.

======  ==================================================================================
assay   ``{"input_data": {"columns", "data"}}`` to ``/score``; predictions with probabilities
        and intervals come back
azure   the same request to ``/score``; a list of values, labels or probabilities comes back,
        or an object that holds one
mlflow  ``{"dataframe_split": {"columns", "data"}}`` to ``/invocations``; ``{"predictions": …}``
v2      Open Inference Protocol: ``{"inputs": [tensors]}`` to ``/v2/models/NAME/infer``;
        ``{"outputs": [tensors]}``
======  ==================================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from assay.errors import InvalidTable

if TYPE_CHECKING:
    import polars as pl

    from assay.assess.meaning import Told

DEFAULT_PATHS = {"assay": "/score", "azure": "/score", "mlflow": "/invocations"}
_LABELS = ("label", "prediction", "predictions", "predict", "class", "output", "value", "score")
"""Names under which a record holds its one answer, the likeliest first."""
_SHARES = ("probabilities", "probability", "predict_proba", "proba", "scores")
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True)
class Speech:
    """One protocol: from rows to a request's body, and from a reply to its answers."""

    request: Callable[[pl.DataFrame], bytes]
    answers: Callable[[Any, int], Any]

    def told(self, parts: Sequence[Any], rows: int, classes: tuple[str, ...]) -> Told:
        """All answers together, in the order of the rows."""
        answers = [answer for part in parts for answer in part]
        if len(answers) != rows:
            raise _unreadable(f"{len(answers)} answers to {rows} rows")
        return _told(answers, classes)


def _split(rows: pl.DataFrame) -> dict[str, Any]:
    """Columns and rows, as JSON holds them."""
    return {
        "columns": rows.columns,
        "data": [[_cell(cell) for cell in row] for row in rows.iter_rows()],
    }


def _cell(cell: Any) -> Any:
    """A cell in JSON: dates as ISO 8601, what is no number as null."""
    if isinstance(cell, date | datetime):
        return cell.isoformat()
    return None if isinstance(cell, float) and cell != cell else cell  # noqa: PLR0124 - NaN


def _assay_request(rows: pl.DataFrame) -> bytes:
    return _encode({"input_data": _split(rows), "params": {"reasons": 0}})


def _azure_request(rows: pl.DataFrame) -> bytes:
    table = _split(rows)
    return _encode({"input_data": {**table, "index": list(range(rows.height))}})


def _mlflow_request(rows: pl.DataFrame) -> bytes:
    return _encode({"dataframe_split": _split(rows)})


def _v2_request(rows: pl.DataFrame) -> bytes:
    return _encode({"inputs": [_tensor(series) for series in rows.iter_columns()]})


def _tensor(series: pl.Series) -> dict[str, Any]:
    """A column as a tensor of one column; a missing number is NaN's stand-in null."""
    if series.dtype.is_numeric():
        kind = "INT64" if series.dtype.is_integer() else "FP64"
    else:
        kind = "BOOL" if str(series.dtype) == "Boolean" else "BYTES"
    return {
        "name": series.name,
        "shape": [len(series), 1],
        "datatype": kind,
        "data": [_cell(cell) for cell in series],
    }


def _answers(reply: Any, rows: int) -> list[Any]:
    """The list of answers in a reply, wherever it lies; columns are turned into rows."""
    if isinstance(reply, list):
        return reply
    if isinstance(reply, Mapping):
        held = {str(key).lower(): value for key, value in reply.items()}
        for name in ("predictions", "result", "results", "outputs", "output", "data"):
            if name in held:
                return _answers(held[name], rows)
        columns = {k: v for k, v in reply.items() if isinstance(v, list) and len(v) == rows}
        if columns:
            return _rows_of(columns)
    raise _unreadable("no list of answers")


def _v2_answers(reply: Any, rows: int) -> list[Any]:
    """The tensors of a reply, row by row."""
    outputs = reply.get("outputs") if isinstance(reply, Mapping) else None
    if not isinstance(outputs, list) or not outputs:
        raise _unreadable("no outputs")
    columns: dict[str, list[Any]] = {}
    for tensor in outputs:
        data = tensor.get("data") if isinstance(tensor, Mapping) else None
        if not isinstance(data, list):
            raise _unreadable("an output without data")
        columns[str(tensor.get("name", len(columns)))] = _by_row(data, rows)
    if len(columns) == 1:
        return next(iter(columns.values()))
    return _rows_of(columns)


def _rows_of(columns: Mapping[str, list[Any]]) -> list[Any]:
    """Columns of equal length as records."""
    cells = zip(*columns.values(), strict=True)
    return [dict(zip(columns, row, strict=True)) for row in cells]


def _by_row(data: list[Any], rows: int) -> list[Any]:
    """A tensor's flat or nested data as one entry a row."""
    if len(data) == rows:
        return [d[0] if isinstance(d, list) and len(d) == 1 else d for d in data]
    if not rows or len(data) % rows:
        raise _unreadable(f"{len(data)} numbers for {rows} rows")
    width = len(data) // rows
    return [data[start : start + width] for start in range(0, len(data), width)]


SPEECHES = {
    "assay": Speech(_assay_request, _answers),
    "azure": Speech(_azure_request, _answers),
    "mlflow": Speech(_mlflow_request, _answers),
    "v2": Speech(_v2_request, _v2_answers),
}


def _told(answers: Sequence[Any], classes: tuple[str, ...]) -> Told:
    """Answers of one shape: bare values, lists of probabilities, or records."""
    from assay.assess.meaning import Told

    if not answers:
        return Told()
    if all(isinstance(a, Mapping) for a in answers):
        return _from_records(answers, classes)
    if all(isinstance(a, list) for a in answers):
        if all(len(a) == 1 for a in answers):
            return Told(prediction=_series("prediction", [a[0] for a in answers]), classes=classes)
        return Told(scores=_matrix(answers), classes=classes)
    if any(isinstance(a, Mapping | list) for a in answers):
        raise _unreadable("answers of several shapes")
    return Told(prediction=_series("prediction", answers), classes=classes)


def _from_records(answers: Sequence[Mapping[str, Any]], classes: tuple[str, ...]) -> Told:
    """Records: a label or value, and probabilities by class, as a list, or of one class."""
    from assay.assess.meaning import Told

    first = answers[0]
    one = next((name for name in _LABELS if name in first), None)
    ends = [_column(answers, n) if n in first else None for n in ("lower", "upper")]
    shares = next((n for n in _SHARES if isinstance(first.get(n), Mapping | list)), None)
    single = next((n for n in _SHARES if isinstance(first.get(n), int | float)), None)
    scores: Mapping[str, pl.Series] | Sequence[pl.Series] = ()
    if shares is not None and isinstance(first[shares], Mapping):
        classes = tuple(first[shares])
        cells = [answer.get(shares) or {} for answer in answers]
        scores = {name: _series(name, [cell.get(name) for cell in cells]) for name in classes}
    elif shares is not None:
        scores = _matrix([answer.get(shares) for answer in answers])
    elif single is not None and single != one:
        scores = {single: _column(answers, single)}
    if one is None and not scores and all(isinstance(v, int | float) for v in first.values()):
        scores = {name: _column(answers, name) for name in first}
    if one is None and not scores:
        raise _unreadable(f"records with {', '.join(sorted(first)[:5])}")
    prediction = None if one is None else _column(answers, one)
    return Told(prediction=prediction, scores=scores, lower=ends[0], upper=ends[1], classes=classes)


def _column(answers: Sequence[Mapping[str, Any]], name: str) -> pl.Series:
    return _series(name, [answer.get(name) for answer in answers])


def _matrix(rows: Iterable[Any]) -> list[pl.Series]:
    """Lists of equal length as columns."""
    lists = list(rows)
    widths = {len(row) if isinstance(row, list) else -1 for row in lists}
    if len(widths) != 1 or -1 in widths:
        raise _unreadable("lists of unequal length")
    return [
        _series(str(place), list(cells)) for place, cells in enumerate(zip(*lists, strict=True))
    ]


def _series(name: str, cells: Sequence[Any]) -> pl.Series:
    """One column of plain cells: numbers, or texts."""
    import polars as pl

    try:
        return pl.Series(name, cells, strict=True)
    except (TypeError, pl.exceptions.PolarsError):
        pass
    if all(c is None or isinstance(c, int | float) for c in cells):
        return pl.Series(name, [None if c is None else float(c) for c in cells], dtype=pl.Float64)
    if all(c is None or isinstance(c, str | int | float) for c in cells):
        return pl.Series(name, [None if c is None else str(c) for c in cells], dtype=pl.String)
    raise _unreadable("cells that are neither numbers nor texts")


def _unreadable(what: str) -> InvalidTable:
    return InvalidTable(
        f"What the endpoint answers cannot be read: {what}.",
        hint="Check the protocol: assay, azure, mlflow or v2.",
    )

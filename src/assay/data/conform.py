"""Hold whole tables to a contract."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl

from assay.data.cells import read_dates
from assay.data.kinds import category_text, label_text
from assay.data.profile import as_numbers
from assay.data.request import EXPECTED, MOST_VIOLATIONS, Violations
from assay.data.words import FALSE_WORDS, TRUE_WORDS
from assay.errors import nearest

if TYPE_CHECKING:
    from assay.data.contract import Column, Contract

_WORDS = {
    pl.String: "text",
    pl.Boolean: "a boolean",
    pl.Date: "a date",
    pl.Int64: "a number",
    pl.Float64: "a number",
}

_MICROSECONDS_A_DAY = 86_400e6


def conform(contract: Contract, frame: pl.DataFrame, *, require_target: bool) -> pl.DataFrame:
    """See `Contract.conform`."""
    _check_names(contract, frame, require_target=require_target)
    violations = Violations()
    typed = []
    for column in contract.columns:
        if column.name in frame.columns:
            series = _typed(column, frame[column.name])
            if column.role == "feature" or (column.role == "target" and require_target):
                _check_cells(column, frame[column.name], series, violations)
            typed.append(series)
    violations.check()
    return pl.DataFrame(typed)


def _check_names(contract: Contract, frame: pl.DataFrame, *, require_target: bool) -> None:
    violations = Violations()
    known = [column.name for column in contract.columns]
    given = set(frame.columns)
    for column in contract.columns:
        needed = column.role == "feature" or (column.role == "target" and require_target)
        if needed and column.name not in given:
            violations.add(column.name, None, EXPECTED[column.kind], "no such column")
    for name in frame.columns:
        if name not in known:
            hint = nearest(name, known).rstrip(".")
            violations.add(name, None, f"no column of this name ({hint})", "a column")
    violations.check()


def _typed(column: Column, series: pl.Series) -> pl.Series:
    """The column's cells in its type; null where they do not fit."""
    if column.role == "target" and column.kind == "category":
        return label_text(series)
    if column.kind in {"category", "text"}:
        return category_text(series)
    if column.kind == "boolean":
        return _booleans(series)
    if column.kind == "date":
        return _dates(series)
    return _numbers(series, whole=column.kind == "integer")


def _numbers(series: pl.Series, *, whole: bool) -> pl.Series:
    if series.dtype == pl.Boolean or series.dtype.is_temporal():
        return _nothing(series, pl.Float64)
    if series.dtype == pl.String:
        series = series.str.strip_chars()
    numbers = series.cast(pl.Float64, strict=False).fill_nan(None)
    if whole:
        numbers = numbers.set(numbers.is_finite() & (numbers != numbers.round()), None)
    return numbers


def _booleans(series: pl.Series) -> pl.Series:
    if series.dtype == pl.Boolean:
        return series
    if series.dtype.is_temporal():
        return _nothing(series, pl.Boolean)
    if series.dtype != pl.String:
        series = series.cast(pl.Float64)
        return (series == 1).set(series.is_not_null() & (series != 0) & (series != 1), None)
    words = series.str.strip_chars().str.to_lowercase()
    known = words.is_in(sorted(TRUE_WORDS | FALSE_WORDS))
    return words.is_in(sorted(TRUE_WORDS)).set(~known, None)


def _dates(series: pl.Series) -> pl.Series:
    if series.dtype.is_temporal():
        return series
    if series.dtype != pl.String:
        return _nothing(series, pl.Date)
    dates, _ = read_dates(series.str.strip_chars())
    if dates is not None:
        return dates
    return _iso_dates(series.str.strip_chars())


def _iso_dates(cells: pl.Series) -> pl.Series:
    """Each cell by itself as an ISO date or time; null where it is none."""
    plain = cells.str.replace("T", " ", literal=True)
    read = [plain.str.to_date("%Y-%m-%d", strict=False).cast(pl.Datetime("us"))]
    read += [
        plain.str.to_datetime(form, strict=False, time_unit="us")
        for form in ("%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S%.f")
    ]
    return pl.select(pl.coalesce(read)).to_series().alias(cells.name)


def _nothing(series: pl.Series, kind: Any) -> pl.Series:
    return pl.Series(series.name, [None] * len(series), dtype=kind)


def _check_cells(
    column: Column, given: pl.Series, typed: pl.Series, violations: Violations
) -> None:
    missing = _missing(given)
    wrong = typed.is_null() & ~missing
    absent = missing if not column.nullable else missing & False
    rows = np.flatnonzero((wrong | absent).to_numpy())[:MOST_VIOLATIONS]
    for row in rows.tolist():
        got = "nothing" if missing[row] else _got(column, given)
        violations.add(column.name, row, EXPECTED[column.kind], got)


def _missing(series: pl.Series) -> pl.Series:
    if series.dtype.is_float():
        return series.is_null() | series.is_nan().fill_null(value=True)
    if series.dtype == pl.String:
        return series.is_null() | (series.str.strip_chars() == "").fill_null(value=True)
    return series.is_null()


def _got(column: Column, series: pl.Series) -> str:
    if column.kind == "integer" and series.dtype.is_float():
        return "a number with a fraction"
    if series.dtype.is_numeric():
        return "a number"
    return _WORDS.get(series.dtype.base_type(), "a date")


def frame_to_inputs(contract: Contract, frame: pl.DataFrame) -> dict[str, npt.NDArray[Any]]:
    """What the graph takes, from a conformed table; see `Contract.decode_inputs`."""
    inputs: dict[str, npt.NDArray[Any]] = {}
    for column in contract.features:
        if column.name not in frame.columns:
            continue
        series = frame[column.name]
        if column.kind in {"category", "text"}:
            values = series.fill_null("").to_numpy().astype(object)
        else:
            values = as_numbers(series)
        inputs[column.name] = values.reshape(-1, 1)
    return inputs


def inputs_to_frame(contract: Contract, inputs: Mapping[str, npt.NDArray[Any]]) -> pl.DataFrame:
    """The inverse of `frame_to_inputs`."""
    return pl.DataFrame(
        [_series(column, inputs[column.name][:, 0]) for column in contract.features]
    )


def _microseconds(days: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """The whole microseconds since 1970 that make these days, to the bit; 0 where missing.

    The product alone may be half a microsecond off, so its neighbours are tried too.
    """
    known = np.nan_to_num(days)
    nearest_whole = np.rint(known * _MICROSECONDS_A_DAY)
    found = nearest_whole
    for other in (nearest_whole - 1, nearest_whole + 1):
        off = found / _MICROSECONDS_A_DAY != known
        found = np.where(off & (other / _MICROSECONDS_A_DAY == known), other, found)
    return found.astype(np.int64)


def _series(column: Column, values: npt.NDArray[Any]) -> pl.Series:
    if column.kind in {"category", "text"}:
        return pl.Series(column.name, [v or None for v in values.tolist()], dtype=pl.String)
    numbers = pl.Series(column.name, values).fill_nan(None)
    if column.kind == "boolean":
        return numbers.cast(pl.Boolean)
    if column.kind == "date":
        moments = pl.Series(column.name, _microseconds(values), dtype=pl.Datetime("us"))
        moments = moments.set(numbers.is_null(), None)
        return moments.cast(pl.Date) if bool((numbers == numbers.floor()).all()) else moments
    return numbers

"""From cells as they are written in a text file to typed columns.

A column is typed from all of its cells, never from the first few: it is a number only if every
cell that is not missing is one.
"""

from __future__ import annotations

import re

import polars as pl

MISSING = ("", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NULL", "null", "?")
"""Cells of a text file that mean "missing", after white space around them is dropped.

``None``, ``-`` and ``.`` are not among them: they are words in some tables.
"""

EXACT = 2**53
"""Every whole number up to here is exact as a double; beyond, neighbours fall together."""

_DATE_SHAPE = re.compile(r"^\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([ T]\d{1,2}:\d{2}\S*)?$")
_YEAR_FIRST = re.compile(r"^\d{4}[-/.]")
_TIMES = ("", " %H:%M", " %H:%M:%S%.f")

AMBIGUOUS = "dates that read both as day/month/year and as month/day/year: kept as text"


def type_cells(
    frame: pl.DataFrame, *, missing: tuple[str, ...] = MISSING, decimal_comma: bool = False
) -> pl.DataFrame:
    """Type the columns of a table of strings.

    Parameters
    ----------
    frame : pl.DataFrame
        String columns only.
    missing : tuple of str
        Cells that mean "missing".
    decimal_comma : bool
        Whether ``1,5`` is one and a half.

    Returns
    -------
    pl.DataFrame
        Int64, Float64, Date, Datetime (microseconds, UTC where an offset was written) or
        String columns. Numbers with leading zeros (``00501``) and columns with whole numbers
        beyond 2^53 stay strings, because as doubles they would lose what they say.

    Examples
    --------
    >>> type_cells(pl.DataFrame({"a": ["1", "?"], "b": ["01", "2"]})).dtypes
    [Int64, String]
    """
    frame = _blank(frame, missing)
    if decimal_comma:
        frame = frame.with_columns(_without_decimal_commas(s) for s in frame.iter_columns())
    whole = frame.select(pl.all().cast(pl.Int64, strict=False))
    double = frame.select(pl.all().cast(pl.Float64, strict=False))
    columns = []
    for text, as_whole, as_double, n, n_whole, n_double, lossy in zip(
        frame.iter_columns(),
        whole.iter_columns(),
        double.iter_columns(),
        *(table.select(pl.all().count()).row(0) for table in (frame, whole, double)),
        _loses_digits(frame, double),
        strict=True,
    ):
        if n and n == n_double and not lossy:
            columns.append(as_whole if n == n_whole else as_double)
        else:
            columns.append(_as_dates(text) if n > n_double else text)
    return pl.DataFrame(columns)


def _blank(frame: pl.DataFrame, missing: tuple[str, ...]) -> pl.DataFrame:
    stripped = frame.select(pl.all().str.strip_chars())
    words = pl.lit(pl.Series(missing, dtype=pl.String)).implode()
    return stripped.select(
        pl.when(pl.all().is_in(words)).then(None).otherwise(pl.all()).name.keep()
    )


def _without_decimal_commas(series: pl.Series) -> pl.Series:
    """Write ``1,5`` as ``1.5`` where that makes the whole column numbers."""
    if not series.str.contains(",", literal=True).any():
        return series
    dotted = series.str.replace(",", ".", literal=True)
    numbers = dotted.cast(pl.Float64, strict=False)
    return dotted if numbers.count() == series.count() else series


def _loses_digits(frame: pl.DataFrame, double: pl.DataFrame) -> list[bool]:
    """Of each column: whether its cells would lose what they say as doubles."""
    cell = pl.all()
    zeros = cell.str.starts_with("0") & (cell.str.len_chars() > 1) & ~cell.str.starts_with("0.")
    padded = frame.select(zeros.any()).row(0)
    huge = double.select((cell.abs() >= EXACT).any()).row(0)
    return [
        bool(
            (pads and text.str.contains(r"^0\d").any())
            or (big and inexact(text.filter(number.abs() >= EXACT)))
        )
        for text, number, pads, big in zip(
            frame.iter_columns(), double.iter_columns(), padded, huge, strict=True
        )
    ]


def inexact(cells: pl.Series) -> bool:
    """Whether any cell is a whole number, written out, that no double needs to hold exactly."""
    whole = cells.filter(cells.str.contains(r"^[+-]?\d+$"))
    return any(abs(int(digits)) > EXACT for digits in whole)


def _as_dates(series: pl.Series) -> pl.Series:
    dates, _ = read_dates(series)
    return series if dates is None else dates


def read_dates(series: pl.Series) -> tuple[pl.Series | None, str]:
    """Read a string column as dates, if every cell is one.

    ISO dates and times (``2024-02-03``, ``2024-02-03T10:30:00Z``), ``2024/02/03``,
    ``3.2.2024``, and ``3/2/2024`` or ``2/3/2024`` if just one of the two orders reads every row
    (or both read the same).

    Returns
    -------
    dates : pl.Series or None
        Date, or Datetime if any cell holds a time; None if the column holds something else.
    note : str
        Why a column that looks like dates stays text; empty otherwise.
    """
    cells = series.drop_nulls() if series.null_count() else series
    if cells.is_empty() or not _DATE_SHAPE.match(str(cells[0])):
        return None, ""
    if _YEAR_FIRST.match(str(cells[0])):
        return _year_first(series), ""
    return _year_last(series)


def _year_first(series: pl.Series) -> pl.Series | None:
    plain = series.str.replace_all(r"[/.](\d{1,2})", "-$1") if _slashed(series) else series
    plain = plain.str.replace("T", " ", literal=True).str.replace(r"Z$", "+00:00")
    local = _read(plain, [f"%Y-%m-%d{time}" for time in _TIMES])
    if local is not None:
        return local
    zoned = [
        plain.str.to_datetime(f, strict=False, time_unit="us", time_zone="UTC") for f in _ZONED
    ]
    both = pl.select(pl.coalesce(zoned)).to_series().dt.replace_time_zone(None)
    return both.alias(series.name) if both.null_count() == series.null_count() else None


_ZONED = ("%Y-%m-%d %H:%M:%S%.f%:z", "%Y-%m-%d %H:%M:%S%.f%z", "%Y-%m-%d %H:%M%:z")


def _slashed(series: pl.Series) -> bool:
    return bool(series.str.contains(r"^\d{4}[/.]").any())


def _year_last(series: pl.Series) -> tuple[pl.Series | None, str]:
    plain = series.str.replace("T", " ", literal=True).str.replace_all("-", "/", literal=True)
    dotted = series.str.contains(r"^\d{1,2}\.\d{1,2}\.").all()
    if dotted:
        return _read(series, [f"%d.%m.%Y{time}" for time in _TIMES]), ""
    day_first = _read(plain, [f"%d/%m/%Y{time}" for time in _TIMES])
    month_first = _read(plain, [f"%m/%d/%Y{time}" for time in _TIMES])
    if day_first is None or month_first is None:
        return (month_first if day_first is None else day_first), ""
    if day_first.equals(month_first):
        return day_first, ""
    return None, AMBIGUOUS


def _read(series: pl.Series, forms: list[str]) -> pl.Series | None:
    """Each cell by the first form that fits; None if any cell fits none."""
    day = series.str.to_date(forms[0], strict=False)
    if day.null_count() == series.null_count():
        return day if _four_digit_years(day) else None
    read = [day.cast(pl.Datetime("us"))]
    read += [series.str.to_datetime(form, strict=False, time_unit="us") for form in forms[1:]]
    times = pl.select(pl.coalesce(read)).to_series().alias(series.name)
    fits = times.null_count() == series.null_count() and _four_digit_years(times)
    return times if fits else None


def _four_digit_years(dates: pl.Series) -> bool:
    """``03/02/24`` would else be read as the year 24."""
    return bool((dates.dt.year() >= 1000).all())

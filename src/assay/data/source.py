"""Read a table from wherever it is: a file, or an object in memory."""

from __future__ import annotations

import gzip
import io
import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

import polars as pl

from assay.data.cells import EXACT, MISSING, read_dates
from assay.data.delimited import check_names, read_delimited
from assay.errors import InvalidFile, InvalidTable, MissingExtra, nearest

READABLE = (
    "Assay reads CSV and TSV (also .gz), Parquet, Arrow IPC (Feather) and NDJSON files, objects "
    "with the Arrow capsule interface (pandas, pyarrow, DuckDB, Polars) and dicts of columns."
)
_FOREIGN = {
    b"PK\x03\x04": "a ZIP archive or an Excel workbook",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"%PDF": "a PDF document",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"SQLite format 3": "an SQLite database",
    b"\x80\x04\x95": "a Python pickle, which Assay never opens",
    b"\x80\x05\x95": "a Python pickle, which Assay never opens",
}
_MAGIC = 6
_ONE_FILE: dict[str, Any] = {"glob": False, "hive_partitioning": False}
"""A path is one file, whatever its name looks like: no pattern, no partition."""
_COLUMNAR: dict[bytes, tuple[str, Callable[[Path | BinaryIO], pl.DataFrame]]] = {
    b"PAR1": ("Parquet", lambda source: pl.scan_parquet(source, **_ONE_FILE).collect()),
    b"ARROW1": ("Arrow IPC", lambda source: pl.scan_ipc(source, **_ONE_FILE).collect()),
    b"\xff\xff\xff\xff": ("Arrow IPC stream", pl.read_ipc_stream),
}


def read_table(source: str | Path | object, *, missing: tuple[str, ...] = MISSING) -> pl.DataFrame:
    """Read a table.

    Parameters
    ----------
    source : str, Path or object
        A file (CSV, TSV, either also gzipped, Parquet, Arrow IPC or Feather, NDJSON), any object
        with the Arrow capsule interface, a pandas or Polars frame, or a dict of columns.
    missing : tuple of str
        Cells of a text file that mean "missing", see `assay.data.cells.MISSING`.

    Returns
    -------
    pl.DataFrame
        Columns of type Int64, Float64, Boolean, String, Date or Datetime; missing cells are
        null, never NaN.

    Raises
    ------
    InvalidFile
        The file is missing, empty, in another encoding, ragged, or no table at all.
    InvalidTable
        The table has no rows, no columns, unnamed or doubly named columns, or nested cells.

    Examples
    --------
    >>> read_table({"make": ["audi", "bmw"], "price": [13950, 16430]}).shape
    (2, 2)
    """
    if isinstance(source, str | Path):
        return _checked(_read_file(Path(source), str(source), missing), where=str(source))
    return _checked(_read_object(source), where=describe(source))


def describe(source: object) -> str:
    """What a source is called in records and messages: the path as given, or the type.

    Examples
    --------
    >>> describe({"a": [1]})
    'dict'
    """
    if isinstance(source, str | Path):
        return str(source)
    kind = type(source)
    package = kind.__module__.partition(".")[0]
    return kind.__qualname__ if package == "builtins" else f"{package}.{kind.__qualname__}"


@contextmanager
def opened(path: Path, where: str) -> Iterator[io.BufferedReader]:
    """A file that holds something, open; or the error that says why it is not."""
    if path.is_dir():
        raise InvalidFile(f"{path.name!r} is a folder, not a file.", hint=READABLE, where=where)
    try:
        with path.open("rb") as file:
            if not file.read(1):
                raise InvalidFile("The file is empty.", hint=READABLE, where=where)
            file.seek(0)
            yield file
    except FileNotFoundError:
        beside = sorted(p.name for p in path.parent.glob("*") if p.is_file())
        hint = nearest(path.name, beside) if beside else "Its folder holds no files."
        raise InvalidFile(f"There is no file {path.name!r}.", hint=hint, where=where) from None
    except OSError as error:
        raise InvalidFile(
            f"{path.name!r} cannot be read: {error.strerror or 'input error'}.",
            hint="Check the permissions of the file and of its folder.",
            where=where,
        ) from None


def _read_file(path: Path, where: str, missing: tuple[str, ...]) -> pl.DataFrame:
    with opened(path, where) as file:
        start = file.read(_MAGIC)
        if start.startswith(tuple(_COLUMNAR)):
            return _read_columnar(path, start, where)
        body = start + file.read()
    suffixes = [s.lower() for s in path.suffixes]
    if body.startswith(b"\x1f\x8b"):
        body = _unzip(body, where)
        suffixes = [s for s in suffixes if s != ".gz"]
        if body.startswith(tuple(_COLUMNAR)):
            return _read_columnar(io.BytesIO(body), body, where)
    _refuse_foreign(body, suffixes, where)
    if body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"{", b"[")):
        return _read_ndjson(body, suffixes, where)
    return read_delimited(body, where=where, missing=missing)


def _unzip(body: bytes, where: str) -> bytes:
    try:
        return gzip.decompress(body)
    except (OSError, EOFError, zlib.error):
        raise InvalidFile(
            "The gzip file is damaged or cut short.", hint="Fetch it again.", where=where
        ) from None


def _read_columnar(source: Path | BinaryIO, start: bytes, where: str) -> pl.DataFrame:
    """A Parquet or Arrow file; from a path, without holding its bytes beside its rows."""
    name, read = next(known for magic, known in _COLUMNAR.items() if start.startswith(magic))
    try:
        return read(source)
    except (pl.exceptions.PolarsError, OSError):
        raise InvalidFile(
            f"The {name} file is damaged or cut short.",
            hint="Write or fetch it again.",
            where=where,
        ) from None


def _refuse_foreign(body: bytes, suffixes: Sequence[str], where: str) -> None:
    for magic, name in _FOREIGN.items():
        if body.startswith(magic):
            hint = "Save the sheet as CSV." if "Excel" in name else READABLE
            raise InvalidFile(f"This is not a table but {name}.", hint=hint, where=where)
    start = body[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml", b"<svg")):
        raise InvalidFile(
            "This is not a table but a web page or an XML document.",
            hint="Perhaps a log-in page was saved in place of the file; fetch the file itself.",
            where=where,
        )
    if suffixes and suffixes[-1] in {".parquet", ".pq", ".arrow", ".feather", ".ipc"}:
        raise InvalidFile(
            f"The name ends in {suffixes[-1]}, but the content is something else.",
            hint=READABLE,
            where=where,
        )


def _read_ndjson(body: bytes, suffixes: Sequence[str], where: str) -> pl.DataFrame:
    lines = body.removeprefix(b"\xef\xbb\xbf").strip().splitlines()
    named = bool(suffixes) and suffixes[-1] in {".ndjson", ".jsonl"}
    if not _is_object(lines[0]) or (len(lines) == 1 and not named):
        kind = "array" if lines[0].startswith(b"[") else "object"
        raise InvalidFile(
            f"This is a JSON {kind}, not a table.",
            hint="Write one JSON object a row and line (NDJSON), or CSV.",
            where=where,
        )
    for number, line in enumerate(lines, start=1):
        if line.strip() and not _is_object(line):
            raise InvalidFile(
                f"Line {number} is not a JSON object.",
                hint="Write one JSON object a line.",
                where=f"{where}:{number}",
            )
    rows = [json.loads(line) for line in lines if line.strip()]
    names = list(dict.fromkeys(name for row in rows for name in row))
    frame = _read_columns({name: [row.get(name) for row in rows] for name in names})
    dates = [
        d
        for s in frame.select(pl.col(pl.String)).iter_columns()
        if (d := read_dates(s)[0]) is not None
    ]
    return frame.with_columns(dates)


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _read_object(source: object) -> pl.DataFrame:
    if isinstance(source, pl.DataFrame):
        return source
    if isinstance(source, pl.LazyFrame):
        return source.collect()
    if isinstance(source, Mapping):
        return _read_columns(source)
    if type(source).__module__.partition(".")[0] == "pandas" and hasattr(source, "columns"):
        return _read_pandas(source)
    if hasattr(source, "__arrow_c_stream__"):
        return _read_capsule(source)
    raise InvalidTable(f"This is not a table: {describe(source)}.", hint=READABLE)


def _read_capsule(source: Any) -> pl.DataFrame:
    try:
        frame = pl.DataFrame(source)
    except ImportError as error:
        raise MissingExtra(error.name or "pyarrow", extra="pandas", purpose="This frame") from error
    except (pl.exceptions.PolarsError, TypeError, ValueError):
        raise InvalidTable(
            f"This is not a table of plain columns: {describe(source)}.", hint=READABLE
        ) from None
    return frame


def _read_columns(columns: Mapping[Any, Any]) -> pl.DataFrame:
    series = [_column(name, cells) for name, cells in columns.items()]
    check_names([s.name for s in series], where="dict")
    lengths = {len(s) for s in series}
    if len(lengths) > 1:
        raise InvalidTable(
            f"The columns have unequal lengths, from {min(lengths)} to {max(lengths)}.",
            hint="Give every column one cell a row.",
        )
    return pl.DataFrame(series)


def _column(name: object, cells: Any) -> pl.Series:
    if not isinstance(name, str):
        raise InvalidTable(
            f"A column is called {name!r}, which is not a string.", hint="Name columns by strings."
        )
    if isinstance(cells, str | bytes) or not hasattr(cells, "__len__"):
        raise InvalidTable(f"Column {name!r} is not a list of cells.", hint=READABLE)
    if isinstance(cells, list | tuple):
        return _mixed_column(name, cells)
    try:
        return pl.Series(name, cells, strict=False)
    except (pl.exceptions.PolarsError, TypeError, ValueError):
        raise _odd_cells(name) from None


def _mixed_column(name: str, cells: Sequence[Any]) -> pl.Series:
    """A column of Python values: of one type, of numbers, or else as text."""
    kinds = {type(cell) for cell in cells} - {type(None)}
    numbers = kinds <= {int, float}
    if len(kinds) > 1 and not numbers:
        if kinds & {list, dict, tuple, set}:
            raise _odd_cells(name)
        return pl.Series(name, [None if c is None else _written(c) for c in cells], dtype=pl.String)
    try:
        if numbers and float in kinds:
            return pl.Series(
                name, [None if c is None else float(c) for c in cells], dtype=pl.Float64
            )
        return pl.Series(name, cells)
    except OverflowError:
        return pl.Series(name, [None if c is None else str(c) for c in cells], dtype=pl.String)
    except (pl.exceptions.PolarsError, TypeError, ValueError):
        raise _odd_cells(name) from None


def _written(cell: Any) -> str:
    return str(cell).lower() if isinstance(cell, bool) else str(cell)


def _odd_cells(name: str) -> InvalidTable:
    return InvalidTable(
        f"Column {name!r} holds lists, objects or other nested cells.",
        hint="Give each part a column of its own, or drop the column.",
    )


def _read_pandas(source: Any) -> pl.DataFrame:
    """Read a pandas frame without needing pyarrow."""
    names = [str(name) for name in source.columns]
    check_names(names, where=describe(source))
    return pl.DataFrame([_pandas_column(name, source.iloc[:, i]) for i, name in enumerate(names)])


def _pandas_column(name: str, column: Any) -> pl.Series:
    kind = str(column.dtype)
    if kind in {"int64", "int32", "int16", "int8", "uint8", "uint16", "uint32", "bool"}:
        return pl.Series(name, column.to_numpy())
    if kind in {"float64", "float32"} or kind.startswith("datetime64["):
        zoned = getattr(column.dt, "tz", None) if kind.startswith("datetime64") else None
        plain = column.dt.tz_convert("UTC").dt.tz_localize(None) if zoned else column
        return pl.Series(name, plain.to_numpy())
    cells = column.astype(object).where(column.notna(), None).tolist()
    return _mixed_column(name, cells)


def _checked(frame: pl.DataFrame, *, where: str) -> pl.DataFrame:
    """The frame with sound names and plain types, or the error that says what is wrong."""
    if not frame.width:
        raise InvalidTable("The table has no columns.", hint=READABLE, where=where)
    frame = frame.rename(
        dict(zip(frame.columns, check_names(frame.columns, where=where), strict=True))
    )
    if not frame.height:
        raise InvalidTable(
            "The table has no rows.", hint="Give at least one row of cells.", where=where
        )
    plain = pl.DataFrame([_plain(series) for series in frame.iter_columns()])
    return plain.with_columns(pl.col(pl.Float64).fill_nan(None))


_PLAIN = (pl.String, pl.Float64, pl.Boolean, pl.Date)


def _plain(series: pl.Series) -> pl.Series:
    """One of the six plain types; see `read_table`."""
    kind = series.dtype
    if kind in _PLAIN:
        return series
    if kind.is_integer():
        return _whole(series)
    if kind.is_float() or kind.is_decimal():
        return series.cast(pl.Float64)
    if isinstance(kind, pl.Datetime):
        zoned = (
            series.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
            if kind.time_zone
            else series
        )
        return zoned.cast(pl.Datetime("us"))
    if isinstance(kind, pl.Duration):
        return series.dt.total_microseconds().cast(pl.Float64) / 1e6
    if kind in {pl.Null, pl.Time} or isinstance(kind, pl.Categorical | pl.Enum):
        return series.cast(pl.String)
    raise _odd_cells(series.name)


def _whole(series: pl.Series) -> pl.Series:
    """Int64, or text where a double could not hold every number exactly."""
    low, high = cast("int | None", series.min()), cast("int | None", series.max())
    exact = low is None or high is None or (low >= -EXACT and high <= EXACT)
    return series.cast(pl.Int64 if exact else pl.String)

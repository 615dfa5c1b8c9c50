"""Text tables (CSV and its relatives): encoding, separator, structure, then the cells.

The structure is checked before anything is parsed, so that a wrong line is named rather than
padded with missing cells.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from unicodedata import normalize

import numpy as np
import numpy.typing as npt
import polars as pl

from assay.data.cells import MISSING, type_cells
from assay.errors import InvalidFile, InvalidTable

SEPARATORS = (",", ";", "\t", "|")
_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar"}
_SNIFFED_BYTES = 65_536
_SNIFFED_RECORDS = 50
_NEWLINE, _RETURN, _QUOTE = 10, 13, 34

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]


def read_delimited(body: bytes, *, where: str, missing: tuple[str, ...] = MISSING) -> pl.DataFrame:
    """Read the bytes of a CSV-like file.

    Parameters
    ----------
    body : bytes
        UTF-8, with or without a byte order mark; first line: column names.
    where : str
        The file, for messages.
    missing : tuple of str
        Cells that mean "missing".

    Raises
    ------
    InvalidFile
        Not UTF-8, not a table, or rows of unequal length; names the line.
    InvalidTable
        No rows, or column names that are empty or double.
    """
    body = _utf8(body, where).lstrip(b"\r\n")
    if not body.strip():
        raise InvalidFile("The file is empty.", hint=_WANTED, where=where)
    separator = sniff_separator(body)
    names = _header(body, separator, where)
    structure = _structure(body, separator)
    if structure is None or structure.open_quote:
        cells = _parse_leniently(body, separator, names, where)
    else:
        cells = _parse(body, separator, names, structure, where)
    if cells.is_empty():
        raise InvalidTable("The table has a header but no rows.", hint=_WANTED, where=where)
    return type_cells(cells, missing=missing, decimal_comma=separator == ";")


_WANTED = "A table needs a line of column names and at least one row of cells."


def _utf8(body: bytes, where: str) -> bytes:
    """The text without its byte order mark, once it is known to be UTF-8."""
    if body.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise _encoding_error("UTF-16", 1, where)
    body = body.removeprefix(b"\xef\xbb\xbf")
    if b"\0" in body:
        raise InvalidFile(
            "This is not a text table: it holds binary data.", hint=_FORMATS, where=where
        )
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        raise _encoding_error("WINDOWS-1252", line, where) from None
    return body


_FORMATS = "Assay reads CSV, TSV, Parquet, Arrow IPC (Feather) and NDJSON."


def _encoding_error(likely: str, line: int, where: str) -> InvalidFile:
    return InvalidFile(
        f"The file is not UTF-8 text (line {line}); it is probably {likely}.",
        hint=f"Convert it: iconv -f {likely} -t UTF-8 old.csv > new.csv",
        where=f"{where}:{line}",
    )


def sniff_separator(body: bytes) -> str:
    r"""The separator that cuts the first records into the same number of cells.

    Examples
    --------
    >>> sniff_separator(b"a;b\n1,5;2\n")
    ';'
    """
    text = body[:_SNIFFED_BYTES].decode("utf-8", errors="ignore")
    scores = []
    for separator in SEPARATORS:
        records = islice(
            csv.reader(io.StringIO(text, newline=""), delimiter=separator), _SNIFFED_RECORDS
        )
        lengths = [len(record) for record in records if record]
        if len(lengths) > 2 and len(body) > _SNIFFED_BYTES and len(lengths) < _SNIFFED_RECORDS:
            lengths = lengths[:-1]  # the last one may be cut short
        agree = sum(n == lengths[0] for n in lengths) / len(lengths)
        scores.append((lengths[0] > 1, agree, lengths[0]))
    return SEPARATORS[max(range(len(SEPARATORS)), key=lambda i: scores[i])]


def _header(body: bytes, separator: str, where: str) -> list[str]:
    text = io.TextIOWrapper(io.BytesIO(body), encoding="utf-8", newline="")
    try:
        return next(csv.reader(text, delimiter=separator))
    except csv.Error:
        raise InvalidFile("The first line is not a line of column names.", where=where) from None


@dataclass(frozen=True)
class _Structure:
    """Where the records of a text table begin, and how many cells each has."""

    starts: Ints
    cells: Ints
    blank: npt.NDArray[np.bool_]
    quoted: bool
    open_quote: bool


def _structure(body: bytes, separator: str) -> _Structure | None:
    """Find all records without parsing; None if quotes are not used as RFC 4180 has them."""
    data = np.frombuffer(body, dtype=np.uint8)
    quotes = np.flatnonzero(data == _QUOTE)
    newlines, separators = data == _NEWLINE, data == ord(separator)
    if quotes.size:
        if not _well_quoted(data, quotes, separator):
            return None
        marks = (data == _QUOTE).view(np.uint8)
        outside = np.bitwise_xor.accumulate(marks) == 0
        newlines, separators = newlines & outside, separators & outside
    ends = np.flatnonzero(newlines)
    if not ends.size or ends[-1] != data.size - 1:
        ends = np.append(ends, data.size)
    starts = np.concatenate(([0], ends[:-1] + 1))
    before = np.searchsorted(np.flatnonzero(separators), ends)
    length = ends - starts - (data[np.maximum(ends - 1, 0)] == _RETURN)
    return _Structure(
        starts=starts,
        cells=np.diff(before, prepend=0) + 1,
        blank=length <= 0,
        quoted=bool(quotes.size),
        open_quote=bool(quotes.size % 2),
    )


def _well_quoted(data: Bytes, quotes: Ints, separator: str) -> bool:
    """Whether quotes open after a separator and close before one (or are doubled)."""
    edge = np.zeros(256, dtype=bool)
    edge[[_NEWLINE, _RETURN, _QUOTE, ord(separator)]] = True
    opening, closing = quotes[0::2], quotes[1::2]
    opening, closing = opening[opening > 0], closing[closing < data.size - 1]
    return bool(edge[data[opening - 1]].all() and edge[data[closing + 1]].all())


def _parse(
    body: bytes, separator: str, names: list[str], structure: _Structure, where: str
) -> pl.DataFrame:
    blank = structure.blank if len(names) > 1 else _trailing(structure.blank)
    ragged = np.flatnonzero((structure.cells != len(names)) & ~blank)
    if ragged.size:
        record = ragged[0]
        line = body.count(b"\n", 0, int(structure.starts[record])) + 1
        cells = (len(names), int(structure.cells[record]))
        raise _ragged(line, cells, separator, where, rows=ragged.size)
    frame = pl.read_csv(
        body,
        separator=separator,
        quote_char='"' if structure.quoted else None,
        has_header=False,
        infer_schema=False,
        schema=dict.fromkeys((f"column_{i}" for i in range(len(names))), pl.String),
    )
    frame.columns = check_names(names, where=where)
    kept = ~blank[: frame.height]
    kept[0] = False  # the header
    return frame.filter(pl.Series(kept))


def _trailing(blank: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Only the blank lines at the end: in a table of one column the others are missing cells."""
    return np.logical_and.accumulate(blank[::-1])[::-1]


def _parse_leniently(body: bytes, separator: str, names: list[str], where: str) -> pl.DataFrame:
    """Read a table whose quotes are irregular, record by record."""
    records: list[list[str]] = []
    for line, last_line, record in _records(body, separator, where):
        if _END in record[-1]:
            raise _unclosed(line, where)
        if len(record) != len(names):
            cells = (len(names), len(record))
            raise _ragged(line, cells, separator, where, spans=last_line - line + 1)
        records.append(record)
    columns = zip(*records, strict=True) if records else [()] * len(names)
    names = check_names(names, where=where)
    return pl.DataFrame(
        [pl.Series(n, list(c), dtype=pl.String) for n, c in zip(names, columns, strict=True)]
    )


_END = "\x1e"
"""A record of its own after the last one, unless a quote is still open there."""


def _records(body: bytes, separator: str, where: str) -> Iterator[tuple[int, int, list[str]]]:
    """First line, last line and cells of each record that is not blank, without the header."""
    text = io.TextIOWrapper(io.BytesIO(body), encoding="utf-8", newline="")
    reader = csv.reader(chain(text, [_END]), delimiter=separator)
    line = 0
    try:
        next(reader)
        line = reader.line_num
        for record in reader:
            if record and record != [_END]:
                yield line + 1, reader.line_num, record
            line = reader.line_num
    except csv.Error:
        raise _unclosed(line + 1, where) from None


def _ragged(
    line: int,
    cells: tuple[int, int],
    separator: str,
    where: str,
    *,
    rows: int = 1,
    spans: int = 1,
) -> InvalidFile:
    expected, found = cells
    others = f" {rows} rows differ from the header." if rows > 1 else ""
    opened = f" A quote opened on this line runs over {spans} lines." if spans > 1 else ""
    return InvalidFile(
        f"Line {line} has {found} cell{'s' if found != 1 else ''}, the header has {expected}."
        f"{others}{opened}",
        hint=f"Cells are separated by a {_NAMES[separator]}; put cells that contain one in double "
        "quotes, and close every quote.",
        where=f"{where}:{line}",
    )


def _unclosed(line: int, where: str) -> InvalidFile:
    return InvalidFile(
        f"A quote that opens on line {line} is never closed.",
        hint="Close it, or double it if it is part of the cell.",
        where=f"{where}:{line}",
    )


def check_names(names: list[str], *, where: str = "") -> list[str]:
    """Column names in Unicode normal form C, without white space around them.

    Raises
    ------
    InvalidTable
        A name is empty or occurs twice.

    Examples
    --------
    >>> check_names([" make", "price "])
    ['make', 'price']
    """
    clean = [normalize("NFC", name).strip() for name in names]
    unnamed = [i + 1 for i, name in enumerate(clean) if not name]
    if unnamed:
        raise InvalidTable(
            f"Column {unnamed[0]} has no name.",
            hint="Name it; if it only counts rows, drop it (pandas: to_csv(..., index=False)).",
            where=where,
        )
    seen: set[str] = set()
    for name in clean:
        if name in seen:
            raise InvalidTable(
                f"Two columns are called {name!r}.", hint="Rename or drop one.", where=where
            )
        seen.add(name)
    return clean

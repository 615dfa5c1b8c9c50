"""What a table holds, column by column: kinds, roles, ranges, and what to look at."""

from __future__ import annotations

from heapq import nsmallest
from typing import Any, cast

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from assay.data.contract import ColumnKind, Role
from assay.data.kinds import column_kind
from assay.data.leakage import SUSPECT, TargetStrength, names_target
from assay.data.personal import find_personal_data, snake
from assay.data.words import TRUE_WORDS
from assay.errors import UnknownColumn
from assay.records import Record

QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
TOP = 10
"""How many of the most frequent levels are kept."""
NEARLY_UNIQUE = 0.95
_FEWEST_FOR_IDENTIFIER = 20
_IDENTIFIER_WORDS = frozenset({"id", "uuid", "guid", "key", "index", "rowid", "pk", "nr", "no"})
_DENSE = 1.5


class ColumnProfile(Record, frozen=True, kw_only=True):
    """What one column holds.

    Numbers are of the finite values; dates are days since 1970-01-01; of booleans, ``mean`` is
    the share of true. Columns that identify people or rows keep no values at all.
    """

    name: str
    kind: ColumnKind
    role: Role = "feature"
    missing: int
    distinct: int
    """Distinct values, missing not counted."""
    low: float | None = None
    high: float | None = None
    mean: float | None = None
    std: float | None = None
    """Sample standard deviation (n - 1)."""
    quantiles: tuple[float, ...] = ()
    """At `QUANTILES`, by linear interpolation; empty where there are none."""
    outliers: int = 0
    """Values beyond Tukey's fences: 1.5 interquartile ranges outside the quartiles. None are
    counted where the quartiles are equal."""
    top: tuple[tuple[str, int], ...] = ()
    """The most frequent levels of categories and booleans, with their counts."""
    flags: tuple[str, ...] = ()
    note: str = ""
    """What is odd about it, and why it has its role."""


class Profile(Record, frozen=True, kw_only=True):
    """What a table holds."""

    rows: int
    columns: tuple[ColumnProfile, ...]
    duplicates: int
    """Rows that repeat an earlier row in every cell."""
    missing_cells: int
    target: str

    def column(self, name: str) -> ColumnProfile:
        """The profile of one column; `UnknownColumn` if there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise UnknownColumn(name, [c.name for c in self.columns])


def profile_table(frame: pl.DataFrame, *, target: str) -> Profile:
    """Profile a table.

    Parameters
    ----------
    frame : pl.DataFrame
        As `read_table` gives it.
    target : str
        Name of the column that holds the answers.

    Returns
    -------
    Profile
        Columns in their order. Every column is a feature but the target, identifiers,
        constant columns, free text and copies of the target; `note` says why.

    Raises
    ------
    UnknownColumn
        There is no such target.
    """
    if target not in frame.columns:
        raise UnknownColumn(target, frame.columns)
    personal: dict[str, list[str]] = {}
    for found in find_personal_data(frame):
        personal.setdefault(found.column, []).append(f"personal: {found.kind}")
    strength = TargetStrength(frame[target])
    explained = strength.explained(frame)
    columns = []
    for series in frame.iter_columns():
        column = _describe(series, target, personal.get(series.name, []))
        if column.role == "feature":
            column = _suspect(column, series, target, strength, explained[series.name])
        columns.append(column)
    return Profile(
        rows=frame.height,
        columns=tuple(columns),
        duplicates=frame.height - frame.hash_rows().n_unique(),
        missing_cells=sum(column.missing for column in columns),
        target=target,
    )


def _describe(series: pl.Series, target: str, personal: list[str]) -> ColumnProfile:
    kind, oddity = column_kind(series)
    missing = series.null_count()
    distinct = series.n_unique() - (missing > 0)
    role, why, flags = _role(series, kind, distinct, target)
    identifies = bool(personal) or role == "identifier"
    if oddity:
        flags = [*flags, oddity.partition(":")[0]]
    return ColumnProfile(
        name=series.name,
        kind=kind,
        role=role,
        missing=missing,
        distinct=distinct,
        top=() if identifies else _top(series, kind),
        flags=(*flags, *personal),
        note=_sentence(why, oddity),
        **({} if identifies and role != "target" else _numbers(series, kind)),
    )


def _sentence(*parts: str) -> str:
    return "; ".join(part for part in parts if part)


def _role(
    series: pl.Series, kind: ColumnKind, distinct: int, target: str
) -> tuple[Role, str, list[str]]:
    """Role of a column, why, and flags; a feature until something speaks against it."""
    if series.name == target:
        return "target", "", []
    if distinct == 0:
        return "ignored", "every cell is missing", ["constant", "empty"]
    if distinct == 1:
        return "ignored", "the same value in every row that has one", ["constant"]
    identifier = _identifies(series, kind, distinct)
    if identifier:
        return "identifier", identifier, ["identifier"]
    if kind == "text":
        return "ignored", "free text, which no model here reads", ["free text"]
    return "feature", "", []


def _identifies(series: pl.Series, kind: ColumnKind, distinct: int) -> str:
    """Why a column identifies rows; empty if it does not.

    Measurements are often unique in small tables. So a number is an identifier only if it is
    whole and is called one or counts rows without large gaps; fractions and dates never are.
    """
    present = series.count()
    if present < _FEWEST_FOR_IDENTIFIER or distinct < NEARLY_UNIQUE * present:
        return ""
    if kind == "category":
        return f"{distinct} distinct texts in {present} rows"
    if kind != "integer":
        return ""
    if snake(series.name).split("_")[-1] in _IDENTIFIER_WORDS:
        return f"called an identifier, {distinct} distinct numbers in {present} rows"
    span = cast("int", series.max()) - cast("int", series.min()) + 1
    if distinct == present and span <= _DENSE * present:
        return "whole numbers, each once, almost without gaps: a row number"
    return ""


def _suspect(
    column: ColumnProfile,
    series: pl.Series,
    target: str,
    strength: TargetStrength,
    explained: float,
) -> ColumnProfile:
    """The column, flagged if it knows the answer, and set aside if it is the answer."""
    asked = "is it known when the question is asked?"
    if explained >= SUSPECT and strength.copies(series):
        why, role = f"a copy of {target!r} in other words or another unit", "ignored"
    elif explained >= SUSPECT:
        why, role = f"alone explains {explained:.0%} of {target!r}: {asked}", "feature"
    elif names_target(column.name, target):
        why, role = f"called like {target!r}: {asked}", "feature"
    else:
        return column
    return msgspec.structs.replace(
        column,
        role=role,
        flags=("leakage suspect", *column.flags),
        note=_sentence(why, column.note),
    )


def _top(series: pl.Series, kind: ColumnKind) -> tuple[tuple[str, int], ...]:
    if kind not in {"category", "boolean"}:
        return ()
    counts = series.alias("level").drop_nulls().value_counts(name="rows")
    if counts.is_empty():
        return ()
    fewest = counts["rows"].top_k(TOP).min()
    levels = counts.filter(pl.col("rows") >= fewest).iter_rows()
    written = ((_level(value), rows) for value, rows in levels)
    return tuple(nsmallest(TOP, written, key=lambda pair: (-pair[1], pair[0])))


def _level(value: object) -> str:
    """A level as `label_text` writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(int(value)) if isinstance(value, float) else str(value)


def _numbers(series: pl.Series, kind: ColumnKind) -> dict[str, Any]:
    if kind not in {"number", "integer", "date", "boolean"}:
        return {}
    values = as_numbers(series)
    values = values[np.isfinite(values)]
    if not values.size:
        return {}
    std = float(values.std(ddof=1)) if values.size > 1 else None
    if kind == "boolean":
        return {"low": 0.0, "high": 1.0, "mean": float(values.mean()), "std": std}
    quantiles = np.quantile(values, QUANTILES)
    return {
        "low": float(quantiles[0]),
        "high": float(quantiles[-1]),
        "mean": float(values.mean()),
        "std": std,
        "quantiles": tuple(float(q) for q in quantiles),
        "outliers": _outliers(values, quantiles) if kind != "date" else 0,
    }


def _outliers(values: npt.NDArray[np.float64], quantiles: npt.NDArray[np.float64]) -> int:
    """Values beyond Tukey's fences (Exploratory Data Analysis, 1977)."""
    lower, upper = quantiles[2], quantiles[4]
    reach = 1.5 * (upper - lower)
    if reach == 0:
        return 0
    return int(((values < lower - reach) | (values > upper + reach)).sum())


def as_numbers(series: pl.Series) -> npt.NDArray[np.float64]:
    """A number, boolean or date column as doubles, NaN where missing; dates as days since 1970.

    Examples
    --------
    >>> as_numbers(pl.Series(["yes", None, "no"])).tolist()
    [1.0, nan, 0.0]
    """
    if series.dtype == pl.String:
        series = series.str.to_lowercase().is_in(sorted(TRUE_WORDS))
    unit = 1.0
    if series.dtype.is_temporal():
        series, unit = series.cast(pl.Datetime("us")).cast(pl.Int64), 86_400e6
    # NumPy divides; Polars multiplies by the reciprocal, which is not the same number.
    return np.asarray(series.cast(pl.Float64).to_numpy(), dtype=np.float64) / unit

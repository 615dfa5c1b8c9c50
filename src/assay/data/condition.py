"""Conditions that people write about rows: one SQL expression over the columns of a table."""

from __future__ import annotations

import re
from collections.abc import Sequence

import polars as pl

from assay.errors import InvalidConfig

MAY_OPEN = {
    *("AND", "OR", "NOT", "IN", "LIKE", "BETWEEN"),
    *("ABS", "COALESCE", "ENDS_WITH", "LENGTH", "LOWER", "ROUND", "STARTS_WITH", "UPPER"),
}
"""Words that may stand before a bracket; all look at one row. Others may add rows up."""

_QUOTED = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"")
_OPENING = re.compile(r"([A-Za-z_]\w*)\s*\(|\b(SELECT)\b", re.IGNORECASE)


def parse_condition(sql: str, columns: Sequence[str], *, where: str = "") -> pl.Expr:
    """A condition as a Polars expression that looks at one row at a time.

    Parameters
    ----------
    sql : str
        A SQL expression, such as ``age < 30 AND sex = 'F'``; names of columns with other signs
        than letters, digits and underscores stand in double quotes.
    columns : sequence of str
        The columns that it may name.
    where : str
        Where the condition is written, for the error.

    Raises
    ------
    InvalidConfig
        It cannot be parsed, names no column or an unknown one, or uses a function that is not
        among `MAY_OPEN` (a mean over all rows, say).

    Examples
    --------
    >>> parse_condition("age < 30", ["age", "sex"]).meta.root_names()
    ['age']
    """
    words = {(m[1] or m[2]).upper() for m in _OPENING.finditer(_QUOTED.sub(" ", sql))}
    if words - MAY_OPEN:
        name = min(words - MAY_OPEN)
        raise _refused(sql, f"uses {name}, which may need more than the row", columns, where)
    try:
        expression = pl.sql_expr(sql)
        named = expression.meta.root_names()
    except (pl.exceptions.PolarsError, ValueError):
        raise _refused(sql, "is not an expression in SQL", columns, where) from None
    unknown = sorted(set(named) - set(columns))
    if unknown:
        raise _refused(sql, f"names no such column as {unknown[0]!r}", columns, where)
    if not named:
        raise _refused(sql, "names no column", columns, where)
    return expression


def holds(condition: pl.Expr, frame: pl.DataFrame, *, sql: str, where: str = "") -> pl.Series:
    """Whether a parsed condition holds for each row; null where what it names is missing.

    Parameters
    ----------
    condition : polars.Expr
        As `parse_condition` gave it.
    frame : pl.DataFrame
        Rows with the columns it names.
    sql : str
        How it was written, for the error.
    where : str
        Where it was written.

    Raises
    ------
    InvalidConfig
        It does not fit the types of the columns, or its answer is not yes or no.
    """
    read = frame.select(sorted(set(condition.meta.root_names())))
    numbers = [name for name, dtype in read.schema.items() if dtype.is_float()]
    try:
        held = (
            read.with_columns(pl.col(numbers).fill_nan(None))
            .select(condition.alias("holds"))
            .to_series()
        )
    except pl.exceptions.PolarsError:
        raise _refused(sql, "does not fit the types of its columns", frame.columns, where) from None
    if held.dtype != pl.Boolean:
        raise _refused(sql, "does not say yes or no", frame.columns, where)
    return held


def _refused(sql: str, why: str, columns: Sequence[str], where: str) -> InvalidConfig:
    shown = ", ".join(columns[:30]) + (", ..." if len(columns) > 30 else "")
    return InvalidConfig(
        f"The condition {sql!r} {why}.",
        hint=f"Write it over these columns, such as \"age < 30 AND sex = 'F'\": {shown}.",
        where=where,
    )

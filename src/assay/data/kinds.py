"""What kind of values a column holds, and what kind of question its target asks."""

from __future__ import annotations

from typing import cast

import polars as pl

from assay.data.cells import AMBIGUOUS, EXACT, inexact, read_dates
from assay.data.contract import ColumnKind
from assay.data.words import PAIRS
from assay.errors import InvalidTable, UnknownColumn
from assay.question import Kind, Question

_PAIRS = tuple(set(pair) for pair in PAIRS)
MOST_CLASSES = 200
"""A text target with more distinct values than this is no question of which class."""
MANY_CLASSES, ROWS_A_CLASS = 50, 5
"""With more classes than these there must be so many rows a class, on average."""
FEW_NUMBERS = 10
"""A whole-number target with at most this many distinct values, each often, is a class."""
_TEXT_WORDS = 4
_TEXT_DISTINCT = 0.5


def column_kind(series: pl.Series) -> tuple[ColumnKind, str]:
    """Kind of a column as `read_table` gives it, and what is odd about it.

    Two distinct values 0 and 1, or a written pair such as yes and no, make a boolean. Strings
    of `_TEXT_WORDS` words or more (median), most of them distinct, are text.

    Returns
    -------
    kind : {"number", "integer", "boolean", "category", "date", "text"}
    note : str
        One remark; empty where there is nothing to say.

    Examples
    --------
    >>> column_kind(pl.Series(["yes", "no", None]))
    ('boolean', '')
    >>> column_kind(pl.Series(["1", "2", "three"]))
    ('category', 'mixed: 2 of 3 cells are numbers, the rest text')
    """
    kind = series.dtype
    if kind == pl.Boolean:
        return "boolean", ""
    if kind.is_temporal():
        return "date", ""
    if kind == pl.String:
        return _string_kind(series)
    if _zero_and_one(series):
        return "boolean", ""
    if kind.is_integer():
        return "integer", ""
    infinite = int(series.is_infinite().sum())
    return "number", f"{infinite} infinite values" if infinite else ""


def _zero_and_one(series: pl.Series) -> bool:
    if series.min() != 0 or series.max() != 1:
        return False
    return bool(((series == 0) | (series == 1)).all())


def _string_kind(series: pl.Series) -> tuple[ColumnKind, str]:
    levels = series.unique()
    levels = levels.drop_nulls() if series.null_count() else levels
    if len(levels) == 2 and set(levels.str.to_lowercase()) in _PAIRS:
        return "boolean", ""
    note = _string_note(series, levels)
    present = series.count()
    if levels.is_empty() or len(levels) < _TEXT_DISTINCT * present:
        return "category", note
    words = cast("float", series.str.count_matches(" ", literal=True).median()) + 1
    return ("text" if words >= _TEXT_WORDS else "category"), note


def _string_note(series: pl.Series, levels: pl.Series) -> str:
    numbers = levels.cast(pl.Float64, strict=False)
    if not numbers.count():
        return AMBIGUOUS if read_dates(levels)[1] else ""
    if numbers.count() < len(levels):
        cells = series.cast(pl.Float64, strict=False).count()
        return f"mixed: {cells} of {series.count()} cells are numbers, the rest text"
    if cast("float", numbers.abs().max()) >= EXACT and inexact(levels):
        return "whole numbers beyond 2^53 are exact only as text: kept as text"
    if levels.str.contains(r"^0\d").any():
        return "numbers with leading zeros: kept as text"
    return ""


def label_text(series: pl.Series) -> pl.Series:
    """The classes of a target as text: ``0`` and ``1``, ``true`` and ``false``, or as written.

    Examples
    --------
    >>> label_text(pl.Series([1.0, 0.0, None])).to_list()
    ['1', '0', None]
    """
    if series.dtype.is_float():
        whole = series.cast(pl.Int64, strict=False)
        if bool((whole == series).all()):
            return whole.cast(pl.String)
    if series.dtype == pl.String:
        stripped = series.str.strip_chars()
        return stripped.set(stripped == "", None)
    return series.cast(pl.String)


def category_text(series: pl.Series) -> pl.Series:
    """Cells of a category as text, stripped; a whole number is spelt the same in any column.

    So a branch 3 stays ``3`` where a missing cell has turned its column into floats.

    Examples
    --------
    >>> category_text(pl.Series([3.0, 2.5, float("nan")])).to_list()
    ['3', '2.5', None]
    >>> category_text(pl.Series([" red", ""])).to_list()
    ['red', None]
    """
    if series.dtype.is_float():
        numbers = series.fill_nan(None)
        whole = numbers.cast(pl.Int64, strict=False)
        texts = numbers.cast(pl.String)
        return texts.zip_with((whole != numbers).fill_null(value=True), whole.cast(pl.String))
    stripped = series.cast(pl.String, strict=False).str.strip_chars()
    return stripped.set(stripped == "", None)


def infer_kind(frame: pl.DataFrame, question: Question) -> tuple[Kind, str]:
    """What kind of question the target asks.

    Two distinct values make it binary. Texts, and whole numbers with at most `FEW_NUMBERS`
    distinct values that occur five times or more on average, make it multiclass. Other numbers
    make it regression. ``question.kind`` wins where it is possible.

    Returns
    -------
    kind : {"regression", "binary", "multiclass"}
    why : str
        One sentence.

    Raises
    ------
    UnknownColumn
        The target is not in the table.
    InvalidTable
        The target can carry no question, or not the one that ``question.kind`` names.
    """
    if question.target not in frame.columns:
        raise UnknownColumn(question.target, frame.columns, where="assay.yaml: target")
    target = frame[question.target].drop_nulls()
    distinct = target.n_unique()
    if question.kind is None:
        return _inferred(target, distinct)
    _check_asked(question.kind, target, distinct)
    return question.kind, f"The question asks for {question.kind}."


def _inferred(target: pl.Series, distinct: int) -> tuple[Kind, str]:
    if target.dtype.is_temporal():
        raise _impossible(target.name, "holds dates", "Turn it into a number of days.")
    if distinct == 2:
        return "binary", f"The target {target.name!r} has two distinct values."
    if not target.dtype.is_numeric():
        _check_classes(target, distinct)
        return "multiclass", f"The target {target.name!r} has {distinct} distinct texts."
    whole = bool((target == target.round()).all())
    if whole and 2 < distinct <= FEW_NUMBERS and len(target) >= 5 * distinct:
        return (
            "multiclass",
            f"The target {target.name!r} has only {distinct} distinct whole numbers.",
        )
    return "regression", f"The target {target.name!r} is a number with {distinct} distinct values."


def _check_asked(kind: Kind, target: pl.Series, distinct: int) -> None:
    numeric = target.dtype.is_numeric()
    if kind == "regression" and not numeric:
        raise _impossible(target.name, "is not a number", "Ask for binary or multiclass.")
    if kind == "binary" and distinct != 2:
        raise _impossible(
            target.name, f"has {distinct} distinct values", "A binary target has two."
        )
    if kind == "multiclass":
        _check_classes(target, distinct)


def _check_classes(target: pl.Series, distinct: int) -> None:
    what = f"has {distinct} distinct values"
    text = "if it is a number with some text in it, clean the text."
    if distinct > MOST_CLASSES:
        raise _impossible(
            target.name, what, f"At most {MOST_CLASSES} classes are supported; {text}"
        )
    if distinct > MANY_CLASSES and len(target) < ROWS_A_CLASS * distinct:
        raise _impossible(
            target.name,
            f"{what} in {len(target)} rows",
            f"More than {MANY_CLASSES} classes need {ROWS_A_CLASS} rows each on average; {text}",
        )


def _impossible(name: str, what: str, hint: str) -> InvalidTable:
    return InvalidTable(f"The target {name!r} {what}.", hint=hint, where="assay.yaml: kind")

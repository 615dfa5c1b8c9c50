"""Columns cut into a few levels: values or ranges of numbers, categories, years, missing cells."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import polars as pl

from assay.assess.groups import FEW_LEVELS, MISSING
from assay.assess.statistics import Float64
from assay.assess.subject import Subject

MOST_LEVELS = 24
"""Levels of one column that can name a slice, most frequent first."""

Codes = npt.NDArray[np.int16]


@dataclass(frozen=True, eq=False)
class Levels:
    """A column cut into levels.

    Attributes
    ----------
    column : str
    names : tuple of str
    codes : ndarray of int16, shape (n,)
        Level of each row; -1 in none (a rare category).
    edges : ndarray of float64 or None
        Numbers and years: the largest value of each level, in rising order; a level of missing
        cells comes after them. None for categories, the most frequent of which come first.
    """

    column: str
    names: tuple[str, ...]
    codes: Codes
    edges: Float64 | None = None


def levels_of(subject: Subject, frame: pl.DataFrame, *, parts: int = 4) -> Iterator[Levels]:
    """The columns that can name a slice, cut into levels; no personal data, no free text.

    Parameters
    ----------
    subject : Subject
    frame : pl.DataFrame
        The rows.
    parts : int
        Parts of about equal numbers of training rows that a number is cut into, unless it has
        few values.
    """
    wanted = [c.name for c in subject.contract.features if c.kind != "text"]
    wanted += [g.column for g in subject.question.affected_groups if g.column not in wanted]
    for name in wanted:
        if name in subject.personal_columns or name not in frame.columns:
            continue
        levels = cut_column(frame[name], training_column(subject, frame, name), parts=parts)
        if levels.codes.size and levels.codes.min() != levels.codes.max():
            yield levels


def training_column(subject: Subject, frame: pl.DataFrame, name: str) -> pl.Series:
    """A column of the training rows; of the rows at hand where there are no training rows."""
    known = name in subject.train.columns and subject.train.height
    return subject.train[name] if known else frame[name]


def cut_column(column: pl.Series, train: pl.Series, *, parts: int) -> Levels:
    """One column cut into levels, the cuts of numbers taken from the training rows."""
    if column.dtype.is_temporal():
        column, train = column.dt.year(), train.dt.year()
    if column.dtype.is_numeric():
        return _number_levels(column, train, parts)
    return _category_levels(column)


def _number_levels(column: pl.Series, train: pl.Series, parts: int) -> Levels:
    """Values of a number that has few, else ranges; intervals include their upper edge."""
    values = column.cast(pl.Float64).fill_null(np.nan).to_numpy()
    known = train.cast(pl.Float64).drop_nulls().drop_nans()
    edges, names = _few_values(column, known) or _ranges(known, parts)
    codes = np.searchsorted(edges[:-1], values, side="left").astype(np.int16)
    missing = np.isnan(values)
    if missing.any():
        codes[missing] = len(names)
        names = (*names, MISSING)
    return Levels(column.name, names, codes, edges)


def _few_values(column: pl.Series, known: pl.Series) -> tuple[Float64, tuple[str, ...]] | None:
    """Every value as a level of its own; None where there are too many."""
    if known.n_unique() > FEW_LEVELS:
        return None
    present = column.cast(pl.Float64).drop_nulls().drop_nans().unique().sort().to_numpy()
    if not 0 < present.size <= MOST_LEVELS:
        return None
    return present, tuple(f"{value:g}" for value in present)


def _ranges(known: pl.Series, parts: int) -> tuple[Float64, tuple[str, ...]]:
    """Ranges with about equal numbers of training rows."""
    inner = np.unique([known.quantile(k / parts) for k in range(1, parts)] if len(known) else [0.0])
    middle = [f"{low:g} to {high:g}" for low, high in pairwise(inner)]
    names = (f"up to {inner[0]:g}", *middle, f"over {inner[-1]:g}")
    return np.append(inner, np.inf), names


def _category_levels(column: pl.Series) -> Levels:
    """The most frequent categories; missing is a category of its own."""
    text = column.cast(pl.String).fill_null(MISSING).alias("level")
    counts = text.value_counts(name="rows").sort(["rows", "level"], descending=[True, False])
    names = counts["level"].head(MOST_LEVELS).to_list()
    codes = text.replace_strict(names, list(range(len(names))), default=-1, return_dtype=pl.Int16)
    return Levels(column.name, tuple(names), codes.to_numpy())

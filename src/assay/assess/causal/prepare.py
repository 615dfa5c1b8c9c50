"""From a table to numbers: treatment, outcome, and what is held equal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from assay.assess.statistics import Float64, Int64
from assay.data.words import FALSE_WORDS, TRUE_WORDS
from assay.errors import InvalidTable, UnknownColumn

MOST_LEVELS = 6
"""Of a treatment that is no number."""
MOST_ONE_HOT = 20
"""Levels of a column that are held equal one by one; rarer ones share a column."""
FEWEST_OF_LEVEL = 20
"""Rows that each level of the treatment needs."""
FEW_ROWS = 50
"""Under so many rows nothing is estimated."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Prepared:
    """A table as the estimators take it.

    Attributes
    ----------
    frame : pl.DataFrame
        The rows that have a treatment and an outcome.
    levels : tuple of str
        Of the treatment, the control first; empty where it is a number.
    treatment : ndarray, shape (n,)
        Position in ``levels``, or the number.
    outcome : ndarray of float64, shape (n,)
    binary : bool
        Whether the outcome is 0 or 1.
    outcome_is : str
    design : ndarray of float64, shape (n, n_features)
        Standardised numbers and indicators of levels.
    sources : tuple of str, length n_features
        The column that each feature is made of.
    columns, left_out : tuple of str
        What the design is made of, and what it is not.
    dropped : int
    """

    frame: pl.DataFrame
    levels: tuple[str, ...]
    treatment: Float64 | Int64
    outcome: Float64
    binary: bool
    outcome_is: str
    design: Float64
    sources: tuple[str, ...]
    columns: tuple[str, ...]
    left_out: tuple[str, ...]
    dropped: int

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.outcome)


def prepare(
    frame: pl.DataFrame,
    *,
    treatment: str,
    outcome: str,
    control: str = "",
    positive: str = "",
    ignore: Sequence[str] = (),
) -> Prepared:
    """Read a table.

    Raises
    ------
    UnknownColumn
        A named column is not there.
    InvalidTable
        The treatment or the outcome is of no kind that an effect is defined for, or there are
        too few rows.
    """
    for name in (treatment, outcome, *ignore):
        if name not in frame.columns:
            raise UnknownColumn(name, frame.columns)
    if treatment == outcome:
        raise InvalidTable(
            "Treatment and outcome are one column.", hint="Name two columns.", where="treatment"
        )
    whole = _known(frame[treatment]) & _known(frame[outcome])
    rows = frame.filter(whole)
    if rows.height < FEW_ROWS:
        raise InvalidTable(
            f"{rows.height} rows have both a treatment and an outcome; {FEW_ROWS} are needed.",
            hint="Give a larger table.",
        )
    levels, given = _treatment(rows[treatment], control)
    told, outcome_is = _outcome(rows[outcome], positive)
    rest = [n for n in rows.columns if n not in {treatment, outcome, *ignore}]
    design, sources, left_out = _design(rows, rest)
    return Prepared(
        frame=rows,
        levels=levels,
        treatment=given,
        outcome=told,
        binary=bool(np.isin(told, (0.0, 1.0)).all()),
        outcome_is=outcome_is,
        design=design,
        sources=sources,
        columns=tuple(dict.fromkeys(sources)),
        left_out=left_out,
        dropped=frame.height - rows.height,
    )


def _known(column: pl.Series) -> pl.Series:
    known = column.is_not_null()
    return known & column.is_not_nan() if column.dtype.is_float() else known


def _treatment(column: pl.Series, control: str) -> tuple[tuple[str, ...], Float64 | Int64]:
    """Levels with the control first, and the position of each row; no levels for numbers."""
    if column.dtype.is_numeric() and column.n_unique() > 2:
        if control:
            raise InvalidTable(
                f"The treatment {column.name!r} is a number, which has no control.",
                hint="Leave `control` out; the effect is of one unit more.",
                where="control",
            )
        return (), column.cast(pl.Float64).to_numpy()
    texts = _texts(column)
    counts = dict(level_counts(texts))
    if not 2 <= len(counts) <= MOST_LEVELS:
        raise InvalidTable(
            f"The treatment {column.name!r} has {len(counts)} levels; 2 to {MOST_LEVELS} are "
            "compared.",
            hint="Join levels, or choose another column.",
            where="treatment",
        )
    scarce = [level for level, rows in counts.items() if rows < FEWEST_OF_LEVEL]
    if scarce:
        raise InvalidTable(
            f"{len(scarce)} levels of the treatment {column.name!r} have fewer than "
            f"{FEWEST_OF_LEVEL} rows.",
            hint="Join levels, or leave these rows out.",
            where="treatment",
        )
    first = _control(control, counts, column.name)
    levels = (first, *sorted(level for level in counts if level != first))
    place = {level: i for i, level in enumerate(levels)}
    return levels, texts.replace_strict(place, return_dtype=pl.Int64).to_numpy()


def _control(asked: str, counts: dict[str, int], name: str) -> str:
    """The level asked for; else the one that means no; else the most frequent one."""
    if asked:
        if asked not in counts:
            raise InvalidTable(
                f"The treatment {name!r} has no level of the name that `control` gives.",
                hint="Give a level as the table spells it.",
                where="control",
            )
        return asked
    nothing = sorted(level for level in counts if level.strip().lower() in _NO)
    return nothing[0] if nothing else max(counts, key=lambda level: (counts[level], level))


_NO = frozenset({*FALSE_WORDS, "0", "0.0", "none", "control"})


def level_counts(texts: pl.Series) -> list[tuple[str, int]]:
    """Levels with their rows, most frequent first; equally frequent ones by name.

    Examples
    --------
    >>> level_counts(pl.Series(["b", "a", "b", "c"]))
    [('b', 2), ('a', 1), ('c', 1)]
    """
    counts = texts.alias("level").value_counts(name="rows")
    ordered = counts.sort(["rows", "level"], descending=[True, False])
    return [(str(level), int(rows)) for level, rows in ordered.iter_rows()]


def _texts(column: pl.Series) -> pl.Series:
    """Levels as text; whole numbers without a point."""
    if column.dtype.is_float() and (column == column.round(0)).all():
        column = column.cast(pl.Int64)
    return column.cast(pl.String)


def _outcome(column: pl.Series, positive: str) -> tuple[Float64, str]:
    """The outcome as numbers, and what its mean is."""
    if column.dtype.is_numeric() and not positive:
        return column.cast(pl.Float64).to_numpy(), f"mean of {column.name}"
    texts = _texts(column)
    classes = sorted(texts.unique().to_list())
    if len(classes) != 2 or (positive and positive not in classes):
        raise InvalidTable(
            f"The outcome {column.name!r} is neither a number nor of two classes, or lacks the "
            "class that `positive` names.",
            hint="Give a number, or a column of two classes.",
            where="outcome",
        )
    meant = [c for c in classes if c.strip().lower() in TRUE_WORDS]
    asked = positive or (meant[0] if meant else classes[-1])
    share = f"share of rows whose {column.name} is {asked}"
    return (texts == asked).cast(pl.Float64).to_numpy(), share


def _design(
    frame: pl.DataFrame, names: Sequence[str]
) -> tuple[Float64, tuple[str, ...], tuple[str, ...]]:
    """Features to hold equal, the column of each, and columns that are left out."""
    parts: list[Float64] = []
    sources: list[str] = []
    left_out = []
    for name in names:
        columns = _columns(frame[name])
        parts += columns
        sources += [name] * len(columns)
        if not columns and frame[name].n_unique() > 1:
            left_out.append(name)
    matrix = np.stack(parts, axis=1) if parts else np.zeros((frame.height, 0))
    return matrix, tuple(sources), tuple(left_out)


def _columns(column: pl.Series) -> list[Float64]:
    """A column as numbers; none where it says nothing, or names each row."""
    if column.dtype.is_temporal():
        column = column.to_physical()
    if column.dtype.is_numeric() or column.dtype == pl.Boolean:
        return _number(column.cast(pl.Float64).fill_null(float("nan")).to_numpy())
    return _levels(column.cast(pl.String).fill_null(""))


def _number(values: Float64) -> list[Float64]:
    known = values[np.isfinite(values)]
    if known.size == 0 or np.ptp(known) == 0:
        return []
    missing = ~np.isfinite(values)
    low, middle, high = np.quantile(known, (0.001, 0.5, 0.999))
    filled = np.clip(np.where(missing, middle, values), low, high)
    spread = filled.std()
    parts = [(filled - filled.mean()) / spread] if spread > 0 else []
    return [*parts, missing.astype(np.float64)] if missing.any() else parts


def _levels(texts: pl.Series) -> list[Float64]:
    """One indicator a frequent level but the first, and one of all the rest together."""
    names = [level for level, _ in level_counts(texts)]
    if len(names) < 2 or len(names) > max(MOST_ONE_HOT, texts.len() // 2):
        return []
    kept = sorted(names[:MOST_ONE_HOT])
    flags = [(texts == name).cast(pl.Float64).to_numpy() for name in kept[1:]]
    if len(names) > len(kept):
        flags.append((~texts.is_in(kept)).cast(pl.Float64).to_numpy())
    return flags

"""Many variants of the same rows, asked of the model in few calls."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import polars as pl

from assay.assess.statistics import Float64
from assay.assess.subject import Answered, Score, Subject

CELLS_A_CALL = 8_000_000
"""Cells that go to the model in one call: a call has costs of its own, and so has memory."""
CELLS_A_CHECK = 100_000_000
"""Cells that one check asks of the model, at most: beyond, it looks at fewer rows."""
FEWEST_ROWS = 100


def affordable_rows(subject: Subject, most: int, *, variants: int) -> int:
    """How many rows to look at, when each is asked in so many variants.

    Parameters
    ----------
    subject : Subject
    most : int
        Rows that are enough.
    variants : int
        Of each row.
    """
    cells = max(1, variants * len(subject.feature_names))
    return min(most, max(FEWEST_ROWS, CELLS_A_CHECK // cells))


def with_column(frame: pl.DataFrame, column: pl.Series) -> pl.DataFrame:
    """The table with one of its columns replaced; quick however many others there are."""
    return frame.clone().replace_column(frame.get_column_index(column.name), column)


def ask_all(
    score: Score, frames: Iterable[pl.DataFrame], read: Callable[[Answered], Float64]
) -> list[Float64]:
    """A number for every row of every frame.

    Parameters
    ----------
    score : callable
        The model.
    frames : iterable of pl.DataFrame
        With the same columns; taken one by one, and asked together up to `CELLS_A_CALL`.
    read : callable
        From the model's answers to a number a row.

    Returns
    -------
    list of ndarray of float64
        One array a frame, in order.
    """
    found: list[Float64] = []
    waiting: list[pl.DataFrame] = []
    cells = 0
    for frame in frames:
        own = frame.height * frame.width
        if waiting and cells + own > CELLS_A_CALL:
            found += _ask(score, waiting, read)
            waiting, cells = [], 0
        waiting.append(frame)
        cells += own
    return found + _ask(score, waiting, read)


def _ask(
    score: Score, frames: Sequence[pl.DataFrame], read: Callable[[Answered], Float64]
) -> list[Float64]:
    """One call for several frames."""
    if not frames:
        return []
    answers = read(score(pl.concat(frames)))
    ends = np.cumsum([frame.height for frame in frames])
    return np.split(answers, ends[:-1])

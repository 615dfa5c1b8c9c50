"""Folds of a whole table, for a search that holds no rows out."""

from __future__ import annotations

import numpy as np
import polars as pl

from assay.data.contract import Contract
from assay.data.split import (
    _FOLDS,
    _FOLDS_SMALL,
    SMALL,
    _blocks,
    _check_left,
    _deal,
    _fold_count,
    _group_codes,
    _last,
    _moments,
    _units,
)
from assay.question import Kind, Question


def deal_folds(
    frame: pl.DataFrame,
    question: Question,
    *,
    kind: Kind,
    seed: int,
    contract: Contract | None = None,
) -> tuple[int, ...]:
    """Fold of each row, where all rows are learned from.

    The rules are those of `assay.data.split.split_rows`: classes or quantiles in equal shares,
    groups and repeated rows kept whole, folds in order of time where there is a time column.

    Parameters
    ----------
    frame : pl.DataFrame
        Rows with a target.
    question : Question
        Names target, group column and time column.
    kind : {"regression", "binary", "multiclass"}
    seed : int
        The same seed and rows give the same folds.
    contract : Contract, optional
        Its identifiers and ignored columns do not count when rows are compared.

    Returns
    -------
    tuple of int
        From 0; with a time column -1 marks the earliest rows, which are only learned from.

    Raises
    ------
    InvalidTable
        There are too few groups, or too few distinct times.
    """
    everywhere = np.arange(frame.height)
    if question.time_column is not None:
        column = question.group_column
        groups = None if column is None else _group_codes(frame[column])
        order = _last(_moments(frame[question.time_column]), groups, everywhere)
        _check_left(order, question)
        wanted = _FOLDS_SMALL if frame.height < SMALL else _FOLDS
        return tuple((_blocks(order, wanted + 1) - 1).tolist())
    units = _units(frame, question, kind, contract)
    count = _fold_count(frame, question, kind, units, everywhere)
    kept = np.ones(units.rows.size, dtype=bool)
    dealt = _deal(units, kept, count, np.random.default_rng(seed))
    return tuple(dealt[units.of_row].tolist())

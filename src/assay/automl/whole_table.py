"""A table and its target, by the estimator that suits them."""

from __future__ import annotations

from typing import Any

import polars as pl

from assay.automl.estimator_base import AssayEstimator
from assay.automl.estimators import AssayClassifier, AssayRegressor
from assay.automl.training import (
    question_of,
)
from assay.data.kinds import infer_kind, label_text
from assay.data.source import read_table
from assay.errors import InvalidTable, UnknownColumn


def fit_table(
    table: Any, target: str, *, groups: str | None = None, **settings: Any
) -> AssayClassifier | AssayRegressor:
    """Fit the estimator that suits the target of a table.

    Parameters
    ----------
    table : path or table
        Whatever `assay.data.read_table` reads.
    target : str
        Column that holds the answers. Rows without one are left out, unless
        ``semi_supervised`` is set.
    groups : str, optional
        Column whose groups stay whole in every fold; it is no feature.
    **settings
        Parameters of `AssayClassifier` or `AssayRegressor`.

    Raises
    ------
    UnknownColumn
        A named column is not in the table.
    InvalidTable, InvalidFile
        The table cannot be read, or cannot carry the question.
    """
    frame = read_table(table)
    for name in filter(None, (target, groups)):
        if name not in frame.columns:
            raise UnknownColumn(name, frame.columns)
    known = frame.filter(pl.col(target).is_not_null())
    if known.is_empty():
        raise InvalidTable(
            f"The target {target!r} is missing in every row.",
            hint="Choose a column that holds the answers of the past.",
        )
    kind, _ = infer_kind(known, question_of(target))
    make = AssayRegressor if kind == "regression" or settings.get("quantiles") else AssayClassifier
    rows = frame if settings.get("semi_supervised") else known
    answers = _answers_of(rows, target, make)
    apart = [name for name in (target, groups) if name is not None]
    return make(**settings).fit(
        rows.drop(apart), answers, groups=None if groups is None else rows[groups]
    )


def _answers_of(rows: pl.DataFrame, target: str, make: type[AssayEstimator]) -> pl.Series:
    """The target as the estimator takes it: fractions that are classes become text."""
    answers = rows[target]
    if make is AssayClassifier:
        return label_text(answers) if answers.dtype.is_float() else answers
    if not answers.dtype.is_numeric() or bool(answers.is_infinite().any()):
        raise InvalidTable(
            f"The target {target!r} is not a finite number in every row.",
            hint="Correct these cells, or leave `quantiles` out to ask for a class.",
        )
    return answers

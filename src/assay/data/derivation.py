"""Derive the contract from a table, its profile and the question."""

from __future__ import annotations

import polars as pl

from assay.data.contract import Column, ColumnKind, Contract, Role
from assay.data.kinds import category_text, infer_kind, label_text
from assay.data.profile import ColumnProfile, Profile
from assay.data.words import TRUE_WORDS
from assay.errors import InvalidTable
from assay.question import Kind, Question

MOST_CATEGORIES = 10_000
"""Levels that a contract lists; of a column with more it lists none."""


def derive_contract(frame: pl.DataFrame, question: Question, profile: Profile) -> Contract:
    """Derive the contract that later tables and requests are held to.

    Parameters
    ----------
    frame : pl.DataFrame
        The usable rows, as `check_table` gives them.
    question : Question
        Names the target, and the columns that are no features.
    profile : Profile
        Of the same rows.

    Returns
    -------
    Contract
        Columns in the table's order. Roles come from the question first, then from the
        profile. A class target is of kind ``category`` whatever its type; a column that is
        complete here is not nullable. Columns that hold personal data or identifiers list
        neither values nor ranges.

    Raises
    ------
    InvalidTable
        No feature is left.
    """
    kind, _ = infer_kind(frame, question)
    columns = tuple(
        _column(frame[column.name], column, question=question, kind=kind)
        for column in profile.columns
    )
    if not any(column.role == "feature" for column in columns):
        raise InvalidTable(
            "No column is left to learn from: all are identifiers, constant, free text or set "
            "aside by the question.",
            hint="Add columns, or take some out of `ignore`.",
        )
    return Contract(columns=columns)


def _column(series: pl.Series, column: ColumnProfile, *, question: Question, kind: Kind) -> Column:
    role, why = _role(column, question)
    listed = _categories(series, column, role, question=question, kind=kind)
    shown = _kind(column, role, question=question, kind=kind)
    named = role == "feature" and shown in {"category", "text"}  # may be numbers by nature
    return Column(
        name=column.name,
        kind=shown,
        role=role,
        nullable=column.missing > 0,
        low=None if named else column.low,
        high=None if named else column.high,
        categories=listed,
        why=why,
    )


def _role(column: ColumnProfile, question: Question) -> tuple[Role, str]:
    if column.name == question.target:
        return "target", ""
    named: tuple[tuple[Role, str, bool], ...] = (
        ("group", "as group_column", column.name == question.group_column),
        ("time", "as time_column", column.name == question.time_column),
        ("ignored", "as weight_column", column.name == question.weight_column),
        ("ignored", "under ignore", column.name in question.ignore),
    )
    for role, how, holds in named:
        if holds:
            return role, f"named {how} by the question"
    if column.name in {*question.keep, *question.kinds, *question.monotone, *question.ordered}:
        return "feature", "named by the question"
    return column.role, column.note


def _kind(column: ColumnProfile, role: Role, *, question: Question, kind: Kind) -> ColumnKind:
    if column.name in question.ordered:
        return "category"
    if role != "target":
        return question.kinds.get(column.name, column.kind)
    if kind != "regression":
        return "category"
    return "integer" if column.kind == "integer" else "number"


def _categories(
    series: pl.Series, column: ColumnProfile, role: Role, *, question: Question, kind: Kind
) -> tuple[str, ...]:
    if role == "target":
        return () if kind == "regression" else _classes(series, kind, question.positive)
    shown = _kind(column, role, question=question, kind=kind)
    hidden = role == "identifier" or any(flag.startswith("personal") for flag in column.flags)
    if hidden or shown not in {"category", "boolean"} or column.distinct > MOST_CATEGORIES:
        return ()
    levels = label_text(series) if shown == "boolean" else category_text(series)
    return tuple(sorted(level for level in levels.drop_nulls().unique() if level))


def _classes(series: pl.Series, kind: Kind, positive: str | None) -> tuple[str, ...]:
    """The classes, sorted; of two, the one that is asked for comes last.

    Where the question names none, that is the written yes, or else the rarer class.
    """
    labels = label_text(series.drop_nulls())
    classes = sorted(labels.unique())
    if kind != "binary":
        return tuple(classes)
    asked = positive if positive is not None else _asked(labels, classes)
    return tuple(sorted(classes, key=lambda label: label == asked))


def _asked(labels: pl.Series, classes: list[str]) -> str:
    written = [label for label in classes if label.lower() in TRUE_WORDS]
    if len(written) == 1:
        return written[0]
    return min(classes, key=lambda label: (int((labels == label).sum()), label))

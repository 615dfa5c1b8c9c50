"""What the question's affected groups stand for in a table: columns, conditions, crossings."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from assay.data.condition import holds, parse_condition
from assay.errors import InvalidConfig, UnknownColumn
from assay.question import CROSS, Groups, Question


def definitions_of(question: Question, columns: Sequence[str], key: str) -> tuple[Groups, ...]:
    """The groupings that a key names, one for each part that is crossed.

    Parameters
    ----------
    question : Question
    columns : sequence of str
        Of the table.
    key : str
        The name of groups of the question, a column, or several of these with `CROSS` between.

    Raises
    ------
    UnknownColumn
        The table has no such column, and the question no groups of that name.

    Examples
    --------
    >>> from assay.testing.check import example_question
    >>> [g.key for g in definitions_of(example_question("binary"), ["make", "size"], "make & size")]
    ['make', 'size']
    """
    named = {groups.key: groups for groups in question.affected_groups}
    found = named.get(key) or Groups(column=key)
    if found.where or found.column in columns:
        return (found,)
    parts = found.column.split(CROSS)
    for part in parts:
        if part == key or part not in (*named, *columns):
            raise UnknownColumn(part, [*named, *columns])
    return tuple(named.get(part) or Groups(column=part) for part in parts)


def factors_of(question: Question, columns: Sequence[str], key: str) -> tuple[str, ...]:
    """Columns that may rightly explain a gap between the groups of a key, or its parts."""
    whole = [groups for groups in question.affected_groups if groups.key == key]
    parts = (*whole, *definitions_of(question, columns, key))
    return tuple(dict.fromkeys(name for part in parts for name in part.given))


def check_groups(question: Question, frame: pl.DataFrame) -> None:
    """Refuse affected groups that do not fit the table, before any time is spent on it.

    Raises
    ------
    UnknownColumn
        Groups or their factors name what is neither a column nor other groups.
    InvalidConfig
        A condition does not fit the table, two groupings have one name, or one is called like
        a column that it is not.
    """
    where, keys = "assay.yaml: affected_groups", [g.key for g in question.affected_groups]
    for groups in question.affected_groups:
        if keys.count(groups.key) > 1:
            raise InvalidConfig(
                f"Two affected groups are called {groups.key!r}.",
                hint="Give one of them another name.",
                where=where,
            )
        if groups.key in frame.columns and groups.column != groups.key:
            raise InvalidConfig(
                f"Affected groups are called {groups.key!r}, which is a column of the table.",
                hint="Give them another name.",
                where=where,
            )
        _check_parts(question, frame, groups, where)


def _check_parts(question: Question, frame: pl.DataFrame, groups: Groups, where: str) -> None:
    try:
        parts = definitions_of(question, frame.columns, groups.key)
        for name in groups.given:
            definitions_of(question, frame.columns, name)
    except UnknownColumn as error:
        error.where = where
        raise
    for part in parts:
        if part.where:
            condition = parse_condition(part.where, frame.columns, where=where)
            holds(condition, frame.head(0), sql=part.where, where=where)

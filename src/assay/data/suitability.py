"""Whether a table can carry the question: said before any time is spent on it."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from assay.data.groupings import check_groups
from assay.data.kinds import infer_kind, label_text
from assay.errors import InvalidConfig, InvalidTable, UnknownColumn, nearest
from assay.question import Question

FEWEST_ROWS = 20
"""Rows with a target that a table needs: below, neither learning nor testing means anything."""
MAY_BE_TARGET = ("budget: fairness",)
"""What may name the target too."""
_GLANCE = 1_000
"""Rows that are looked at first; of nearly every table they tell what all rows would."""


@dataclass(frozen=True)
class CheckedTable:
    """The rows a question can use, and how many it cannot."""

    frame: pl.DataFrame
    dropped: int
    """Rows without a target, set aside: neither learned from nor tested on."""


def check_table(frame: pl.DataFrame, question: Question) -> CheckedTable:
    """Check that a table can carry the question.

    Parameters
    ----------
    frame : pl.DataFrame
        As `read_table` gives it.
    question : Question
        Names the target and the other columns that must be there.

    Returns
    -------
    CheckedTable
        The rows with a target, in their order.

    Raises
    ------
    UnknownColumn
        A column that the question names is not in the table.
    InvalidConfig
        Costs name a class that does not occur.
    InvalidTable
        The target is missing everywhere, constant, infinite or of too rare a class; there are
        fewer than `FEWEST_ROWS` usable rows; no column is left to learn from; or the class
        asked for does not occur.
    """
    _check_names(frame, question)
    usable = frame.filter(answered(frame[question.target]))
    _check_target(usable, question)
    _check_demands(usable, question)
    _check_features(usable, question)
    return CheckedTable(usable, frame.height - usable.height)


def answered(target: pl.Series) -> pl.Series:
    """Which rows have a target, as booleans; a text of nothing but white space is none.

    Examples
    --------
    >>> answered(pl.Series(["yes", " ", None])).to_list()
    [True, False, False]
    """
    if target.dtype == pl.String:
        return (target.str.strip_chars() != "").fill_null(value=False)
    return target.is_not_null()


def _check_names(frame: pl.DataFrame, question: Question) -> None:
    named = [("target", question.target)]
    named += [("group_column", name) for name in [question.group_column] if name is not None]
    named += [("time_column", name) for name in [question.time_column] if name is not None]
    named += [("ignore", name) for name in question.ignore]
    named += [("weight_column", name) for name in [question.weight_column] if name is not None]
    named += [("budget: fairness", name) for name in [question.budget.fairness] if name]
    named += [("actions", name) for name in question.actions.columns]
    named += [("keep", name) for name in question.keep]
    named += [("kinds", name) for name in question.kinds]
    named += [("monotone", name) for name in question.monotone]
    named += [("ordered", name) for name in question.ordered]
    for key, name in named:
        if name not in frame.columns:
            raise UnknownColumn(name, frame.columns, where=f"assay.yaml: {key}")
        if key != "target" and name == question.target and key not in MAY_BE_TARGET:
            raise InvalidTable(
                f"Column {name!r} is the target and cannot be the {key} too.",
                hint="Take it out of one of the two.",
                where=f"assay.yaml: {key}",
            )
    check_groups(question, frame)
    _check_apart(question)


def _check_apart(question: Question) -> None:
    """What is not learned from cannot be asked to count in some way."""
    apart = dict.fromkeys(question.ignore, "ignore")
    for key in ("group_column", "time_column", "weight_column"):
        apart[getattr(question, key)] = key
    for key in ("keep", "monotone", "ordered"):
        for name in getattr(question, key):
            if name in apart:
                raise InvalidTable(
                    f"Column {name!r} is named under {key}, but not learned from: it is named "
                    f"under {apart[name]} too.",
                    hint="Take it out of one of the two.",
                    where=f"assay.yaml: {key}",
                )


def _check_target(usable: pl.DataFrame, question: Question) -> None:
    target = usable[question.target]
    where = "assay.yaml: target"
    if usable.is_empty():
        raise InvalidTable(
            f"The target {target.name!r} is missing in every row.",
            hint="Choose a column that holds the answers of the past.",
            where=where,
        )
    if usable.height < FEWEST_ROWS:
        raise InvalidTable(
            f"The table has {_count(usable.height)} with a target.",
            hint=f"At least {FEWEST_ROWS} are needed; a few hundred are better.",
            where=where,
        )
    if target.n_unique() == 1:
        raise InvalidTable(
            f"The target {target.name!r} is the same in every row.",
            hint="There is nothing to learn; choose another target or add rows.",
            where=where,
        )
    infinite = int(target.is_infinite().sum()) if target.dtype.is_float() else 0
    if infinite:
        raise InvalidTable(
            f"The target {target.name!r} is infinite in {_count(infinite)}.",
            hint="Correct these cells or leave them empty.",
            where=where,
        )
    _check_classes(usable, question)


def _check_demands(usable: pl.DataFrame, question: Question) -> None:
    """What the question asks of the search, held against the kind of its answer."""
    kind, _ = infer_kind(usable, question)
    problems = {
        "costs": bool(question.costs) and kind == "regression",
        "monotone": bool(question.monotone) and kind == "multiclass",
    }
    for key, wrong in problems.items():
        if wrong:
            raise InvalidTable(
                f"The question gives {key}, but is a {kind} question.",
                hint=f"Leave out `{key}`, or ask for another kind.",
                where=f"assay.yaml: {key}",
            )
    if question.costs:
        _check_costs(usable[question.target], question)
    if question.weight_column is not None:
        _check_weights(usable[question.weight_column])


def _check_costs(target: pl.Series, question: Question) -> None:
    """Costs name classes that occur; what they add up to is for the search to judge."""
    classes = sorted(label_text(target).unique())
    for actual, row in question.costs.items():
        for name in (actual, *row):
            if name not in classes:
                raise InvalidConfig(
                    f"`costs` names the class {name!r}, which the target does not have.",
                    hint=nearest(name, classes),
                    where="assay.yaml: costs",
                )


def _check_weights(weights: pl.Series) -> None:
    numbers = weights.cast(pl.Float64, strict=False)
    bad = int((numbers.is_null() | ~numbers.is_finite() | (numbers < 0)).fill_null(True).sum())
    if bad or not numbers.sum():
        raise InvalidTable(
            f"The weight column {weights.name!r} is no number from 0 on in {_count(bad)}."
            if bad
            else f"The weight column {weights.name!r} is 0 in every row.",
            hint="Correct these cells, or leave `weight_column` out.",
            where="assay.yaml: weight_column",
        )


def _count(rows: int) -> str:
    return "one row" if rows == 1 else f"{rows} rows"


def _check_classes(usable: pl.DataFrame, question: Question) -> None:
    kind, _ = infer_kind(usable, question)
    if kind != "binary":
        if question.positive is not None:
            raise InvalidTable(
                f"The question names a positive class, but is a {kind} question.",
                hint="Leave out `positive`.",
                where="assay.yaml: positive",
            )
        return
    labels = label_text(usable[question.target])
    classes = sorted(labels.unique())
    if question.positive is not None and question.positive not in classes:
        raise InvalidTable(
            f"The target {labels.name!r} has no class {question.positive!r}.",
            hint=nearest(question.positive, classes),
            where="assay.yaml: positive",
        )
    rarer = min(labels.alias("label").value_counts()["count"])
    if rarer < 2:
        raise InvalidTable(
            f"The rarer class of {labels.name!r} has one row.",
            hint="At least two are needed: one to learn from and one to test on.",
            where="assay.yaml: target",
        )


def _check_features(usable: pl.DataFrame, question: Question) -> None:
    apart = {
        question.target,
        question.group_column,
        question.time_column,
        question.weight_column,
        *question.ignore,
    }
    columns = [name for name in usable.columns if name not in apart]
    if not columns:
        raise InvalidTable(
            "The table has no column to learn from.",
            hint="Add columns, or take some out of `ignore`.",
            where="assay.yaml: ignore",
        )
    features = usable.select(columns)
    if not _varies(features.head(_GLANCE)) and not _varies(features):
        raise InvalidTable(
            "Every column but the target is constant or empty.",
            hint="Add columns that differ between rows.",
        )


def _varies(features: pl.DataFrame) -> bool:
    levels: tuple[int, ...] = features.select(pl.all().drop_nulls().n_unique()).row(0)
    return max(levels) > 1

"""From rows and answers in memory to what a search is asked: question, contract, classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import _check_sample_weight

from assay.automl.rows import is_missing, read_answers
from assay.data.contract import Contract
from assay.data.derivation import derive_contract
from assay.data.profile import Profile, profile_table
from assay.errors import InvalidTable, UnknownColumn
from assay.model.plan import Array, Float64
from assay.question import Kind, Question

_FEWEST_ROWS = 2


@dataclass(frozen=True, kw_only=True)
class Answers:
    """Answers that were given, one a row.

    Attributes
    ----------
    values : ndarray, shape (n_rows,)
    known : ndarray of bool, shape (n_rows,)
        Which rows have one.
    rows : ndarray of int64
        Rows to learn from: those with an answer and a weight above 0.
    weights : ndarray of float64 or None
        Of ``rows``.
    groups : ndarray or None
        Of ``rows``.
    name : str
        What the answers are called; empty where they have no name.
    """

    values: Array
    known: npt.NDArray[np.bool_]
    rows: npt.NDArray[np.int64]
    weights: Float64 | None
    groups: Array | None
    name: str


@dataclass(frozen=True, kw_only=True)
class Training:
    """Rows to learn from, and what is asked of them.

    Attributes
    ----------
    frame : polars.DataFrame
        As read, with the target, and the groups where there are any.
    question : Question
    kind : {"regression", "binary", "multiclass"}
    names : tuple of str
        The classes as text, in order; empty for regression.
    contract : Contract
    notes : tuple of str
        Which columns are no features, and why.
    """

    frame: pl.DataFrame
    question: Question
    kind: Kind
    names: tuple[str, ...]
    contract: Contract
    notes: tuple[str, ...]


def answers_given(
    frame: pl.DataFrame, y: Any, *, sample_weight: Any = None, groups: Any = None
) -> Answers:
    """Read what belongs to rows beside their columns.

    Raises
    ------
    ValueError
        Their lengths differ, or a weight is negative, or all are zero.
    InvalidTable
        Fewer than two rows can be learned from.
    """
    values = read_answers(y)
    check_consistent_length(frame, values, groups)
    known = ~is_missing(values)
    weights = None
    learned = known
    if sample_weight is not None:
        weights = _check_sample_weight(
            sample_weight, values, dtype=np.float64, ensure_non_negative=True
        )
        learned = known & (weights > 0)
    rows = np.flatnonzero(learned)
    if len(rows) < _FEWEST_ROWS:
        raise InvalidTable(
            f"There are too few rows to learn from: n_samples={len(rows)}.",
            hint="Two rows with an answer and a weight are the least; a few hundred are better.",
        )
    name = getattr(y, "name", None)
    return Answers(
        values=values,
        known=known,
        rows=rows,
        weights=None if weights is None else weights[rows],
        groups=None if groups is None else read_answers(groups)[rows],
        name=name.strip() if isinstance(name, str) else "",
    )


def pose_training(
    frame: pl.DataFrame,
    answers: Answers,
    target: pl.Series,
    *,
    kind: Kind,
    names: tuple[str, ...],
    **columns: Any,
) -> Training:
    """What is asked of the rows to learn from.

    Parameters
    ----------
    frame : polars.DataFrame
        All rows that were given.
    answers : Answers
    target : polars.Series
        The answers of ``answers.rows`` as a search reads them: numbers, or names of classes.
    kind, names
        See `Training`.
    **columns
        Further fields of the question: ``time_column``, ``ignore``.

    Raises
    ------
    UnknownColumn
        A named column is not in the table.
    InvalidTable
        No column differs between rows.
    """
    learned = frame[answers.rows]
    called = _free_name(answers.name or "y", learned)
    learned = learned.with_columns(target.alias(called))
    if answers.groups is not None:
        columns["group_column"] = _free_name("group", learned)
        cells = pl.Series(columns["group_column"], answers.groups.tolist())
        learned = learned.with_columns(cells)
    question = question_of(called, kind=kind, **columns)
    contract = _contract(learned, question, names)
    return Training(
        frame=learned,
        question=question,
        kind=kind,
        names=names,
        contract=contract,
        notes=tuple(
            f"Column {c.name!r} is no feature: {c.why}."
            for c in contract.columns
            if c.role not in {"feature", "target", "group", "time"}
            and c.name not in question.ignore
        ),
    )


def question_of(target: str, *, kind: Kind | None = None, **further: Any) -> Question:
    """A question about nothing but the rows."""
    return Question(
        name="automl",
        question=f"What is {target}?",
        data="rows in memory",
        target=target,
        decision="Not stated.",
        owner="Not stated.",
        kind=kind,
        **further,
    )


def class_names(classes: Array) -> tuple[str, ...]:
    """The classes as text: distinct, not empty, and without white space around.

    Examples
    --------
    >>> class_names(np.array([0, 1])), class_names(np.array(["a", "a "]))
    (('0', '1'), ('0: a', '1: a'))
    """
    names = [str(label).strip() for label in classes.tolist()]
    if len(set(names)) == len(names) and all(names):
        return tuple(names)
    return tuple(f"{place}: {name}" for place, name in enumerate(names))


def _free_name(wanted: str, frame: pl.DataFrame) -> str:
    """The name, with as many strokes as it takes to be no column's."""
    while wanted in frame.columns:
        wanted += "'"
    return wanted


def _contract(frame: pl.DataFrame, question: Question, names: tuple[str, ...]) -> Contract:
    """The contract of the rows; any cell may be missing later, as scikit-learn's users expect."""
    for name in filter(None, (question.time_column, *question.ignore)):
        if name not in frame.columns:
            raise UnknownColumn(name, frame.columns)
    profile = _with_features(profile_table(frame, target=question.target), question)
    derived = derive_contract(frame, question, profile)
    changes: dict[str, dict[str, Any]] = {
        "feature": {"nullable": True},
        "target": {"categories": names},
    }
    return Contract(
        columns=tuple(
            msgspec.structs.replace(column, **changes.get(column.role, {}))
            for column in derived.columns
        )
    )


def _with_features(profile: Profile, question: Question) -> Profile:
    """The profile; where it leaves no feature, with every column that varies as one.

    What looks like an identifier, or like the answer itself, may be all that there is.
    """
    apart = {question.group_column, question.time_column, *question.ignore}
    free = [c for c in profile.columns if c.name not in apart and c.role != "target"]
    if any(c.role == "feature" for c in free):
        return profile
    given = {c.name for c in free if c.distinct > 1}
    return msgspec.structs.replace(
        profile,
        columns=tuple(
            msgspec.structs.replace(c, role="feature") if c.name in given else c
            for c in profile.columns
        ),
    )

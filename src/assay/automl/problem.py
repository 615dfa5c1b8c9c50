"""The training rows as a search needs them: inputs, answers as numbers, folds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from assay.automl.family import Answers, Task
from assay.automl.features import Inputs, answers_of
from assay.data.contract import Column, Contract
from assay.data.kinds import label_text
from assay.errors import InputError, InvalidTable, UnknownColumn
from assay.model.inputs import graph_inputs, plan_inputs
from assay.model.plan import Float64, Input
from assay.question import Kind

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Training rows; ``y`` is the answer or the class number, ``folds`` a number a row.

    Fold -1 marks the earliest rows of folds that follow time: they are only learned from, and
    each fold is answered by what was fitted on the folds before it.
    """

    task: Task
    target: str
    classes: tuple[str, ...]
    columns: tuple[Column, ...]
    inputs: tuple[Input, ...]
    table: Inputs
    y: Answers
    folds: Rows

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.y)

    @property
    def fold_numbers(self) -> tuple[int, ...]:
        """The folds that are answered, in order."""
        return tuple(int(k) for k in np.unique(self.folds) if k >= 0)

    @property
    def ordered(self) -> bool:
        """Whether folds follow time."""
        return bool((self.folds < 0).any())

    @property
    def judged(self) -> Rows:
        """The rows that some fold answers, ascending."""
        return np.flatnonzero(self.folds >= 0)

    def learned_from(self, fold: int) -> Rows:
        """The rows that the fold's model is fitted on."""
        fits = self.folds < fold if self.ordered else self.folds != fold
        return np.flatnonzero(fits)

    @property
    def answers(self) -> Float64:
        """The answers as columns that can be averaged by level."""
        return answers_of(self.y, self.task)

    def some(self, rows: Rows) -> Inputs:
        """The inputs of some rows."""
        return {name: column[rows] for name, column in self.table.items()}


def pose(
    frame: pl.DataFrame,
    *,
    contract: Contract,
    kind: Kind,
    target: str,
    folds: Sequence[int] | npt.NDArray[np.integer],
    positive: str | None = None,
) -> Problem:
    """Read the training rows.

    Raises
    ------
    UnknownColumn
        The target is not in the table.
    InvalidTable
        A row has no answer, there are fewer than two folds, or the answers do not fit the kind.
    """
    if target not in frame.columns:
        raise UnknownColumn(target, frame.columns)
    answers = frame.get_column(target)
    if answers.null_count():
        raise InvalidTable(
            f"{answers.null_count()} training rows have no value in the target {target!r}.",
            hint="Leave rows without an answer out of the training rows.",
        )
    fold_of = np.asarray(folds, dtype=np.int64)
    if len(fold_of) != len(frame) or len(np.unique(fold_of)) < 2 or fold_of.max() < 0:
        raise InvalidTable(
            f"{len(frame)} training rows need a fold number each, in two folds or more.",
            hint="Split the table with `assay.data.split_rows`.",
        )
    classes, y = _read_answers(answers, kind, contract.target.categories, positive)
    inputs = plan_inputs(contract)
    return Problem(
        task=Task(kind=kind, classes=len(classes)),
        target=target,
        classes=classes,
        columns=contract.features,
        inputs=inputs,
        table=graph_inputs(inputs, frame),
        y=y,
        folds=fold_of,
    )


def _read_answers(
    answers: pl.Series, kind: Kind, known: tuple[str, ...], positive: str | None
) -> tuple[tuple[str, ...], Answers]:
    """Classes in the contract's order (the one asked for comes last), and each row's position."""
    if kind == "regression":
        return (), _numbers(answers)
    labels = label_text(answers).to_list()
    found = set(labels)
    classes = known if found == set(known) else tuple(sorted(found))
    _check_classes(classes, kind, answers.name, positive)
    if kind == "binary" and positive == classes[0]:
        classes = (classes[1], classes[0])
    position = {label: i for i, label in enumerate(classes)}
    return classes, np.array([position[label] for label in labels], dtype=np.int64)


def _numbers(answers: pl.Series) -> Float64:
    if not answers.dtype.is_numeric():
        raise InvalidTable(
            f"The target {answers.name!r} is not a number, so this is no regression.",
            hint="Set `kind: binary` or `kind: multiclass`, or make the column numeric.",
        )
    y = np.asarray(answers.cast(pl.Float64).to_numpy(), dtype=np.float64)
    if not np.isfinite(y).all() or np.ptp(y) == 0:
        raise InvalidTable(
            f"The target {answers.name!r} is not finite everywhere, or the same in every row.",
            hint="There must be something to predict; remove infinite answers.",
        )
    return y


def _check_classes(classes: tuple[str, ...], kind: Kind, name: str, positive: str | None) -> None:
    if len(classes) < 2 or (kind == "binary" and len(classes) > 2):
        raise InvalidTable(
            f"The target {name!r} has {len(classes)} classes in the training rows, "
            f"which is not {kind}.",
            hint="A binary target has two classes, a multiclass target two or more.",
        )
    if kind == "binary" and positive is not None and positive not in classes:
        raise InputError(
            "The positive class does not occur in the training rows.",
            hint="Set `positive` to one of the target's two values.",
        )

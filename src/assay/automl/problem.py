"""The training rows as a search needs them: inputs, answers as numbers, folds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from assay.automl.family import Answers, Task
from assay.automl.features import answers_of
from assay.automl.spec import SearchSpec
from assay.automl.table import Table
from assay.data.contract import Column, Contract
from assay.data.kinds import label_text
from assay.errors import InputError, InvalidTable, UnknownColumn
from assay.model.inputs import plan_inputs
from assay.model.plan import Float64, Input
from assay.question import Kind

Rows = npt.NDArray[np.int64]
Transform = Literal["identity", "log", "log1p"]
SKEWED = 1.0
MOST_GROUPS = 50


@dataclass(frozen=True, kw_only=True)
class Groups:
    """Groups of people or things that fairness is measured between."""

    column: str
    names: tuple[str, ...]
    of_row: Rows
    """Position in ``names`` for each training row; -1 where the cell is empty."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Training rows; ``y`` is the answer or the class number, ``folds`` a number a row.

    Fold -1 marks the earliest rows of folds that follow time: they are only learned from, and
    each fold is answered by what was fitted on the folds before it. Of other folds those in
    ``judging`` are answered by models, the rest is only learned from.
    """

    task: Task
    target: str
    classes: tuple[str, ...]
    columns: tuple[Column, ...]
    inputs: tuple[Input, ...]
    table: Table
    y: Answers
    folds: Rows
    judging: tuple[int, ...]
    weights: Float64 | None = None
    quantiles: tuple[float, ...] = ()
    groups: Groups | None = None
    unlabelled: Table | None = None
    """Rows without an answer, which self-training may learn from."""

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.y)

    @property
    def width(self) -> int:
        """Numbers that a model answers a row with."""
        return len(self.quantiles) or self.task.width

    @property
    def ordered(self) -> bool:
        """Whether folds follow time."""
        return bool((self.folds < 0).any())

    @property
    def judged(self) -> Rows:
        """The rows that some model answers without having learned from them, ascending."""
        return np.flatnonzero(np.isin(self.folds, self.judging))

    def learned_from(self, fold: int) -> Rows:
        """The rows that the fold's model is fitted on."""
        fits = self.folds < fold if self.ordered else self.folds != fold
        return np.flatnonzero(fits)

    @property
    def answers(self) -> Float64:
        """The answers as columns that can be averaged by level."""
        return answers_of(self.y, self.task)

    @property
    def cells(self) -> int:
        """Rows times columns times outputs: what the cost of a fit grows with."""
        return self.rows * len(self.columns) * self.width

    def judged_by(self, folds: Sequence[int]) -> Problem:
        """The same rows, answered in these folds only."""
        return replace(self, judging=tuple(folds))

    @property
    def transforms(self) -> tuple[Transform, ...]:
        """Scales worth a try: the logarithm too, for answers from 0 on with a long tail."""
        if self.task.kind != "regression" or self.y.min() < 0:
            return ("identity",)
        centered = self.y - self.y.mean()
        if np.mean(centered**3) / np.std(self.y) ** 3 <= SKEWED:
            return ("identity",)
        return ("identity", "log" if self.y.min() > 0 else "log1p")


def pose(
    frame: pl.DataFrame,
    *,
    contract: Contract,
    kind: Kind,
    target: str,
    folds: Sequence[int] | npt.NDArray[np.integer],
    spec: SearchSpec | None = None,
    positive: str | None = None,
    weights: Float64 | None = None,
    unlabelled: pl.DataFrame | None = None,
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
    spec = spec or SearchSpec()
    return Problem(
        task=Task(kind=kind, classes=len(classes)),
        target=target,
        classes=classes,
        columns=contract.features,
        inputs=inputs,
        table=Table.from_frame(inputs, frame),
        y=y,
        folds=fold_of,
        judging=tuple(int(k) for k in np.unique(fold_of) if k >= 0),
        weights=_weights(weights, len(y)),
        quantiles=_quantiles(spec.quantiles, kind),
        groups=_groups(frame, spec.fairness) if spec.fairness else None,
        unlabelled=_unlabelled(inputs, unlabelled),
    )


def _weights(weights: Float64 | None, rows: int) -> Float64 | None:
    """Weights that average 1, so that penalties mean the same with and without them."""
    if weights is None:
        return None
    given = np.asarray(weights, dtype=np.float64)
    if given.shape != (rows,) or not np.isfinite(given).all() or given.min() < 0 or not given.any():
        raise InvalidTable(
            f"{rows} training rows need a weight each: finite, none below 0, not all 0.",
            hint="Leave the weights out, or give one number a row.",
        )
    return np.asarray(given / given.mean())


def _quantiles(quantiles: tuple[float, ...], kind: Kind) -> tuple[float, ...]:
    if quantiles and kind != "regression":
        raise InputError(
            f"Quantiles are of numbers, and the target is {kind}.",
            hint="Leave `quantiles` out.",
        )
    return tuple(sorted(set(quantiles)))


def _groups(frame: pl.DataFrame, column: str) -> Groups:
    if column not in frame.columns:
        raise UnknownColumn(column, frame.columns, where="fairness")
    texts = frame.get_column(column).cast(pl.String)
    names = tuple(sorted(texts.drop_nulls().unique().to_list()))
    if not 2 <= len(names) <= MOST_GROUPS:
        raise InvalidTable(
            f"Column {column!r} has {len(names)} groups; fairness is measured between 2 to "
            f"{MOST_GROUPS}.",
            hint="Name a column with few values, or bin it first.",
            where="fairness",
        )
    place = {name: i for i, name in enumerate(names)}
    of_row = np.array([place.get(text, -1) for text in texts.to_list()], dtype=np.int64)
    return Groups(column=column, names=names, of_row=of_row)


def _unlabelled(inputs: tuple[Input, ...], frame: pl.DataFrame | None) -> Table | None:
    if frame is None or frame.is_empty():
        return None
    return Table.from_frame(inputs, frame)


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


def transformed(y: Answers, transform: Transform) -> Answers:
    """Answers on the scale that members are fitted on."""
    if transform == "identity":
        return y
    return np.asarray(np.log(y) if transform == "log" else np.log1p(y))

"""A table of predictions as something checks can look at: no model and no project needed.

The table holds the truth and what a model answered; other columns are what rows are told apart
by. What only a model or its training rows could tell is not applicable, and says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from assay.assess.meaning import Meaning, Told, understand
from assay.assess.scored import Float64, Scored
from assay.assess.subject import Subject, truth_of
from assay.assess.told import Answers, read_answers
from assay.data.contract import Column, ColumnKind, Contract
from assay.data.kinds import label_text
from assay.data.profile import ColumnProfile, Profile, profile_table
from assay.data.suitability import answered
from assay.errors import InputError, InvalidTable, UnknownColumn
from assay.question import CROSS, Groups, Kind, Question
from assay.records import digest

PROFILED = 100_000
"""Rows that a profile is drawn from where there are more: it tells kinds of columns only."""
ONLY_PREDICTIONS = (
    "Only predictions were given: the model was not asked, and its training rows and record are "
    "not known."
)
ASKED = "The model was asked as it is served; its training rows and record are not known."

Ask = Callable[[pl.DataFrame], Told]
"""From rows to what a model says of them."""


@dataclass(frozen=True, kw_only=True)
class PredictionColumns:
    """Which column of a table is what.

    Attributes
    ----------
    truth : str
        What turned out.
    prediction : str
        A label, a value, or the probability of the positive class; told apart by what it holds.
    scores : sequence of str, or mapping of str to str
        Columns of probabilities: one, of the positive class; or one a class, by class, or with
        names that end with the class.
    groups : sequence of str or Groups
        What groups of people or things are told apart by.
    weight : str
        What each row counts.
    lower, upper : str
        Ends of an interval around a predicted value.
    """

    truth: str
    prediction: str = ""
    scores: Sequence[str] | Mapping[str, str] = ()
    groups: Sequence[str | Groups] = ()
    weight: str = ""
    lower: str = ""
    upper: str = ""

    @property
    def answers(self) -> tuple[str, ...]:
        """Columns that a model filled."""
        scores = self.scores.values() if isinstance(self.scores, Mapping) else self.scores
        return tuple(name for name in (self.prediction, *scores, self.lower, self.upper) if name)

    @property
    def affected(self) -> tuple[Groups, ...]:
        """The groups as a question names them."""
        return tuple(Groups(column=g) if isinstance(g, str) else g for g in self.groups)

    def check(self, available: Sequence[str]) -> None:
        """Refuse columns that are not there, or named for two things.

        Raises
        ------
        UnknownColumn, InputError
        """
        named = [self.truth, *self.answers, *filter(None, [self.weight])]
        for name in (*named, *self.group_columns(available)):
            if name not in available:
                raise UnknownColumn(name, available)
        twice = sorted({name for name in named if named.count(name) > 1})
        if twice:
            raise InputError(
                f"Column {twice[0]!r} is named for two things.",
                hint="Truth, prediction, scores and weight are different columns.",
            )

    def group_columns(self, available: Sequence[str]) -> list[str]:
        """The columns that groups named by a word are made of."""
        words = [g for g in self.groups if isinstance(g, str)]
        parts = [[w] if w in available else w.split(CROSS) for w in words]
        return [name for part in parts for name in part]


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How a table of predictions is to be read, where that is said rather than inferred.

    Attributes
    ----------
    kind : {"regression", "binary", "multiclass"} or None
    positive : str or None
        Binary: the class that is asked for.
    threshold : float
        Binary: the probability from which the answer is the positive class, where no label says.
    coverage : float
        Share of true values that intervals promise to hold.

    Raises
    ------
    InputError
        Threshold or coverage do not lie in [0, 1].
    """

    kind: Kind | None = None
    positive: str | None = None
    threshold: float = 0.5
    coverage: float = 0.9

    def __post_init__(self) -> None:
        for name, share in (("threshold", self.threshold), ("coverage", self.coverage)):
            if not 0 <= share <= 1:
                raise InputError(f"The {name} does not lie between 0 and 1.")


def subject_of_predictions(
    frame: pl.DataFrame, columns: PredictionColumns, reading: Reading | None = None
) -> Subject:
    """What checks can look at in a table of predictions.

    Rows without a truth are set aside and counted.

    Parameters
    ----------
    frame : pl.DataFrame
        As `assay.data.source.read_table` gives it.
    columns : PredictionColumns
    reading : Reading, optional
        By default all is inferred; `Subject.notes` says what was.

    Returns
    -------
    Subject
        Without training rows and without a model to ask.

    Raises
    ------
    UnknownColumn, InputError
        A column is not there, or named for two things; neither prediction nor scores are named.
    Unanswered
        Some rows have no prediction.
    InvalidTable
        No row has a truth; predictions are not of the truth's kind; scores are no
        probabilities; a weight is negative or no number.
    """
    columns.check(frame.columns)
    if not columns.answers:
        raise InputError("No column holds answers.", hint="Name the predictions, or the scores.")
    rows, notes = _with_truth(frame, columns.truth)
    told = told_by_columns(rows, columns)
    notes += (ONLY_PREDICTIONS,)
    return _subject(rows, columns, told, reading or Reading(), notes=notes)


def subject_of_model(
    frame: pl.DataFrame,
    columns: PredictionColumns,
    ask: Ask,
    reading: Reading | None = None,
    *,
    send: Sequence[str] = (),
    probe: Ask | None = None,
) -> Subject:
    """What checks can look at in a model that is asked: its answers to the rows, and itself.

    Parameters
    ----------
    frame, columns, reading
        As for `subject_of_predictions`; the columns name no answers.
    ask : callable
        From rows to what the model says of them.
    send : sequence of str
        Columns that the model reads; by default all but truth and weight.
    probe : callable, optional
        Asked in place of ``ask`` about rows that a check has changed.

    Raises
    ------
    UnknownColumn, InputError, Unanswered, InvalidTable
        As `subject_of_predictions`, and whatever ``ask`` raises.
    """
    columns.check(frame.columns)
    for name in send:
        if name not in frame.columns:
            raise UnknownColumn(name, frame.columns)
    rows, notes = _with_truth(frame, columns.truth)
    sent = list(send) or [n for n in frame.columns if n not in (columns.truth, columns.weight)]
    told = ask(rows.select(sent))
    reading = reading or Reading()
    subject = _subject(rows, columns, told, reading, notes=(*notes, ASKED), read=sent)
    meaning = Meaning(kind=subject.kind, classes=subject.classes, threshold=reading.threshold)

    def score(asked: pl.DataFrame) -> Answers:
        return read_answers((probe or ask)(asked.select(sent)), meaning, strict=False)

    return replace(subject, score=score)


def told_by_columns(frame: pl.DataFrame, columns: PredictionColumns) -> Told:
    """The answers in a table's columns."""

    def column(name: str) -> pl.Series | None:
        return frame[name] if name else None

    named = isinstance(columns.scores, Mapping)
    scores = dict(columns.scores) if isinstance(columns.scores, Mapping) else {}
    return Told(
        prediction=column(columns.prediction),
        scores={c: frame[n] for c, n in (scores or {n: n for n in columns.scores}).items()},
        lower=column(columns.lower),
        upper=column(columns.upper),
        classes=tuple(scores) if named else (),
    )


def _with_truth(frame: pl.DataFrame, truth: str) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """The rows whose outcome is known, and a sentence about the others."""
    known = answered(frame[truth])
    rows = frame if known.all() else frame.filter(known)
    if rows.is_empty():
        raise InvalidTable(
            f"The truth {truth!r} is missing in every row.", hint="Name another column."
        )
    aside = frame.height - rows.height
    words = f"{aside:,} {'row was' if aside == 1 else 'rows were'} set aside: without a truth."
    return rows, (words,) if aside else ()


def _subject(
    rows: pl.DataFrame,
    columns: PredictionColumns,
    told: Told,
    reading: Reading,
    *,
    notes: tuple[str, ...],
    read: Sequence[str] | None = None,
) -> Subject:
    meaning = understand(
        rows[columns.truth],
        told,
        kind=reading.kind,
        positive=reading.positive,
        threshold=reading.threshold,
    )
    answers = read_answers(told, meaning)
    frame = _plain(rows, columns, meaning)
    truth = truth_of(frame[columns.truth], meaning.classes)
    weight = rows[columns.weight].cast(pl.Float64, strict=False) if columns.weight else None
    counts = None if weight is None else weight.fill_null(np.nan).to_numpy()
    held_out = Scored.of(
        frame,
        answers,
        truth=truth,
        baseline=np.full(frame.height, constant_answer(meaning.kind, truth, counts)),
        weight=counts,
    )
    profile = _profile(frame, columns.truth)
    return Subject(
        kind=meaning.kind,
        question=_question(columns, meaning),
        contract=_contract(frame, profile, columns.truth, read),
        profile=profile,
        held_out=held_out,
        train=frame.clear(),
        classes=meaning.classes,
        coverage=reading.coverage,
        graph=_digest(held_out),
        notes=(*notes, *meaning.notes, *_about(answers, meaning)),
    )


def constant_answer(kind: Kind, truth: npt.NDArray[Any], weight: Float64 | None) -> float:
    """The best same answer for everyone, in the form of `Scored.prediction`.

    The median for regression, the rate for two classes, the commonest of several. Taken from
    the very rows that are judged, it is as good as a constant can be there.
    """
    counts = np.ones(len(truth)) if weight is None else np.where(weight > 0, weight, 0.0)
    if kind == "binary":
        return float(np.sum(truth * counts) / max(counts.sum(), np.finfo(float).tiny))
    if kind == "multiclass":
        return float(np.argmax(np.bincount(truth, counts)))
    order = np.argsort(truth, kind="stable")
    reached = np.cumsum(counts[order])
    return float(truth[order][np.searchsorted(reached, reached[-1] / 2)])


def _plain(rows: pl.DataFrame, columns: PredictionColumns, meaning: Meaning) -> pl.DataFrame:
    """The truth and the columns that describe rows, typed as a contract types them."""
    apart = {*columns.answers, columns.weight} - set(columns.group_columns(rows.columns))
    apart.add(columns.truth)
    truth = rows[columns.truth]
    kept = [truth.cast(pl.Float64) if meaning.kind == "regression" else label_text(truth)]
    kept += [
        series.cast(pl.Float64) if series.dtype.is_integer() else series
        for series in rows.iter_columns()
        if series.name not in apart
    ]
    return pl.DataFrame(kept)


def _profile(frame: pl.DataFrame, target: str) -> Profile:
    """A profile, of a sample where there are very many rows."""
    if frame.height > PROFILED:
        frame = frame.sample(PROFILED, seed=0)
    return profile_table(frame, target=target)


def _contract(
    frame: pl.DataFrame, profile: Profile, target: str, read: Sequence[str] | None
) -> Contract:
    """The columns by role; those that a model reads, where that is known, are its features."""

    def column(described: ColumnProfile) -> Column:
        role = "target" if described.name == target else described.role
        if read is not None and role != "target":
            role = "feature" if described.name in read else "ignored"
        kind = _kind(frame[described.name], described)
        return Column(name=described.name, kind=kind, role=role, nullable=True)

    return Contract(columns=tuple(map(column, profile.columns)))


def _kind(series: pl.Series, described: ColumnProfile) -> ColumnKind:
    """Kind of a column by its type: a profile of a sample might have missed a cell."""
    if series.dtype == pl.Boolean:
        return "boolean"
    if series.dtype.is_temporal():
        return "date"
    if series.dtype.is_numeric():
        return "number"
    return "text" if described.kind == "text" else "category"


def _question(columns: PredictionColumns, meaning: Meaning) -> Question:
    """A question of which only the columns are known."""
    return Question(
        name="predictions",
        question="",
        data="",
        target=columns.truth,
        decision="",
        owner="",
        kind=meaning.kind,
        positive=meaning.classes[1] if meaning.kind == "binary" else None,
        affected_groups=columns.affected,
        weight_column=columns.weight or None,
    )


def _digest(scored: Scored) -> str:
    """What names these answers: truths and predictions, as they stand."""
    parts = (np.ascontiguousarray(scored.truth), np.ascontiguousarray(scored.prediction))
    return digest(b"".join(part.astype("<f8").tobytes() for part in parts))


def _about(answers: Answers, meaning: Meaning) -> tuple[str, ...]:
    """What a reader must know of the answers."""
    notes = []
    if meaning.kind != "regression" and answers.probabilities is None:
        notes.append("Only labels were given: nothing is said of probabilities.")
    if np.ptp(answers.prediction) == 0:
        notes.append("Every prediction is the same.")
    return tuple(notes)

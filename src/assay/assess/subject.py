"""What checks look at: scored rows, the training rows, the model as a function, the record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt
import polars as pl

from assay.data.contract import Contract
from assay.data.profile import Profile
from assay.errors import InvalidTable, NotApplicable
from assay.question import Kind, Question

if TYPE_CHECKING:
    from assay.model.explain import Reference
    from assay.model.scorer import Scorer

MOST_CELLS = 250_000
"""Columns tried times columns read, at most, where a check changes one column at a time."""

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]


class Answered(Protocol):
    """What a scoring function returns for ``n`` rows; `assay.model.Answer` is one."""

    @property
    def prediction(self) -> Float64:
        """Value, probability of ``classes[1]``, or position of the label; shape (n,)."""

    @property
    def probabilities(self) -> Float64 | None:
        """Shape (n, n_classes); None for regression."""

    @property
    def lower(self) -> Float64 | None:
        """Lower end of the prediction interval, shape (n,)."""

    @property
    def upper(self) -> Float64 | None:
        """Upper end of the prediction interval, shape (n,)."""

    @property
    def label(self) -> Int64 | None:
        """Position in ``classes``, shape (n,); None for regression."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Scored:
    """Rows with their true and their predicted answers.

    Attributes
    ----------
    frame : pl.DataFrame
        The rows, with all columns of the table, the target included.
    truth : ndarray, shape (n,)
        The value, or the position of the class.
    prediction : ndarray of float64, shape (n,)
        The value, the probability of ``classes[1]``, or the position of the label.
    baseline : ndarray, shape (n,)
        The constant answer, in the form of ``prediction``.
    probabilities, label, lower, upper : ndarray or None
        As in `assay.model.Answer`.
    sets : ndarray of bool, shape (n, n_classes), or None
        Prediction sets of a classification.
    weight : ndarray of float64, shape (n,), or None
        What each row counts, at least 0; None: one each.

    Raises
    ------
    InvalidTable
        Lengths differ, or a truth or a prediction is not a finite number: a model that gives
        such an answer to a real row is not assessed further.
    """

    frame: pl.DataFrame
    truth: npt.NDArray[Any]
    prediction: Float64
    baseline: npt.NDArray[Any]
    probabilities: Float64 | None = None
    label: Int64 | None = None
    lower: Float64 | None = None
    upper: Float64 | None = None
    sets: Bool | None = None
    weight: Float64 | None = None

    def __post_init__(self) -> None:
        parts = (self.truth, self.prediction, self.baseline, self.probabilities, self.label)
        ends = (self.lower, self.upper, self.sets, self.weight)
        if any(p is not None and len(p) != self.frame.height for p in (*parts, *ends)):
            raise InvalidTable(
                "Rows and answers differ in number.", hint="Score exactly the rows given."
            )
        for name, values in (("true answer", self.truth), ("prediction", self.prediction)):
            bad = int(np.sum(~np.isfinite(np.asarray(values, np.float64))))
            if bad:
                raise InvalidTable(
                    f"{bad} of {self.rows} rows have a {name} that is not a finite number.",
                    hint="Drop rows without an answer; look for overflow in the model.",
                )

    @classmethod
    def of(
        cls,
        frame: pl.DataFrame,
        answer: Answered,
        *,
        truth: npt.NDArray[Any],
        baseline: npt.NDArray[Any],
    ) -> Scored:
        """Rows with what a model answered for them."""
        return cls(
            frame=frame,
            truth=truth,
            baseline=baseline,
            prediction=answer.prediction,
            probabilities=answer.probabilities,
            label=answer.label,
            lower=answer.lower,
            upper=answer.upper,
            sets=getattr(answer, "sets", None),
        )

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self.frame.height

    @cached_property
    def order(self) -> Int64:
        """Positions of the rows in an order that depends on their content only."""
        return canonical_order(self.frame, self.prediction, self.truth)

    def sample(self, rows: int, *, seed: int) -> Int64:
        """Positions of a random sample without repetition, the same whatever the row order."""
        return sample_of(self.order, rows, seed=seed)


@dataclass(frozen=True, eq=False, kw_only=True)
class Contributions:
    """Answers taken apart: how much each column adds to the reference row's answer.

    Attributes
    ----------
    columns : tuple of str
    values : ndarray of float64, shape (n, n_columns)
    answer : ndarray of float64, shape (n,)
        What is explained: the value, the probability of ``classes[1]``, or that of the label.
    base : ndarray of float64, shape (n,)
        The same for the reference row.
    """

    columns: tuple[str, ...]
    values: Float64
    answer: Float64
    base: Float64


Score = Callable[[pl.DataFrame], Answered]
Explain = Callable[[pl.DataFrame], Contributions]
Retrain = Callable[[int], Scored]


@dataclass(frozen=True, eq=False, kw_only=True)
class Candidate:
    """A trial of the search that finished, with its out-of-fold answers.

    Attributes
    ----------
    number : int
        Of the trial on the leaderboard.
    family : str
    transparent : bool
        Whether a person can read the model.
    weight : float
        Share in the winner; 0 where it was not chosen.
    answers : Scored
        Training rows, in the order of `Subject.cross_fitted`.
    """

    number: int
    family: str
    transparent: bool
    weight: float
    answers: Scored


def no_model(frame: pl.DataFrame) -> Answered:
    """`Subject.score` where only predictions were given."""
    del frame
    raise NotApplicable("Only predictions were given: there is no model to ask.")


@dataclass(frozen=True, eq=False, kw_only=True)
class Subject:
    """One model with everything that checks may look at.

    Attributes
    ----------
    kind : {"regression", "binary", "multiclass"}
    question, contract, profile
        As recorded.
    held_out : Scored
        Rows that the search never saw, answered by the model.
    cross_fitted : Scored or None
        Training rows, each answered by a model that was fitted without it.
    train : pl.DataFrame
        The rows of the training part, with the target; no rows where there are only predictions.
    score : callable
        From a table to the model's answers; `no_model` where there are only predictions.
    record : mapping
        Facts of the project's record; `assay.assess.accountability` lists the keys.
    classes : tuple of str
        Class names in the order of their positions.
    explain : callable or None
        From a table to `Contributions`.
    coverage : float
        The coverage that the intervals or sets promise.
    graph : str
        Digest of the graph.
    candidates : tuple of Candidate
        Trials that finished, best first.
    champion : callable or None
        From a table to the answers of the model that is in use today.
    retrain : callable or None
        From a seed to the held-out rows, answered by the same procedure under that seed.
    """

    kind: Kind
    question: Question
    contract: Contract
    profile: Profile
    held_out: Scored
    train: pl.DataFrame
    score: Score = no_model
    cross_fitted: Scored | None = None
    record: Mapping[str, Any] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    explain: Explain | None = None
    coverage: float = 0.9
    graph: str = ""
    candidates: tuple[Candidate, ...] = ()
    champion: Score | None = None
    retrain: Retrain | None = None

    @property
    def table(self) -> pl.DataFrame:
        """Training and held-out rows together."""
        return pl.concat([self.train, self.held_out.frame], how="diagonal_relaxed")

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The columns the model reads."""
        return tuple(column.name for column in self.contract.features)

    @property
    def columns_to_try(self) -> tuple[str, ...]:
        """The columns that a check changes one by one: all, or a random sample of a wide table.

        The work grows with the square of the columns, so beyond five hundred fewer are tried.
        """
        names = self.feature_names
        most = max(1, MOST_CELLS // max(1, len(names)))
        if len(names) <= most:
            return names
        chosen = np.random.default_rng(0).choice(len(names), most, replace=False)
        return tuple(names[i] for i in np.sort(chosen))

    @property
    def personal_columns(self) -> frozenset[str]:
        """Columns whose values must not be shown: personal data, and identifiers of rows."""
        return frozenset(
            c.name
            for c in self.profile.columns
            if c.role == "identifier" or any(flag.startswith("personal") for flag in c.flags)
        )

    @property
    def about_people(self) -> bool:
        """Whether rows look like people: single rows are then never shown."""
        personal = any(f.startswith("personal") for c in self.profile.columns for f in c.flags)
        return personal or any(g.sensitive for g in self.question.affected_groups)

    @cached_property
    def typical(self) -> dict[str, Any]:
        """What a feature holds when it is taken out of an answer: as `reference_row` has it."""
        return {name: typical(self.train[name]) for name in self.feature_names}

    def truth_of(self, frame: pl.DataFrame) -> npt.NDArray[Any]:
        """The target of some rows, in the form of `Scored.truth`."""
        return truth_of(frame[self.question.target], self.classes)


def truth_of(target: pl.Series, classes: tuple[str, ...]) -> npt.NDArray[Any]:
    """Answers as numbers: the value, or the position in ``classes`` where there are any."""
    if not classes:
        return target.cast(pl.Float64).to_numpy()
    places = {name: position for position, name in enumerate(classes)}
    return target.cast(pl.String).replace_strict(places, return_dtype=pl.Int64).to_numpy()


def explainer_of(scorer: Scorer, reference: Reference) -> Explain:
    """A `Subject.explain` from a graph and a typical row: Shapley values of the columns."""

    def explain(frame: pl.DataFrame) -> Contributions:
        from assay.model.explain import contributions
        from assay.model.inputs import graph_inputs

        inputs = graph_inputs(scorer.inputs, frame)
        answer, base = scorer.score(inputs), scorer.score(_one_row(scorer, reference))
        explained, start = explained_number(answer), base.prediction.repeat(frame.height)
        if base.probabilities is not None and base.probabilities.shape[1] > 2:
            start = base.probabilities[0, answer.label]
        return Contributions(
            columns=tuple(item.name for item in scorer.inputs),
            values=contributions(scorer, inputs, reference),
            answer=explained,
            base=start,
        )

    return explain


def _one_row(scorer: Scorer, reference: Reference) -> dict[str, npt.NDArray[Any]]:
    """Graph inputs of the reference row."""
    row: dict[str, npt.NDArray[Any]] = {}
    for item in scorer.inputs:
        value = reference[item.name]
        if item.kind == "number":
            row[item.name] = np.array([[np.nan if value is None else value]], dtype=np.float64)
        else:
            row[item.name] = np.array([["" if value is None else value]], dtype=object)
    return row


def explained_number(answer: Answered) -> Float64:
    """What explanations of an answer speak of: the value, or a probability."""
    if answer.probabilities is None or answer.probabilities.shape[1] == 2 or answer.label is None:
        return answer.prediction
    return np.asarray(answer.probabilities[np.arange(len(answer.label)), answer.label])


def typical(column: pl.Series) -> Any:
    """The median of numbers and dates, the most frequent of other values; None if there is none.

    Equally frequent values are settled by their order.
    """
    known = column.drop_nulls()
    if known.dtype.is_float():
        known = known.filter(known.is_finite())
    if known.is_empty():
        return None
    if known.dtype.is_numeric() or known.dtype.is_temporal():
        return known.sort()[(len(known) - 1) // 2]
    return known.mode().sort()[0]


def canonical_order(frame: pl.DataFrame, *numbers: npt.NDArray[Any]) -> Int64:
    """Positions of rows in an order that depends neither on their order nor on names.

    Rows are sorted by ``numbers``, then by every numeric column, then by how frequent their
    categories are. Rows that this leaves equal are interchangeable for any statistic of these.
    """
    keys = [np.asarray(n, np.float64) for n in numbers]
    for column in sorted(frame.columns):
        series = frame[column]
        if series.dtype == pl.String:
            counts = frame.select(pl.len().over(column)).to_series()
            keys.append(counts.to_numpy().astype(np.float64))
        elif series.dtype.is_numeric() or series.dtype.is_temporal() or series.dtype == pl.Boolean:
            keys.append(series.to_physical().cast(pl.Float64).fill_null(np.nan).to_numpy())
    if not keys:
        return np.arange(frame.height)
    return np.lexsort(keys[::-1])


def sample_of(order: Int64, rows: int, *, seed: int) -> Int64:
    """A random choice of ``rows`` positions from a canonical order, or all of them."""
    if rows >= order.size:
        return order
    chosen = np.random.default_rng(seed).choice(order.size, rows, replace=False)
    return order[np.sort(chosen)]

"""What checks look at: scored rows, the training rows, the model as a function, the record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl

from assay.assess.scored import (
    Answered,
    Bool,
    Float64,
    Int64,
    Scored,
    canonical_order,
    outside_unit,
    sample_of,
)
from assay.data.contract import Contract
from assay.data.profile import Profile
from assay.errors import InvalidTable, NotApplicable
from assay.question import Kind, Question

if TYPE_CHECKING:
    from assay.model.explain import Reference
    from assay.model.plan import ModelPlan
    from assay.model.scorer import Scorer

MOST_CELLS = 250_000
"""Columns tried times columns read, at most, where a check changes one column at a time."""

__all__ = [
    "MOST_CELLS",
    "Answered",
    "Bool",
    "Candidate",
    "Contributions",
    "Explain",
    "Float64",
    "Int64",
    "Retrain",
    "Score",
    "Scored",
    "Subject",
    "canonical_order",
    "explained_number",
    "explainer_of",
    "no_model",
    "sample_of",
    "truth_of",
    "typical",
]


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
    exact : bool
        Whether they come from the model's parts (`assay.model.plan_contributions`), or from
        asking it many times.
    most_rows : int
        Rows that can be explained in about a second.
    """

    columns: tuple[str, ...]
    values: Float64
    answer: Float64
    base: Float64
    exact: bool = False
    most_rows: int = 100


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
        From a table to `Contributions`, as they are given to people.
    explain_exactly : callable or None
        The same from the model's parts, where it has parts that can be taken apart.
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
    notes : tuple of str
        What to know about the rows, in sentences: how many were set aside, say.

    Raises
    ------
    InvalidTable
        A true class is none of ``classes``, or a probability of a binary model lies outside
        [0, 1].
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
    explain_exactly: Explain | None = None
    coverage: float = 0.9
    graph: str = ""
    candidates: tuple[Candidate, ...] = ()
    champion: Score | None = None
    retrain: Retrain | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for scored in (self.held_out, self.cross_fitted):
            if scored is None:
                continue
            if self.classes:
                unknown = (scored.truth < 0) | (scored.truth >= len(self.classes))
                _refuse(unknown, "a true class that the model does not know")
            if self.kind == "binary":
                outside = outside_unit(scored.prediction)
                _refuse(outside, "a probability that does not lie between 0 and 1")

    @property
    def has_model(self) -> bool:
        """Whether there is a model to ask, or only its answers."""
        return self.score is not no_model

    @cached_property
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


def _refuse(bad: Bool, what: str) -> None:
    count = int(np.count_nonzero(bad))
    if count:
        raise InvalidTable(f"{count} of {bad.size} rows have {what}.", hint="Set them aside.")


def truth_of(target: pl.Series, classes: tuple[str, ...]) -> npt.NDArray[Any]:
    """Answers as numbers: the value, or the position in ``classes`` where there are any.

    Raises
    ------
    InvalidTable
        An answer is missing, or none of the classes.
    """
    if not classes:
        return target.cast(pl.Float64).to_numpy()
    places = {name: position for position, name in enumerate(classes)}
    found = target.cast(pl.String).replace_strict(places, default=None, return_dtype=pl.Int64)
    if found.null_count():
        unseen = found.null_count() - target.null_count()
        missing = f", and {target.null_count()} have none" if target.null_count() else ""
        raise InvalidTable(
            f"{unseen} of {len(target)} rows have a true class that the model does not "
            f"know{missing}.",
            hint="Set these rows aside, or train again with them.",
        )
    return found.to_numpy()


def explainer_of(scorer: Scorer, reference: Reference, plan: ModelPlan | None = None) -> Explain:
    """A `Subject.explain` from a graph and a typical row: contributions of the columns.

    With the plan of the graph they are exact where it is of trees and linear members
    (`assay.model.plan_contributions`); else they are sampled by asking the graph
    (`assay.model.explain`).
    """
    from assay.model.explain import contributions, reference_inputs
    from assay.model.inputs import graph_inputs
    from assay.model.plan_contributions import PlanExplainer, taken_apart_exactly

    exactly = None
    if plan is not None and taken_apart_exactly(plan):
        exactly = PlanExplainer(plan, reference)
        order = [exactly.columns.index(item.name) for item in scorer.inputs]

    def several(answer: Answered) -> Int64 | None:
        return answer.label if len(scorer.classes) > 2 else None

    def explain(frame: pl.DataFrame) -> Contributions:
        inputs = graph_inputs(scorer.inputs, frame)
        answer = scorer.score(inputs)
        base = scorer.score(reference_inputs(scorer.inputs, reference))
        explained, start = explained_number(answer), base.prediction.repeat(frame.height)
        if base.probabilities is not None and base.probabilities.shape[1] > 2:
            start = base.probabilities[0, answer.label]
        return Contributions(
            columns=tuple(item.name for item in scorer.inputs),
            values=exactly(inputs, several(answer))[:, order]
            if exactly
            else contributions(scorer, inputs, reference),
            answer=explained,
            base=start,
            exact=exactly is not None,
            most_rows=exactly.rows_a_second if exactly else 100,
        )

    return explain


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

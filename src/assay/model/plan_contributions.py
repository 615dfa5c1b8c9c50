"""Exact contributions of a whole plan's members, carried to its answer.

Members that are trees or linear are taken apart exactly on their raw scale, against one
reference row, with the user's columns as players. Their raw scores then go through a link, the
mean of the members, a calibration or a transformation:

- Of a single number, a row's contributions are multiplied by the slope of the line from the
  reference's result to the row's: the rescale rule for a series of models (H. Chen,
  S. Lundberg and S.-I. Lee, Explaining a series of models by propagating Shapley values, Nature
  Communications 13, 2022).
- Of several classes, whose probabilities depend on all scores, by the mean slopes along the
  straight line between the two (R. Aumann and L. Shapley, Values of non-atomic games, 1974),
  which is the same for one number.

The sum stays right; where all is linear these are the Shapley values of the answer.

A feature made of two columns is a player of its own, and each column takes half of its part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from assay.errors import NotApplicable
from assay.model.encode import encode, feature_columns
from assay.model.explain import Reference, reference_inputs
from assay.model.plan import (
    Array,
    Float32,
    Float64,
    LinearMember,
    Link,
    ModelPlan,
    TreesMember,
)
from assay.model.reference import apply_link, calibrate, from_scale, raw_trees, softmax
from assay.model.tree_contributions import sides_of_row, tree_contributions

Int64 = npt.NDArray[np.int64]

MOST_CLASSES = 20
"""Classes up to which the slopes between all of them are found."""
ON_THE_LINE = 24
"""Places between reference and row at which slopes of several classes are found."""
LEAVES_A_SECOND = 20_000_000
"""Leaves times rows that are taken apart in about a second."""
_STEP = 1e-5
"""Numbers nearer than this have the slope over twice this step, which rounding does not spoil."""


def taken_apart_exactly(plan: ModelPlan) -> bool:
    """Whether `PlanExplainer` knows every part of a plan: an answer of trees and linear members."""
    known = all(isinstance(member, TreesMember | LinearMember) for member in plan.members)
    kinds = ("regression", "binary", "multiclass")
    return known and plan.output.kind in kinds and len(plan.output.classes) <= MOST_CLASSES


@dataclass(frozen=True)
class Players:
    """Who shares a raw score: the plan's columns, then each pair of columns that make a feature.

    Attributes
    ----------
    of_feature : ndarray of int, shape (n_features,)
    shares : ndarray, shape (n_players, n_columns)
        What part of a player belongs to each column, in the order of the plan's inputs.
    """

    of_feature: Int64
    shares: Float64

    @classmethod
    def of(cls, plan: ModelPlan) -> Players:
        """Players of a plan."""
        places = {item.name: place for place, item in enumerate(plan.inputs)}
        made_of = feature_columns(plan.encoders)
        pairs = sorted({names for names in made_of if len(names) > 1})
        numbers: dict[tuple[str, ...], int] = {(name,): p for name, p in places.items()}
        numbers |= {names: len(places) + place for place, names in enumerate(pairs)}
        shares = np.zeros((len(numbers), len(places)))
        for names, number in numbers.items():
            for name in names:
                shares[number, places[name]] = 1.0 / len(names)
        return cls(np.array([numbers[names] for names in made_of], dtype=np.int64), shares)

    @property
    def count(self) -> int:
        """Number of players."""
        return len(self.shares)


class PlanExplainer:
    """Takes the answers of a plan apart against a reference row.

    Parameters
    ----------
    plan : ModelPlan
        A regression or classes, of trees and linear members.
    reference : mapping of str to value
        From `assay.model.explain.reference_row`.

    Raises
    ------
    NotApplicable
        The plan has another output, very many classes, or members of another kind.
    UnknownColumn
        The reference row lacks a column.
    """

    def __init__(self, plan: ModelPlan, reference: Reference) -> None:
        if not taken_apart_exactly(plan):
            raise NotApplicable("Only answers of trees and linear members are taken apart.")
        self._plan = plan
        self._background = encode(plan, reference_inputs(plan.inputs, reference))
        self.columns = tuple(item.name for item in plan.inputs)

    def __call__(self, inputs: Mapping[str, Array], classes: Int64 | None = None) -> Float64:
        """Contributions of the columns, (n, n_columns), in the unit of the answer.

        Binary: in probability of the second class. Each row sums to its answer less that of
        the reference row.

        Parameters
        ----------
        inputs : mapping of str to ndarray, shape (n, 1)
            As `graph_inputs` gives them.
        classes : ndarray of int, shape (n,)
            Of several: the class whose probability is taken apart, a row.
        """
        features = encode(self._plan, inputs)
        members = [
            self._linked(self._raw(number, features), member.link)
            for number, member in enumerate(self._plan.members)
        ]
        answer = self._finish(self._joined(members)).values
        if classes is None:
            classes = np.zeros(len(answer), dtype=np.int64)
        return answer[np.arange(len(answer)), :, classes] @ self._players.shares

    @property
    def rows_a_second(self) -> int:
        """About how many rows are taken apart in a second, from 100 to 5,000."""
        trees = [m for m in self._plan.members if isinstance(m, TreesMember)]
        leaves = sum(np.count_nonzero(m.left < 0) for m in trees)
        return max(100, min(5_000, LEAVES_A_SECOND // max(1, int(leaves))))

    @cached_property
    def _players(self) -> Players:
        return Players.of(self._plan)

    @cached_property
    def _sides(self) -> list[Float64]:
        """Of each member that is trees, the way that the reference row goes at each split."""
        return [
            sides_of_row(member, self._background)
            if isinstance(member, TreesMember)
            else np.zeros(0)
            for member in self._plan.members
        ]

    def _raw(self, number: int, features: Float32) -> Parts:
        """A member's score before its link, taken apart."""
        member, players = self._plan.members[number], self._players
        if isinstance(member, TreesMember):
            before = raw_trees(member, self._background)
            values = tree_contributions(
                member,
                features,
                left_share=self._sides[number],
                players=players.of_feature,
                count=players.count,
            )
        else:
            assert isinstance(member, LinearMember)
            own = np.array(member.columns)
            reference = self._background[:, own].astype(np.float64)
            before = linear_score(member, reference)
            moved = features[:, own].astype(np.float64) - reference
            slopes = np.zeros((own.size, players.count, before.shape[1]))
            each = member.weights / member.scale[:, None]
            slopes[np.arange(own.size), players.of_feature[own]] = each
            values = np.tensordot(moved, slopes, axes=1)
        return Parts(values, before + values.sum(axis=1), before)

    @staticmethod
    def _linked(parts: Parts, link: Link) -> Parts:
        if link == "softmax":
            return carry_jointly(parts, softmax)
        return carry(parts, lambda raw: apply_link(raw, link))

    def _joined(self, members: list[Parts]) -> Parts:
        """The weighted mean of the members, or what the stack makes of them."""
        stack = self._plan.stack
        if stack is None:
            return _mean(members, self._plan.weights)
        own = np.array(stack.columns)
        values = np.concatenate([m.values for m in members], axis=2)[:, :, own]
        after = np.concatenate([m.after for m in members], axis=1)[:, own]
        before = np.concatenate([m.before for m in members], axis=1)[:, own]
        parts = Parts(
            values @ (stack.weights / stack.scale[:, None]),
            linear_score(stack, after),
            linear_score(stack, before),
        )
        return self._linked(parts, stack.link)

    def _finish(self, mean: Parts) -> Parts:
        """From the members' mean to the answer."""
        output = self._plan.output
        if output.kind == "regression":
            return carry(mean, lambda x: from_scale(output, x))
        if output.kind == "binary":
            return carry(mean, lambda p: calibrate(output, p)[:, 1:])
        if output.calibration is None:
            return mean
        return carry_jointly(mean, lambda p: calibrate(output, p))


@dataclass(frozen=True)
class Parts:
    """Numbers of each row taken apart: ``values`` (n, n_players, k) sum to ``after - before``.

    ``after``: (n, k), of the rows; ``before``: (1, k), of the reference.
    """

    values: Float64
    after: Float64
    before: Float64


def carry(parts: Parts, function: Callable[[Float64], Float64]) -> Parts:
    """Parts of a function's results, by the rescale rule.

    Parameters
    ----------
    parts : Parts
    function : callable
        From numbers to numbers of the same shape, one by one.

    Examples
    --------
    >>> parts = Parts(np.array([[[1.0], [2.0]]]), np.array([[3.0]]), np.array([[0.0]]))
    >>> carry(parts, lambda x: x**2).values.tolist()
    [[[3.0], [6.0]]]
    """
    after, before = function(parts.after), function(parts.before)
    moved = parts.after - parts.before
    still = np.abs(moved) < _STEP
    around = function(parts.after + _STEP) - function(parts.after - _STEP)
    slope = np.where(still, around / (2 * _STEP), (after - before) / np.where(still, 1.0, moved))
    return Parts(parts.values * slope[:, None, :], after, before)


def carry_jointly(parts: Parts, function: Callable[[Float64], Float64]) -> Parts:
    """Parts of a function whose results each depend on all numbers of a row.

    What the places on the line miss of the sum is made good in proportion to the parts.

    Parameters
    ----------
    parts : Parts
    function : callable
        From (n, k) to (n, k).
    """
    after, before = function(parts.after), function(parts.before)
    moved = parts.after - parts.before
    points, weights = np.polynomial.legendre.leggauss(ON_THE_LINE)
    slopes = np.zeros((*moved.shape, moved.shape[1]))
    for place, weight in zip((points + 1.0) / 2.0, weights / 2.0, strict=True):
        slopes += weight * _slopes(function, parts.before + place * moved)
    values = parts.values @ slopes
    missed = after - before - values.sum(axis=1)
    size = np.abs(values)
    total = size.sum(axis=1)
    share = size / np.where(total > 0, total, 1.0)[:, None, :]
    return Parts(values + share * missed[:, None, :], after, before)


def _slopes(function: Callable[[Float64], Float64], x: Float64) -> Float64:
    """How each result changes with each number, (n, k, k): numbers, then results."""
    steps = _STEP * np.eye(x.shape[1])
    each = [(function(x + step) - function(x - step)) / (2 * _STEP) for step in steps]
    return np.stack(each, axis=1)


def linear_score(member: LinearMember, own: Float64) -> Float64:
    """A linear member's score before its link, (n, n_outputs), of its own features."""
    return np.asarray((own - member.center) / member.scale @ member.weights + member.intercept)


def _mean(members: Sequence[Parts], weights: Sequence[float]) -> Parts:
    shares = np.array(weights) / np.sum(weights)

    def mean(parts: Iterable[Float64]) -> Float64:
        return np.asarray(sum(w * part for w, part in zip(shares, parts, strict=True)))

    return Parts(
        mean(m.values for m in members),
        mean(m.after for m in members),
        mean(m.before for m in members),
    )

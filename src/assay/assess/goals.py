"""The answer that is wanted for a row: a class, or a range of values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from assay.assess.statistics import Bool, Float64, Int64
from assay.assess.subject import Answered
from assay.errors import InputError

Wanted = int | tuple[float, float] | None
"""The position of a class; the ends of a range of values; None: the likeliest other class."""


@dataclass(frozen=True)
class Goal:
    """A class by its position, or a range of values."""

    label: int = -1
    low: float = -np.inf
    high: float = np.inf

    def reached(self, answer: Answered) -> Bool:
        """Whether each answer is the wanted one."""
        if self.label >= 0:
            return np.asarray(labels_of(answer) == self.label)
        return np.asarray((answer.prediction >= self.low) & (answer.prediction <= self.high))

    def nearness(self, answer: Answered) -> Float64:
        """How near an answer is: the class's probability, or minus the distance to the range."""
        if self.label < 0:
            gap = np.maximum(self.low - answer.prediction, answer.prediction - self.high)
            return np.asarray(-np.maximum(gap, 0.0))
        if answer.probabilities is not None:
            return np.asarray(answer.probabilities[:, self.label])
        return np.asarray(labels_of(answer) == self.label, np.float64)


def labels_of(answer: Answered) -> Int64:
    """The class of each answer, as a position."""
    if answer.label is not None:
        return np.asarray(answer.label, np.int64)
    if answer.probabilities is not None and answer.probabilities.shape[1] > 2:
        return np.asarray(answer.probabilities.argmax(axis=1), np.int64)
    return (answer.prediction >= 0.5).astype(np.int64)


def goals(answer: Answered, wanted: Wanted) -> Iterator[tuple[Goal, Int64]]:
    """Each goal, and the positions of the rows that have it and do not reach it yet.

    Parameters
    ----------
    answer : Answered
        Of the rows.
    wanted : int, pair of float, or None

    Raises
    ------
    InputError
        A class is wanted of a model that answers with numbers.
    """
    if isinstance(wanted, tuple):
        goal = Goal(low=wanted[0], high=wanted[1])
        yield goal, np.flatnonzero(~goal.reached(answer))
        return
    if answer.label is None and answer.probabilities is None:
        raise InputError(
            "The answer is a number, not a class.", hint="Give the wanted range as a pair."
        )
    if wanted is not None:
        goal = Goal(label=wanted)
        yield goal, np.flatnonzero(~goal.reached(answer))
        return
    other = _likeliest_other(answer)
    for label in np.unique(other):
        yield Goal(label=int(label)), np.flatnonzero(other == label)


def _likeliest_other(answer: Answered) -> Int64:
    own = labels_of(answer)
    if answer.probabilities is None or answer.probabilities.shape[1] == 2:
        return 1 - own
    others = answer.probabilities.copy()
    others[np.arange(own.size), own] = -np.inf
    return np.asarray(others.argmax(axis=1), np.int64)

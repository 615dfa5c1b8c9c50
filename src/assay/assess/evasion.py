"""Evasion: how many answers turn when numbers are changed by next to nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import polars as pl

from assay.assess.check import BaseCheck
from assay.assess.finding import Evidence, Finding, Principle
from assay.assess.reliability import require_rows
from assay.assess.statistics import Bool, Bounds, Float64, clopper_pearson
from assay.assess.subject import Answered, Subject
from assay.errors import NotApplicable

ROWS = 400
MOST_ASKED = 40_000
"""Rows that the model is asked for one size of change, at most."""
SIZES = (0.01, 0.02, 0.05)
"""Changes, as shares of a column's interquartile range among training rows."""


@dataclass(frozen=True, kw_only=True)
class Evasion(BaseCheck):
    """Can an answer be turned by changing numbers by next to nothing?"""

    code: ClassVar[str] = "PRI011"
    title: ClassVar[str] = "Evasion by small changes"
    principle: ClassVar[Principle] = "privacy-security"
    slow: ClassVar[bool] = True
    sources: ClassVar[tuple[Evidence, ...]] = ("held-out",)

    def run(self, subject: Subject) -> Finding:
        """Share of rows whose answer turns when no number moves by more than 5 % of its range."""
        steps = _steps(subject)
        require_rows(subject.held_out.rows, 10)
        rows = max(20, min(ROWS, MOST_ASKED // (2 * len(steps) + 1)))
        chosen = subject.held_out.sample(rows, seed=0)
        game = _Game.of(subject, subject.held_out.frame[chosen], subject.held_out.truth)
        turned = np.zeros(chosen.size, np.bool_)
        by_size = []
        for size in SIZES:
            moves = {name: _move(step, size, whole) for name, (step, whole) in steps.items()}
            turned |= game.attack({name: move for name, move in moves.items() if move > 0})
            by_size.append((size, self._share(turned)))
        return self.finding(
            by_size[-1][1],
            measure="share of rows whose answer turns under changes of at most "
            f"{SIZES[-1]:.0%} of each number's interquartile range",
            method=f"Greedy search on {chosen.size} rows: each number is moved up and down "
            "alone, then the moves that help are made together, the strongest first; whole "
            "numbers move by whole steps, categories and dates stay. "
            + game.wording
            + " Clopper and Pearson's exact bounds (1934) of what this search finds; a stronger "
            "search may find more. Weights were not used.",
            rows=chosen.size,
            unit="share",
            details={
                "by_size": [
                    {"size": size, "value": b.value, "lower": b.lower, "upper": b.upper}
                    for size, b in by_size
                ],
                "columns_moved": len(steps),
            },
        )

    def _share(self, turned: Bool) -> Bounds:
        return clopper_pearson(turned.sum(), turned.size, self.confidence)


def _steps(subject: Subject) -> dict[str, tuple[float, bool]]:
    """Interquartile range of each number that the model reads, and whether it is whole."""
    kinds = {column.name: column.kind for column in subject.contract.features}
    numbers = [n for n in subject.columns_to_try if kinds[n] in ("number", "integer")]
    table = subject.train if not subject.train.is_empty() else subject.held_out.frame
    found = {}
    for name in numbers:
        known = table[name].cast(pl.Float64).drop_nulls().drop_nans()
        if known.is_empty():
            continue
        low, high = known.quantile(0.25), known.quantile(0.75)
        if low is not None and high is not None and high > low:
            found[name] = (high - low, kinds[name] == "integer")
    if not found:
        raise NotApplicable("The model reads no number that varies.")
    return found


def _move(spread: float, size: float, whole: bool) -> float:
    """The largest allowed change; of a whole number the largest whole one, often none."""
    return float(np.floor(spread * size)) if whole else spread * size


@dataclass(frozen=True, eq=False)
class _Game:
    """Rows under attack: how near each answer is to turning, and the model to ask."""

    subject: Subject
    frame: pl.DataFrame
    label: Float64
    start: Float64
    far: float

    @classmethod
    def of(cls, subject: Subject, frame: pl.DataFrame, truth: Float64) -> _Game:
        """The rows with their answers as they are.

        A number counts as turned when it moves by more than the typical error: the median
        absolute error over all held-out rows.
        """
        answer = subject.score(frame)
        label = _labels(subject, answer)
        error = np.abs(subject.held_out.prediction - truth)
        return cls(subject, frame, label, answer.prediction, float(np.median(error)))

    @property
    def wording(self) -> str:
        """What it means that an answer turns."""
        if self.subject.kind == "regression":
            return "An answer turns when it moves by more than the median absolute error."
        return "An answer turns when its class changes."

    def attack(self, moves: dict[str, float]) -> Bool:
        """Whether each row's answer turns under moves within the given sizes."""
        turned = np.zeros(self.frame.height, np.bool_)
        if not moves:
            return turned
        for sign in (1.0, -1.0) if self.subject.kind == "regression" else (1.0,):
            turned |= self._towards(sign, moves)
        return turned

    def _towards(self, sign: float, moves: dict[str, float]) -> Bool:
        """The search in one direction of the answer."""
        names = list(moves)
        signed = [(name, way * size) for name, size in moves.items() for way in (1.0, -1.0)]
        singles = [self.frame.with_columns(pl.col(name) + move) for name, move in signed]
        gain, turned = self._asked(singles, sign)
        base = self._gain(self.subject.score(self.frame), self.label, self.start, sign)
        pairs = (gain - base).reshape(len(names), 2, -1)
        way = np.where(pairs[:, 0] >= pairs[:, 1], 1.0, -1.0)
        strength = pairs.max(axis=1)
        together = [self._together(names, moves, way, strength, most) for most in _counts(names)]
        both = np.vstack([turned, self._asked(together, sign)[1]])
        return np.asarray(both.any(axis=0), np.bool_)

    def _together(
        self,
        names: list[str],
        moves: dict[str, float],
        way: Float64,
        strength: Float64,
        most: int,
    ) -> pl.DataFrame:
        """Each row with its ``most`` strongest moves made at once, as far as they help."""
        rank = np.argsort(np.argsort(-strength, axis=0, kind="stable"), axis=0, kind="stable")
        used = (rank < most) & (strength > 0)
        return self.frame.with_columns(
            pl.col(name) + pl.Series(name, used[i] * way[i] * moves[name])
            for i, name in enumerate(names)
        )

    def _asked(self, frames: list[pl.DataFrame], sign: float) -> tuple[Float64, Bool]:
        """Gain and success of each frame's rows, (n_frames, n); one call of the model."""
        answer = self.subject.score(pl.concat(frames))
        label, start = (np.tile(x, len(frames)) for x in (self.label, self.start))
        shape = (len(frames), self.frame.height)
        gain = self._gain(answer, label, start, sign)
        return gain.reshape(shape), self._turned(answer, label, gain).reshape(shape)

    def _gain(self, answer: Answered, label: Float64, start: Float64, sign: float) -> Float64:
        """How far each answer has come: the number's way, or the chance its class lost."""
        if self.subject.kind == "regression":
            return np.asarray(sign * (answer.prediction - start))
        if answer.probabilities is None:
            return np.asarray(_labels(self.subject, answer) != label, np.float64)
        own = answer.probabilities[np.arange(label.size), label.astype(np.int64)]
        return 1.0 - np.asarray(own, np.float64)

    def _turned(self, answer: Answered, label: Float64, gain: Float64) -> Bool:
        if self.subject.kind == "regression":
            return gain > self.far
        return np.asarray(_labels(self.subject, answer) != label, np.bool_)


def _labels(subject: Subject, answer: Answered) -> Float64:
    """The class answered for each row; zeros for numbers."""
    if subject.kind == "regression":
        return np.zeros(len(answer.prediction))
    if answer.label is not None:
        return answer.label.astype(np.float64)
    if subject.kind == "binary":
        return (answer.prediction >= 0.5).astype(np.float64)
    return answer.prediction


def _counts(names: list[str]) -> Iterator[int]:
    """How many moves are made at once: 2, 4, 8, ... and all."""
    most = 2
    while most < len(names):
        yield most
        most *= 2
    yield len(names)

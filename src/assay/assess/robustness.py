"""Reliability and safety: what the model does with input that is missing, extreme or unseen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import ClassVar

import numpy as np
import polars as pl

from assay.assess.check import BaseCheck
from assay.assess.damage import Damage, DamageCheck, ask, target_range
from assay.assess.finding import Evidence, Finding, Principle
from assay.assess.levels import training_column
from assay.assess.statistics import Bool
from assay.assess.subject import Answered, Subject
from assay.errors import NotApplicable

UNSEEN = "\u2047 never seen \u2047"
FAR = 1e6
"""How far outside the training range an extreme number lies, in multiples of the range."""


@dataclass(frozen=True, kw_only=True)
class MissingInput(DamageCheck):
    """How much larger do errors get when one cell of a row is missing?"""

    code: ClassVar[str] = "REL005"
    title: ClassVar[str] = "Error with a missing value"

    what: ClassVar[str] = "with one column missing"
    how: ClassVar[str] = "Each column was emptied in turn."

    def damages(self, subject: Subject) -> Sequence[Damage]:
        """Each column emptied."""
        return [Damage(partial(without, name=n), n) for n in subject.columns_to_try]


@dataclass(frozen=True, kw_only=True)
class ExtremeInput(BaseCheck):
    """Does hostile input (missing, infinite, far out of range, unseen) get a sound answer?"""

    code: ClassVar[str] = "REL006"
    title: ClassVar[str] = "Unsound answers to hostile input"
    principle: ClassVar[Principle] = "reliability-safety"
    slow: ClassVar[bool] = True
    sources: ClassVar[tuple[Evidence, ...]] = ("held-out",)

    most_rows: int = 100
    spread: float = 1.0
    """How far outside the target's training range an answer may lie, in multiples of it."""

    def run(self, subject: Subject) -> Finding:
        """Share of the answers that are not finite, or absurdly far from any seen in training.

        A refusal with a clear error is sound. The probes are given, not drawn by chance, so
        the share is a fact.
        """
        scored = subject.held_out
        frame = scored.frame[scored.sample(self.most_rows, seed=0)]
        asked, unsound, refused = 0, 0, 0
        worst: dict[str, int] = {}
        for column, probe, hostile in probes(subject, frame):
            asked += frame.height
            answer = ask(subject.score, hostile)
            if answer is None:
                refused += frame.height
                continue
            bad = int(np.sum(~self._sound(subject, answer)))
            unsound += bad
            if bad:
                worst[f"{column}: {probe}"] = bad
        if not asked:
            raise NotApplicable("The model reads no column that can be changed.")
        return self.finding(
            unsound / asked,
            measure="share of unsound answers to hostile input",
            method=f"{len(subject.columns_to_try)} of {len(subject.feature_names)} columns in turn "
            f"were set missing, to both infinities, to {FAR:g} times "
            "its range beyond its ends, or to a value never seen. Sound: finite, and within "
            f"{self.spread:g} ranges of the target's training range (probabilities: in [0, 1], "
            "summing to 1); or a clear refusal.",
            rows=frame.height,
            unit="share",
            details={"answers": asked, "refused": refused, "unsound": worst},
        )

    def _sound(self, subject: Subject, answer: Answered) -> Bool:
        """Whether each answer is one that a person could be shown."""
        if subject.kind == "regression":
            low, high = target_range(subject)
            reach = (high - low) / 2 + self.spread * (high - low)
            distance = np.abs(answer.prediction - (low + high) / 2)
            return np.asarray(distance <= reach, np.bool_)  # False for what is no number
        if answer.probabilities is None:
            return np.asarray(np.isfinite(answer.prediction), np.bool_)
        p = answer.probabilities
        inside = np.all((p >= 0) & (p <= 1), axis=1) & (np.abs(p.sum(axis=1) - 1) < 1e-5)
        return np.asarray(inside & np.isfinite(answer.prediction), bool)


def probes(subject: Subject, frame: pl.DataFrame) -> Iterator[tuple[str, str, pl.DataFrame]]:
    """Column, name of the probe, and the rows with that column made hostile."""
    for name in subject.columns_to_try:
        yield name, "missing", without(frame, name)
        for probe, value in _hostile_values(training_column(subject, frame, name)):
            yield name, probe, frame.with_columns(value.alias(name))


def _hostile_values(column: pl.Series) -> Iterator[tuple[str, pl.Expr]]:
    """Values that no honest row of this column holds, by name."""
    if column.dtype == pl.String:
        yield "unseen", pl.lit(UNSEEN)
    elif column.dtype.is_temporal():
        yield "far past", pl.lit(date(1, 1, 1)).cast(column.dtype)
        yield "far future", pl.lit(date(9999, 12, 31)).cast(column.dtype)
    elif column.dtype.is_numeric():
        known = column.cast(pl.Float64).to_numpy()
        known = known[np.isfinite(known)]
        low, high = (known.min(), known.max()) if known.size else (0.0, 1.0)
        reach = FAR * max(high - low, 1.0)
        yield "far above", pl.lit(float(high + reach))
        yield "far below", pl.lit(float(low - reach))
        yield "infinite", pl.lit(float("inf"))
        yield "minus infinite", pl.lit(float("-inf"))


def without(frame: pl.DataFrame, name: str) -> pl.DataFrame:
    """The rows with one column missing."""
    return frame.with_columns(pl.lit(None, frame.schema[name]).alias(name))

"""Reliability and safety: what the model does with input that is missing, extreme or unseen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import ClassVar

import numpy as np
import polars as pl

from assay.assess.check import BaseCheck
from assay.assess.finding import Evidence, Finding, Principle
from assay.assess.losses import loss_name, row_loss
from assay.assess.reliability import FEWEST, require_rows
from assay.assess.statistics import Bool, Bounds, Float64, largest, paired_ratio
from assay.assess.subject import Answered, Score, Subject
from assay.errors import AssayError, NotApplicable

UNSEEN = "\u2047 never seen \u2047"
FAR = 1e6
"""How far outside the training range an extreme number lies, in multiples of the range."""


@dataclass(frozen=True, kw_only=True)
class MissingInput(BaseCheck):
    """How much larger do errors get when one cell of a row is missing?"""

    code: ClassVar[str] = "REL005"
    title: ClassVar[str] = "Error with a missing value"
    principle: ClassVar[Principle] = "reliability-safety"
    slow: ClassVar[bool] = True
    sources: ClassVar[tuple[Evidence, ...]] = ("held-out",)

    most_rows: int = 5_000

    def run(self, subject: Subject) -> Finding:
        """Error with the worst column missing in every row, divided by that with it present."""
        scored = subject.held_out
        require_rows(scored.rows, FEWEST)
        chosen = scored.sample(self.most_rows, seed=0)
        frame, truth = scored.frame[chosen], scored.truth[chosen]
        intact = row_loss(subject.kind, scored.truth, scored)[chosen]
        if intact.mean() == 0:
            raise NotApplicable("The model makes no error on these rows.")
        losses: dict[str, Float64] = {}
        refused: list[str] = []
        for name in subject.columns_to_try:
            answer = ask(subject.score, without(frame, name))
            if answer is None:
                refused.append(name)
            else:
                losses[name] = _bounded_loss(subject, truth, answer)
        if not losses:
            raise NotApplicable("The model refuses rows with any missing value.")

        def ratios(confidence: float) -> Bounds:
            return Bounds.stack(paired_ratio(loss, intact, confidence) for loss in losses.values())

        tests = len(losses)
        bounds = ratios(self.confidence)
        return self.finding(
            largest(ratios, tests=tests, confidence=self.confidence),
            measure=f"mean {loss_name(subject.kind)} with one column missing, divided by that "
            "without, for the worst column",
            method=f"{tests} of {len(subject.feature_names)} columns were emptied in turn; paired "
            "ratios with Fieller's bounds, the lower one corrected for the number of columns "
            "(Bonferroni). An answer that is not a number counts as wrong by the whole range of "
            "the target.",
            rows=frame.height,
            details={
                "importance": [
                    {
                        "column": name,
                        "value": bounds.value[i],
                        "lower": bounds.lower[i],
                        "upper": bounds.upper[i],
                        "measure": "Error without the column, divided by error with it",
                    }
                    for i, name in sorted(
                        enumerate(losses), key=lambda item: -bounds.value[item[0]]
                    )
                ],
                "refused": refused,
            },
        )


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
        for probe, value in _hostile_values(subject.train[name]):
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


def ask(score: Score, frame: pl.DataFrame) -> Answered | None:
    """The model's answers, or None where it refuses the rows with a clear error."""
    try:
        return score(frame)
    except AssayError:
        return None


def target_range(subject: Subject) -> tuple[float, float]:
    """Least and largest target of the training rows."""
    truth = subject.truth_of(subject.train)
    return float(np.min(truth)), float(np.max(truth))


def _bounded_loss(subject: Subject, truth: Float64, answer: Answered) -> Float64:
    """Loss of each row; the largest reasonable one where the answer is not a number."""
    loss = row_loss(subject.kind, truth, answer)
    low, high = target_range(subject) if subject.kind == "regression" else (0.0, 1.0)
    return np.where(np.isfinite(loss), loss, high - low)

"""Transparency: curves of the answer over single columns, and what they leave out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import polars as pl
from scipy import special

from assay.assess.asking import affordable_rows, ask_all, with_column
from assay.assess.check import BaseCheck
from assay.assess.finding import Evidence, Finding, Principle
from assay.assess.reliability import FEWEST, require_rows
from assay.assess.statistics import Bounds, Float64, Int64, paired_ratio
from assay.assess.subject import Answered, Subject
from assay.errors import NotApplicable

PARTS = 20
"""Parts that a number is cut into, and the most frequent categories that have a place."""
CURVES = 8
"""Columns whose curves are shown, the steepest."""


@dataclass(frozen=True, kw_only=True)
class Dependence(BaseCheck):
    """Do curves of single columns tell what the model does?"""

    code: ClassVar[str] = "TRA006"
    title: ClassVar[str] = "What single-column curves leave out"
    principle: ClassVar[Principle] = "transparency"
    slow: ClassVar[bool] = True
    sources: ClassVar[tuple[Evidence, ...]] = ("held-out",)

    most_rows: int = 1_000
    ice_rows: int = 40

    def run(self, subject: Subject) -> Finding:
        """Share of the answers' variance that the sum of the columns' effects leaves."""
        scored = subject.held_out
        require_rows(scored.rows, FEWEST)
        names = subject.feature_names
        if len(subject.columns_to_try) < len(names):
            raise NotApplicable(f"The model reads {len(names):,} columns: too many to draw.")
        rows = affordable_rows(subject, self.most_rows, variants=2 * len(names))
        frame = scored.frame[scored.sample(rows, seed=0)].select(names)
        read = explained_by_curves(subject.score(frame))
        answer, effects = local_effects(subject, frame, read)
        around = answer - answer.mean()
        if not np.any(around**2 > 1e-24 * max(1.0, float(np.max(answer**2)))):
            raise NotApplicable("All answers are the same.")
        told = np.sum([effect.at_rows for effect in effects], axis=0, initial=0.0)
        left = paired_ratio((around - told) ** 2, around**2, self.confidence)
        return self.finding(
            Bounds(left.value, np.maximum(left.lower, 0.0), left.upper),
            measure="share of the variance of the answers that the sum of the columns' own "
            "effects leaves",
            method="Accumulated local effects (Apley and Zhu 2020) of each column, in "
            f"{PARTS} parts of equal numbers of rows; categories in the order of their mean "
            "answers. What their sum leaves is the interaction strength of Molnar, Casalicchio "
            "and Bischl (2020): ratio of two means over the same rows with Fieller's bounds, "
            "which take the curves as given. A random sample; weights were not used.",
            rows=frame.height,
            unit="share",
            details={"dependence": self._curves(subject, frame, read, effects)},
        )

    def _curves(
        self, subject: Subject, frame: pl.DataFrame, read: Read, effects: list[Effect]
    ) -> list[dict[str, Any]]:
        """The steepest curves, with partial dependence and the spread of single rows."""
        shown = [e for e in effects if e.axis.name not in subject.personal_columns]
        shown = sorted(shown, key=lambda e: -float(np.std(e.at_rows)))[:CURVES]
        few = frame[: self.ice_rows]

        def frames() -> Iterator[pl.DataFrame]:
            for effect in shown:
                values = effect.axis.values
                yield pl.concat(
                    few.with_columns(pl.lit(value, values.dtype).alias(effect.axis.name))
                    for value in values
                )

        z = float(special.ndtri(self.confidence))
        lines = ask_all(subject.score, frames(), read)
        return [
            self._curve(effect, line.reshape(-1, few.height), z, people=subject.about_people)
            for effect, line in zip(shown, lines, strict=True)
        ]

    @staticmethod
    def _curve(effect: Effect, ice: Float64, z: float, *, people: bool) -> dict[str, Any]:
        """One curve; the least and the largest number of people are not shown."""
        inner = (
            slice(1, -1) if people and effect.axis.ordered and len(effect.ale) > 4 else slice(None)
        )
        low, high = np.quantile(ice, [0.1, 0.9], axis=1)
        return {
            "column": effect.axis.name,
            "points": effect.axis.labels()[inner],
            "ordered": effect.axis.ordered,
            "ale": effect.ale[inner],
            "lower": (effect.ale - z * effect.error)[inner],
            "upper": (effect.ale + z * effect.error)[inner],
            "pdp": ice.mean(axis=1)[inner],
            "ice_low": low[inner],
            "ice_high": high[inner],
        }


Read = Callable[[Answered], Float64]


def explained_by_curves(answer: Answered) -> Read:
    """What curves show: the value, the probability of two classes' second, or of the commonest.

    Parameters
    ----------
    answer : Answered
        Of the rows at hand; among several classes the one that is likeliest on average counts.
    """
    if answer.probabilities is None and answer.label is not None:
        label = int(np.bincount(answer.label).argmax())
        return lambda a: np.asarray(a.label == label, np.float64)
    if answer.probabilities is None or answer.probabilities.shape[1] == 2:
        return lambda a: np.asarray(a.prediction, np.float64)
    commonest = int(answer.probabilities.mean(axis=0).argmax())

    def probability(a: Answered) -> Float64:
        assert a.probabilities is not None
        return a.probabilities[:, commonest]

    return probability


@dataclass(frozen=True, eq=False)
class Axis:
    """Places along a column that rows lie at.

    Attributes
    ----------
    values : pl.Series
        Of numbers and dates the edges of parts, in rising order; else categories.
    place : ndarray of int, shape (n,)
        The part, or the category, of each row; -1 where the cell is missing or rare.
    share : ndarray, shape (n,)
        Of ordered columns: how far along its part each row lies, in [0, 1].
    """

    name: str
    ordered: bool
    values: pl.Series
    place: Int64
    share: Float64

    def moved(self, frame: pl.DataFrame, by: int) -> pl.DataFrame:
        """The rows at the edge below (0) or above (1) them, or at a category ``by`` places on."""
        last = len(self.values) - 1
        target = np.clip(self.place + by, 0, last)
        there = pl.Series((self.place >= 0) & (self.place + by >= 0) & (self.place + by <= last))
        cells = self.values.gather(target).zip_with(there, frame[self.name])
        return with_column(frame, cells.alias(self.name))

    def labels(self) -> list[str]:
        """The places as a person reads them."""
        if self.values.dtype.is_numeric():
            return [f"{value:.6g}" for value in self.values]
        return self.values.cast(pl.String).to_list()


@dataclass(frozen=True, eq=False)
class Effect:
    """A column's accumulated local effect.

    ``ale`` and its standard ``error``: at each of the axis's values; ``at_rows``: (n,), 0 where
    a row has no place. The mean over the rows is 0.
    """

    axis: Axis
    ale: Float64
    error: Float64
    at_rows: Float64


def local_effects(
    subject: Subject, frame: pl.DataFrame, read: Read
) -> tuple[Float64, list[Effect]]:
    """The rows' answers, and the effect of every column that varies.

    Parameters
    ----------
    subject : Subject
    frame : pl.DataFrame
        Rows, with the columns that the model reads.
    read : callable
        From the model's answers to the number that is explained.
    """
    answer = read(subject.score(frame))
    found = (axis_of(frame[name], answer) for name in frame.columns)
    axes = [axis for axis in found if axis is not None]

    def frames() -> Iterator[pl.DataFrame]:
        for axis in axes:
            yield axis.moved(frame, 0 if axis.ordered else -1)
            yield axis.moved(frame, 1)

    asked = ask_all(subject.score, frames(), read)
    pairs = zip(axes, asked[::2], asked[1::2], strict=True)
    return answer, [_effect(axis, answer, below, above) for axis, below, above in pairs]


def axis_of(column: pl.Series, answer: Float64) -> Axis | None:
    """Places along a column; None where it holds a single value.

    Categories are put in the order of their rows' mean answers, as Apley and Zhu ask for an
    order in which neighbours are alike.
    """
    if column.dtype.is_numeric() or column.dtype.is_temporal():
        return _ordered_axis(column)
    texts = column.cast(pl.String)
    table = (
        pl.DataFrame({"level": texts, "own": column, "answer": answer})
        .drop_nulls("level")
        .group_by("level")
        .agg(pl.len().alias("rows"), pl.col("answer").mean(), pl.col("own").first())
        .sort(["rows", "answer", "level"], descending=[True, False, False])
        .head(PARTS)
        .sort(["answer", "rows", "level"])
    )
    if table.height < 2:
        return None
    places = {level: place for place, level in enumerate(table["level"])}
    place = texts.replace_strict(places, default=-1, return_dtype=pl.Int64).fill_null(-1)
    return Axis(column.name, False, table["own"], place.to_numpy(), np.zeros(len(column)))


def _ordered_axis(column: pl.Series) -> Axis | None:
    numbers = column.to_physical().cast(pl.Float64).fill_null(float("nan")).to_numpy()
    known = np.isfinite(numbers)
    ranked = column.filter(pl.Series(known)).sort()
    if ranked.is_empty():
        return None
    at = np.unique(np.linspace(0, len(ranked) - 1, PARTS + 1).round().astype(np.int64))
    values = ranked.gather(at).unique(maintain_order=True)
    edges = values.to_physical().cast(pl.Float64).to_numpy()
    if edges.size < 2:
        return None
    filled = np.where(known, numbers, edges[0])
    part = np.clip(np.searchsorted(edges, filled, side="left") - 1, 0, edges.size - 2)
    share = (filled - edges[part]) / (edges[part + 1] - edges[part])
    return Axis(column.name, True, values, np.where(known, part, -1), share)


def _effect(axis: Axis, answer: Float64, below: Float64, above: Float64) -> Effect:
    """Accumulate the mean steps from each place to the next."""
    here = axis.place >= 0
    last = len(axis.values) - 1
    if axis.ordered:
        step, size = axis.place[here], (above - below)[here]
    else:
        up, down = here & (axis.place < last), axis.place > 0
        step = np.concatenate([axis.place[up], axis.place[down] - 1])
        size = np.concatenate([(above - answer)[up], (answer - below)[down]])
    rows = np.maximum(np.bincount(step, minlength=last), 1)
    mean = np.bincount(step, size, minlength=last) / rows
    spread = np.bincount(step, (size - mean[step]) ** 2, minlength=last)
    variance = spread / np.maximum(rows - 1, 1) / rows
    ale = np.concatenate([[0.0], np.cumsum(mean)])
    error = np.sqrt(np.concatenate([[0.0], np.cumsum(variance)]))
    place = np.maximum(axis.place, 0)
    along = ale[place]
    if axis.ordered:
        along = along + axis.share * mean[place]
    middle = float(along[here].mean())
    return Effect(axis, ale - middle, error, np.where(here, along - middle, 0.0))

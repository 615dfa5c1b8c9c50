"""Transparency: what the answers rest on, and whether two ways of explaining agree on it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import polars as pl
from scipy import stats

from assay.assess.asking import ask_all
from assay.assess.finding import Finding
from assay.assess.statistics import (
    Bounds,
    Float64,
    clopper_pearson,
    group_moments,
    largest,
    mean_bounds,
    paired_ratio,
)
from assay.assess.subject import Answered, Contributions, Subject, explained_number
from assay.assess.transparency import TOP, ExplanationCheck, explain, explained_sample
from assay.errors import NotApplicable

FOREMOST = 20
"""Columns among which the foremost one is sought, by their mean contribution."""


@dataclass(frozen=True, kw_only=True)
class ContributionShares(ExplanationCheck):
    """How much of the answers rests on a single column?"""

    code: ClassVar[str] = "TRA005"
    title: ClassVar[str] = "Weight of the foremost column"

    def run(self, subject: Subject) -> Finding:
        """Largest share of the contributions, without their signs, that one column has."""
        parts = self._parts(subject)
        size = np.abs(parts.values)
        total = size.sum(axis=1)
        if total.mean() == 0:
            raise NotApplicable("No column moves any answer.")
        order = np.argsort(-size.mean(axis=0), kind="stable")
        shown = order[:FOREMOST]

        def shares(confidence: float) -> Bounds:
            return Bounds.stack(paired_ratio(size[:, i], total, confidence) for i in shown)

        worst = largest(shares, tests=size.shape[1], confidence=self.confidence)
        how = "taken from the model's parts" if parts.exact else "sampled by asking the model"
        return self.finding(
            Bounds(worst.value, np.maximum(worst.lower, 0.0), np.minimum(worst.upper, 1.0)),
            measure="share of all contributions, without their signs, that the foremost column has",
            method=f"Contributions against a typical row (Shapley values, {how}), of a random "
            "sample; mean size by column (Lundberg et al. 2020). Ratio of two means over the same "
            f"rows with Fieller's bounds; the largest of {size.shape[1]}: its lower bound is "
            "corrected for their number (Bonferroni). Weights were not used.",
            rows=len(size),
            unit="share",
            details={
                "exact": parts.exact,
                "importance": self._table(subject, parts, size),
            },
        )

    def _parts(self, subject: Subject) -> Contributions:
        """The sample that all checks of explanations share, or more rows where that is quick."""
        frame, parts = explained_sample(subject, self.most_rows)
        how = subject.explain_exactly
        if how is not None:
            parts = how(frame)
        scored = subject.held_out
        if min(parts.most_rows, scored.rows) <= self.most_rows:
            return parts
        rows = scored.frame[scored.sample(parts.most_rows, seed=0)]
        return explain(subject, rows) if how is None else how(rows)

    def _table(self, subject: Subject, parts: Contributions, size: Float64) -> list[dict[str, Any]]:
        columns = size.shape[1]
        codes = np.tile(np.arange(columns), len(size))
        bounds = mean_bounds(group_moments(size.reshape(-1), codes, columns), self.confidence)
        unit = subject.question.unit if subject.kind == "regression" else ""
        return [
            {
                "column": parts.columns[i],
                "value": bounds.value[i],
                "lower": max(float(bounds.lower[i]), 0.0),
                "upper": bounds.upper[i],
                "unit": unit,
                "measure": "Mean size of the contribution",
            }
            for i in np.argsort(-bounds.value, kind="stable")
        ]


@dataclass(frozen=True, kw_only=True)
class Agreement(ExplanationCheck):
    """Do two ways of explaining an answer name the same column?"""

    code: ClassVar[str] = "TRA007"
    title: ClassVar[str] = "Agreement of explanations"

    def run(self, subject: Subject) -> Finding:
        """Share of rows whose foremost reason is among another method's foremost three."""
        frame, parts = self.explained(subject)
        if len(parts.columns) <= TOP:
            raise NotApplicable(f"There are no more than {TOP} columns.")
        exactly = subject.explain_exactly
        size = np.abs(parts.values)
        other = (
            self._occlusion(subject, frame, parts)
            if exactly is None
            else np.abs(exactly(frame).values)
        )
        foremost = np.argsort(-other, axis=1, kind="stable")[:, :TOP]
        reason = np.argmax(size, axis=1)
        moved = np.take_along_axis(other, reason[:, None], axis=1)[:, 0] > 0
        agrees = moved & np.any(foremost == reason[:, None], axis=1)
        own = np.argsort(-size, axis=1, kind="stable")[:, :TOP]
        common = np.any(own[:, :, None] == foremost[:, None, :], axis=2)
        return self.finding(
            clopper_pearson(agrees.sum(), agrees.size, self.confidence),
            measure=f"share of rows whose foremost reason is among the {TOP} columns that "
            + (
                "move the answer most when they alone become typical"
                if exactly is None
                else "contribute most by the model's parts"
            ),
            method="Contributions as people are given them, sampled by asking the model, against "
            + (
                "removing one column at a time by asking the model (Robnik-Šikonja and Kononenko "
                "2008)"
                if exactly is None
                else "the exact ones of its trees and linear members (Lundberg et al. 2020)"
            )
            + "; agreement after Krishna et al. 2022. Exact bounds (Clopper and Pearson 1934).",
            rows=frame.height,
            unit="share",
            higher_is_better=True,
            details={
                "exact": exactly is not None,
                "mean_common_of_foremost": common.mean(),
                "mean_rank_correlation": _rank_correlation(size, other),
            },
        )

    @staticmethod
    def _occlusion(subject: Subject, frame: pl.DataFrame, parts: Contributions) -> Float64:
        """How far each answer moves when one column alone becomes typical, (n, n_columns)."""
        label = subject.score(frame).label
        frame = frame.select(subject.feature_names)

        def read(answer: Answered) -> Float64:
            if answer.probabilities is None or answer.probabilities.shape[1] == 2 or label is None:
                return explained_number(answer)
            own = np.tile(label, len(answer.prediction) // len(label))
            return np.asarray(answer.probabilities[np.arange(own.size), own])

        def frames() -> Iterator[pl.DataFrame]:
            yield frame
            for name in parts.columns:
                value = pl.lit(subject.typical[name], frame.schema[name])
                yield frame.with_columns(value.alias(name))

        intact, *without = ask_all(subject.score, frames(), read)
        return np.abs(np.stack(without, axis=1) - intact[:, None])


def _rank_correlation(a: Float64, b: Float64) -> float | None:
    """Mean over rows of Spearman's correlation; rows that are all ties are left out."""
    ranks = [stats.rankdata(x, axis=1) for x in (a, b)]
    x, y = (r - r.mean(axis=1, keepdims=True) for r in ranks)
    scale = np.sqrt((x**2).sum(axis=1) * (y**2).sum(axis=1))
    known = scale > 0
    if not known.any():
        return None
    return float(np.mean((x * y).sum(axis=1)[known] / scale[known]))

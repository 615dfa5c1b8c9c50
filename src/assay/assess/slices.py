"""Slices of the table where the model errs most: found on some rows, judged on others.

A search over hundreds of slices always finds a bad one. The other half of the rows did not
take part in the search, so what they show is a finding rather than an artefact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import ClassVar

import numpy as np

from assay.assess.check import BaseCheck
from assay.assess.fairness.group_check import LARGEST, means_of, rates_of, ratio_to_all
from assay.assess.finding import Finding, GroupValue, Principle
from assay.assess.groups import MISSING
from assay.assess.levels import Levels, levels_of
from assay.assess.losses import row_loss, wrong
from assay.assess.reliability import require_rows
from assay.assess.statistics import (
    Bool,
    Bounds,
    Float64,
    Int64,
    greater_p,
    group_moments,
    holm,
    largest,
    rest_moments,
)
from assay.assess.subject import Scored, Subject
from assay.errors import NotApplicable

MOST_COLUMNS = 30
"""Columns that are crossed in pairs, those with the worst single slices first."""


@dataclass(frozen=True, eq=False)
class Slice:
    """Rows that share one or two levels."""

    name: str
    member: Bool
    score: float = field(default=0.0)
    """Standard errors by which its mean loss exceeds that of all rows, where it was searched."""


@dataclass(frozen=True, kw_only=True)
class WorstSlice(BaseCheck):
    """Is there a kind of row on which errors are far larger than overall?"""

    code: ClassVar[str] = "REL004"
    title: ClassVar[str] = "Error of the worst slice"
    principle: ClassVar[Principle] = "reliability-safety"
    slow: ClassVar[bool] = True

    keep: int = 5
    """Slices that the search hands over to be judged."""
    min_rows: int | None = None
    """Rows of a slice in each half; by default 10 for errors, 30 for error rates."""

    def run(self, subject: Subject) -> Finding:
        """Largest error of a slice divided by that of all rows, on rows the search did not see."""
        scored = self.scored(subject)
        regression = subject.kind == "regression"
        floor = self.min_rows or (10 if regression else 30)
        require_rows(scored.rows, 6 * floor)
        loss = (
            row_loss(subject.kind, scored.truth, scored)
            if regression
            else wrong(subject, scored).astype(np.float64)
        )
        searched = _half(scored)
        found = self._search(subject, scored, loss, searched, floor)
        return self._judge(found, loss[~searched], ~searched, regression=regression)

    def _search(
        self, subject: Subject, scored: Scored, loss: Float64, half: Bool, floor: int
    ) -> list[Slice]:
        levels = list(levels_of(subject, scored.frame))
        found = find_slices(levels, loss, half, floor=floor, keep=self.keep)
        found = [s for s in found if np.count_nonzero(s.member[~half]) >= floor]
        if not found or loss[~half].mean() == 0:
            raise NotApplicable(
                f"No slice with {floor} rows in each half has a larger error than all rows."
            )
        return found

    def _judge(
        self, found: Sequence[Slice], loss: Float64, rest: Bool, *, regression: bool
    ) -> Finding:
        members = [s.member[rest] for s in found]

        def against_all(confidence: float) -> Bounds:
            return Bounds.stack(
                _slice_ratio(loss, m, confidence, regression=regression) for m in members
            )

        bounds = against_all(self.confidence)
        p = holm([_p(loss, member) for member in members])
        tests = len(found)
        return self.finding(
            largest(against_all, tests=tests, confidence=self.confidence),
            measure="largest error of a slice divided by that of all rows",
            method="Slices of one and two columns, searched on a random half of the rows, judged "
            "on the other half. "
            + LARGEST.format(tests=tests, what="ratios of a slice's error to that of all rows")
            + "Slices that the search did not hand over are not judged.",
            rows=loss.size,
            groups=[
                GroupValue(
                    group=s.name,
                    rows=int(members[i].sum()),
                    value=float(bounds.value[i]),
                    lower=float(bounds.lower[i]),
                    upper=float(bounds.upper[i]),
                )
                for i, s in enumerate(found)
            ],
            details={
                "overall": loss.mean(),
                "searched_rows": rest.size - loss.size,
                "confirmed": [s.name for i, s in enumerate(found) if p[i] <= 1 - self.confidence],
                "p_values": p,
            },
        )


def find_slices(
    levels: Sequence[Levels], loss: Float64, half: Bool, *, floor: int, keep: int
) -> list[Slice]:
    """The slices whose mean loss stands out most, without near-duplicates.

    Parameters
    ----------
    levels : sequence of Levels
    loss : ndarray, shape (n,)
    half : ndarray of bool, shape (n,)
        Rows to search on.
    floor : int
        Least number of those rows in a slice.
    keep : int
        Number of slices to return.

    Notes
    -----
    Exhaustive over single levels and pairs of levels; scored by how many standard errors the
    slice's mean lies above that of all rows (after Chung et al. 2019, Slice Finder, ICDE).
    """
    singles = [_cells([level], loss, half, floor) for level in levels]
    best = sorted(range(len(levels)), key=lambda i: -float(np.max(singles[i][1], initial=0.0)))
    crossed = sorted(best[:MOST_COLUMNS])
    candidates = list(zip([[level] for level in levels], singles, strict=True))
    for a, b in combinations(crossed, 2):
        pair = [levels[a], levels[b]]
        candidates.append((pair, _cells(pair, loss, half, floor)))
    ranked = sorted(
        (
            (-score, len(cut), cell, i)
            for i, (cut, (cells, scores)) in enumerate(candidates)
            for cell, score in zip(cells, scores, strict=True)
            if score > 0
        )
    )
    found: list[Slice] = []
    for score, _, cell, i in ranked:
        slice_ = _slice(candidates[i][0], int(cell), -score)
        if not any(_overlap(slice_.member, other.member) > 0.7 for other in found):
            found.append(slice_)
        if len(found) == keep:
            break
    return found


def _half(scored: Scored) -> Bool:
    """A random half of the rows, the same whatever their order."""
    half = np.zeros(scored.rows, dtype=bool)
    half[np.random.default_rng(0).permutation(scored.order)[: scored.rows // 2]] = True
    return half


def _cells(cut: Sequence[Levels], loss: Float64, half: Bool, floor: int) -> tuple[Int64, Float64]:
    """Cells of one or two columns with rows enough, and how far their loss stands out."""
    codes = _crossed(cut)[half] + 1  # 0: in no level
    width = int(np.prod([len(level.names) for level in cut])) + 1
    rows = np.bincount(codes, minlength=width)[1:]
    means = np.bincount(codes, loss[half], width)[1:] / np.maximum(rows, 1)
    inside = rows >= floor
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.sqrt(loss[half].var() / rows)
        score = np.where(inside & (error > 0), (means - loss[half].mean()) / error, 0.0)
    cells = np.flatnonzero(score > 0)
    return cells, score[cells]


def _crossed(cut: Sequence[Levels]) -> Int64:
    """Cell of each row; -1 where a column has no level."""
    codes = cut[0].codes.astype(np.int64)
    for level in cut[1:]:
        both = (codes >= 0) & (level.codes >= 0)
        codes = np.where(both, codes * len(level.names) + level.codes, -1)
    return codes


def _slice(cut: Sequence[Levels], cell: int, score: float) -> Slice:
    member = _crossed(cut) == cell
    names = []
    for level in reversed(cut):
        cell, place = divmod(cell, len(level.names))
        name = level.names[place]
        names.append(f"{level.column}: {'missing' if name == MISSING else name}")
    return Slice(", ".join(reversed(names)), member, score)


def _overlap(a: Bool, b: Bool) -> float:
    return float(np.sum(a & b)) / max(int(np.sum(a | b)), 1)


def _slice_ratio(loss: Float64, member: Bool, confidence: float, *, regression: bool) -> Bounds:
    codes = np.where(member, 0, -1)
    share = np.array([member.mean()])
    return ratio_to_all(loss, codes, share, confidence, means_of if regression else rates_of)[0]


def _p(loss: Float64, member: Bool) -> float:
    codes = np.where(member, 0, -1)
    return float(greater_p(group_moments(loss, codes, 1), rest_moments(loss, codes, 1))[0])

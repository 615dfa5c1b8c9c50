"""Reliability and safety: whether the answer has leaked into the columns or into training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import polars as pl

from assay.assess.check import BaseCheck
from assay.assess.finding import Evidence, Finding, Principle
from assay.assess.levels import cut_column
from assay.assess.reliability import FEWEST, require_rows
from assay.assess.statistics import Bounds, Float64, Int64, bonferroni, paired_ratio
from assay.assess.subject import Scored, Subject
from assay.data.personal import snake
from assay.errors import NotApplicable

PARTS = 20
"""Ranges that a number is cut into."""
SHRINKAGE = 2.0
"""Rows' worth of the overall mean in the mean of each level."""
AFTERWARDS = frozenset(
    {
        "after",
        "afterwards",
        "cancelled",
        "canceled",
        "claim",
        "closed",
        "collected",
        "discharge",
        "discharged",
        "ended",
        "final",
        "outcome",
        "paid",
        "payout",
        "refund",
        "refunded",
        "resolution",
        "resolved",
        "result",
        "returned",
        "settled",
        "settlement",
        "verdict",
        "writeoff",
    }
)
"""Words in a column's name that hint at something known only once the outcome is."""
BEFORE = frozenset({"before", "earlier", "historical", "last", "past", "previous", "prior"})
"""Words that say it was known before: of an earlier case."""


@dataclass(frozen=True, kw_only=True)
class Leakage(BaseCheck):
    """Does a single column nearly know the answer?"""

    code: ClassVar[str] = "REL022"
    title: ClassVar[str] = "Leakage"
    principle: ClassVar[Principle] = "reliability-safety"
    sources: ClassVar[tuple[Evidence, ...]] = ("held-out",)

    def run(self, subject: Subject) -> Finding:
        """Largest share of the target's variance that one column explains on held-out rows."""
        if not subject.train.height:
            raise NotApplicable("There are no training rows.")
        scored, train = subject.held_out, subject.train
        require_rows(min(scored.rows, train.height), FEWEST)
        answers, truth = _outputs(subject, subject.truth_of(train)), _outputs(subject, scored.truth)
        weight = np.ones(scored.rows) if scored.weight is None else scored.weight
        constant = weight * _squares(truth - answers.mean(axis=0))
        if constant.sum() == 0:
            raise NotApplicable("All held-out rows have the same answer.")
        names = [name for name in subject.columns_to_try if name in train.columns]
        if not names:
            raise NotApplicable("The model reads no columns.")
        strict = bonferroni(self.confidence, len(names))
        each, corrected = [], []
        for name in names:
            told = _means_of(train[name], scored.frame[name], answers)
            left = weight * _squares(truth - told)
            each.append(paired_ratio(left, constant, self.confidence))
            corrected.append(paired_ratio(left, constant, strict))
        bounds, lower = _explained(each), _explained(corrected).lower
        return self.finding(
            Bounds.of(bounds.value.max(), lower.max(), bounds.upper.max()),
            measure="largest share of the target's variance that one column alone explains",
            method=f"The mean answer of each level of a column (numbers: {PARTS} ranges) was "
            "learned from training rows and held against held-out rows: one minus the squared "
            "error divided by that of the overall mean, with Fieller's bounds (1954), the lower "
            f"one corrected for {len(names)} columns (Bonferroni).",
            rows=scored.rows,
            unit="share",
            details={
                "importance": _ranked(names, bounds),
                "known_afterwards": known_afterwards(subject),
                **_repeated(subject, scored),
            },
        )


def known_afterwards(subject: Subject) -> list[dict[str, str]]:
    """Columns that may be known only once the outcome is, and what hints at it.

    Hints, not proof: the profile's suspicion, a word in the name, or a date that mostly lies
    after the question's time column.
    """
    found = []
    for column in subject.contract.features:
        profiled = next((c for c in subject.profile.columns if c.name == column.name), None)
        if profiled is not None and "leakage suspect" in profiled.flags:
            found.append({"column": column.name, "why": profiled.note})
        elif _speaks_of_afterwards(column.name):
            found.append({"column": column.name, "why": "its name speaks of what comes afterwards"})
        elif _later(subject, column.name):
            found.append(
                {
                    "column": column.name,
                    "why": f"most of its dates lie after {subject.question.time_column!r}",
                }
            )
    return found


def _speaks_of_afterwards(name: str) -> bool:
    """Whether a name holds a word for what comes afterwards, and none for what came before."""
    words = set(snake(name).split("_"))
    return bool(words & AFTERWARDS) and not words & BEFORE


def _later(subject: Subject, name: str) -> bool:
    """Whether a date mostly lies after the time at which the question is asked."""
    asked, train = subject.question.time_column, subject.train
    if asked is None or asked == name or not {asked, name} <= set(train.columns):
        return False
    if not (train[asked].dtype.is_temporal() and train[name].dtype.is_temporal()):
        return False
    later = train[name].cast(pl.Datetime("us")) > train[asked].cast(pl.Datetime("us"))
    return bool(later.fill_null(value=False).sum() > later.len() / 2)


def _outputs(subject: Subject, truth: Any) -> Float64:
    """The answers as numbers, shape (n, outputs): one, or one a class."""
    if subject.kind != "multiclass":
        return np.asarray(truth, np.float64)[:, None]
    hits = np.asarray(truth)[:, None] == np.arange(len(subject.classes))
    return np.asarray(hits, np.float64)


def _explained(left: list[Bounds]) -> Bounds:
    """Bounds of the shares explained, from those of the shares left."""
    each = Bounds.stack(left)
    return Bounds(1 - each.value, 1 - each.upper, 1 - each.lower)


def _squares(gaps: Float64) -> Float64:
    return np.asarray(np.sum(gaps**2, axis=1), np.float64)


def _means_of(train: pl.Series, column: pl.Series, answers: Float64) -> Float64:
    """What the level of each row's cell says of the answer, learned from training rows."""
    both = pl.concat([train, column], how="vertical")
    levels = cut_column(both, train, parts=PARTS)
    codes: Int64 = levels.codes.astype(np.int64) + 1  # 0: in no level
    known, asked = codes[: len(train)], codes[len(train) :]
    width = len(levels.names) + 1
    rows = np.bincount(known, minlength=width)[:, None]
    sums = np.stack([np.bincount(known, a, width) for a in answers.T], axis=1)
    means: Float64 = (sums + SHRINKAGE * answers.mean(axis=0)) / (rows + SHRINKAGE)
    return means[asked]


def _ranked(names: list[str], bounds: Bounds) -> list[dict[str, Any]]:
    """Columns by the share they explain, largest first."""
    return [
        {
            "column": names[i],
            "value": bounds.value[i],
            "lower": bounds.lower[i],
            "upper": bounds.upper[i],
            "measure": "Share of the target's variance that the column alone explains",
            "unit": "share",
        }
        for i in np.argsort(-bounds.value, kind="stable")
    ]


def _repeated(subject: Subject, scored: Scored) -> dict[str, Any]:
    """Held-out rows that equal a training row in every column, the target included."""
    shared = [name for name in scored.frame.columns if name in subject.train.columns]
    seen = subject.train.select(shared).hash_rows().unique()
    repeated = int(scored.frame.select(shared).hash_rows().is_in(seen.implode()).sum())
    return {"repeated_rows": repeated, "repeated_share": repeated / scored.rows}

"""What checks of damaged rows share.

The model is asked again with damaged cells, and its loss is compared, row by row, with that on
the rows as they are.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import msgspec
import numpy as np
import polars as pl

from assay.assess.check import BaseCheck
from assay.assess.finding import Evidence, Finding, Principle
from assay.assess.levels import training_column
from assay.assess.losses import loss_name, row_loss
from assay.assess.reliability import FEWEST, require_rows
from assay.assess.statistics import Bounds, Float64, largest, paired_ratio
from assay.assess.subject import Answered, Score, Subject
from assay.data.contract import Column, ColumnKind
from assay.errors import InputError, NotApplicable

NUMBERS: tuple[ColumnKind, ...] = ("number", "integer")
WORDS: tuple[ColumnKind, ...] = ("category", "text")


@dataclass(frozen=True)
class Damage:
    """One way to damage every row.

    Attributes
    ----------
    apply : callable
        From rows to damaged rows.
    column : str
        The column it damages; empty: several.
    kind : str
        What happens to it, where a check knows several ways.
    part : {"judged", "shown"}
        Whether the check's value looks at it, or the finding only shows it.
    """

    apply: Callable[[pl.DataFrame], pl.DataFrame]
    column: str = ""
    kind: str = ""
    part: Literal["judged", "shown"] = "judged"

    @property
    def name(self) -> str:
        """Column and kind."""
        return ": ".join(word for word in (self.column, self.kind) if word)


@dataclass(frozen=True, kw_only=True)
class DamageCheck(BaseCheck):
    """A check that damages cells and compares losses over the same rows.

    The number of rows shrinks with the number of ways to damage them, so that a wide table
    costs little more than a narrow one.
    """

    principle: ClassVar[Principle] = "reliability-safety"
    slow: ClassVar[bool] = True
    sources: ClassVar[tuple[Evidence, ...]] = ("held-out",)

    what: ClassVar[str]
    """Completes "mean loss ..., divided by that without"."""
    how: ClassVar[str]
    """A sentence on what was done to which cells."""

    most_answers: int = 40_000
    """Damaged rows that the model is asked about, all ways together."""
    most_rows: int = 5_000
    fewest_rows: int = 500
    most_ways: int = 200
    """Of more ways to damage one column of a wide table, so many are drawn by chance."""

    @abstractmethod
    def damages(self, subject: Subject) -> Sequence[Damage]:
        """The ways to damage the rows; `NotApplicable` where no column can be damaged."""

    def run(self, subject: Subject) -> Finding:
        """Mean loss on damaged rows divided by that on the same rows as they are."""
        scored = subject.held_out
        require_rows(scored.rows, FEWEST)
        known = self.damages(subject)
        damages = self._drawn(known)
        rows = self.most_answers // max(len(damages), 1)
        chosen = scored.sample(min(max(rows, self.fewest_rows), self.most_rows), seed=0)
        frame, truth = scored.frame[chosen], scored.truth[chosen]
        weight = np.ones(chosen.size) if scored.weight is None else scored.weight[chosen]
        intact = weight * row_loss(subject.kind, scored.truth, scored)[chosen]
        if intact.mean() == 0:
            raise NotApplicable("The model makes no error on these rows.")
        tried: list[tuple[Damage, Float64]] = []
        refused: list[str] = []
        for damage in damages:
            answer = ask(subject.score, damage.apply(frame))
            if answer is None:
                refused.append(damage.name)
            else:
                tried.append((damage, weight * bounded_loss(subject, truth, answer)))
        if not any(damage.part == "judged" for damage, _ in tried):
            raise NotApplicable(f"The model refuses rows {self.what}.")
        finding = self._compared(subject, frame, tried, intact, refused)
        if len(damages) == len(known):
            return finding
        drawn = f"{len(damages)} of {len(known):,} ways to damage a column were drawn by chance."
        return msgspec.structs.replace(finding, method=f"{finding.method} {drawn}")

    def _drawn(self, known: Sequence[Damage]) -> Sequence[Damage]:
        """All ways, or those of several columns and a random choice of the others."""
        if len(known) <= self.most_ways:
            return known
        single = [place for place, damage in enumerate(known) if damage.column]
        drawn = np.random.default_rng(0).choice(single, self.most_ways, replace=False)
        kept = set(drawn.tolist())
        return [d for place, d in enumerate(known) if not d.column or place in kept]

    def _compared(
        self,
        subject: Subject,
        frame: pl.DataFrame,
        tried: Sequence[tuple[Damage, Float64]],
        intact: Float64,
        refused: Sequence[str],
    ) -> Finding:
        judged = [loss for damage, loss in tried if damage.part == "judged"]

        def ratios(confidence: float) -> Bounds:
            return Bounds.stack(paired_ratio(loss, intact, confidence) for loss in judged)

        each = Bounds.stack(paired_ratio(loss, intact, self.confidence) for _, loss in tried)
        several = f", for the worst of {len(judged)} ways to do so" if len(judged) > 1 else ""
        corrected = ", the lower one corrected for their number (Bonferroni)"
        return self.finding(
            largest(ratios, tests=len(judged), confidence=self.confidence),
            measure=f"mean {loss_name(subject.kind)} {self.what}, divided by that without{several}",
            method=f"{self.how} On {frame.height:,} of {subject.held_out.rows:,} held-out rows, "
            "drawn by chance; paired ratios with Fieller's bounds"
            f"{corrected if several else ''}. An answer that is not a number counts as wrong by "
            "the whole range of the target.",
            rows=frame.height,
            details={
                "importance": self._by_column([damage for damage, _ in tried], each),
                "refused": refused,
                "columns_tried": len(subject.columns_to_try),
                "columns_read": len(subject.feature_names),
                **self.more(subject, frame, [damage for damage, _ in tried], each),
            },
        )

    def _by_column(self, tried: Sequence[Damage], each: Bounds) -> list[dict[str, Any]]:
        """The worst ratio of each column, largest first."""
        worst: dict[str, int] = {}
        for place in np.argsort(-each.value, kind="stable"):
            if tried[place].column:
                worst.setdefault(tried[place].column, int(place))
        return [
            {
                "column": column,
                "value": each.value[place],
                "lower": each.lower[place],
                "upper": each.upper[place],
                "measure": f"Error {self.what}, divided by error without",
            }
            for column, place in worst.items()
        ]

    def more(
        self, subject: Subject, frame: pl.DataFrame, tried: Sequence[Damage], each: Bounds
    ) -> dict[str, Any]:
        """Further details; none unless a check has some."""
        del subject, frame, tried, each
        return {}


def damage_table(
    subject: Subject, frame: pl.DataFrame, tried: Sequence[Damage], each: Bounds
) -> list[dict[str, Any]]:
    """Every way with its ratio and with the share of damaged cells that the contract reports.

    The contract's novelties (below range, above range, unseen category) travel with every
    answer that is served, so a damaged cell among them does not pass in silence.
    """
    described = {column.name: column for column in subject.contract.columns}
    return [
        {
            "column": damage.column,
            "kind": damage.kind,
            "value": each.value[place],
            "lower": each.lower[place],
            "upper": each.upper[place],
            "reported": reported(described[damage.column], damage.apply(frame)[damage.column])
            if damage.column
            else None,
        }
        for place, damage in enumerate(tried)
    ]


def reported(described: Column, cells: pl.Series) -> float | None:
    """Share of cells that the contract reports as unlike training; None where it cannot tell."""
    known = cells.drop_nulls()
    if known.is_empty() or known.dtype.is_temporal():
        return None
    if known.dtype.is_numeric() and described.low is not None and described.high is not None:
        return float(((known < described.low) | (known > described.high)).sum() / known.len())
    if known.dtype == pl.String and described.categories:
        return float((~known.is_in(list(described.categories))).sum() / known.len())
    return None


def columns_of(subject: Subject, *kinds: ColumnKind) -> tuple[str, ...]:
    """The columns to try that hold one of some kinds."""
    wanted = {column.name for column in subject.contract.features if column.kind in kinds}
    return tuple(name for name in subject.columns_to_try if name in wanted)


def numbers_of(subject: Subject, name: str) -> Float64:
    """The finite values of a column among the training rows, or the held-out rows without them."""
    column = training_column(subject, subject.held_out.frame, name)
    values = np.asarray(column.cast(pl.Float64).drop_nulls().to_numpy(), np.float64)
    finite: Float64 = values[np.isfinite(values)]
    return finite


def replaced(frame: pl.DataFrame, name: str, values: pl.Series) -> pl.DataFrame:
    """The rows with other numbers in one column, whole ones where its type holds no others."""
    kind = frame.schema[name]
    if kind.is_integer():
        values = values.round().cast(kind, strict=False)
    return frame.with_columns(values.alias(name))


def ask(score: Score, frame: pl.DataFrame) -> Answered | None:
    """The model's answers, or None where it refuses the rows with a clear error.

    Raises
    ------
    NotApplicable
        There is no model to ask.
    """
    try:
        return score(frame)
    except NotApplicable:
        raise
    except InputError:
        return None


def target_range(subject: Subject) -> tuple[float, float]:
    """Least and largest target of the training rows, or of the held-out rows without them."""
    truth = subject.truth_of(subject.train) if subject.train.height else subject.held_out.truth
    return float(np.min(truth)), float(np.max(truth))


def bounded_loss(subject: Subject, truth: Float64, answer: Answered) -> Float64:
    """Loss of each row; the largest reasonable one where the answer is not a number."""
    loss = row_loss(subject.kind, truth, answer)
    low, high = target_range(subject) if subject.kind == "regression" else (0.0, 1.0)
    return np.where(np.isfinite(loss), loss, high - low)

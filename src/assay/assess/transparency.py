"""Transparency: whether answers can be explained, and whether the explanations can be believed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

import numpy as np
import polars as pl

from assay.assess.asking import affordable_rows, ask_all, with_column
from assay.assess.check import BaseCheck
from assay.assess.finding import Evidence, Finding, Principle
from assay.assess.losses import loss_name, row_loss
from assay.assess.reliability import FEWEST, require_rows
from assay.assess.statistics import (
    Bool,
    Bounds,
    Float64,
    Int64,
    clopper_pearson,
    mean_bounds,
    moments,
    paired_ratio,
)
from assay.assess.subject import Answered, Contributions, Subject, explained_number
from assay.errors import NotApplicable

TOP = 3
"""Columns that count as the reasons of one answer."""

_explained: WeakKeyDictionary[Subject, dict[int, tuple[pl.DataFrame, Contributions]]] = (
    WeakKeyDictionary()
)
"""Samples that were explained, by number of rows: several checks look at the same."""


@dataclass(frozen=True, kw_only=True)
class ExplanationCheck(BaseCheck):
    """What checks of explanations share: a random sample of rows, explained."""

    principle: ClassVar[Principle] = "transparency"
    slow: ClassVar[bool] = True
    sources: ClassVar[tuple[Evidence, ...]] = ("held-out",)

    most_rows: int = 100

    def explained(self, subject: Subject) -> tuple[pl.DataFrame, Contributions]:
        """A sample of held-out rows, the same whatever the row order, and its explanation."""
        return explained_sample(subject, self.most_rows)


@dataclass(frozen=True, kw_only=True)
class Completeness(ExplanationCheck):
    """Do the reasons shown for an answer add up to the answer?"""

    code: ClassVar[str] = "TRA001"
    title: ClassVar[str] = "Completeness of explanations"

    def run(self, subject: Subject) -> Finding:
        """Largest gap between the sum of contributions and what they explain."""
        frame, parts = self.explained(subject)
        answer = explained_number(subject.score(frame))
        gap = np.abs(parts.values.sum(axis=1) - (answer - parts.base))
        gap = np.where(np.isfinite(gap), gap, np.inf)
        spread = _spread(subject)
        worst = float(gap.max() / spread)
        return self.finding(
            min(worst, float(np.finfo(np.float64).max)),
            measure="largest gap between an answer and the sum of its reasons, in units of the "
            "answers' standard deviation",
            method="Sum of the columns' contributions against answer minus reference answer "
            "(efficiency of Shapley values; Lundberg and Lee 2017), on a random sample.",
            rows=frame.height,
            details={
                "spread": spread,
                "columns": len(parts.columns),
                **_example(subject, parts),
            },
        )


@dataclass(frozen=True, kw_only=True)
class Faithfulness(ExplanationCheck):
    """Do the columns named as reasons move the answer more than other columns?"""

    code: ClassVar[str] = "TRA002"
    title: ClassVar[str] = "Faithfulness of explanations"

    def run(self, subject: Subject) -> Finding:
        """Share of rows whose answer changes more without its reasons than without others."""
        frame, parts = self.explained(subject)
        columns = len(parts.columns)
        top = min(TOP, columns // 2)
        if top == 0:
            raise NotApplicable("The model reads a single column.")
        ranks = np.argsort(-np.abs(parts.values), axis=1, kind="stable")
        random = np.random.default_rng(0).permuted(ranks[:, top:], axis=1)
        named = self._change(subject, frame, parts, ranks[:, :top])
        others = self._change(subject, frame, parts, random[:, :top])
        faithful = named > others
        return self.finding(
            clopper_pearson(faithful.sum(), faithful.size, self.confidence),
            measure=f"share of rows whose answer changes more without its {top} foremost reasons "
            f"than without {top} other columns",
            method="Deletion test: columns take the typical value of the training rows; the "
            "others are drawn at random (after Samek et al. 2017). A tie counts against. Exact "
            "bounds (Clopper and Pearson 1934); 0.5 is what chance would give.",
            rows=frame.height,
            unit="share",
            higher_is_better=True,
            details={
                "mean_change_named": named.mean(),
                "mean_change_others": others.mean(),
                "ties": int(np.sum(named == others)),
            },
        )

    @staticmethod
    def _change(
        subject: Subject, frame: pl.DataFrame, parts: Contributions, taken: Int64
    ) -> Float64:
        """How far each answer moves when the columns at ``taken`` become typical."""
        out = np.zeros(parts.values.shape, dtype=bool)
        np.put_along_axis(out, taken, values=True, axis=1)
        changed = frame.with_columns(
            pl.when(pl.Series(out[:, i]))
            .then(pl.lit(subject.typical[name], frame.schema[name]))
            .otherwise(pl.col(name))
            .alias(name)
            for i, name in enumerate(parts.columns)
        )
        return answer_distance(subject, frame, changed)


@dataclass(frozen=True, kw_only=True)
class ConcentratedImportance(BaseCheck):
    """Can the model be described by a handful of columns?"""

    code: ClassVar[str] = "TRA003"
    title: ClassVar[str] = "Importance carried by the foremost columns"
    principle: ClassVar[Principle] = "transparency"
    slow: ClassVar[bool] = True
    sources: ClassVar[tuple[Evidence, ...]] = ("held-out",)

    top: int = 5
    repeats: int = 3
    most_rows: int = 2_000

    def run(self, subject: Subject) -> Finding:
        """Share of the added error, over all columns shuffled in turn, that the foremost carry."""
        scored = subject.held_out
        require_rows(scored.rows, FEWEST)
        variants = self.repeats * len(subject.columns_to_try)
        rows = affordable_rows(subject, self.most_rows, variants=variants)
        chosen = scored.sample(rows, seed=0)
        frame, truth = scored.frame[chosen], scored.truth[chosen]
        added = self._added_loss(subject, frame, truth)
        mean = added.mean(axis=0)
        order = np.argsort(-mean, kind="stable")
        helpful = mean > 0
        if not helpful.any():
            raise NotApplicable("Shuffling any column adds no error.")
        foremost = [i for i in order[: self.top] if helpful[i]]
        bounds = paired_ratio(
            added[:, foremost].sum(axis=1), added[:, helpful].sum(axis=1), self.confidence
        )
        return self.finding(
            Bounds(bounds.value, np.maximum(bounds.lower, 0.0), np.minimum(bounds.upper, 1.0)),
            measure=f"share of the columns' importance that the foremost {len(foremost)} carry",
            method="Permutation importance (Fisher, Rudin and Dominici 2019) of "
            f"{len(subject.columns_to_try)} of {len(subject.feature_names)} columns: added "
            f"{loss_name(subject.kind)} when a column is shuffled, mean of {self.repeats} "
            "shuffles. Ratio with Fieller's bounds; the columns were ranked on the same rows, "
            "so the bounds are approximate.",
            rows=frame.height,
            unit="share",
            higher_is_better=True,
            details={"importance": self._table(subject, added, order)},
        )

    def _added_loss(self, subject: Subject, frame: pl.DataFrame, truth: Any) -> Float64:
        """Added loss of each row and column, shape (n, n_columns)."""
        frame = frame.select(subject.feature_names)
        rng = np.random.default_rng(0)
        shuffles = [rng.permutation(frame.height) for _ in range(self.repeats)]

        def frames() -> Iterator[pl.DataFrame]:
            yield frame
            for name in subject.columns_to_try:
                for order in shuffles:
                    yield with_column(frame, frame[name][order])

        def loss(answer: Answered) -> Float64:
            truths = np.tile(truth, len(answer.prediction) // frame.height)
            return row_loss(subject.kind, truths, answer)

        intact, *others = ask_all(subject.score, frames(), loss)
        shape = (len(subject.columns_to_try), self.repeats, frame.height)
        return np.asarray((np.reshape(others, shape).mean(axis=1) - intact).T)

    def _table(self, subject: Subject, added: Float64, order: Int64) -> list[dict[str, Any]]:
        bounds = [mean_bounds(moments(column), self.confidence) for column in added.T]
        regression = subject.kind == "regression"
        return [
            {
                "column": subject.columns_to_try[i],
                "value": bounds[i].value,
                "lower": bounds[i].lower,
                "upper": bounds[i].upper,
                "unit": subject.question.unit if regression else "",
                "measure": f"Added {loss_name(subject.kind)} when shuffled",
            }
            for i in order
        ]


@dataclass(frozen=True, kw_only=True)
class Stability(ExplanationCheck):
    """Do the reasons for an answer stay the same under tiny changes of the row?"""

    code: ClassVar[str] = "TRA004"
    title: ClassVar[str] = "Stability of explanations"

    noise: float = 0.01
    """Size of the changes, as a share of each number's interquartile range."""

    def run(self, subject: Subject) -> Finding:
        """Share of rows whose foremost reason stays among the foremost three."""
        frame, before = self.explained(subject)
        numbers = [n for n in before.columns if frame.schema[n].is_numeric()]
        if not numbers or len(before.columns) <= TOP:
            raise NotApplicable("There are too few columns, or none is a number.")
        after = explain(subject, self._shaken(subject, frame, numbers))
        first = np.argmax(np.abs(before.values), axis=1)
        foremost = np.argsort(-np.abs(after.values), axis=1, kind="stable")[:, :TOP]
        stable: Bool = np.any(foremost == first[:, None], axis=1)
        return self.finding(
            clopper_pearson(stable.sum(), stable.size, self.confidence),
            measure=f"share of rows whose foremost reason stays among the foremost {TOP}",
            method=f"Every number moved up or down at random by {self.noise:.0%} of its "
            "interquartile range (after Alvarez-Melis and Jaakkola 2018). Exact bounds (Clopper "
            "and Pearson 1934).",
            rows=frame.height,
            unit="share",
            higher_is_better=True,
            details={"numbers_moved": len(numbers)},
        )

    def _shaken(
        self, subject: Subject, frame: pl.DataFrame, numbers: Iterable[str]
    ) -> pl.DataFrame:
        rng = np.random.default_rng(0)
        moved = []
        for name in numbers:
            known = subject.train[name].cast(pl.Float64).drop_nulls().drop_nans()
            width = (known.quantile(0.75) or 0.0) - (known.quantile(0.25) or 0.0)
            signs = rng.choice([-1.0, 1.0], frame.height) * self.noise * width
            moved.append((pl.col(name).cast(pl.Float64) + pl.Series(signs)).alias(name))
        return frame.with_columns(moved)


def explained_sample(subject: Subject, rows: int) -> tuple[pl.DataFrame, Contributions]:
    """Some held-out rows, the same whatever the row order, and their explanation.

    It is kept while the subject lives.
    """
    kept = _explained.setdefault(subject, {})
    if rows not in kept:
        scored = subject.held_out
        frame = scored.frame[scored.sample(rows, seed=0)]
        kept[rows] = frame, explain(subject, frame)
    return kept[rows]


def explain(subject: Subject, frame: pl.DataFrame) -> Contributions:
    """The explanation of some rows; `NotApplicable` where the model gives none."""
    if subject.explain is None:
        raise NotApplicable("The model gives no explanations.")
    return subject.explain(frame)


def answer_distance(subject: Subject, before: pl.DataFrame, after: pl.DataFrame) -> Float64:
    """How far answers move: in the unit of the answer, or total variation of probabilities."""
    old, new = subject.score(before), subject.score(after)
    if old.probabilities is None or new.probabilities is None:
        return np.abs(new.prediction - old.prediction)
    return np.asarray(np.abs(new.probabilities - old.probabilities).sum(axis=1) / 2)


def _spread(subject: Subject) -> float:
    """Standard deviation of what is explained, over the held-out rows; 1 where it is 0."""
    scored = subject.held_out
    spread = float(np.std(explained_number(scored)))
    return spread if spread > 0 else 1.0


def _example(subject: Subject, parts: Contributions) -> dict[str, Any]:
    """The typical answer of the sample, taken apart; none where rows are people."""
    if subject.about_people or not parts.answer.size:
        return {}
    row = int(np.argsort(parts.answer, kind="stable")[parts.answer.size // 2])
    order = np.argsort(-np.abs(parts.values[row]), kind="stable")[:10]
    return {
        "contributions": {
            "answer": parts.answer[row],
            "reference": parts.base[row],
            "columns": [{"column": parts.columns[i], "value": parts.values[row, i]} for i in order],
        }
    }

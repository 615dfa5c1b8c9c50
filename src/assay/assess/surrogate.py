"""Transparency: what a model that a person can read would cost, and how well a stand-in answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import polars as pl

from assay.assess.check import BaseCheck
from assay.assess.dependence import explained_by_curves
from assay.assess.finding import Evidence, Finding, Principle
from assay.assess.losses import labels, loss_name, row_loss
from assay.assess.reliability import FEWEST, require_rows
from assay.assess.statistics import Bounds, Float64, clopper_pearson, paired_ratio
from assay.assess.subject import Subject, canonical_order, sample_of
from assay.errors import InvalidTable, NotApplicable

if TYPE_CHECKING:
    from sklearn.tree import DecisionTreeRegressor

NAMED = 6
"""Categories that a rule names before it counts the rest."""


@dataclass(frozen=True, kw_only=True)
class PriceOfTransparency(BaseCheck):
    """How much larger would errors be with a model that a person can read?"""

    code: ClassVar[str] = "TRA008"
    title: ClassVar[str] = "Price of transparency"
    principle: ClassVar[Principle] = "transparency"
    sources: ClassVar[tuple[Evidence, ...]] = ("cross-fitted",)

    evidence: Evidence = "cross-fitted"

    def run(self, subject: Subject) -> Finding:
        """Loss of the best transparent candidate divided by that of the model, on the same rows."""
        model = self.scored(subject)
        require_rows(model.rows, FEWEST)
        readable = [c for c in subject.candidates if c.transparent]
        if not readable:
            raise NotApplicable("No candidate is one that a person can read.")
        best = readable[0]
        if best.answers.rows != model.rows:
            raise NotApplicable("Candidates and model answered different rows.")
        own = row_loss(subject.kind, model.truth, model)
        other = row_loss(subject.kind, best.answers.truth, best.answers)
        if own.mean() == 0:
            raise NotApplicable("The model makes no error on these rows.")
        name = loss_name(subject.kind)
        return self.finding(
            paired_ratio(other, own, self.confidence),
            measure=f"mean {name} of the best candidate that a person can read, divided by the "
            "model's",
            method=f"Ratio of the mean {name} over the same rows, each answered out of fold; "
            "Fieller's bounds (1954) with Hall's correction for skewness (1992). The candidate "
            "was chosen by the search, partly on these rows. Weights were not used.",
            rows=model.rows,
            details={
                "model": own.mean(),
                "readable": {"trial": best.number, "family": best.family, "loss": other.mean()},
                "loss": name,
                "model_is_readable": all(c.transparent for c in subject.candidates if c.weight > 0),
            },
        )


@dataclass(frozen=True, kw_only=True)
class SurrogateFidelity(BaseCheck):
    """Does a small tree that a person can read answer as the model does?"""

    code: ClassVar[str] = "TRA009"
    title: ClassVar[str] = "Fidelity of a readable stand-in"
    principle: ClassVar[Principle] = "transparency"
    slow: ClassVar[bool] = True
    sources: ClassVar[tuple[Evidence, ...]] = ("held-out",)

    depth: int = 4
    fit_rows: int = 5_000
    most_rows: int = 20_000

    def run(self, subject: Subject) -> Finding:
        """R squared of the tree's answers (several classes: agreement) on held-out rows."""
        scored = subject.held_out
        require_rows(scored.rows, FEWEST)
        if subject.train.is_empty():
            raise NotApplicable("There are no training rows to fit a stand-in on.")
        stand_in = StandIn.fit(subject, rows=self.fit_rows, depth=self.depth)
        chosen = scored.sample(self.most_rows, seed=0)
        told = stand_in.answer(scored.frame[chosen])
        if subject.kind == "multiclass":
            same = told == labels(subject, scored)[chosen]
            bounds = clopper_pearson(same.sum(), same.size, self.confidence)
            measure = "share of rows that the tree gives the class that the model gives"
            how = "Exact bounds (Clopper and Pearson 1934)."
        else:
            bounds = _r_squared(scored.prediction[chosen], told, self.confidence)
            measure = "share of the variance of the model's answers that the tree's answers explain"
            how = "One minus a ratio of two means over the same rows, with Fieller's bounds."
        return self.finding(
            bounds,
            measure=measure,
            method=f"A tree of at most {self.depth} levels, fitted to the model's answers for "
            f"{stand_in.rows:,} training rows and compared with the model on held-out rows "
            f"(Craven and Shavlik 1996). {how} Weights were not used.",
            rows=chosen.size,
            unit="share",
            higher_is_better=True,
            details={
                "leaves": int(stand_in.tree.get_n_leaves()),
                "levels": int(stand_in.tree.get_depth()),
                "rules": stand_in.rules(),
            },
        )


@dataclass(frozen=True, eq=False)
class StandIn:
    """A small tree over numbers, and categories ordered by the model's mean answer for them."""

    names: tuple[str, ...]
    levels: tuple[dict[str, float] | None, ...]
    tree: DecisionTreeRegressor
    classes: tuple[str, ...]
    usual: float
    rows: int

    @classmethod
    def fit(cls, subject: Subject, *, rows: int, depth: int) -> StandIn:
        """Fit to the model's answers for a sample of training rows."""
        from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

        names = tuple(n for n in subject.feature_names if n not in subject.personal_columns)
        order = canonical_order(subject.train.select(subject.feature_names))
        frame = subject.train[sample_of(order, rows, seed=0)]
        answer = subject.score(frame)
        number = explained_by_curves(answer)(answer)
        if not np.isfinite(number).all():
            raise InvalidTable("The model gives training rows answers that are no finite number.")
        levels = tuple(_levels(frame[name], number) for name in names)
        several = subject.kind == "multiclass"
        kind = DecisionTreeClassifier if several else DecisionTreeRegressor
        least = max(5, frame.height // 200)
        tree = kind(max_depth=depth, min_samples_leaf=least, random_state=0)
        target = answer.label if several and answer.label is not None else answer.prediction
        usual = float(number.mean())
        tree.fit(_matrix(frame, names, levels, usual), target)
        classes = subject.classes if several else ()
        return cls(names, levels, tree, classes, usual, frame.height)

    def answer(self, frame: pl.DataFrame) -> Float64:
        """What the tree says: the number, or the position of the class."""
        matrix = _matrix(frame, self.names, self.levels, self.usual)
        return np.asarray(self.tree.predict(matrix), np.float64)

    def rules(self) -> list[dict[str, Any]]:
        """Each leaf as a sentence, with its answer and its share of the rows it was fitted on."""
        tree = self.tree.tree_
        waiting: list[tuple[int, tuple[str, ...]]] = [(0, ())]
        found = []
        while waiting:
            node, path = waiting.pop()
            left, right = int(tree.children_left[node]), int(tree.children_right[node])
            if left < 0:
                found.append(self._leaf(node, path))
                continue
            below, above = self._sides(int(tree.feature[node]), float(tree.threshold[node]))
            waiting += [(right, (*path, above)), (left, (*path, below))]
        return found

    def _leaf(self, node: int, path: tuple[str, ...]) -> dict[str, Any]:
        tree = self.tree.tree_
        value = tree.value[node].reshape(-1)
        answer: Any = float(value[0])
        if self.classes:
            answer = self.classes[int(self.tree.classes_[value.argmax()])]
        return {
            "when": " and ".join(path) or "always",
            "answer": answer,
            "share": float(tree.n_node_samples[node] / tree.n_node_samples[0]),
        }

    def _sides(self, feature: int, threshold: float) -> tuple[str, str]:
        name, levels = self.names[feature], self.levels[feature]
        if levels is None:
            return f"{name} ≤ {threshold:.6g}", f"{name} > {threshold:.6g}"
        below = [level for level, value in levels.items() if value <= threshold]
        above = [level for level, value in levels.items() if value > threshold]
        return f"{name} is {_listed(below)}", f"{name} is {_listed(above)}"


def _listed(levels: list[str]) -> str:
    shown = ", ".join(levels[:NAMED])
    return f"one of {shown} and {len(levels) - NAMED} more" if len(levels) > NAMED else shown


def _levels(column: pl.Series, number: Float64) -> dict[str, float] | None:
    """Mean answer of each category, most frequent first; None for numbers."""
    if column.dtype.is_numeric() or column.dtype.is_temporal():
        return None
    table = (
        pl.DataFrame({"level": column.cast(pl.String).fill_null("(missing)"), "number": number})
        .group_by("level")
        .agg(pl.len().alias("rows"), pl.col("number").mean())
        .sort(["rows", "number", "level"], descending=[True, False, False])
    )
    return dict(zip(table["level"].to_list(), table["number"].to_list(), strict=True))


def _matrix(
    frame: pl.DataFrame,
    names: tuple[str, ...],
    levels: tuple[dict[str, float] | None, ...],
    usual: float,
) -> Float64:
    """Rows as numbers, NaN where missing; unseen categories have the usual answer."""
    matrix = np.empty((frame.height, len(names)))
    for c, (name, known) in enumerate(zip(names, levels, strict=True)):
        column = frame[name]
        if known is None:
            numbers = column.to_physical().cast(pl.Float64).fill_null(float("nan"))
        else:
            texts = column.cast(pl.String).fill_null("(missing)")
            numbers = texts.replace_strict(known, default=usual, return_dtype=pl.Float64)
        matrix[:, c] = numbers.to_numpy()
    return np.where(np.isinf(matrix), np.nan, matrix)


def _r_squared(answer: Float64, told: Float64, confidence: float) -> Bounds:
    around = (answer - answer.mean()) ** 2
    if around.mean() == 0:
        raise NotApplicable("The model gives every row the same answer.")
    left = paired_ratio((answer - told) ** 2, around, confidence)
    return Bounds(1.0 - left.value, 1.0 - left.upper, np.minimum(1.0 - left.lower, 1.0))

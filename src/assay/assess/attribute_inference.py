"""Attribute inference: what the model's answers give away about a column of the row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import polars as pl

from assay.assess.fairness import GroupCheck
from assay.assess.finding import Evidence, Finding, Principle
from assay.assess.groups import MISSING, JudgedGroups, columns_behind
from assay.assess.reliability import require_rows
from assay.assess.statistics import Bool, Bounds, Float64, Int64, mean_bounds, moments
from assay.assess.subject import Scored, Subject
from assay.errors import NotApplicable

SAMPLE = 2_000
"""Rows that the attacker tries; a random sample where there are more."""
ASKED = 500
"""Rows for which someone who can ask the model tries every group."""
FOLDS = 2
TREES, DEPTH, LEAF = 16, 10, 5
MOST_LEVELS = 12
"""Categories of another column that the attacker tells apart; the rest are one."""


@dataclass(frozen=True, kw_only=True)
class AttributeInference(GroupCheck):
    """Do the model's answers give away to which group a row belongs?"""

    code: ClassVar[str] = "PRI008"
    title: ClassVar[str] = "Attribute inference from answers"
    principle: ClassVar[Principle] = "privacy-security"
    sources: ClassVar[tuple[Evidence, ...]] = ("held-out",)

    def run(self, subject: Subject) -> Finding:
        """Share of groups guessed right with the answers, less that without them."""
        scored = self.scored(subject)
        judged = self.judged(subject, scored, default=self.ROWS_FOR_RATE)
        rows = scored.sample(SAMPLE, seed=0)
        rows = rows[judged.codes[rows] >= 0]
        require_rows(rows.size, 2 * FOLDS * LEAF)
        codes = _in_order_seen(judged.codes[rows])
        behind = frozenset(columns_behind(subject, subject.held_out.frame, self.column))
        known = _other_columns(subject, scored.frame[rows], behind)
        told = np.column_stack([known, _answers(scored, rows)])
        without, with_answers = (_guessed(table, codes) for table in (known, told))
        gain = with_answers.astype(np.float64) - without
        largest = np.bincount(codes).max() / codes.size
        return self.finding(
            _bounds(gain, self.confidence),
            measure="share of rows whose group is guessed right thanks to the model's answers",
            method="Two guessers of one kind (extremely randomised trees, Geurts et al. 2006), "
            f"cross-fitted on {codes.size:,} rows: one knows the other columns, one the model's "
            "answers too. Mean paired difference with Student's bounds, widened by Hall's "
            "correction for skewness (1992); what the split into folds adds is not in them. A "
            "better guesser may exist. Weights were not used.",
            rows=codes.size,
            unit="share",
            details={
                **judged.details(),
                "with_answers": with_answers.mean(),
                "without_answers": without.mean(),
                "largest_group": largest,
                "model_reads_it": behind <= set(subject.feature_names),
                "by_asking": _by_asking(subject, scored, rows, judged, self.column),
            },
        )


def _by_asking(
    subject: Subject, scored: Scored, rows: Int64, judged: JudgedGroups, column: str
) -> float | None:
    """Share guessed right by someone who can ask the model, and knows all but the column.

    Each group is put in the column's place, and the one whose answer comes nearest to the
    published one is taken (model inversion, Fredrikson and others 2015); of equally near ones
    the largest group. None where the groups are not a column's own values, the model does not
    read it, or there is no model.
    """
    rows = rows[:: max(1, rows.size // ASKED)][:ASKED]  # they lie in the order of their answers
    frame = scored.frame[rows]
    plain = column in frame.columns and frame.schema[column] == pl.String
    if not plain or column not in subject.feature_names or len(judged.names) > MOST_LEVELS:
        return None
    order = np.argsort(-judged.sizes, kind="stable")
    tried = [None if judged.names[g] == MISSING else judged.names[g] for g in order]
    frames = [frame.with_columns(pl.lit(value, pl.String).alias(column)) for value in tried]
    try:
        answer = subject.score(pl.concat(frames))
    except NotApplicable:
        return None
    asked = answer.prediction if answer.probabilities is None else answer.probabilities
    given = scored.prediction if scored.probabilities is None else scored.probabilities
    distance = np.abs(asked.reshape(len(tried), rows.size, -1) - given[rows].reshape(rows.size, -1))
    guess = order[np.argmin(distance.sum(axis=2), axis=0)]
    return float(np.mean(guess == judged.codes[rows]))


def _bounds(gain: Float64, confidence: float) -> Bounds:
    """Bounds of a mean of -1, 0 and 1; where all are equal, as exact bounds of no event are."""
    if np.any(gain != gain[0]):
        return mean_bounds(moments(gain), confidence)
    reach = 1.0 - (1.0 - confidence) ** (1.0 / gain.size)
    return Bounds.of(gain[0], max(gain[0] - reach, -1.0), min(gain[0] + reach, 1.0))


def _in_order_seen(codes: Int64) -> Int64:
    """The same groups, numbered as they are first seen, so that their names decide nothing."""
    _, first, compact = np.unique(codes, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[compact]


def _answers(scored: Scored, rows: Int64) -> Float64:
    """All that the model says of each row, (n, n_answers)."""
    parts = [scored.prediction[:, None]]
    parts += [p for p in (scored.probabilities,) if p is not None]
    parts += [p[:, None] for p in (scored.lower, scored.upper) if p is not None]
    return np.column_stack(parts)[rows].astype(np.float64)


def _other_columns(subject: Subject, frame: pl.DataFrame, behind: frozenset[str]) -> Float64:
    """What the attacker knows: the other columns as numbers, categories one column a level."""
    names = [n for n in subject.columns_to_try if n not in behind and n in frame.columns]
    parts = [np.zeros((frame.height, 1))]
    for name in names:
        series = frame[name]
        if series.dtype == pl.String:
            parts.append(_levels(series))
        else:
            numbers = series.to_physical().cast(pl.Float64).fill_null(-1e9).fill_nan(-1e9)
            parts.append(numbers.to_numpy()[:, None])
    return np.column_stack(parts)


def _levels(series: pl.Series) -> Float64:
    """One 0/1 column for each frequent level, the most frequent first.

    Levels of equal frequency are settled by where they occur first, not by their names.
    """
    places = series.rank("dense").fill_null(0).cast(pl.Int64).to_numpy()
    _, first, codes, counts = np.unique(
        places, return_index=True, return_inverse=True, return_counts=True
    )
    kept = np.lexsort((first, -counts))[:MOST_LEVELS]
    return np.asarray(codes[:, None] == kept, np.float64)


def _guessed(table: Float64, codes: Int64) -> Bool:
    """Whether each row's group is guessed right by trees that were grown without the row."""
    from sklearn.ensemble import ExtraTreesClassifier

    right = np.zeros(codes.size, np.bool_)
    fold = np.random.default_rng(0).permutation(codes.size) % FOLDS
    for k in range(FOLDS):
        trees = ExtraTreesClassifier(
            TREES, max_depth=DEPTH, min_samples_leaf=LEAF, max_features=0.5, random_state=0
        )
        trees.fit(table[fold != k], codes[fold != k])
        right[fold == k] = trees.predict(table[fold == k]) == codes[fold == k]
    return right

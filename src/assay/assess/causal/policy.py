"""Whom to treat: the best tree of two questions, by the doubly robust scores of the rows.

Source: S. Athey and S. Wager, Policy learning with observational data, Econometrica 89 (2021);
the tree is the best of all, not a greedy one (Zhou, Athey and Wager 2023).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from assay.assess.causal.estimate import of_bounds
from assay.assess.causal.prepare import level_counts
from assay.assess.causal.record import Leaf, Policy, PolicyValue
from assay.assess.groups import MISSING
from assay.assess.statistics import Bool, Bounds, Float64, Int64, mean_bounds, moments

MOST_CUTS, MOST_LEVELS = 12, 10
"""Questions that are tried of a number, and of a category."""
MOST_QUESTIONS = 200
SMALLEST_LEAF = 0.02
"""Share of the rows, and `FEWEST_ROWS` at the least."""
FEWEST_ROWS = 50
CHUNK = 50_000
NOTHING = 1e-9
"""Share of all benefits and harms together that a question must bring: of equals, the simpler."""


@dataclass(frozen=True)
class Question:
    """Whether a cell is at most a number, or is a level."""

    column: str
    at_most: float | None = None
    level: str = ""

    def words(self, answer: bool) -> str:
        """The condition that rows with this answer meet."""
        if self.at_most is not None:
            return f"{self.column} {'<=' if answer else '>'} {self.at_most:.6g}"
        return f"{self.column} is {'' if answer else 'not '}{self.level}"


@dataclass(frozen=True)
class _Tree:
    """A root and a question for each of its sides; None: the side is a leaf."""

    root: int | None
    sides: tuple[int | None, int | None] = (None, None)


def learn_policy(
    frame: pl.DataFrame,
    benefit: Float64,
    *,
    columns: Sequence[str],
    cost: float,
    fold: Int64,
    confidence: float,
) -> Policy:
    """The best tree, and what such trees bring on rows that they were not chosen on.

    Parameters
    ----------
    frame : pl.DataFrame
        Rows with overlap.
    benefit : ndarray, shape (n,)
        Scores whose mean is the benefit of treating, larger being better, cost taken off.
    columns : sequence of str
        What may be asked.
    fold : ndarray of int, shape (n,)
        For each fold's rows the tree is chosen on the other folds.
    """
    questions = _questions(frame, columns)
    answers = _answers(frame, questions)
    treated = np.zeros(benefit.size, bool)
    for number in np.unique(fold):
        held = fold == number
        tree = _best_tree(answers[~held], benefit[~held])
        treated[held] = _decisions(tree, answers[held], _leaf_signs(tree, answers, benefit, ~held))
    whole = _best_tree(answers, benefit)
    ways = {"as the tree says": benefit * treated, "everybody": benefit, "nobody": 0.0 * benefit}
    plain = benefit if benefit.mean() > 0 else 0.0 * benefit
    return Policy(
        cost=cost,
        leaves=_leaves(whole, questions, answers, benefit, confidence),
        values=tuple(
            PolicyValue(name=name, value=of_bounds(_bounds(brought, confidence), benefit.size))
            for name, brought in ways.items()
        ),
        gain=of_bounds(_bounds(benefit * treated - plain, confidence), benefit.size),
    )


def _bounds(values: Float64, confidence: float) -> Bounds:
    return mean_bounds(moments(values), confidence)


def _questions(frame: pl.DataFrame, columns: Sequence[str]) -> list[Question]:
    found: list[Question] = []
    for name in columns:
        series = frame[name]
        if series.dtype.is_numeric():
            known = series.cast(pl.Float64).drop_nulls().drop_nans().to_numpy()
            if known.size:
                cuts = np.unique(np.quantile(known, np.arange(1, MOST_CUTS + 1) / (MOST_CUTS + 1)))
                found += [Question(name, at_most=float(cut)) for cut in cuts if cut < known.max()]
        elif not series.dtype.is_temporal():
            counts = level_counts(series.cast(pl.String).fill_null(MISSING))
            levels = sorted(level for level, _ in counts[:MOST_LEVELS])
            asked = levels[1:] if len(levels) == 2 else levels  # of two, one answers for both
            found += [Question(name, level=level) for level in asked]
    return found[:MOST_QUESTIONS]


def _answers(frame: pl.DataFrame, questions: Sequence[Question]) -> Bool:
    """Whether each row says yes: (n, n_questions). A missing number says no."""
    answers = np.zeros((frame.height, len(questions)), bool)
    for place, question in enumerate(questions):
        series = frame[question.column]
        if question.at_most is not None:
            numbers = series.cast(pl.Float64).fill_null(float("nan")).to_numpy()
            answers[:, place] = numbers <= question.at_most
        else:
            texts = series.cast(pl.String).fill_null(MISSING)
            answers[:, place] = (texts == question.level).to_numpy()
    return answers


def _best_tree(answers: Bool, benefit: Float64) -> _Tree:
    """Of all trees with two questions one below the other, the one that brings most.

    Sums over every pair of questions are one matrix product, so no tree is looked at by itself.
    """
    count = answers.shape[1]
    if not count:
        return _Tree(None)
    sums, rows = np.zeros((count, count)), np.zeros((count, count))
    for start in range(0, len(answers), CHUNK):
        some = answers[start : start + CHUNK].astype(np.float64)
        sums += (some * benefit[start : start + CHUNK, None]).T @ some
        rows += some.T @ some
    least = max(FEWEST_ROWS, SMALLEST_LEAF * len(answers))
    total, all_rows = float(benefit.sum()), float(len(answers))
    yes, yes_rows = np.diag(sums), np.diag(rows)
    worth = NOTHING * float(np.abs(benefit).sum())
    sides = (
        _side(sums, rows, yes, yes_rows, least=least, worth=worth),
        _side(
            yes - sums,
            yes_rows - rows,
            total - yes,
            all_rows - yes_rows,
            least=least,
            worth=worth,
        ),
    )
    whole = np.where(
        (yes_rows >= least) & (all_rows - yes_rows >= least),
        sides[0][0] + sides[1][0],
        -np.inf,
    )
    root = int(np.argmax(whole))
    if whole[root] <= max(0.0, total) + worth:
        return _Tree(None)
    below = tuple(None if side[1][root] < 0 else int(side[1][root]) for side in sides)
    return _Tree(root, (below[0], below[1]))


def _side(
    sums: Float64,
    rows: Float64,
    own: Float64,
    own_rows: Float64,
    *,
    least: float,
    worth: float,
) -> tuple[Float64, Int64]:
    """For each root: what its side brings with the best further question, and which that is.

    ``sums[root, further]``: benefit of rows of the side that say yes to the further question.
    -1: no further question brings more, by ``worth`` at the least, which counts against it.
    """
    rest, rest_rows = own[:, None] - sums, own_rows[:, None] - rows
    brought = np.maximum(sums, 0.0) + np.maximum(rest, 0.0)
    brought = np.where((rows >= least) & (rest_rows >= least), brought, -np.inf)
    best = np.argmax(brought, axis=1)
    most = brought[np.arange(len(own)), best] - worth
    alone = np.maximum(own, 0.0)
    return np.maximum(most, alone), np.where(most > alone, best, -1)


def _members(tree: _Tree, answers: Bool) -> list[tuple[tuple[tuple[int, bool], ...], Bool]]:
    """The leaves: the questions with their answers, and the rows."""
    if tree.root is None:
        return [((), np.ones(len(answers), bool))]
    leaves: list[tuple[tuple[tuple[int, bool], ...], Bool]] = []
    for further, answer in zip(tree.sides, (True, False), strict=True):
        own = answers[:, tree.root] == answer
        path: tuple[tuple[int, bool], ...] = ((tree.root, answer),)
        if further is None:
            leaves.append((path, own))
            continue
        for second in (True, False):
            rows = own & (answers[:, further] == second)
            leaves.append(((*path, (further, second)), rows))
    return leaves


def _leaf_signs(tree: _Tree, answers: Bool, benefit: Float64, learned: Bool) -> list[bool]:
    """Whether each leaf's rows are treated."""
    return [bool(benefit[learned & rows].sum() > 0) for _, rows in _members(tree, answers)]


def _decisions(tree: _Tree, answers: Bool, signs: Sequence[bool]) -> Bool:
    treated = np.zeros(len(answers), bool)
    for (_, rows), sign in zip(_members(tree, answers), signs, strict=True):
        treated[rows] = sign
    return treated


def _leaves(
    tree: _Tree,
    questions: Sequence[Question],
    answers: Bool,
    benefit: Float64,
    confidence: float,
) -> tuple[Leaf, ...]:
    leaves = []
    for path, rows in _members(tree, answers):
        words = " and ".join(questions[place].words(answer) for place, answer in path)
        gain = of_bounds(_bounds(benefit[rows], confidence), int(rows.sum()))
        leaves.append(
            Leaf(
                condition=words or "all rows",
                rows=int(rows.sum()),
                treat=bool(benefit[rows].sum() > 0),
                gain=gain,
            )
        )
    return tuple(leaves)

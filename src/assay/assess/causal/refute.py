"""Tests that a sound estimate passes; see Sharma and Kiciman, DoWhy (2020).

Each fits everything anew. Passing them does not show that nothing was overlooked: a common
cause that is not in the table passes them all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from assay.assess.causal.estimate import score_rows
from assay.assess.causal.prepare import Prepared
from assay.assess.causal.record import Refutation
from assay.assess.check import number
from assay.assess.statistics import Int64

MOST_ROWS = 20_000
"""Rows that the tests use; more are sampled."""
TRIES = 3
LIMIT = 3.0
"""Standard errors: a sound estimate strays so far about once in 400 tests."""
SAME = 1.0
"""Standard errors by which an estimate may move when a column of noise is added."""


def refute(data: Prepared, *, folds: int, seed: int, trim: float) -> tuple[Refutation, ...]:
    """Run the three tests on the first contrast."""
    rng = np.random.default_rng([seed, 1])
    some = np.sort(rng.permutation(data.rows)[:MOST_ROWS])
    small = part(data, some)
    return (
        _placebo(small, rng, folds=folds, seed=seed, trim=trim),
        *_moves(small, rng, folds=folds, seed=seed, trim=trim),
    )


def part(data: Prepared, rows: Int64) -> Prepared:
    """Some rows of the data."""
    return replace(
        data,
        frame=data.frame[rows],
        treatment=data.treatment[rows],
        outcome=data.outcome[rows],
        design=data.design[rows],
    )


def _placebo(
    data: Prepared, rng: np.random.Generator, *, folds: int, seed: int, trim: float
) -> Refutation:
    """A treatment that was dealt by lot cannot have an effect."""
    found = []
    for _ in range(TRIES):
        dealt = rng.permutation(data.treatment)
        scores = score_rows(data, folds=folds, seed=seed, trim=trim, treatment=dealt)
        found.append(_estimate(scores.effect(0.95)))
    values, errors = np.array(found).T
    statistic = float(np.sum(values / errors) / np.sqrt(TRIES))
    return Refutation(
        name="placebo treatment",
        value=number(values.mean()),
        statistic=number(statistic),
        limit=LIMIT,
        passed=bool(abs(statistic) <= LIMIT),
        words=f"The treatment was shuffled {TRIES} times: the effect should be 0.",
    )


def _moves(
    data: Prepared, rng: np.random.Generator, *, folds: int, seed: int, trim: float
) -> Iterator[Refutation]:
    """A column of noise, and half of the rows, should leave the estimate about where it is."""
    whole = score_rows(data, folds=folds, seed=seed, trim=trim)
    value, error = _estimate(whole.effect(0.95))
    noise = rng.normal(size=(data.rows, 1))
    added = score_rows(
        data, folds=folds, seed=seed, trim=trim, design=np.hstack([data.design, noise])
    )
    moved = _estimate(added.effect(0.95))[0]
    statistic = (moved - value) / error
    yield Refutation(
        name="random common cause",
        value=number(moved),
        statistic=number(statistic),
        limit=SAME,
        passed=bool(abs(statistic) <= SAME),
        words="A column of noise was held equal as well: the effect should hardly move.",
    )
    halves = []
    for _ in range(TRIES):
        rows = np.sort(rng.permutation(data.rows)[: data.rows // 2])
        half = score_rows(part(data, rows), folds=folds, seed=seed, trim=trim)
        halves.append(_estimate(half.effect(0.95))[0])
    # An estimate of a random half differs from that of all rows by the latter's own error.
    farthest = (np.array(halves) - value)[np.argmax(np.abs(np.array(halves) - value))] / error
    yield Refutation(
        name="random subsets",
        value=number(np.mean(halves)),
        statistic=number(farthest),
        limit=LIMIT,
        passed=bool(abs(farthest) <= LIMIT),
        words=f"The effect was estimated on {TRIES} random halves of the rows: none should stray "
        "far.",
    )


def _estimate(found: tuple[object, float]) -> tuple[float, float]:
    """Value and standard error; NaN where there were too few rows, which passes no test."""
    effect, error = found
    value = getattr(effect, "value", None)
    return (float("nan") if value is None else float(value)), error

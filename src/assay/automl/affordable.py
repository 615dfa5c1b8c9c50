"""What a budget can pay for: rows to learn from, folds to answer."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from assay.automl.problem import Problem, Rows
from assay.automl.spec import SearchSpec

CELLS_A_SECOND = 4_000_000
"""Rows times columns times outputs that a second of budget allows; more rows are sampled."""
FOLD_CELLS_A_SECOND = 100_000
"""The same, for answering rows in all folds; larger tables answer fewer folds."""


def affordable_rows(
    frame: pl.DataFrame, folds: npt.NDArray[np.integer], spec: SearchSpec, columns: int
) -> tuple[Rows | None, str]:
    """Rows that the budget can learn from; None for all. Earliest rows stay where time rules."""
    most = max(1000, int(CELLS_A_SECOND * spec.budget_s / max(1, columns)))
    if spec.max_trials is not None or len(frame) <= most:
        return None, ""
    mixed = np.random.default_rng(spec.seed).permutation(len(frame))
    kept = np.sort(mixed[:most])
    if len(np.unique(folds[kept])) < 2:
        return None, ""
    note = (
        f"The search learned from {len(kept):,} of {len(frame):,} training rows, drawn at random: "
        f"more would not fit into {spec.budget_s:.3g} s."
    )
    return kept, note


def affordable_folds(problem: Problem, spec: SearchSpec) -> tuple[Problem, str]:
    """Answer rows in fewer folds where fits are dear; the last folds where they follow time."""
    folds = problem.judging
    able = int(1.5 * FOLD_CELLS_A_SECOND * spec.budget_s / problem.cells)
    if spec.max_trials is not None or able >= len(folds):
        return problem, ""
    few = max(1, able)
    chosen = folds[-few:] if problem.ordered else folds[:few]
    fewer = problem.judged_by(chosen)
    note = (
        f"Models were compared on {len(fewer.judged):,} of {problem.rows:,} training rows "
        f"({few} of {len(folds)} folds), so that more of them fit into {spec.budget_s:.3g} s."
    )
    return fewer, note

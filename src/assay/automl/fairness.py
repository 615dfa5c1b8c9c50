"""Fairness as a second objective of the search: one gap between groups for each trial."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from assay.automl.family import Answers
from assay.automl.problem import Groups, Rows
from assay.model.plan import Float64
from assay.question import Kind

FEWEST_ROWS = 30
"""Rows that a group needs to be compared."""

GAP_OF: Mapping[Kind, str] = {
    "binary": "largest difference between groups in the share that is selected, when as many "
    "rows are selected as have the class",
    "multiclass": "largest difference between groups in accuracy",
    "regression": "largest difference between groups in mean error",
}


def gap_between(groups: Groups, rows: Rows, truth: Answers, answer: Float64, kind: Kind) -> float:
    """The gap between the groups that have enough rows; 0 where fewer than two have.

    Parameters
    ----------
    groups : Groups
    rows : array of int, shape (n,)
        Which training rows ``truth`` and ``answer`` speak of.
    truth, answer : array
        As a `Metric` takes them.
    kind : {"binary", "multiclass", "regression"}

    Examples
    --------
    >>> groups = Groups(column="sex", names=("f", "m"), of_row=np.repeat([0, 1], 50))
    >>> truth = np.tile([0, 1], 50)
    >>> answer = np.where(np.arange(100) < 50, 0.2, 0.8)
    >>> gap_between(groups, np.arange(100), truth, answer, "binary")
    1.0
    """
    value = _judged(truth, answer, kind)
    of_row = groups.of_row[rows]
    means = [
        float(value[of_row == group].mean())
        for group in range(len(groups.names))
        if np.count_nonzero(of_row == group) >= FEWEST_ROWS
    ]
    return max(means) - min(means) if len(means) > 1 else 0.0


def _judged(truth: Answers, answer: Float64, kind: Kind) -> Float64:
    """What is averaged in each group."""
    if kind == "regression":
        return np.asarray(answer - truth)
    if kind == "multiclass":
        return np.asarray(answer.argmax(axis=1) == truth, dtype=np.float64)
    cut = np.quantile(answer, 1 - float(np.mean(truth)))
    return np.asarray(answer >= cut, dtype=np.float64)


def on_front(losses: Float64, gaps: Float64) -> list[bool]:
    """Which points no other point beats in both: the Pareto front.

    Examples
    --------
    >>> on_front(np.array([1.0, 2.0, 3.0]), np.array([0.3, 0.1, 0.2]))
    [True, True, False]
    """
    order = np.lexsort((gaps, losses))
    front = np.zeros(len(losses), dtype=bool)
    least = np.inf
    for place in order:
        if gaps[place] < least:
            front[place], least = True, gaps[place]
    return [bool(x) for x in front]

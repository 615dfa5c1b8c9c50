"""Out-of-fold answers as tables: those of the model, and of every trial."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import polars as pl

from assay.automl.bench import constant_answer
from assay.automl.calibrate import quantile_names
from assay.automl.metrics import Metric
from assay.automl.problem import Problem, Rows
from assay.model.answer import Answer
from assay.model.plan import Float64

if TYPE_CHECKING:
    from assay.automl.search import SearchResult


def out_of_fold_table(
    problem: Problem, answer: Answer, metric: Metric, kept: Rows | None
) -> pl.DataFrame:
    """The procedure's answers on rows it did not fit on, and the constant answer's."""
    """One row a judged one; ``kept`` are the places of the problem's rows in the table given."""
    judged = problem.judged
    columns: dict[str, npt.NDArray[np.generic] | None] = {
        "row": judged if kept is None else kept[judged],
        "fold": problem.folds[judged],
        "truth": problem.y[judged],
        "prediction": answer.prediction,
        "lower": answer.lower,
        "upper": answer.upper,
    }
    baseline = _constants(problem, metric)
    if problem.quantiles:
        columns = {k: v for k, v in columns.items() if k not in ("prediction", "lower", "upper")}
        assert answer.values is not None
        named = zip(quantile_names(problem.quantiles), answer.values.T, baseline.T, strict=True)
        for name, told, constant in named:
            columns |= {name: told, f"baseline_{name}": constant}
        return _table(columns)
    if problem.task.kind == "regression":
        return _table({**columns, "baseline": baseline[:, 0]})
    shares = baseline if baseline.shape[1] > 1 else np.hstack([1 - baseline, baseline])
    assert answer.probabilities is not None
    return _table(
        {
            **columns,
            "label": answer.label,
            **{f"p_{c}": answer.probabilities[:, i] for i, c in enumerate(problem.classes)},
            "baseline": shares.argmax(axis=1) if baseline.shape[1] > 1 else baseline[:, 0],
            **{f"baseline_{c}": shares[:, i] for i, c in enumerate(problem.classes)},
        }
    )


def _constants(problem: Problem, metric: Metric) -> Float64:
    """For each judged row the constant answer of the rows its model learned from."""
    constants = np.empty((problem.rows, problem.width))
    for fold in problem.judging:
        rows = problem.learned_from(fold)
        weights = None if problem.weights is None else problem.weights[rows]
        constants[problem.folds == fold] = constant_answer(
            problem.y[rows], problem, metric, weights
        )
    return constants[problem.judged]


def trial_table(found: SearchResult) -> pl.DataFrame:
    """Every finished trial's out-of-fold answers.

    Columns: ``row``, then ``<trial>`` or, with several numbers a row, ``<trial>_<place>``.
    """
    columns: dict[str, npt.NDArray[np.generic] | None] = {
        "row": found.out_of_fold["row"].to_numpy()
    }
    for number, told in sorted(found.trial_answers.items()):
        if told.ndim == 1:
            columns[str(number)] = told
            continue
        columns |= {f"{number}_{place}": column for place, column in enumerate(told.T)}
    return _table(columns)


def _table(columns: dict[str, npt.NDArray[np.generic] | None]) -> pl.DataFrame:
    """A frame; columns that do not exist for this kind of answer are null."""
    rows = max(len(c) for c in columns.values() if c is not None)
    return pl.DataFrame(
        [
            pl.Series(name, [None] * rows, dtype=pl.Float64) if c is None else pl.Series(name, c)
            for name, c in columns.items()
        ]
    )

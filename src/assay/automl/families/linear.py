"""Linear models: ridge and elastic net for numbers, logistic regression for classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.linear_model import ElasticNet, LogisticRegression, Ridge

from assay.automl.families.fitted import (
    FittedScaled,
    in_unit,
    standard_of,
    standardised,
    unit_of,
)
from assay.automl.family import Answers, Params, Task, Validation, View
from assay.model.plan import Float32, Float64
from assay.question import Kind

if TYPE_CHECKING:
    import optuna

MOST_WORK = 1e10
"""Rows x columns x classes x iterations of one fit, about five seconds on one core."""
MANY = 1000
"""From so many columns (and rows) on, ridge is solved by iteration: its matrix is too dear."""


class Linear:
    """Weights on standardised features.

    Regression: ridge (Hoerl and Kennard 1970) or elastic net (Zou and Hastie 2005).
    Classification: logistic regression with a squared penalty, multinomial when there are more
    than two classes.
    """

    name = "linear"
    transparent = True
    tasks: frozenset[Kind] = frozenset({"regression", "binary", "multiclass"})
    needs: View = "linear"
    place = 10
    joint = True
    stops_early = False

    def candidates(self, task: Task, *, rows: int, columns: int) -> tuple[Params, ...]:
        """Moderate shrinkage first; it grows with columns a row."""
        crowded = columns > rows / 5
        if task.kind == "regression":
            return (
                {"mix": 0.0, "alpha": 0.05 if crowded else 0.002},
                {"mix": 0.5, "alpha": 0.01},
                {"mix": 0.0, "alpha": 0.2},
            )
        return ({"C": 0.1 if crowded else 1.0}, {"C": 0.02})

    def suggest(self, trial: optuna.trial.BaseTrial, task: Task) -> Params:
        """Penalty, and for numbers its mix of absolute and squared."""
        if task.kind == "regression":
            return {
                "mix": trial.suggest_categorical("mix", [0.0, 0.1, 0.5, 0.9]),
                "alpha": trial.suggest_float("alpha", 1e-5, 10.0, log=True),
            }
        return {"C": trial.suggest_float("C", 1e-4, 1e2, log=True)}

    def fit(
        self,
        X: Float32,
        y: Answers,
        *,
        task: Task,
        params: Params,
        seed: int,
        weights: Float64 | None = None,
        validation: Validation | None = None,  # noqa: ARG002 - no rounds to choose
        threads: int = 1,  # noqa: ARG002 - the caller bounds the linear algebra
    ) -> FittedScaled:
        """Standardise in double, fit, keep what a `LinearMember` holds."""
        center, scale = standard_of(X, weights)
        unit = unit_of(y, task)
        total = float(len(y) if weights is None else np.sum(weights))
        model = _model(params, task, X.shape, seed=seed, total=total)
        answers = in_unit(y, unit) if task.kind == "regression" else y
        model.fit(standardised(X, center, scale), answers, sample_weight=weights)
        return FittedScaled(
            family=self.name,
            params=dict(params),
            task=task,
            model=model,
            present=() if task.kind == "regression" else tuple(int(k) for k in model.classes_),
            unit=unit,
            center=center,
            scale=scale,
        )


def _model(params: Params, task: Task, shape: tuple[int, ...], *, seed: int, total: float) -> Any:
    """The estimator; ridge's penalty counts per row (``total`` of them), as elastic net's does.

    What is solved step by step has a bound on its steps that depends on the size of the table
    alone, so that the same seed gives the same model.
    """
    steps = int(MOST_WORK / (shape[0] * shape[1] * task.width))
    if task.kind != "regression":
        return LogisticRegression(
            C=params["C"], max_iter=int(np.clip(steps, 30, 500)), random_state=seed
        )
    if params["mix"] == 0.0:
        solver = "lsqr" if min(shape) > MANY else "auto"
        return Ridge(alpha=params["alpha"] * total, solver=solver, tol=1e-5, copy_X=False)
    return ElasticNet(
        alpha=params["alpha"],
        l1_ratio=params["mix"],
        max_iter=int(np.clip(steps, 100, 3000)),
        copy_X=False,
        random_state=seed,
    )

"""Nearest neighbours (Fix and Hodges 1951) on standardised features."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from assay.automl.families.fitted import FittedModel, numbered
from assay.automl.family import Answers, Params, Task, Validation, View
from assay.errors import InputError
from assay.model.plan import Float32, Float64
from assay.question import Kind

if TYPE_CHECKING:
    import optuna

MOST_CELLS = 250_000
"""Numbers that the graph stores: 2 MB. Wide tables keep fewer rows, drawn by the seed."""


class Neighbours:
    """The mean answer of the most similar rows: unlike any other family, where rows are few."""

    name = "neighbours"
    transparent = False
    tasks: frozenset[Kind] = frozenset({"regression", "binary", "multiclass"})
    needs: View = "linear"
    place = 60
    joint = True
    stops_early = False
    takes_weights = False
    most_rows = 5000

    def candidates(self, task: Task, *, rows: int, columns: int) -> tuple[Params, ...]:  # noqa: ARG002
        """Few neighbours for numbers, more for chances; the nearer ones count more."""
        few, many = {"k": 10, "by_distance": True}, {"k": 30, "by_distance": True}
        return (few, many) if task.kind == "regression" else (many, few)

    def suggest(self, trial: optuna.trial.BaseTrial, task: Task) -> Params:  # noqa: ARG002
        """How many neighbours, and whether nearer ones count more."""
        return {
            "k": trial.suggest_int("k", 1, 100, log=True),
            "by_distance": trial.suggest_categorical("by_distance", [True, False]),
        }

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
        threads: int = 1,
    ) -> FittedModel:
        """Keep the rows, or as many as the graph may store.

        Raises
        ------
        InputError
            There are weights.
        """
        if weights is not None:
            raise InputError(
                "Family 'neighbours' takes no weights.", hint="Leave it out of `families`."
            )
        present, answers = numbered(y, task)
        most = max(params["k"], MOST_CELLS // X.shape[1])
        kept = _drawn(len(X), most, seed)
        kind = KNeighborsRegressor if task.kind == "regression" else KNeighborsClassifier
        model = make_pipeline(
            StandardScaler(),
            kind(
                n_neighbors=min(params["k"], len(kept)),
                weights="distance" if params["by_distance"] else "uniform",
                n_jobs=threads,
            ),
        )
        model.fit(X[kept].astype(np.float64), answers[kept])
        return FittedModel(
            family=self.name, params=dict(params), task=task, model=model, present=present
        )


def _drawn(rows: int, most: int, seed: int) -> np.ndarray:
    """Numbers of the rows kept, ascending."""
    if rows <= most:
        return np.arange(rows)
    return np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))

"""Extremely randomised trees (Geurts, Ernst and Wehenkel 2006)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

from assay.automl.families.fitted import FittedModel
from assay.automl.family import Answers, Params, Task, Validation
from assay.model.plan import Float32, Float64
from assay.question import Kind

if TYPE_CHECKING:
    import optuna

MOST_LEAVES = 20_000
"""Leaves of one tree at most, so that a forest of a large table stays a graph one can ship."""


class ExtraTrees:
    """Many trees with random cuts, averaged: robust, hardly tuned, unlike boosting."""

    name = "forest"
    transparent = False
    tasks: frozenset[Kind] = frozenset({"regression", "binary", "multiclass"})
    needs = "trees"
    place = 30
    stops_early = False

    def candidates(self, task: Task, *, rows: int, columns: int) -> tuple[Params, ...]:  # noqa: ARG002
        """Nearly full trees first; smoother ones for noisy classes."""
        if task.kind == "regression":
            return (
                {"trees": 100, "features": 0.6, "leaf": 1 if rows < 5000 else 2},
                {"trees": 100, "features": 1.0, "leaf": 2},
            )
        return (
            {"trees": 100, "features": 0.3, "leaf": 3 if rows < 5000 else 5},
            {"trees": 100, "features": 0.6, "leaf": 10},
        )

    def suggest(self, trial: optuna.trial.BaseTrial, task: Task) -> Params:  # noqa: ARG002
        """Columns looked at for a cut, and rows that a leaf needs."""
        return {
            "trees": 100,
            "features": trial.suggest_float("features", 0.1, 1.0),
            "leaf": trial.suggest_int("leaf", 1, 40, log=True),
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
        """Fit scikit-learn's extra trees."""
        kind = ExtraTreesRegressor if task.kind == "regression" else ExtraTreesClassifier
        model = kind(
            n_estimators=params["trees"],
            max_features=params["features"],
            min_samples_leaf=min(params["leaf"], len(X)),
            max_leaf_nodes=MOST_LEAVES if len(X) > MOST_LEAVES else None,
            random_state=seed,
            n_jobs=threads,
        )
        model.fit(X, y, sample_weight=weights)
        present = () if task.kind == "regression" else tuple(int(k) for k in model.classes_)
        return FittedModel(
            family=self.name, params=dict(params), task=task, model=model, present=present
        )

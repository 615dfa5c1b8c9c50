"""Forests: extremely randomised trees (Geurts et al. 2006), random forests (Breiman 2001)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)

from assay.automl.families.fitted import FittedModel
from assay.automl.family import Answers, Params, Task, Validation, View
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
    needs: View = "trees"
    place = 30
    joint = True
    stops_early = False
    keeps_time = True
    kinds: tuple[Any, Any] = (ExtraTreesRegressor, ExtraTreesClassifier)
    looks = 0.6
    """Share of the columns that the default looks at for a cut; random cuts need more."""

    def candidates(self, task: Task, *, rows: int, columns: int) -> tuple[Params, ...]:  # noqa: ARG002
        """Nearly full trees first; smoother ones for noisy classes."""
        if task.kind == "regression":
            return (
                {"trees": 100, "features": 0.6, "leaf": 1 if rows < 5000 else 2},
                {"trees": 100, "features": 1.0, "leaf": 2},
            )
        return (
            {"trees": 100, "features": self.looks, "leaf": 3 if rows < 5000 else 5},
            {"trees": 100, "features": 0.3, "leaf": 10},
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
        seconds: float | None = None,
    ) -> FittedModel:
        """Grow scikit-learn's trees: all at once, or a few at a time until time is up."""
        regressor, classifier = self.kinds
        model = (regressor if task.kind == "regression" else classifier)(
            n_estimators=params["trees"],
            max_features=params["features"],
            min_samples_leaf=min(params["leaf"], len(X)),
            max_leaf_nodes=MOST_LEAVES if len(X) > MOST_LEAVES else None,
            random_state=seed,
            n_jobs=threads,
        )
        if seconds is None:
            model.fit(X, y, sample_weight=weights)
        else:
            _grow(model, X, y, weights, seconds=seconds)
        present = () if task.kind == "regression" else tuple(int(k) for k in model.classes_)
        return FittedModel(
            family=self.name,
            params={**params, "trees": len(model.estimators_)},
            task=task,
            model=model,
            present=present,
        )


class RandomForest(ExtraTrees):
    """Trees with the best cuts on rows drawn anew, averaged."""

    name = "random_forest"
    place = 45
    joint = True
    kinds = (RandomForestRegressor, RandomForestClassifier)
    looks = 0.3


def _grow(model: Any, X: Float32, y: Answers, weights: Float64 | None, *, seconds: float) -> None:
    """Grow trees until all are there or time is up; the same trees as all at once.

    One tree a thread is grown first; then as many at a time as a quarter of the time left
    should do, so that little is spent on starting and hardly any time overrun.
    """
    begin = time.monotonic()
    wanted, more = model.n_estimators, model.n_jobs
    model.set_params(n_estimators=0, warm_start=True)
    while model.n_estimators < wanted:
        model.set_params(n_estimators=min(wanted, model.n_estimators + more))
        model.fit(X, y, sample_weight=weights)
        spent = time.monotonic() - begin
        if spent >= seconds:
            break
        more = max(model.n_jobs, int(model.n_estimators * (seconds - spent) / spent / 4))
    model.set_params(warm_start=False)

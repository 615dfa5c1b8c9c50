"""Gradient boosting with leaf-wise trees: LightGBM (Ke et al. 2017)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import lightgbm

from assay.automl.families.fitted import FittedModel
from assay.automl.family import Answers, Params, Task, Validation
from assay.model.plan import Float32, Float64
from assay.question import Kind

if TYPE_CHECKING:
    import optuna

LARGE_ROWS = 20_000
"""From so many rows on, the default takes larger and fewer steps, to fit short budgets."""

PATIENCE = 40
"""Rounds without progress on the validation rows before boosting stops."""


class LightGBM:
    """Boosted trees, the strongest single family on most tables."""

    name = "lightgbm"
    transparent = False
    tasks: frozenset[Kind] = frozenset({"regression", "binary", "multiclass"})
    needs = "trees"
    place = 20
    stops_early = True

    def candidates(self, task: Task, *, rows: int, columns: int) -> tuple[Params, ...]:  # noqa: ARG002
        """Small trees on small tables; then randomised cuts; then slower steps."""
        small = rows < 2000
        large = rows >= LARGE_ROWS
        default: Params = {
            "rounds": 200 if small or large else 400,
            "learning_rate": 0.1 if large else 0.05,
            "leaves": 8 if small else 24,
            "leaf": 5 if small else 20,
            "columns": 0.5,
            "rows": 0.8,
            "squared": 1.0,
            "random_cuts": False,
        }
        randomised = {**default, "random_cuts": True, "leaves": 16 if small else 48}
        slow = {**default, "learning_rate": 0.03, "columns": 0.3, "leaves": 5 if small else 12}
        return (default, randomised, slow)

    def suggest(self, trial: optuna.trial.BaseTrial, task: Task) -> Params:  # noqa: ARG002
        """Size and number of trees, and how much each sees."""
        return {
            "rounds": trial.suggest_int("rounds", 50, 800, log=True),
            "learning_rate": trial.suggest_float("learning_rate", 0.01, 0.2, log=True),
            "leaves": trial.suggest_int("leaves", 3, 128, log=True),
            "leaf": trial.suggest_int("leaf", 2, 100, log=True),
            "columns": trial.suggest_float("columns", 0.2, 1.0),
            "rows": trial.suggest_float("rows", 0.5, 1.0),
            "squared": trial.suggest_float("squared", 1e-3, 30.0, log=True),
            "random_cuts": trial.suggest_categorical("random_cuts", [False, True]),
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
        validation: Validation | None = None,
        threads: int = 1,
    ) -> FittedModel:
        """Boost; with ``validation`` up to twice the rounds, stopping when they do not help."""
        settings = _settings(params, task, seed=seed, threads=threads)
        table = lightgbm.Dataset(X, label=y, weight=weights, params=settings)
        checks: dict[str, Any] = {}
        rounds = params["rounds"]
        if validation is not None:
            held = lightgbm.Dataset(validation.X, label=validation.y, reference=table)
            stop = lightgbm.early_stopping(PATIENCE, verbose=False)
            checks = {"valid_sets": [held], "callbacks": [stop]}
            rounds *= 2
        booster = lightgbm.train(settings, table, num_boost_round=rounds, **checks)
        used = booster.best_iteration if validation is not None else rounds
        return FittedModel(
            family=self.name,
            params={**params, "rounds": max(1, used)},
            task=task,
            model=booster,
        )


def _settings(params: Params, task: Task, *, seed: int, threads: int) -> dict[str, Any]:
    objective = {"regression": "regression", "binary": "binary", "multiclass": "multiclass"}
    return {
        "objective": objective[task.kind],
        "num_class": task.width,
        "learning_rate": params["learning_rate"],
        "num_leaves": params["leaves"],
        "min_data_in_leaf": params["leaf"],
        "feature_fraction": params["columns"],
        "bagging_fraction": params["rows"],
        "bagging_freq": 1,
        "lambda_l2": params["squared"],
        "extra_trees": params["random_cuts"],
        "feature_pre_filter": False,
        "min_data_in_bin": 1,
        "max_bin": 255,
        "num_threads": threads,
        "seed": seed,
        "deterministic": True,
        "force_col_wise": True,
        "verbosity": -1,
    }

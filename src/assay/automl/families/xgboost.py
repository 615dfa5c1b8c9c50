"""Gradient boosting with depth-wise, second-order trees: XGBoost (Chen and Guestrin 2016)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xgboost

from assay.automl.families.fitted import FittedModel, unit_of
from assay.automl.family import Answers, Params, Task, Validation
from assay.model.plan import Float32, Float64
from assay.question import Kind

if TYPE_CHECKING:
    import optuna

LARGE_ROWS = 20_000
"""From so many rows on, the default takes larger and fewer steps, to fit short budgets."""

PATIENCE = 40
"""Rounds without progress on the validation rows before boosting stops."""


class XGBoost:
    """Boosted trees of bounded depth: close to LightGBM, different enough to help it."""

    name = "xgboost"
    transparent = False
    tasks: frozenset[Kind] = frozenset({"regression", "binary", "multiclass"})
    needs = "trees"
    place = 40
    stops_early = True

    def candidates(self, task: Task, *, rows: int, columns: int) -> tuple[Params, ...]:  # noqa: ARG002
        """Shallow trees on small tables."""
        small = rows < 2000
        large = rows >= LARGE_ROWS
        default: Params = {
            "rounds": 200 if small or large else 400,
            "learning_rate": 0.1 if large else 0.05,
            "depth": 3 if small else 4,
            "leaf": 2.0,
            "columns": 0.5,
            "rows": 0.8,
            "squared": 1.0,
        }
        return (default, {**default, "depth": 6, "learning_rate": 0.03, "leaf": 5.0})

    def suggest(self, trial: optuna.trial.BaseTrial, task: Task) -> Params:  # noqa: ARG002
        """Size and number of trees, and how much each sees."""
        return {
            "rounds": trial.suggest_int("rounds", 50, 800, log=True),
            "learning_rate": trial.suggest_float("learning_rate", 0.01, 0.2, log=True),
            "depth": trial.suggest_int("depth", 1, 8),
            "leaf": trial.suggest_float("leaf", 0.5, 50.0, log=True),
            "columns": trial.suggest_float("columns", 0.2, 1.0),
            "rows": trial.suggest_float("rows", 0.5, 1.0),
            "squared": trial.suggest_float("squared", 1e-2, 30.0, log=True),
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
        """Boost; with ``validation`` up to twice the rounds, stopping when they do not help.

        XGBoost adds leaves in single precision. Boosting answers of unit scale, and taking the
        link in double, keeps what is lost there under a millionth of that scale.
        """
        unit = unit_of(y, task)
        table = xgboost.DMatrix(X, label=_scaled(y, unit), weight=weights, nthread=threads)
        checks: dict[str, Any] = {}
        rounds = params["rounds"]
        if validation is not None:
            label = _scaled(validation.y, unit)
            held = xgboost.DMatrix(validation.X, label=label, nthread=threads)
            checks = {
                "evals": [(held, "held")],
                "early_stopping_rounds": PATIENCE,
                "verbose_eval": False,
            }
            rounds *= 2
        settings = _settings(params, task, seed=seed, threads=threads)
        booster = xgboost.train(settings, table, num_boost_round=rounds, **checks)
        used = booster.best_iteration + 1 if validation is not None else rounds
        return FittedModel(
            family=self.name,
            params={**params, "rounds": used},
            task=task,
            model=booster[:used],
            unit=unit,
        )


def _settings(params: Params, task: Task, *, seed: int, threads: int) -> dict[str, Any]:
    objective: dict[str, dict[str, Any]] = {
        "regression": {"objective": "reg:squarederror", "base_score": 0.0},
        "binary": {"objective": "binary:logistic"},
        "multiclass": {"objective": "multi:softprob", "num_class": task.classes},
    }
    return {
        **objective[task.kind],
        "tree_method": "hist",
        "learning_rate": params["learning_rate"],
        "max_depth": params["depth"],
        "min_child_weight": params["leaf"],
        "colsample_bytree": params["columns"],
        "subsample": params["rows"],
        "reg_lambda": params["squared"],
        "nthread": threads,
        "seed": seed,
        "verbosity": 0,
    }


def _scaled(y: Answers, unit: tuple[float, float]) -> Float64:
    return np.asarray((y - unit[0]) / unit[1], dtype=np.float64)

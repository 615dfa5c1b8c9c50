"""Gradient boosting with depth-wise, second-order trees: XGBoost (Chen and Guestrin 2016)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assay.automl.families.fitted import (
    FittedModel,
    first_loss,
    in_unit,
    loss_of,
    suggest_loss,
    unit_of,
)
from assay.automl.families.rounds import SMALL_ROWS, Rounds, pace
from assay.automl.family import (
    Answers,
    Loss,
    Params,
    Task,
    Validation,
    View,
    require_library,
)
from assay.model.plan import Float32, Float64
from assay.question import Kind

if TYPE_CHECKING:
    import optuna

require_library("xgboost")

OBJECTIVES: dict[Loss, dict[str, Any]] = {
    "squared": {"objective": "reg:squarederror", "base_score": 0.0},
    "absolute": {"objective": "reg:absoluteerror"},
    "poisson": {"objective": "count:poisson"},
    "quantile": {"objective": "reg:quantileerror"},
}


class XGBoost:
    """Boosted trees of bounded depth: close to LightGBM, different enough to help it."""

    name = "xgboost"
    transparent = False
    tasks: frozenset[Kind] = frozenset({"regression", "binary", "multiclass"})
    needs: View = "trees"
    place = 40
    stops_early = True
    losses: frozenset[Loss] = frozenset(OBJECTIVES)
    monotone = True
    monotone_losses: frozenset[Loss] = frozenset({"squared", "poisson"})
    keeps_time = True

    def candidates(self, task: Task, *, rows: int, columns: int) -> tuple[Params, ...]:  # noqa: ARG002
        """Shallow trees on small tables."""
        small = rows < SMALL_ROWS
        rounds, step = pace(task, rows)
        default: Params = {
            "rounds": min(rounds, 200) if small else rounds,
            "learning_rate": step,
            "depth": 3 if small else 4,
            "leaf": 2.0,
            "columns": 0.5,
            "rows": 0.8,
            "squared": 1.0,
            **first_loss(self, task),
        }
        return (default, {**default, "depth": 6, "learning_rate": 0.6 * step, "leaf": 5.0})

    def suggest(self, trial: optuna.trial.BaseTrial, task: Task) -> Params:
        """Size and number of trees, and how much each sees."""
        return {
            "rounds": trial.suggest_int("rounds", 50, 800, log=True),
            "learning_rate": trial.suggest_float("learning_rate", 0.01, 0.4, log=True),
            "depth": trial.suggest_int("depth", 1, 8),
            "leaf": trial.suggest_float("leaf", 0.5, 50.0, log=True),
            "columns": trial.suggest_float("columns", 0.2, 1.0),
            "rows": trial.suggest_float("rows", 0.5, 1.0),
            "squared": trial.suggest_float("squared", 1e-2, 30.0, log=True),
            **suggest_loss(self, trial, task),
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
        seconds: float | None = None,
    ) -> FittedModel:
        """Boost; with ``validation`` up to twice the rounds, stopping when they do not help.

        XGBoost adds leaves in single precision. Boosting answers of unit scale, and taking the
        link in double, keeps what is lost there under a millionth of that scale.
        """
        import xgboost

        rounds = Rounds(params["rounds"] * (1 if validation is None else 2), seconds=seconds)
        unit = unit_of(y, task, loss_of(params))
        table = xgboost.DMatrix(X, label=in_unit(y, unit), weight=weights, nthread=threads)
        held = None
        if validation is not None:
            label = in_unit(validation.y, unit)
            held = xgboost.DMatrix(validation.X, label=label, nthread=threads)
        settings = _settings(params, task, seed=seed, threads=threads)
        booster = xgboost.Booster(settings, [table] if held is None else [table, held])
        while not rounds.over:
            booster.update(table, rounds.done)
            rounds.count(None if held is None else _loss(booster.eval(held, iteration=rounds.done)))
        return FittedModel(
            family=self.name,
            params={**params, "rounds": rounds.used},
            task=task,
            model=booster[: rounds.used],
            unit=unit,
        )


def _settings(params: Params, task: Task, *, seed: int, threads: int) -> dict[str, Any]:
    objective: dict[str, dict[str, Any]] = {
        "regression": OBJECTIVES[loss_of(params)],
        "binary": {"objective": "binary:logistic"},
        "multiclass": {"objective": "multi:softprob", "num_class": task.classes},
    }
    settings = {
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
    if loss_of(params) == "quantile":
        settings["quantile_alpha"] = task.quantile
    if any(task.monotone):
        settings["monotone_constraints"] = tuple(task.monotone)
    return settings


def _loss(line: str) -> float:
    """The number at the end of XGBoost's own line: iteration, tab, ``held-rmse:0.25``."""
    return float(line.rpartition(":")[2])

"""Gradient boosting with leaf-wise trees: LightGBM (Ke et al. 2017)."""

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

require_library("lightgbm")

OBJECTIVES: dict[Loss, str] = {
    "squared": "regression",
    "absolute": "regression_l1",
    "poisson": "poisson",
    "quantile": "quantile",
}


class LightGBM:
    """Boosted trees, the strongest single family on most tables."""

    name = "lightgbm"
    transparent = False
    tasks: frozenset[Kind] = frozenset({"regression", "binary", "multiclass"})
    needs: View = "trees"
    place = 20
    stops_early = True
    losses: frozenset[Loss] = frozenset(OBJECTIVES)
    monotone = True
    monotone_losses: frozenset[Loss] = frozenset({"squared", "poisson"})
    keeps_time = True

    def candidates(self, task: Task, *, rows: int, columns: int) -> tuple[Params, ...]:  # noqa: ARG002
        """Small trees on small tables; then randomised cuts; then slower steps."""
        small = rows < SMALL_ROWS
        rounds, step = pace(task, rows)
        stumpy = 8 if task.kind == "multiclass" else 4  # a few noisy rows carry no more
        default: Params = {
            "rounds": min(rounds, 200) if small else rounds,
            "learning_rate": step,
            "leaves": stumpy if small else 24,
            "leaf": 5 if small else 20,
            "columns": 0.5,
            "rows": 0.8,
            "squared": 1.0,
            "random_cuts": False,
            **first_loss(self, task),
        }
        randomised = {**default, "random_cuts": True, "leaves": 16 if small else 48}
        slow = {
            **default,
            "learning_rate": 0.6 * step,
            "columns": 0.3,
            "leaves": 5 if small else 12,
        }
        return (default, randomised, slow)

    def suggest(self, trial: optuna.trial.BaseTrial, task: Task) -> Params:
        """Size and number of trees, and how much each sees."""
        return {
            "rounds": trial.suggest_int("rounds", 50, 800, log=True),
            "learning_rate": trial.suggest_float("learning_rate", 0.01, 0.4, log=True),
            "leaves": trial.suggest_int("leaves", 3, 128, log=True),
            "leaf": trial.suggest_int("leaf", 2, 100, log=True),
            "columns": trial.suggest_float("columns", 0.2, 1.0),
            "rows": trial.suggest_float("rows", 0.5, 1.0),
            "squared": trial.suggest_float("squared", 1e-3, 30.0, log=True),
            "random_cuts": trial.suggest_categorical("random_cuts", [False, True]),
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
        """Boost; with ``validation`` up to twice the rounds, stopping when they do not help."""
        import lightgbm

        rounds = Rounds(params["rounds"] * (1 if validation is None else 2), seconds=seconds)
        unit = unit_of(y, task, loss_of(params))
        settings = _settings(params, task, seed=seed, threads=threads)
        table = lightgbm.Dataset(X, label=in_unit(y, unit), weight=weights, params=settings)
        booster = lightgbm.Booster(settings, table)
        if validation is not None:
            label = in_unit(validation.y, unit)
            held = table.create_valid(validation.X, label=label, params=settings)
            booster.add_valid(held, "held")
        while not rounds.over:
            booster.update()
            rounds.count(None if validation is None else booster.eval_valid()[0][2])
        text = booster.model_to_string(num_iteration=rounds.used)
        return FittedModel(
            family=self.name,
            params={**params, "rounds": rounds.used},
            task=task,
            model=lightgbm.Booster(model_str=text),  # the trees alone, without the rows
            unit=unit,
        )


def _settings(params: Params, task: Task, *, seed: int, threads: int) -> dict[str, Any]:
    objective = OBJECTIVES[loss_of(params)] if task.kind == "regression" else task.kind
    constraints = {
        "monotone_constraints": list(task.monotone),
        "monotone_constraints_method": "advanced",
    }
    return {
        "objective": objective,
        "alpha": task.quantile,
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
        **(constraints if any(task.monotone) else {}),
    }

"""Gradient boosting with symmetric trees: CatBoost (Prokhorenkova et al. 2018)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from assay.automl.families.fitted import (
    FittedModel,
    first_loss,
    in_unit,
    loss_of,
    numbered,
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

require_library("catboost")

OBJECTIVES: dict[Loss, str] = {
    "squared": "RMSE",
    "absolute": "MAE",
    "poisson": "Poisson",
    "quantile": "Quantile",
}


class CatBoost:
    """Boosted symmetric trees: the least in need of tuning, and slower to fit."""

    name = "catboost"
    transparent = False
    tasks: frozenset[Kind] = frozenset({"regression", "binary", "multiclass"})
    needs: View = "trees"
    place = 25
    stops_early = True
    losses: frozenset[Loss] = frozenset(OBJECTIVES)
    monotone = True
    keeps_time = True

    def candidates(self, task: Task, *, rows: int, columns: int) -> tuple[Params, ...]:  # noqa: ARG002
        """Its usual depth of 6; then deeper trees on larger tables, flatter on small ones."""
        small = rows < SMALL_ROWS
        rounds, step = pace(task, rows)
        noisy = small and task.kind != "multiclass"  # a few such rows carry no more
        default: Params = {
            "rounds": 100 if noisy else min(rounds, 300),
            "learning_rate": 1.5 * step,
            "depth": 4 if small else 6,
            "squared": 3.0,
            "columns": 1.0,
            "rows": 0.8,
            **first_loss(self, task),
        }
        return (default, {**default, "depth": 3 if small else 8, "columns": 0.5})

    def suggest(self, trial: optuna.trial.BaseTrial, task: Task) -> Params:
        """Size and number of trees, and how much each sees."""
        return {
            "rounds": trial.suggest_int("rounds", 30, 800, log=True),
            "learning_rate": trial.suggest_float("learning_rate", 0.01, 0.5, log=True),
            "depth": trial.suggest_int("depth", 2, 9),
            "squared": trial.suggest_float("squared", 0.3, 30.0, log=True),
            "columns": trial.suggest_float("columns", 0.2, 1.0),
            "rows": trial.suggest_float("rows", 0.5, 1.0),
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
        import catboost

        rounds = Rounds(params["rounds"] * (1 if validation is None else 2), seconds=seconds)
        unit = unit_of(y, task, loss_of(params))
        present, answers = numbered(y, task)
        answers = in_unit(answers, unit)
        if not (np.ptp(X, axis=0) > 0).any() or np.ptp(answers) == 0:
            model = _constant(task).fit(X, answers, sample_weight=weights)
            rounds.count()
        else:
            held = None if validation is None else _held(validation, present, unit)
            model = catboost.CatBoost(
                _settings(params, task, len(present), seed=seed, threads=threads)
            )
            model.set_params(iterations=params["rounds"] * (1 if held is None else 2))
            model.fit(
                catboost.Pool(X, answers, weight=weights),
                eval_set=held,
                callbacks=[_Watch(rounds)],
            )
            if rounds.used < rounds.done:
                model.shrink(rounds.used)
        return FittedModel(
            family=self.name,
            params={**params, "rounds": rounds.used},
            task=task,
            model=model,
            present=present,
            unit=unit,
        )


class _Watch:
    """Tells `Rounds` of every tree, as CatBoost wants to be watched."""

    def __init__(self, rounds: Rounds) -> None:
        self.rounds = rounds

    def after_iteration(self, info: Any) -> bool:
        """Whether to go on."""
        losses = info.metrics.get("validation")
        self.rounds.count(next(iter(losses.values()))[-1] if losses else None)
        return not self.rounds.over


def _constant(task: Task) -> Any:
    """A tree of one leaf: CatBoost takes neither columns nor answers that are all the same."""
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    kind = DecisionTreeRegressor if task.kind == "regression" else DecisionTreeClassifier
    return kind(max_depth=1)


def _held(validation: Validation, present: tuple[int, ...], unit: tuple[float, float]) -> Any:
    """The validation rows, less those of classes that the fitting rows lack."""
    import catboost

    if not present:
        return catboost.Pool(validation.X, in_unit(validation.y, unit))
    known = np.isin(validation.y, present)
    return catboost.Pool(validation.X[known], np.searchsorted(present, validation.y[known]))


def _settings(
    params: Params, task: Task, classes: int, *, seed: int, threads: int
) -> dict[str, Any]:
    loss = "Logloss" if classes == 2 else "MultiClass"
    if task.kind == "regression":
        loss = OBJECTIVES[loss_of(params)]
    if loss == "Quantile":
        loss += f":alpha={task.quantile}"
    settings = {
        "loss_function": loss,
        "learning_rate": params["learning_rate"],
        "depth": params["depth"],
        "l2_leaf_reg": params["squared"],
        "rsm": params["columns"],
        "bootstrap_type": "Bernoulli",
        "subsample": params["rows"],
        "boosting_type": "Plain",
        "border_count": 128,
        "random_seed": seed,
        "thread_count": threads,
        "use_best_model": False,
        "allow_writing_files": False,
        "logging_level": "Silent",
    }
    if any(task.monotone):
        settings["monotone_constraints"] = list(task.monotone)
    return settings

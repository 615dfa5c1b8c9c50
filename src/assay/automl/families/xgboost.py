"""Gradient boosting with depth-wise, second-order trees: XGBoost (Chen and Guestrin 2016)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xgboost

from assay.automl.family import Answers, Params, Task, Validation
from assay.automl.trees import Tree, below, plant, spread
from assay.model.plan import Float32, Float64, TreesMember
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
    ) -> FittedXGBoost:
        """Boost; with ``validation`` up to twice the rounds, stopping when they do not help."""
        unit = _unit(y, task)
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
        return FittedXGBoost(
            params={**params, "rounds": used}, task=task, booster=booster[:used], unit=unit
        )


@dataclass(frozen=True, kw_only=True)
class FittedXGBoost:
    """A fitted booster; ``unit`` is the center and scale of the answers.

    XGBoost adds leaves in single precision. Boosting answers of unit scale, and taking the link
    in double, keeps what is lost there under a millionth of that scale.
    """

    params: Params
    task: Task
    booster: Any
    unit: tuple[float, float]

    def predict(self, X: Float32) -> Float64:
        """Answer rows by XGBoost."""
        raw = self.booster.inplace_predict(X, predict_type="margin")
        margin = np.asarray(raw, dtype=np.float64).reshape(len(X), self.task.width)
        if self.task.kind == "regression":
            middle, scale = self.unit
            return margin * scale + middle
        if self.task.kind == "binary":
            return np.asarray(1 / (1 + np.exp(-margin)), dtype=np.float64)
        odds = np.exp(margin - margin.max(axis=1, keepdims=True))
        return np.asarray(odds / odds.sum(axis=1, keepdims=True), dtype=np.float64)

    def describe(self, columns: tuple[int, ...]) -> TreesMember:
        """Every tree of the saved model; class by class in turn."""
        learner = json.loads(self.booster.save_raw("json"))["learner"]
        model = learner["gradient_booster"]["model"]
        middle, scale = self.unit
        width = self.task.width
        trees = [
            _tree(tree, output=output, width=width, scale=scale)
            for tree, output in zip(model["trees"], model["tree_info"], strict=True)
        ]
        link = {"regression": "identity", "binary": "sigmoid", "multiclass": "softmax"}
        return plant(
            trees,
            family="xgboost",
            columns=columns,
            base=_start(learner, self.task) * scale + middle,
            link=link[self.task.kind],  # type: ignore[arg-type]
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


def _start(learner: dict[str, Any], task: Task) -> Float64:
    """Margin before the first tree, from the saved base score (binary: a probability)."""
    score = np.array(json.loads(learner["learner_model_param"]["base_score"]), dtype=np.float32)
    base = np.atleast_1d(score).astype(np.float64)
    if task.kind == "binary":
        base = np.log(base / (1 - base))
    return np.asarray(np.broadcast_to(base, (task.width,)).copy(), dtype=np.float64)


def _tree(saved: dict[str, Any], *, output: int, width: int, scale: float) -> Tree:
    """One tree; leaves keep their value where splits keep their threshold (``x < t`` is left)."""
    left = np.array(saved["left_children"], dtype=np.int32)
    conditions = np.array(saved["split_conditions"], dtype=np.float32)
    leaf = left < 0
    leaves = np.where(leaf, conditions, 0).astype(np.float64) * scale
    return Tree(
        feature=np.where(leaf, 0, saved["split_indices"]).astype(np.int32),
        threshold=np.where(leaf, np.float32(0), below(conditions)),
        left=left,
        right=np.array(saved["right_children"], dtype=np.int32),
        values=spread(leaves, output, width),
    )


def _unit(y: Answers, task: Task) -> tuple[float, float]:
    if task.kind != "regression":
        return 0.0, 1.0
    return float(np.mean(y)), float(np.std(y)) or 1.0


def _scaled(y: Answers, unit: tuple[float, float]) -> Float64:
    return np.asarray((y - unit[0]) / unit[1], dtype=np.float64)

"""Explainable boosting: a sum of effects (Lou et al. 2013; Nori et al. 2019)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from interpret.glassbox import ExplainableBoostingClassifier, ExplainableBoostingRegressor

from assay.automl.families.fitted import FittedModel, unit_of
from assay.automl.family import Answers, Params, Task, Validation
from assay.model.plan import Float32, Float64
from assay.question import Kind

if TYPE_CHECKING:
    import optuna


class ExplainableBoosting:
    """A glass box: what each column adds can be drawn, and the answer is the sum."""

    name = "ebm"
    transparent = True
    tasks: frozenset[Kind] = frozenset({"regression", "binary", "multiclass"})
    needs = "trees"
    place = 50
    stops_early = False

    def candidates(self, task: Task, *, rows: int, columns: int) -> tuple[Params, ...]:  # noqa: ARG002
        """Few bags and large steps first: quick; then finer steps and more pairs."""
        pairs = 0 if task.kind == "multiclass" else 5
        default: Params = {"learning_rate": 0.1, "bins": 32, "pairs": pairs, "bags": 2, "leaf": 4}
        return (
            default,
            {**default, "learning_rate": 0.04, "bins": 64, "pairs": 2 * pairs, "bags": 4},
        )

    def suggest(self, trial: optuna.trial.BaseTrial, task: Task) -> Params:
        """Step, bins, pairs and bags."""
        many = 0 if task.kind == "multiclass" else 20
        return {
            "learning_rate": trial.suggest_float("learning_rate", 0.02, 0.2, log=True),
            "bins": trial.suggest_int("bins", 8, 128, log=True),
            "pairs": trial.suggest_int("pairs", 0, many),
            "bags": trial.suggest_int("bags", 1, 6),
            "leaf": trial.suggest_int("leaf", 2, 30, log=True),
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
        validation: Validation | None = None,  # noqa: ARG002 - it holds out rows of its own
        threads: int = 1,  # noqa: ARG002 - more would start processes
    ) -> FittedModel:
        """Boost bag by bag in this process."""
        regression = task.kind == "regression"
        kind = ExplainableBoostingRegressor if regression else ExplainableBoostingClassifier
        unit = unit_of(y, task)
        model = kind(
            feature_types=["continuous"] * X.shape[1],
            learning_rate=params["learning_rate"],
            max_bins=params["bins"],
            max_interaction_bins=max(4, params["bins"] // 4),
            interactions=params["pairs"] if X.shape[1] > 1 else 0,
            outer_bags=params["bags"],
            min_samples_leaf=params["leaf"],
            early_stopping_rounds=20,
            smoothing_rounds=0,
            interaction_smoothing_rounds=0,
            max_rounds=5000,
            n_jobs=1,
            random_state=seed,
        )
        model.fit(X, (y - unit[0]) / unit[1] if regression else y, sample_weight=weights)
        return FittedModel(
            family=self.name,
            params=dict(params),
            task=task,
            model=model,
            present=() if regression else tuple(int(k) for k in model.classes_),
            unit=unit,
        )

"""Explainable boosting: a sum of effects (Lou et al. 2013; Nori et al. 2019)."""

from __future__ import annotations

import time
from multiprocessing.shared_memory import SharedMemory
from typing import TYPE_CHECKING, Self

from assay.automl.families.fitted import (
    FittedModel,
    first_loss,
    in_unit,
    loss_of,
    suggest_loss,
    unit_of,
)
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

require_library("interpret")

OBJECTIVES: dict[Loss, str] = {"squared": "rmse", "poisson": "poisson_deviance"}


class ExplainableBoosting:
    """A glass box: what each column adds can be drawn, and the answer is the sum."""

    name = "ebm"
    transparent = True
    tasks: frozenset[Kind] = frozenset({"regression", "binary", "multiclass"})
    needs: View = "trees"
    place = 50
    stops_early = False
    losses: frozenset[Loss] = frozenset(OBJECTIVES)
    monotone = True
    keeps_time = True

    def candidates(self, task: Task, *, rows: int, columns: int) -> tuple[Params, ...]:  # noqa: ARG002
        """Few bags and large steps first: quick; then finer steps and more pairs."""
        pairs = 0 if task.kind == "multiclass" else 5
        default: Params = {
            "learning_rate": 0.1,
            "bins": 32,
            "pairs": pairs,
            "bags": 2,
            "leaf": 4,
            **first_loss(self, task),
        }
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
        validation: Validation | None = None,  # noqa: ARG002 - it holds out rows of its own
        threads: int = 1,  # noqa: ARG002 - more would start processes
        seconds: float | None = None,
    ) -> FittedModel:
        """Boost bag by bag in this process; each bag, and its pairs, has its share of the time.

        Columns with monotone demands are left out of pairs, by the library itself.
        """
        from interpret.glassbox import ExplainableBoostingClassifier, ExplainableBoostingRegressor

        _fork_nothing()
        regression = task.kind == "regression"
        kind = ExplainableBoostingRegressor if regression else ExplainableBoostingClassifier
        unit = unit_of(y, task, loss_of(params))
        pairs = params["pairs"] if X.shape[1] > 1 else 0
        parts = params["bags"] * (2 if pairs else 1)
        objective = {"objective": OBJECTIVES[loss_of(params)]} if regression else {}
        model = kind(
            feature_types=["continuous"] * X.shape[1],
            learning_rate=params["learning_rate"],
            max_bins=params["bins"],
            max_interaction_bins=max(4, params["bins"] // 4),
            interactions=pairs,
            outer_bags=params["bags"],
            min_samples_leaf=params["leaf"],
            early_stopping_rounds=20,
            smoothing_rounds=0,
            interaction_smoothing_rounds=0,
            max_rounds=5000,
            monotone_constraints=list(task.monotone) if any(task.monotone) else None,
            callback=None if seconds is None else _Shares(parts, seconds),
            n_jobs=1,
            random_state=seed,
            **objective,
        )
        model.fit(X, in_unit(y, unit) if regression else y, sample_weight=weights)
        return FittedModel(
            family=self.name,
            params=dict(params),
            task=task,
            model=model,
            present=() if regression else tuple(int(k) for k in model.classes_),
            unit=unit,
        )


def _fork_nothing() -> None:
    """Have the library keep its one shared byte without a server process.

    It forks that server for a callback's sake in every fit. Forked beside other threads, it may
    inherit a lock that nobody will release, and then neither it nor this process ever ends.
    """
    from interpret.glassbox._ebm import _ebm

    if hasattr(_ebm, "SharedMemoryManager"):
        _ebm.SharedMemoryManager = _SharedMemory


class _SharedMemory:
    """What the library asks of a manager of shared memory; what was given goes at the end."""

    def __enter__(self) -> Self:
        self._given: list[SharedMemory] = []
        return self

    def __exit__(self, *_: object) -> None:
        for memory in self._given:
            memory.unlink()

    def SharedMemory(self, size: int) -> SharedMemory:  # noqa: N802 - the library's name
        self._given.append(SharedMemory(create=True, size=size))
        return self._given[-1]


class _Shares:
    """Ends each of ``parts`` boostings, which come one after another, by its share of the time."""

    def __init__(self, parts: int, seconds: float) -> None:
        self._begin = time.monotonic()
        self._share = seconds / parts
        self._part = 0
        self._last = (-1, 0)

    def __call__(self, bag: int, step: int, _progress: bool, _score: float) -> bool:
        """Whether this boosting should end; a new one shows by its bag, or by counting anew."""
        if bag != self._last[0] or step < self._last[1]:
            self._part += 1
        self._last = (bag, step)
        return time.monotonic() >= self._begin + self._share * self._part

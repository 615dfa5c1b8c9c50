"""A small feed-forward network for tables (Rumelhart, Hinton and Williams 1986)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from assay.automl.families.fitted import (
    FittedModel,
    first_loss,
    loss_of,
    standardised,
    suggest_loss,
)
from assay.automl.families.lesson import Lesson, epochs_of, learn_units
from assay.automl.families.rounds import SMALL_ROWS
from assay.automl.family import Answers, Loss, Params, Task, Validation, View
from assay.model.plan import Float32, Float64, Link, Member, NetworkMember
from assay.question import Kind

if TYPE_CHECKING:
    import optuna


class Network:
    """Two hidden layers on standardised features: smooth where trees have steps.

    It is trained by Adam with decoupled decay and dropout, in single precision; what answers is
    the running mean of its weights, in double.
    """

    name = "network"
    transparent = False
    tasks: frozenset[Kind] = frozenset({"regression", "binary", "multiclass"})
    needs: View = "linear"
    place = 48
    joint = True
    stops_early = True
    losses: frozenset[Loss] = frozenset({"squared", "absolute", "quantile"})
    keeps_time = True

    def candidates(self, task: Task, *, rows: int, columns: int) -> tuple[Params, ...]:  # noqa: ARG002
        """A moderate one, careful on few rows; then a wider one that learns slower."""
        small = rows < SMALL_ROWS
        noisy = small and task.kind != "multiclass"
        default = {
            "rounds": 12 if noisy else 40,
            "learning_rate": 1e-3 if noisy else 2e-3,
            "decay": 0.3,
            "width": 64 if small else 128,
            "layers": 2,
            "dropout": 0.3 if small else 0.1,
            **first_loss(self, task),
        }
        return (default, {**default, "learning_rate": 5e-4, "width": 192, "decay": 0.03})

    def suggest(self, trial: optuna.trial.BaseTrial, task: Task) -> Params:
        """Epochs, size of the steps, decay of the weights, size of the layers."""
        return {
            "rounds": trial.suggest_int("rounds", 1, 120, log=True),
            "learning_rate": trial.suggest_float("learning_rate", 2e-4, 2e-2, log=True),
            "decay": trial.suggest_float("decay", 1e-4, 1.0, log=True),
            "width": trial.suggest_int("width", 16, 256, log=True),
            "layers": trial.suggest_int("layers", 1, 3),
            "dropout": trial.suggest_float("dropout", 0.0, 0.5),
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
    ) -> FittedNetwork:
        """Train; with ``validation`` up to twice the epochs, stopping when they do not help.

        Raises
        ------
        ArithmeticError
            The weights ran off to infinity.
        """
        from threadpoolctl import threadpool_limits

        from assay.automl.families.network_training import Layers, train

        epochs = epochs_of(params, validated=validation is not None, seconds=seconds)
        lesson = learn_units(X, y, task=task, loss=loss_of(params), weights=weights)
        rows = lesson.rows(X, y, weights)
        held = None if validation is None else lesson.rows(validation.X, validation.y)
        sizes = [X.shape[1], *[params["width"]] * params["layers"], lesson.width]
        with (
            threadpool_limits(threads, user_api="blas"),
            np.errstate(over="ignore", invalid="ignore"),
        ):
            layers = train(
                Layers.drawn(sizes, seed),
                lesson,
                rows,
                held,
                epochs=epochs,
                rate=params["learning_rate"],
                decay=params["decay"],
                dropout=params["dropout"],
                seed=seed,
            )
        return FittedNetwork(
            family=self.name,
            params={**params, "rounds": epochs.used},
            task=task,
            present=lesson.present,
            unit=lesson.unit,
            model=NetworkMember(
                family=self.name,
                columns=tuple(range(X.shape[1])),
                center=lesson.center,
                scale=lesson.scale,
                weights=tuple(weight.astype(np.float64) for weight in layers.weights),
                biases=tuple(bias.astype(np.float64) for bias in layers.biases),
                activation="relu",
                link=_link(lesson),
            ),
        )


def _link(lesson: Lesson) -> Link:
    if not lesson.present:
        return "identity"
    return "softmax" if lesson.width > 1 else "sigmoid"


@dataclass(frozen=True, kw_only=True)
class FittedNetwork(FittedModel):
    """Layers in plain numbers from the start."""

    model: NetworkMember

    def predict(self, X: Float32) -> Float64:
        """Answer rows, in double."""
        from scipy import special

        from assay.automl.families.network_training import scores

        layers = self.model
        raw = scores(layers.weights, layers.biases, standardised(X, layers.center, layers.scale))
        if layers.link == "softmax":
            raw = np.asarray(special.softmax(raw, axis=1))
        elif layers.link == "sigmoid":
            raw = np.asarray(special.expit(raw))
        return self.on_task(raw)

    def describe(self, columns: tuple[int, ...]) -> Member:
        """The same as a member of a plan."""
        return self.member_on_task(replace(self.model, columns=columns))

"""What a network learns from a table, and in which units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from assay.automl.families.fitted import in_unit, numbered, standard_of, standardised, unit_of
from assay.automl.families.rounds import Rounds
from assay.automl.family import Answers, Loss, Params, Task
from assay.model.plan import Float32, Float64

STEPS = 60
"""Steps that an epoch is cut into, where batches of `BATCH` rows allow it."""
BATCH = (32, 1024)
AVERAGED = 0.99
"""Share of the old in the running mean of the weights, a step."""
PATIENCE = 12
"""Epochs without progress on the validation rows before training stops."""


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Rows in the units of a lesson; ``weights`` have mean 1. ``y`` are classes or numbers."""

    X: Float32
    y: Answers | Float32
    weights: Float32 | None

    def take(self, places: npt.NDArray[np.int64]) -> Rows:
        """Some of the rows."""
        weights = None if self.weights is None else self.weights[places]
        return Rows(X=self.X[places], y=self.y[places], weights=weights)


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """What is learned, and in which units.

    ``present`` are the classes that the rows hold; ``center`` and ``scale``, (n_columns,), are
    those of the features, ``unit`` those of the answers.
    """

    task: Task
    loss: Loss
    present: tuple[int, ...]
    center: Float64
    scale: Float64
    unit: tuple[float, float]

    @property
    def width(self) -> int:
        """Raw scores a row: one a class where there are more than two."""
        return len(self.present) if len(self.present) > 2 else 1

    @property
    def share(self) -> float:
        """The quantile that a loss other than ``squared`` goes for."""
        return 0.5 if self.loss == "absolute" else self.task.quantile

    def rows(self, X: Float32, y: Answers, weights: Float64 | None = None) -> Rows:
        """Rows in these units, less those of classes that are not learned."""
        if self.present:
            known = np.isin(y, self.present)
            X, y = X[known], np.searchsorted(self.present, y[known])
        return Rows(
            X=standardised(X, self.center, self.scale).astype(np.float32),
            y=y if self.width > 1 else in_unit(y, self.unit).astype(np.float32),
            weights=None if weights is None else (weights / weights.mean()).astype(np.float32),
        )


def learn_units(
    X: Float32, y: Answers, *, task: Task, loss: Loss, weights: Float64 | None
) -> Lesson:
    """The units of a table's rows."""
    center, scale = standard_of(X, weights)
    present, _ = numbered(y, task)
    return Lesson(
        task=task,
        loss=loss,
        present=present,
        center=center,
        scale=scale,
        unit=unit_of(y, task, loss),
    )


def epochs_of(params: Params, *, validated: bool, seconds: float | None) -> Rounds:
    """As many epochs as asked for; up to twice as many where validation rows tell when to stop."""
    most = params["rounds"] * (2 if validated else 1)
    return Rounds(most, seconds=seconds, patience=PATIENCE)


def batch_rows(rows: int) -> int:
    """Rows of one step."""
    return int(np.clip(rows // STEPS, *BATCH))


def kept_share(step: int) -> float:
    """Share of the old in the running mean after this step: a plain mean at first."""
    return min(AVERAGED, step / (step + 9))


RAN_OFF = "the weights ran off to infinity; take a smaller learning_rate"

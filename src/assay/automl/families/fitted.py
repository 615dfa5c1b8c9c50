"""A fitted model as the search sees it: the reader of its library describes it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.automl.family import Answers, Family, Loss, Params, Task
from assay.model.plan import Float32, Float64, LinearMember, Member, NetworkMember
from assay.model.readers import predict_native, read_member
from assay.model.readers.outputs import rescale, spread_classes

if TYPE_CHECKING:
    import optuna

COLUMNS_AT_ONCE = 256
"""Columns that are held in double at a time while they are measured."""


@dataclass(frozen=True, kw_only=True)
class FittedModel:
    """A fitted model of any library that has a reader.

    ``present`` are the classes of the task that its rows held, in order; empty where the model
    knows all of them. ``unit`` is the center and scale of the answers it was fitted on.
    """

    family: str
    params: Params
    task: Task
    model: Any
    present: tuple[int, ...] = ()
    unit: tuple[float, float] = (0.0, 1.0)

    def predict(self, X: Float32) -> Float64:
        """Answer rows by the library's own code."""
        return self.on_task(predict_native(self.model, X))

    def describe(self, columns: tuple[int, ...]) -> Member:
        """The same function in plain numbers."""
        return self.member_on_task(read_member(self.model, columns=columns, family=self.family))

    def on_task(self, native: Float64) -> Float64:
        """What the library gives, in the answers' unit or with a column for every class."""
        if self.task.kind == "regression":
            middle, scale = self.unit
            return native * scale + middle
        return _in_classes(native, self.present, self.task) if self.present else native

    def member_on_task(self, member: Member) -> Member:
        """The member, in the answers' unit or with an output for every class."""
        if self.task.kind != "regression":
            if not self.present:
                return member
            return spread_classes(member, self.present, self.task.classes)
        middle, scale = self.unit
        if self.unit == (0.0, 1.0):
            return member
        if member.link == "exp":  # a factor after the link is a summand before it
            return rescale(member, 1.0, float(np.log(scale)))
        return rescale(member, scale, middle)


@dataclass(frozen=True, kw_only=True)
class FittedScaled(FittedModel):
    """A model on features that were standardised in double by ``center`` and ``scale``."""

    center: Float64
    scale: Float64

    def predict(self, X: Float32) -> Float64:
        """Answer rows by the library's own code."""
        return self.on_task(predict_native(self.model, standardised(X, self.center, self.scale)))

    def describe(self, columns: tuple[int, ...]) -> Member:
        """The model's numbers, with the centers and scales before them."""
        member = read_member(self.model, columns=columns, family=self.family)
        assert isinstance(member, (LinearMember, NetworkMember))
        return self.member_on_task(replace(member, center=self.center, scale=self.scale))


def standard_of(X: Float32, weights: Float64 | None = None) -> tuple[Float64, Float64]:
    """Weighted mean and standard deviation a column, (n_columns,); 1 where one is constant."""
    blocks = [X[:, i : i + COLUMNS_AT_ONCE] for i in range(0, X.shape[1], COLUMNS_AT_ONCE)]
    parts = [_moments(block.astype(np.float64), weights) for block in blocks]
    center, scale = (np.concatenate(part) for part in zip(*parts, strict=True))
    flat = scale <= 1e-9 * np.maximum(np.abs(center), 1e-30)
    return center, np.where(flat, 1.0, scale)


def _moments(table: Float64, weights: Float64 | None) -> tuple[Float64, Float64]:
    center = np.average(table, axis=0, weights=weights)
    return center, np.sqrt(np.average((table - center) ** 2, axis=0, weights=weights))


def standardised(X: Float32, center: Float64, scale: Float64) -> Float64:
    """Features as `LinearMember` and `NetworkMember` see them, in double."""
    table = X.astype(np.float64)
    table -= center  # in place: wide tables are large enough once
    table /= scale
    return table


def unit_of(answers: Any, task: Task, loss: Loss = "squared") -> tuple[float, float]:
    """Center and scale of the answers, so that a penalty means the same in any unit.

    Counts and amounts keep their 0 and are measured by their mean. Losses that outliers hardly
    move take a center and scale that outliers hardly move: median, and half the distance of the
    quantiles 0.16 and 0.84, which is one standard deviation of a normal distribution.
    """
    if task.kind != "regression":
        return 0.0, 1.0
    if loss == "poisson":
        return 0.0, float(np.mean(answers)) or 1.0
    spread = float(np.std(answers)) or 1.0
    if loss == "squared":
        return float(np.mean(answers)), spread
    low, middle, high = (float(q) for q in np.quantile(answers, [0.16, 0.5, 0.84]))
    return middle, (high - low) / 2 or spread


def in_unit(y: Answers, unit: tuple[float, float]) -> Float64:
    """Answers in the unit that a model is fitted in; class numbers as they are."""
    return np.asarray((y - unit[0]) / unit[1], dtype=np.float64)


def numbered(y: Answers, task: Task) -> tuple[tuple[int, ...], Answers]:
    """The classes present, and the answers as their numbers; numbers as they are."""
    if task.kind == "regression":
        return (), y
    present, answers = np.unique(y, return_inverse=True)
    return tuple(int(k) for k in present), answers.astype(np.int64)


def known_losses(family: Family, task: Task) -> tuple[Loss, ...]:
    """Losses of a regression that the family can minimise, the task's best guess first.

    Under monotone demands only those are left with which it keeps them: all, unless its
    attribute ``monotone_losses`` names some. None outside regression.
    """
    if task.kind != "regression":
        return ()
    known = getattr(family, "losses", frozenset({"squared"}))
    if any(task.monotone):
        known &= getattr(family, "monotone_losses", known)
    return tuple(loss for loss in task.losses if loss in known)


def first_loss(family: Family, task: Task) -> Params:
    """The loss that a family takes by default, as a parameter; nothing outside regression."""
    known = known_losses(family, task)
    return {"loss": known[0]} if known else {}


def suggest_loss(family: Family, trial: optuna.trial.BaseTrial, task: Task) -> Params:
    """One of the losses that suit, as a parameter; not asked for where there is one."""
    known = known_losses(family, task)
    if len(known) < 2:
        return first_loss(family, task)
    return {"loss": trial.suggest_categorical("loss", known)}


def loss_of(params: Params) -> Loss:
    """The loss among the parameters; squared where there is none."""
    loss: Loss = params.get("loss", "squared")
    return loss


def _in_classes(native: Float64, present: tuple[int, ...], task: Task) -> Float64:
    """Chances of the classes present, as (n, width) over all classes of the task."""
    if len(present) == task.classes:
        return native
    full = np.zeros((len(native), task.classes))
    full[:, present] = np.hstack([1.0 - native, native]) if native.shape[1] == 1 else native
    return full

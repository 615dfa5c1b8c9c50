"""A fitted model as the search sees it: the reader of its library describes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from assay.automl.family import Params, Task
from assay.model.plan import Float32, Float64, Member
from assay.model.readers import predict_native, read_member
from assay.model.readers.outputs import rescale, spread_classes


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
        if self.task.kind == "regression":
            middle, scale = self.unit
            return member if self.unit == (0.0, 1.0) else rescale(member, scale, middle)
        return spread_classes(member, self.present, self.task.classes) if self.present else member


def unit_of(answers: Any, task: Task) -> tuple[float, float]:
    """Center and scale of the answers, so that a penalty means the same in any unit."""
    if task.kind != "regression":
        return 0.0, 1.0
    return float(np.mean(answers)), float(np.std(answers)) or 1.0


def _in_classes(native: Float64, present: tuple[int, ...], task: Task) -> Float64:
    """Chances of the classes present, as (n, width) over all classes of the task."""
    if len(present) == task.classes:
        return native
    full = np.zeros((len(native), task.classes))
    full[:, present] = np.hstack([1.0 - native, native]) if native.shape[1] == 1 else native
    return full

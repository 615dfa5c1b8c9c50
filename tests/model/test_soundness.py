from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from assay.errors import InputError
from assay.model.plan import (
    DateEncoder,
    Encoder,
    Input,
    LevelEncoder,
    ModelPlan,
    NumberEncoder,
    OneHotEncoder,
    Output,
)
from assay.model.soundness import check_plan

from .fitted import Fitted

ENCODERS: dict[str, Encoder] = {
    "needs a number": NumberEncoder(column="make", fill=0, low=0, high=1),
    "needs a category": OneHotEncoder(column="power", levels=("a",)),
    "a level twice": OneHotEncoder(column="make", levels=("a", "a")),
    "no finite fill": NumberEncoder(column="power", fill=float("nan"), low=0, high=1),
    "no low <= high": NumberEncoder(column="power", fill=0, low=2, high=1),
    "no finite offset": NumberEncoder(column="power", fill=0, low=0, high=1, offset=float("inf")),
    "has no finite fill": DateEncoder(column="power", fill=float("inf")),
    "the empty level": LevelEncoder(
        column="make", levels=("",), values=(1.0,), missing=0, unseen=0
    ),
    "one value a level": LevelEncoder(column="make", levels=("a",), values=(), missing=0, unseen=0),
    "not finite": LevelEncoder(
        column="make", levels=("a",), values=(float("nan"),), missing=0, unseen=0
    ),
}


def test_fitted_plans_are_sound(cars: Fitted) -> None:
    check_plan(cars.plan)


@pytest.mark.parametrize("message", ENCODERS)
def test_encoders_are_checked(priced_cars: Fitted, message: str) -> None:
    plan = dataclasses.replace(priced_cars.plan, encoders=(ENCODERS[message],))
    with pytest.raises(InputError, match=message):
        check_plan(plan)


def test_inputs_have_distinct_names(priced_cars: Fitted) -> None:
    twice = (*priced_cars.plan.inputs, Input(name="make", kind="category"))
    with pytest.raises(InputError, match="one name"):
        check_plan(dataclasses.replace(priced_cars.plan, inputs=twice))


def with_member(plan: ModelPlan, number: int, **changes: Any) -> ModelPlan:
    members = list(plan.members)
    members[number] = dataclasses.replace(members[number], **changes)
    return dataclasses.replace(plan, members=tuple(members))


def test_trees_are_checked(priced_cars: Fitted) -> None:
    plan = priced_cars.plan
    trees: Any = plan.members[0]
    root = trees.roots[0]
    nan = trees.threshold.copy()
    nan[root] = np.nan
    loop = trees.left.copy()
    loop[root] = root
    far = trees.feature.copy()
    far[root] = 99
    changes: dict[str, dict[str, Any]] = {
        "arrays of other shapes": {"base": np.zeros(2)},
        "not float32": {"threshold": trees.threshold.astype(np.float64)},
        "not finite": {"values": np.full_like(trees.values, np.inf)},
        "without a feature or a threshold": {"threshold": nan},
        "exactly one tree": {"left": loop},
        "without a feature": {"feature": far},
        "features that the encoders do not make": {"columns": (0, 99)},
    }
    for message, change in changes.items():
        with pytest.raises(InputError, match=message):
            check_plan(with_member(plan, 0, **change))


def test_linear_members_are_checked(priced_cars: Fitted) -> None:
    plan = priced_cars.plan
    linear: Any = plan.members[2]
    for message, change in {
        "arrays of other shapes": {"weights": linear.weights[:-1]},
        "not finite": {"weights": linear.weights * np.nan},
        "a scale of 0": {"scale": linear.scale * 0},
    }.items():
        with pytest.raises(InputError, match=message):
            check_plan(with_member(plan, 2, **change))


@pytest.mark.parametrize(
    ("message", "output"),
    [
        ("cannot have 3 classes", Output(kind="regression", classes=("a", "b", "c"))),
        ("cannot have 1 classes", Output(kind="multiclass", classes=("a",))),
        ("not finite", Output(kind="regression", slope=float("nan"))),
        ("at least 0", Output(kind="regression", interval=-1.0)),
        ("at least 0", Output(kind="regression", interval=float("nan"))),
    ],
)
def test_outputs_are_checked(priced_cars: Fitted, message: str, output: Output) -> None:
    with pytest.raises(InputError, match=message):
        check_plan(dataclasses.replace(priced_cars.plan, output=output))

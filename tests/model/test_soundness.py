from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from assay.errors import InputError
from assay.model.plan import (
    BetaCalibration,
    Calibration,
    CrossEncoder,
    DateEncoder,
    Encoder,
    HashedTextEncoder,
    HashEncoder,
    Input,
    IsotonicCalibration,
    LevelEncoder,
    LinearMember,
    LogitCalibration,
    ModelPlan,
    NumberEncoder,
    OneHotEncoder,
    Output,
    PairEncoder,
    TextEncoder,
    TreesMember,
)
from assay.model.soundness import check_plan

from .fitted import Fitted
from .made_plans import KINDS, random_plan

ENCODERS: dict[str, Encoder] = {
    "needs a number": NumberEncoder(column="make", fill=0, low=0, high=1),
    "needs a category": OneHotEncoder(column="power", levels=("a",)),
    "a level twice": OneHotEncoder(column="make", levels=("a", "a")),
    "no finite fill": NumberEncoder(column="power", fill=float("inf"), low=0, high=1),
    "no low <= high": NumberEncoder(column="power", fill=0, low=2, high=1),
    "no finite offset": NumberEncoder(column="power", fill=0, low=0, high=1, offset=float("inf")),
    "has no finite fill": DateEncoder(column="power", fill=float("inf")),
    "the empty level": LevelEncoder(
        column="make", levels=("",), values=(1.0,), missing=0, unseen=0
    ),
    "one value a level": LevelEncoder(column="make", levels=("a",), values=(), missing=0, unseen=0),
    "not finite": LevelEncoder(
        column="make", levels=("a",), values=(float("inf"),), missing=0, unseen=0
    ),
    "needs terms": TextEncoder(column="make", analyzer="word", terms=(), weights=()),
    "a term twice": TextEncoder(
        column="make", analyzer="word", terms=(("a",), ("a",)), weights=(1.0, 1.0)
    ),
    "holds a pad": TextEncoder(column="make", analyzer="char", terms=(("\x01",),), weights=(1.0,)),
    "finite weight a term": TextEncoder(
        column="make", analyzer="word", terms=(("a",),), weights=(float("nan"),)
    ),
    "at least one bucket": HashEncoder(column="make", buckets=0),
    "1 <= shortest": HashedTextEncoder(
        column="make", analyzer="word", buckets=3, shortest=3, longest=2
    ),
    "knows no pair": CrossEncoder(columns=("make", "fuel"), levels=(), values=(), unseen=0.0),
    "crosses a column with itself": CrossEncoder(
        columns=("make", "make"), levels=(("a", "a"),), values=(1.0,), unseen=0.0
    ),
    "some parts": DateEncoder(column="power", fill=0.0, parts=("year", "year")),
    "column that is no input": PairEncoder(
        columns=("power", "nothing"), operation="add", fill=0.0, low=0.0, high=1.0
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
        ("not finite", Output(kind="regression", center=float("nan"))),
        ("at least 0", Output(kind="regression", interval=-1.0)),
        ("at least 0", Output(kind="regression", interval=float("nan"))),
        (
            "have no costs",
            Output(kind="binary", classes=("n", "y"), costs=((0.0, 1.0), (1.0, 0.0))),
        ),
        (
            "each pair of classes",
            Output(kind="multiclass", classes=("a", "b"), costs=((0.0, 1.0),)),
        ),
        (
            "each pair of classes",
            Output(kind="multiclass", classes=("a", "b"), costs=((0.0, np.nan), (1.0, 0.0))),
        ),
    ],
)
def test_outputs_are_checked(priced_cars: Fitted, message: str, output: Output) -> None:
    with pytest.raises(InputError, match=message):
        check_plan(dataclasses.replace(priced_cars.plan, output=output))


def gappy(plan: ModelPlan) -> ModelPlan:
    """The plan with its first number kept missing where it is."""
    first: Any = plan.encoders[0]
    return dataclasses.replace(
        plan, encoders=(dataclasses.replace(first, fill=float("nan")), *plan.encoders[1:])
    )


def test_features_that_may_be_missing_are_for_trees_that_know_a_way(priced_cars: Fitted) -> None:
    plan = gappy(priced_cars.plan)
    with pytest.raises(InputError, match="does not say where they go"):
        check_plan(plan)
    linear = dataclasses.replace(plan, members=plan.members[2:], weights=(1.0,))
    with pytest.raises(InputError, match="reads features that may be missing"):
        check_plan(linear)
    trees: Any = plan.members[0]
    knowing = dataclasses.replace(trees, missing_left=np.zeros(len(trees.feature), bool))
    check_plan(dataclasses.replace(plan, members=(knowing,), weights=(1.0,)))


@pytest.mark.parametrize(
    ("message", "calibration"),
    [
        ("one curve a class", IsotonicCalibration(knots=(), values=())),
        ("apart", IsotonicCalibration(knots=((0.1, 0.10001),), values=((0.0, 1.0),))),
        ("must rise", IsotonicCalibration(knots=((0.1, 0.2),), values=((0.9, 0.1),))),
        ("one finite value a knot", IsotonicCalibration(knots=((0.1, 0.2),), values=((0.9,),))),
        ("three finite numbers", BetaCalibration(a=(1.0,), b=(1.0, 2.0), c=(0.0,))),
        ("not finite", LogitCalibration(slope=float("nan"))),
    ],
)
def test_calibrations_are_checked(
    leaving_cars: Fitted, message: str, calibration: Calibration
) -> None:
    output = dataclasses.replace(leaving_cars.plan.output, calibration=calibration)
    with pytest.raises(InputError, match=message):
        check_plan(dataclasses.replace(leaving_cars.plan, output=output))


def test_a_stack_takes_the_place_of_weights(priced_cars: Fitted) -> None:
    plan = priced_cars.plan
    three = len(plan.members)
    stack = LinearMember(
        family="stack", columns=tuple(range(three)), center=np.zeros(three), scale=np.ones(three),
        weights=np.ones((three, 1)), intercept=np.zeros(1),
    )  # fmt: skip
    with pytest.raises(InputError, match="has no weights"):
        check_plan(dataclasses.replace(plan, stack=stack))
    check_plan(dataclasses.replace(plan, stack=stack, weights=()))
    wide = dataclasses.replace(stack, columns=(0, 1, 9))
    with pytest.raises(InputError, match="The stack reads"):
        check_plan(dataclasses.replace(plan, stack=wide, weights=()))


@pytest.mark.parametrize("kind", KINDS)
def test_random_plans_are_sound_and_broken_members_are_refused(kind: str) -> None:
    for seed in range(40):
        plan = random_plan(seed, kind)
        check_plan(plan)
        first: Any = plan.members[0]
        name = "base" if isinstance(first, TreesMember) else "center"
        broken = dataclasses.replace(first, **{name: getattr(first, name)[:-1]})
        with pytest.raises(InputError, match="other shapes"):
            check_plan(dataclasses.replace(plan, members=(broken, *plan.members[1:])))

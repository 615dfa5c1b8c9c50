from __future__ import annotations

import dataclasses
import io
import json

import numpy as np
import pytest

from assay.errors import InputError, InvalidFile
from assay.model.compile import compile_plan
from assay.model.plan import ModelPlan, NumberEncoder
from assay.model.plan_file import plan_from_bytes, plan_to_bytes

from .fitted import Fitted
from .made_plans import random_plan


def same(one: ModelPlan, other: ModelPlan) -> bool:
    return compile_plan(one) == compile_plan(other) and plan_to_bytes(one) == plan_to_bytes(other)


def test_a_plan_comes_back(cars: Fitted) -> None:
    body = plan_to_bytes(cars.plan)
    back = plan_from_bytes(body)
    assert same(back, cars.plan)
    assert back.output == cars.plan.output
    assert back.inputs == cars.plan.inputs
    assert plan_to_bytes(back) == body


@pytest.mark.parametrize("seed", range(8))
def test_any_plan_comes_back_with_infinities_and_odd_words(seed: int) -> None:
    plan = random_plan(seed, "multiclass")
    assert same(plan_from_bytes(plan_to_bytes(plan)), plan)


def test_numbers_of_numpy_are_stored_as_plain_ones(priced_cars: Fitted) -> None:
    encoder = NumberEncoder(column="power", fill=np.float64(0.1), low=np.float32(0), high=np.inf)
    plan = dataclasses.replace(priced_cars.plan, encoders=(encoder, *priced_cars.plan.encoders[1:]))
    assert plan_from_bytes(plan_to_bytes(plan)).encoders[0] == encoder


@pytest.mark.parametrize("cut", [0, 10, 1000, -1])
def test_damaged_bytes_are_refused(priced_cars: Fitted, cut: int) -> None:
    with pytest.raises(InvalidFile, match="no model plan"):
        plan_from_bytes(plan_to_bytes(priced_cars.plan)[:cut])


def test_flipped_bytes_never_come_through_as_another_plan(priced_cars: Fitted) -> None:
    body = plan_to_bytes(priced_cars.plan)
    for spot in np.random.default_rng(0).integers(len(body), size=60):
        damaged = bytearray(body)
        damaged[spot] ^= 0x55
        try:
            back = plan_from_bytes(bytes(damaged))
        except InputError:
            continue
        assert same(back, priced_cars.plan)


def test_pickles_are_never_loaded() -> None:
    file = io.BytesIO()
    np.savez(file, plan=np.array([{"a": 1}], dtype=object))
    with pytest.raises(InvalidFile):
        plan_from_bytes(file.getvalue())


def test_a_later_format_is_refused_by_name(priced_cars: Fitted) -> None:
    file = io.BytesIO()
    text = json.dumps({"format": 99, "plan": {}}).encode()
    np.savez(file, plan=np.frombuffer(text, dtype=np.uint8))
    with pytest.raises(InvalidFile, match="format is 99"):
        plan_from_bytes(file.getvalue())


def test_an_unsound_plan_is_refused(priced_cars: Fitted) -> None:
    broken = dataclasses.replace(priced_cars.plan, weights=(1.0,))
    with pytest.raises(InputError, match="one weight a member"):
        plan_from_bytes(plan_to_bytes(broken))


def test_a_plan_of_the_first_format_still_opens(leaving_cars: Fitted) -> None:
    """It kept slope and intercept of the calibration in the output itself."""
    body = plan_to_bytes(leaving_cars.plan)
    with np.load(io.BytesIO(body)) as file:
        arrays = {name: file[name] for name in file.files}
    tree = json.loads(arrays.pop("plan").tobytes())
    tree["format"] = 1
    output = tree["plan"]["output"]
    calibration = output.pop("calibration")
    for name in ("power", "center", "scale", "labels", "names", "sorted_names"):
        del output[name]
    del tree["plan"]["stack"]
    output |= {"slope": calibration["slope"], "intercept": calibration["intercept"]}
    old = io.BytesIO()
    text = np.frombuffer(json.dumps(tree).encode(), dtype=np.uint8)
    np.savez(old, allow_pickle=False, plan=text, **arrays)
    assert same(plan_from_bytes(old.getvalue()), leaving_cars.plan)

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit
from scipy.special import softmax as scipy_softmax

from assay.model.compile import compile_plan
from assay.model.encode import encode
from assay.model.inputs import graph_inputs
from assay.model.plan import (
    Input,
    LinearMember,
    LogitCalibration,
    ModelPlan,
    NumberEncoder,
    Output,
    TreesMember,
)
from assay.model.reference import (
    calibrate,
    combine,
    member_predictions,
    predict_plan,
    sigmoid,
    softmax,
)
from assay.model.scorer import Scorer

from .fitted import INPUTS, Fitted


def one_column_plan(output: Output, *members: LinearMember | TreesMember) -> ModelPlan:
    return ModelPlan(
        inputs=(Input(name="x", kind="number"),),
        encoders=(NumberEncoder(column="x", fill=0.0, low=-100.0, high=100.0),),
        members=members,
        weights=tuple(range(1, len(members) + 1)),
        output=output,
    )


def line(weight: float, intercept: float) -> LinearMember:
    return LinearMember(
        family="linear",
        columns=(0,),
        center=np.array([1.0]),
        scale=np.array([2.0]),
        weights=np.array([[weight]]),
        intercept=np.array([intercept]),
    )


def step() -> TreesMember:
    """10 + (1 if x <= 0.5 else 5)."""
    return TreesMember(
        family="trees",
        columns=(0,),
        roots=np.array([0], dtype=np.int32),
        feature=np.array([0, 0, 0], dtype=np.int32),
        threshold=np.array([0.5, 0, 0], dtype=np.float32),
        left=np.array([1, -1, -1], dtype=np.int32),
        right=np.array([2, -1, -1], dtype=np.int32),
        values=np.array([[0.0], [1.0], [5.0]]),
        base=np.array([10.0]),
    )


def test_a_hand_worked_regression() -> None:
    output = Output(kind="regression", interval=2.0)
    plan = one_column_plan(output, line(4.0, 3.0), step())
    answer = predict_plan(plan, {"x": np.array([[5.0], [0.5], [np.nan]])})
    # line: 4 (x - 1) / 2 + 3 = 11, 2, 1; step: 15, 11, 11; weights 1/3 and 2/3.
    expected = np.array([(11 + 30) / 3, (2 + 22) / 3, (1 + 22) / 3])
    np.testing.assert_allclose(answer.prediction, expected)
    np.testing.assert_allclose(answer.lower, expected - 2)  # type: ignore[arg-type]
    np.testing.assert_allclose(answer.upper, expected + 2)  # type: ignore[arg-type]
    assert answer.label is answer.probabilities is answer.sets is None


def test_a_hand_worked_logarithm() -> None:
    output = Output(kind="regression", transform="log", interval=np.log(2.0))
    plan = one_column_plan(output, line(0.0, np.log(100.0)))
    answer = predict_plan(plan, {"x": np.array([[0.0]])})
    assert answer.lower is not None
    assert answer.upper is not None
    np.testing.assert_allclose([answer.lower[0], answer.prediction[0], answer.upper[0]],
                               [50.0, 100.0, 200.0])  # fmt: skip


def test_binary_calibration_is_on_the_logit() -> None:
    output = Output(
        kind="binary", classes=("n", "y"), calibration=LogitCalibration(slope=0.7, intercept=0.4)
    )
    p = np.array([[0.02], [0.5], [0.97]])
    expected = expit(0.7 * np.log(p / (1 - p)) + 0.4)[:, 0]
    np.testing.assert_allclose(calibrate(output, p)[:, 1], expected)
    extreme = calibrate(output, np.array([[0.0], [1.0]]))
    assert np.isfinite(extreme).all()
    np.testing.assert_allclose(extreme.sum(axis=1), 1.0)


def test_multiclass_calibration_is_a_temperature() -> None:
    output = Output(
        kind="multiclass", classes=("a", "b", "c"), calibration=LogitCalibration(slope=2.0)
    )
    p = np.array([[0.5, 0.3, 0.2], [1.0, 0.0, 0.0]])
    squared = p[0] ** 2 / np.sum(p[0] ** 2)
    found = calibrate(output, p)
    np.testing.assert_allclose(found[0], squared)
    np.testing.assert_allclose(found[1], [1.0, 0.0, 0.0], atol=1e-20)


def test_links_are_scipys() -> None:
    x = np.array([[-800.0, -3.0, 0.0], [2.0, 40.0, 800.0]])
    np.testing.assert_allclose(sigmoid(x), expit(x), rtol=1e-14)
    np.testing.assert_allclose(softmax(x), scipy_softmax(x, axis=1), rtol=1e-14)


def test_members_are_the_libraries_own(cars: Fitted) -> None:
    features = encode(cars.plan, graph_inputs(INPUTS, cars.frame))
    for ours, theirs in zip(
        member_predictions(cars.plan, features), cars.native(features), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-9)


def test_weights_need_not_sum_to_one(cars: Fitted) -> None:
    inputs = graph_inputs(INPUTS, cars.frame)
    members = cars.native(encode(cars.plan, inputs))
    shares = np.array(cars.plan.weights) / sum(cars.plan.weights)
    mean = sum(s * m for s, m in zip(shares, members, strict=True))
    if cars.plan.output.kind == "regression":
        np.testing.assert_allclose(combine(cars.plan, members).prediction, mean[:, 0])
    else:
        found = combine(cars.plan, members).probabilities
        np.testing.assert_allclose(found, calibrate(cars.plan.output, mean))


@pytest.mark.parametrize("threshold", [0.3, 0.5])
def test_the_threshold_decides_and_a_tie_is_positive(threshold: float) -> None:
    output = Output(kind="binary", classes=("n", "y"), threshold=threshold)
    plan = one_column_plan(output, line(0.0, 0.5))
    answer = predict_plan(plan, {"x": np.zeros((1, 1))})
    assert answer.label is not None
    assert answer.label[0] == int(answer.prediction[0] >= threshold) == 1


def test_costs_decide_the_label_and_leave_the_probabilities() -> None:
    """Chances 0.7, 0.2, 0.1. A missed c costs 20: labels cost 0.2 + 2, 0.7 + 2, and 0.7 + 0.2."""
    costs = ((0.0, 1.0, 1.0), (1.0, 0.0, 1.0), (20.0, 20.0, 0.0))
    plan = _three_chances(Output(kind="multiclass", classes=("a", "b", "c"), costs=costs))
    answer = predict_plan(plan, {"x": np.zeros((1, 1))})
    assert answer.label is not None
    assert answer.probabilities is not None
    np.testing.assert_allclose(answer.probabilities, [[0.7, 0.2, 0.1]])
    assert answer.label.tolist() == [2]
    assert answer.prediction.tolist() == [2.0]
    graph = Scorer(compile_plan(plan)).score({"x": np.zeros((1, 1))})
    assert graph.label is not None
    assert graph.label.tolist() == [2]


def test_costs_that_are_all_alike_name_the_likeliest_class() -> None:
    alike = tuple(tuple(float(a != k) for k in range(3)) for a in range(3))
    plan = _three_chances(Output(kind="multiclass", classes=("a", "b", "c"), costs=alike))
    answer = predict_plan(plan, {"x": np.zeros((1, 1))})
    assert answer.label is not None
    assert answer.label.tolist() == [0]


def _three_chances(output: Output) -> ModelPlan:
    chances = LinearMember(
        family="linear",
        columns=(0,),
        center=np.zeros(1),
        scale=np.ones(1),
        weights=np.zeros((1, 3)),
        intercept=np.log([0.7, 0.2, 0.1]),
        link="softmax",
    )
    return one_column_plan(output, chances)

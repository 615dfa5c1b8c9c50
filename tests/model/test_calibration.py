from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from scipy.special import logit
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import PowerTransformer

from assay.errors import InputError
from assay.model.calibration import merge_knots, read_calibration, with_power_scale
from assay.model.compile import compile_plan
from assay.model.plan import (
    BetaCalibration,
    Calibration,
    Input,
    LinearMember,
    LogitCalibration,
    ModelPlan,
    NumberEncoder,
    Output,
)
from assay.model.reference import calibrate, predict_plan
from assay.model.scorer import Scorer


def passing_on(output: Output, width: int = 1) -> ModelPlan:
    """A plan whose members give the columns as they are."""
    names = tuple(f"x{k}" for k in range(width))
    return ModelPlan(
        inputs=tuple(Input(name=name, kind="number") for name in names),
        encoders=tuple(
            NumberEncoder(column=name, fill=0.5, low=-np.inf, high=np.inf) for name in names
        ),
        members=(
            LinearMember(
                family="same", columns=tuple(range(width)), center=np.zeros(width),
                scale=np.ones(width), weights=np.eye(width), intercept=np.zeros(width),
            ),
        ),
        weights=(1.0,),
        output=output,
    )  # fmt: skip


def drawn(rows: int = 2_000) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    p = rng.random(rows).astype(np.float32).astype(np.float64)
    return p, (rng.random(rows) < p**2).astype(int)


def test_knots_of_an_isotonic_curve_are_merged_and_the_graph_follows() -> None:
    """Isotonic calibration magnifies 1e-7 into a step: with knots apart, it cannot."""
    p, truth = drawn()
    curve = IsotonicRegression(out_of_bounds="clip").fit(p, truth)
    gaps = np.diff(curve.X_thresholds_)
    assert gaps.min() < 1e-4
    calibration = read_calibration(curve)
    knots = np.array(calibration.knots[0])
    assert np.diff(knots).min() >= 1e-4 * (1 - 1e-9)
    output = Output(kind="binary", classes=("no", "yes"), calibration=calibration)
    every = np.concatenate([p, knots, np.nextafter(knots, 0), np.nextafter(knots, 1), [-1.0, 2.0]])
    plan = passing_on(output)
    inputs = {"x0": every[:, None]}
    found = Scorer(compile_plan(plan)).score(inputs).prediction
    np.testing.assert_allclose(found, predict_plan(plan, inputs).prediction, atol=1e-12)
    moved = calibrate(output, every[:, None] + 1e-7)[:, 1]
    assert np.abs(moved - calibrate(output, every[:, None])[:, 1]).max() < 1e-3
    assert np.abs(calibrate(output, p[:, None])[:, 1] - curve.predict(p)).mean() < 5e-3


def test_knots_that_are_apart_stay_as_they_are() -> None:
    knots, values = merge_knots([0.0, 0.5, 1.0], [0.1, 0.2, 0.9])
    assert (knots, values) == ((0.0, 0.5, 1.0), (0.1, 0.2, 0.9))
    knots, values = merge_knots([0.2, 0.2 + 4e-5, 0.2 + 8e-5], [0.0, 0.5, 1.0])
    assert (knots, values) == ((0.2,), (0.5,))


def test_platt_scaling_by_scikit_learn_is_ours() -> None:
    p, truth = drawn()
    fitted = LogisticRegression(C=1e9).fit(logit(p)[:, None], truth)
    output = Output(kind="binary", classes=("no", "yes"), calibration=read_calibration(fitted))
    ours = calibrate(output, p[:, None])[:, 1]
    np.testing.assert_allclose(ours, fitted.predict_proba(logit(p)[:, None])[:, 1], rtol=1e-9)


@pytest.mark.parametrize(
    "calibration",
    [
        None,
        LogitCalibration(slope=0.6),
        BetaCalibration(a=(0.5, 1.0, 2.0), b=(1.0, 0.2, 0.7), c=(0.0, -0.3, 0.4)),
        read_calibration(
            *(
                IsotonicRegression(out_of_bounds="clip").fit(np.linspace(0, 1, 30) ** k, y)
                for k, y in enumerate(np.sort(np.random.default_rng(1).random((3, 30))), start=1)
            )
        ),
    ],
    ids=["none", "temperature", "beta", "isotonic"],
)
def test_several_classes_are_calibrated_alike_by_graph_and_plan(
    calibration: Calibration | None,
) -> None:
    shares = np.random.default_rng(2).dirichlet([0.3, 1.0, 2.0], 500)
    shares = np.vstack([shares, np.eye(3), [[0.0, 0.0, 0.0]]])
    output = Output(kind="multiclass", classes=("a", "b", "c"), calibration=calibration)
    plan = passing_on(output, 3)
    inputs = {f"x{k}": shares[:, k : k + 1] for k in range(3)}
    found = Scorer(compile_plan(plan)).score(inputs).probabilities
    expected = predict_plan(plan, inputs).probabilities
    assert found is not None
    assert expected is not None
    np.testing.assert_allclose(found, expected, atol=1e-12)
    if calibration is not None:
        np.testing.assert_allclose(found.sum(axis=1), 1.0)


def test_beta_calibration_by_hand() -> None:
    """a = b = 1, c = 0 changes nothing; the formula of Kull et al. (2017) at one point."""
    same = BetaCalibration(a=(1.0,), b=(1.0,), c=(0.0,))
    output = Output(kind="binary", classes=("no", "yes"), calibration=same)
    p = np.array([[0.1], [0.5], [0.99]])
    np.testing.assert_allclose(calibrate(output, p)[:, 1:], p, rtol=1e-12)
    other = BetaCalibration(a=(2.0,), b=(0.5,), c=(0.3,))
    expected = 1 / (1 + 1 / (np.exp(0.3) * 0.8**2 / 0.2**0.5))
    found = calibrate(dataclasses.replace(output, calibration=other), np.array([[0.8]]))[0, 1]
    assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("method", ["box-cox", "yeo-johnson"])
@pytest.mark.parametrize("standardize", [False, True])
def test_power_scales_are_scikit_learns(method: str, standardize: bool) -> None:
    rng = np.random.default_rng(3)
    target = np.exp(rng.normal(size=(400, 1))) + (0.0 if method == "box-cox" else -1.0)
    fitted = PowerTransformer(method=method, standardize=standardize).fit(target)
    plan = passing_on(with_power_scale(Output(kind="regression", interval=0.1), fitted))
    scaled = np.clip(fitted.transform(target), -2, 2).astype(np.float32).astype(np.float64)
    inputs = {"x0": scaled}
    found = Scorer(compile_plan(plan)).score(inputs)
    np.testing.assert_allclose(
        found.prediction, fitted.inverse_transform(scaled)[:, 0], rtol=1e-9, atol=1e-12
    )
    assert found.lower is not None
    assert np.all(found.lower < found.prediction)


def test_what_is_not_known_is_refused() -> None:
    with pytest.raises(InputError, match="PowerTransformer is not known"):
        read_calibration(PowerTransformer())
    with pytest.raises(InputError, match="nothing"):
        read_calibration()
    two = PowerTransformer().fit([[1.0, 2.0], [2.0, 3.0], [4.0, 4.0]])
    with pytest.raises(InputError, match="that target alone"):
        with_power_scale(Output(kind="regression"), two)

"""Stock converters as a second opinion, where they are right; and where they are not.

The traps are those of the table in ``docs/compile.md``; each test names one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import catboost
import lightgbm
import numpy as np
import onnxmltools
import onnxruntime
import pytest
import skl2onnx
import xgboost
from interpret.glassbox import ExplainableBoostingClassifier, ExplainableBoostingRegressor
from numpy.typing import NDArray
from onnxmltools.convert.common.data_types import FloatTensorType
from onnxmltools.convert.lightgbm.operator_converters.LightGbm import convert_lightgbm
from skl2onnx.common.shape_calculator import calculate_linear_classifier_output_shapes
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from assay.model.calibration import merge_knots
from assay.model.plan import Calibration, IsotonicCalibration, LogitCalibration, ModelPlan
from assay.model.readers import predict_native, read_member

from .proof import COLUMNS, answer_of_graph, classes, plan_of, probes, same_answers, signal, table

ALL = tuple(range(COLUMNS))
FEW: dict[str, Any] = {"n_estimators": 30, "min_child_samples": 5, "verbose": -1, "n_jobs": 1}
VERSIONS = {"": 15, "ai.onnx.ml": 3}


def rows(seed: int = 0, many: int = 300) -> NDArray[np.float32]:
    X = table(many, seed=seed)
    X[:, 3] /= np.float32(1e4)
    return X


def run(graph: Any, X: NDArray[np.float32]) -> NDArray[np.float64]:
    """The chance of class 1 that a stock graph gives."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(graph.SerializeToString(), options)
    result = session.run(None, {session.get_inputs()[0].name: X})[-1]
    return np.array([row[1] for row in result], dtype=np.float64)


def stock_lightgbm(model: Any) -> Any:
    shape = [("x", FloatTensorType([None, COLUMNS]))]
    return onnxmltools.convert_lightgbm(
        model, initial_types=shape, zipmap=False, target_opset=VERSIONS[""]
    )


def stock_xgboost(model: Any) -> Any:
    shape = [("x", FloatTensorType([None, COLUMNS]))]
    return onnxmltools.convert_xgboost(model, initial_types=shape, target_opset=VERSIONS[""])


def stock_sklearn(model: Any) -> Any:
    return skl2onnx.to_onnx(
        model, rows()[:1], options={id(model): {"zipmap": False}}, target_opset=VERSIONS
    )


def ours(model: Any, X: NDArray[np.float32]) -> NDArray[np.float64]:
    return answer_of_graph(plan_of(read_member(model, columns=ALL), "binary", fill=0.0), X)[:, 0]


@pytest.mark.parametrize(
    ("model", "convert"),
    [
        (lightgbm.LGBMClassifier(**FEW), stock_lightgbm),
        (xgboost.XGBClassifier(n_estimators=20, max_depth=3, n_jobs=1), stock_xgboost),
        (RandomForestClassifier(20, max_depth=5), stock_sklearn),
        (ExtraTreesClassifier(20, max_depth=5), stock_sklearn),
        (GradientBoostingClassifier(n_estimators=10), stock_sklearn),
        (make_pipeline(StandardScaler(), LogisticRegression()), stock_sklearn),
        (
            make_pipeline(
                StandardScaler(), MLPClassifier(hidden_layer_sizes=(6,), solver="lbfgs", alpha=1.0)
            ),
            stock_sklearn,
        ),
    ],
    ids=lambda part: type(part).__name__ if hasattr(part, "fit") else "",
)
def test_a_second_opinion(model: Any, convert: Callable[[Any], Any]) -> None:
    X, fresh = rows(), rows(seed=6, many=400)
    model.fit(X, classes(X, 2))
    np.testing.assert_allclose(ours(model, fresh), run(convert(model), fresh), atol=2e-6)


def test_a_second_opinion_by_catboosts_own_exporter(tmp_path: Path) -> None:
    import onnx

    X, fresh = rows(), rows(seed=6, many=400)
    model = catboost.CatBoostClassifier(
        iterations=20, depth=3, verbose=0, allow_writing_files=False, thread_count=1
    ).fit(X, classes(X, 2))
    model.save_model(str(tmp_path / "stock.onnx"), format="onnx")
    stock = onnx.load(tmp_path / "stock.onnx")
    np.testing.assert_allclose(ours(model, fresh), run(stock, fresh), atol=2e-6)


def glass_box(kind: type) -> Any:
    return kind(
        feature_types=["continuous"] * COLUMNS,
        outer_bags=2,
        max_rounds=50,
        n_jobs=1,
        interactions=2,
    )


def test_a_second_opinion_on_explainable_boosting() -> None:
    import ebm2onnx

    X, fresh = rows(), rows(seed=6, many=400)
    model = glass_box(ExplainableBoostingClassifier).fit(X, classes(X, 2))
    names = model.feature_names_in_
    stock = ebm2onnx.to_onnx(model, dtype=dict.fromkeys(names, "float"), predict_proba=True)
    session = onnxruntime.InferenceSession(stock.SerializeToString())
    columns = {name: fresh[:, i] for i, name in enumerate(names)}
    chance = session.run(["probabilities"], columns)[0][:, 1]
    np.testing.assert_allclose(ours(model, fresh), chance, atol=2e-6)


@pytest.fixture
def stock_lightgbm_within_sklearn() -> None:
    skl2onnx.update_registered_converter(
        lightgbm.LGBMClassifier,
        "LightGbmLGBMClassifier",
        calculate_linear_classifier_output_shapes,
        convert_lightgbm,
        options={"nocl": [True, False], "zipmap": [True, False, "columns"]},
    )


def plan_of_calibrated(model: Any, kind: str) -> ModelPlan:
    """A calibrated LightGBM as a plan; scikit-learn's calibrators read the logit."""
    fitted = model.calibrated_classifiers_[0]
    plan = plan_of(read_member(fitted.estimator, columns=ALL), "binary")
    by = fitted.calibrators[0]
    if kind == "sigmoid":
        calibration: Calibration = LogitCalibration(slope=-by.a_, intercept=-by.b_)
    else:
        knots, values = merge_knots(1 / (1 + np.exp(-by.X_thresholds_)), by.y_thresholds_)
        calibration = IsotonicCalibration(knots=(knots,), values=(values,))
    return replace(plan, output=replace(plan.output, calibration=calibration))


@pytest.mark.parametrize(("kind", "ours_within"), [("sigmoid", 1e-9), ("isotonic", 0.03)])
@pytest.mark.usefixtures("stock_lightgbm_within_sklearn")
def test_trap_calibration_around_lightgbm_converts_silently_wrong(
    kind: str, ours_within: float
) -> None:
    """The stock graph is off by up to 0.4 and more on most rows, and says nothing.

    Ours is equal for Platt scaling. Isotonic curves of scikit-learn are straight between knots
    on the logit, those of a plan on the chance, so they part a little between knots.
    """
    X, fresh = rows(many=600), rows(seed=6, many=400)
    model = CalibratedClassifierCV(
        lightgbm.LGBMClassifier(**FEW), method=kind, cv=3, ensemble=False
    )
    model.fit(X, classes(X, 2))
    truth = model.predict_proba(fresh)[:, 1]
    stock = np.abs(run(stock_sklearn(model), fresh) - truth)
    assert stock.max() > 0.4
    assert np.mean(stock > 0.02) > 0.5
    own = np.abs(answer_of_graph(plan_of_calibrated(model, kind), fresh)[:, 0] - truth)
    assert own.max() < ours_within


def test_trap_thresholds_rounded_to_the_nearest_send_rows_the_other_way() -> None:
    """On and beside its thresholds the stock LightGBM graph is off; ours is equal."""
    X = rows()
    model = lightgbm.LGBMClassifier(**FEW).fit(X, classes(X, 2))
    beside = probes(read_member(model, columns=ALL), extremes=False)
    truth = predict_native(model, beside)[:, 0]
    assert np.abs(run(stock_lightgbm(model), beside) - truth).max() > 0.1
    assert np.abs(ours(model, beside) - truth).max() < 1e-12


def test_trap_histogram_boosting_does_not_convert() -> None:
    X = rows()
    model = HistGradientBoostingClassifier(max_iter=5).fit(X, classes(X, 2))
    with pytest.raises(ValueError, match="TreeEnsembleClassifier"):
        stock_sklearn(model)
    same_answers(model, "binary", missing=True)


def test_trap_explainable_boosting_of_numbers_does_not_convert() -> None:
    import ebm2onnx

    X = rows()
    model = glass_box(ExplainableBoostingRegressor).fit(X, signal(X))
    with pytest.raises(AttributeError, match="classes_"):
        ebm2onnx.to_onnx(model, dtype=dict.fromkeys(model.feature_names_in_, "float"))
    same_answers(model, "regression", missing=True)

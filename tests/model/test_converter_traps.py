"""Each way in which a stock converter is known to fail a whole pipeline, by name, and ours not."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pandas as pd
import polars as pl
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import ExtraTreesClassifier, StackingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder as StockOneHot
from sklearn.tree import DecisionTreeClassifier

from assay.model.compile import compile_plan
from assay.model.encode import encode
from assay.model.inputs import graph_inputs
from assay.model.parity import prove_parity
from assay.model.plan import (
    Encoder,
    Input,
    LinearMember,
    LogitCalibration,
    MissingEncoder,
    ModelPlan,
    NumberEncoder,
    OneHotEncoder,
    Output,
    TextEncoder,
)
from assay.model.readers import predict_native, read_member
from assay.model.scorer import Scorer

AGE = Input(name="age", kind="number")
FUEL = Input(name="fuel", kind="category")
TABLE = pd.DataFrame(
    {
        "age": [1.0, np.nan, 3.0, 4.0, 5.0, np.nan, 7.0, 8.0] * 5,
        "fuel": ["gas", "gas", "diesel", "diesel", "steam", "gas", "diesel", "gas"] * 5,
    }
)
TRUTH = np.array([0, 1, 1, 0, 1, 1, 0, 0] * 5)


def frame_of(table: pd.DataFrame) -> pl.DataFrame:
    return pl.DataFrame({name: pl.Series(table[name].tolist()) for name in table.columns})


def proved(inputs: tuple[Input, ...], encoders: tuple[Encoder, ...], frame: pl.DataFrame) -> Any:
    """A logistic regression on the encoders' features, compiled and proved."""
    X = encode(encoders, graph_inputs(inputs, frame))
    model = LogisticRegression().fit(X, TRUTH[: len(X)])
    plan = ModelPlan(
        inputs=inputs,
        encoders=encoders,
        members=(read_member(model, columns=tuple(range(X.shape[1]))),),
        weights=(1.0,),
        output=Output(kind="binary", classes=("no", "yes")),
    )
    graph = compile_plan(plan)
    prove_parity(plan, graph, frame, lambda features: [predict_native(model, features)])
    return Scorer(graph)


def stock(pipeline: Any, types: list[tuple[str, Any]]) -> Any:
    skl2onnx = pytest.importorskip("skl2onnx")
    return skl2onnx.to_onnx(pipeline, initial_types=types, options={"zipmap": False})


def test_trap_one_hot_with_rare_levels_meets_an_unseen_category() -> None:
    """Stock has no rare levels (1.20 refuses, before it failed when asked); ours has a place."""
    from skl2onnx.common.data_types import StringTensorType

    rare = StockOneHot(min_frequency=6, handle_unknown="infrequent_if_exist", sparse_output=False)
    pipeline = make_pipeline(rare, LogisticRegression()).fit(TABLE[["fuel"]], TRUTH)
    with pytest.raises(NotImplementedError, match="Infrequent categories"):
        stock(pipeline, [("fuel", StringTensorType([None, 1]))])
    encoders = (OneHotEncoder(column="fuel", levels=("diesel", "gas")),)
    scorer = proved((FUEL,), encoders, frame_of(TABLE[["fuel"]]))
    rest = scorer.score({"fuel": np.array([["never seen"], ["steam"]], dtype=object)}).prediction
    assert rest[0] == rest[1]


def test_trap_missing_strings_are_not_imputed() -> None:
    """Stock refuses or fails; ours reads a missing text as the empty string."""
    from skl2onnx.common.data_types import StringTensorType

    cells = [
        None if gap else fuel for fuel, gap in zip(TABLE["fuel"], TABLE["age"].isna(), strict=True)
    ]
    table = pd.DataFrame({"fuel": pd.Series(cells, dtype=object)})
    fill = SimpleImputer(strategy="most_frequent", missing_values=None)
    hot = StockOneHot(handle_unknown="ignore", sparse_output=False)
    pipeline = make_pipeline(fill, hot, LogisticRegression()).fit(table, TRUTH)
    with pytest.raises(NotImplementedError, match="missing values are string"):
        stock(pipeline, [("fuel", StringTensorType([None, 1]))])
    encoders = (
        OneHotEncoder(column="fuel", levels=("diesel", "gas")),
        MissingEncoder(column="fuel"),
    )
    scorer = proved((FUEL,), encoders, frame_of(table))
    assert np.isfinite(scorer.score({"fuel": np.array([[""]], dtype=object)}).prediction).all()


def test_trap_imputation_with_an_indicator() -> None:
    """Stock answers wrongly, in silence; ours is two encoders of one column."""
    import onnxruntime as ort
    from skl2onnx.common.data_types import FloatTensorType

    both = SimpleImputer(strategy="median", add_indicator=True)
    pipeline = make_pipeline(both, LogisticRegression()).fit(TABLE[["age"]], TRUTH)
    cells = TABLE[["age"]].to_numpy()

    theirs = stock(pipeline, [("age", FloatTensorType([None, 1]))])
    options = ort.SessionOptions()
    options.log_severity_level = 4
    session = ort.InferenceSession(theirs.SerializeToString(), options)
    wrong = session.run(None, {"age": cells.astype(np.float32)})[1][:, 1]
    expected = pipeline.predict_proba(TABLE[["age"]])[:, 1]
    assert np.abs(wrong - expected).max() > 0.3
    encoders = (
        NumberEncoder(column="age", fill=4.5, low=-1e6, high=1e6),
        MissingEncoder(column="age"),
    )
    found = proved((AGE,), encoders, frame_of(TABLE[["age"]])).score({"age": cells}).prediction
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_trap_stacking_is_one_graph_with_its_members() -> None:
    """A stack of trees and a linear model: the members' thresholds stay where they were."""
    encoders = (
        NumberEncoder(column="age", fill=4.5, low=0.0, high=10.0),
        OneHotEncoder(column="fuel", levels=("diesel", "gas")),
    )
    frame = frame_of(TABLE)
    X = encode(encoders, graph_inputs((AGE, FUEL), frame))
    stacked = StackingClassifier(
        [
            ("tree", DecisionTreeClassifier(max_depth=3, random_state=0)),
            ("trees", ExtraTreesClassifier(5, random_state=0)),
            ("line", LogisticRegression()),
        ],
        final_estimator=LogisticRegression(),
        stack_method="predict_proba",
        cv=3,
    ).fit(X, TRUTH)
    final: Any = stacked.final_estimator_
    members = tuple(read_member(m, columns=(0, 1, 2, 3)) for m in stacked.estimators_)
    plan = ModelPlan(
        inputs=(AGE, FUEL),
        encoders=encoders,
        members=members,
        weights=(),
        stack=LinearMember(
            family="stack", columns=(0, 1, 2), center=np.zeros(3), scale=np.ones(3),
            weights=final.coef_.T, intercept=final.intercept_, link="sigmoid",
        ),
        output=Output(kind="binary", classes=("no", "yes")),
    )  # fmt: skip
    graph = compile_plan(plan)
    report = prove_parity(
        plan, graph, frame, lambda f: [predict_native(m, f) for m in stacked.estimators_]
    )
    assert report.ok
    found = Scorer(graph).score_frame(frame).prediction
    np.testing.assert_allclose(found, stacked.predict_proba(X)[:, 1], atol=1e-12)


def test_trap_temperature_scaling_is_part_of_the_graph() -> None:
    encoders = (NumberEncoder(column="age", fill=4.5, low=0.0, high=10.0),)
    frame = frame_of(TABLE[["age"]])
    X = encode(encoders, graph_inputs((AGE,), frame))
    three = np.arange(len(X)) % 3
    model = LogisticRegression().fit(X, three)
    plan = ModelPlan(
        inputs=(AGE,),
        encoders=encoders,
        members=(read_member(model, columns=(0,)),),
        weights=(1.0,),
        output=Output(
            kind="multiclass", classes=("a", "b", "c"), calibration=LogitCalibration(slope=1 / 1.7)
        ),
    )
    found = Scorer(compile_plan(plan)).score_frame(frame).probabilities
    powers = np.exp(np.log(model.predict_proba(X.astype(np.float64))) / 1.7)
    np.testing.assert_allclose(found, powers / powers.sum(axis=1, keepdims=True), atol=1e-12)


def test_trap_a_column_transformer_in_a_calibrated_pipeline_has_several_inputs() -> None:
    """Stock takes calibration around one input only; ours has one input a column throughout."""
    fill = SimpleImputer(strategy="median")
    hot = StockOneHot(handle_unknown="ignore", sparse_output=False)
    prepare = make_column_transformer((fill, ["age"]), (hot, ["fuel"])).fit(TABLE)
    model = LogisticRegression().fit(prepare.transform(TABLE).astype(np.float32), TRUTH)
    encoders = (
        NumberEncoder(column="age", fill=4.5, low=-1e6, high=1e6),
        OneHotEncoder(column="fuel", levels=("diesel", "gas", "steam")),
    )
    plan = ModelPlan(
        inputs=(AGE, FUEL),
        encoders=encoders,
        members=(read_member(model, columns=(0, 1, 2, 3)),),
        weights=(1.0,),
        output=Output(
            kind="binary", classes=("no", "yes"), calibration=LogitCalibration(slope=0.8)
        ),
    )
    graph = compile_plan(plan)
    assert [i.name for i in onnx.load_model_from_string(graph).graph.input] == ["age", "fuel"]
    fresh = pd.DataFrame({"age": [np.nan, 2.5], "fuel": ["never seen", "gas"]})
    p = model.predict_proba(prepare.transform(fresh).astype(np.float32))[:, 1]
    expected = 1 / (1 + ((1 - p) / p) ** 0.8)
    found = Scorer(graph).score_frame(frame_of(fresh)).prediction
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_trap_no_output_is_a_zip_map_and_no_text_asks_for_a_locale() -> None:
    """A browser cannot read a map; a slim container has no ``en_US.UTF-8``."""
    encoders = (
        TextEncoder(
            column="fuel", analyzer="word", terms=(("gas",), ("diesel",)), weights=(1.0, 1.0)
        ),
    )
    scorer = proved((FUEL,), encoders, frame_of(TABLE[["fuel"]]))
    assert scorer.kind == "binary"
    plan_graph = onnx.load_model_from_string(
        compile_plan(
            ModelPlan(
                inputs=(FUEL,),
                encoders=encoders,
                members=(
                    LinearMember(
                        family="line", columns=(0, 1), center=np.zeros(2), scale=np.ones(2),
                        weights=np.ones((2, 1)), intercept=np.zeros(1), link="sigmoid",
                    ),
                ),
                weights=(1.0,),
                output=Output(kind="binary", classes=("no", "yes"), labels=(0, 1)),
            )
        )
    )  # fmt: skip
    assert all(o.type.HasField("tensor_type") for o in plan_graph.graph.output)
    assert "ZipMap" not in {n.op_type for n in plan_graph.graph.node}
    lower = [n for n in plan_graph.graph.node if n.op_type == "StringNormalizer"]
    locales = [a.s for n in lower for a in n.attribute if a.name == "locale"]
    assert locales == [b"C"]

from __future__ import annotations

import dataclasses
import json
import os
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx.reference import ReferenceEvaluator

from assay.errors import InputError
from assay.model.answer import Answer
from assay.model.compile import compile_plan, graph_names
from assay.model.compile_output import NAMES
from assay.model.compile_trees import trees_opset
from assay.model.encode import encode
from assay.model.inputs import graph_inputs
from assay.model.plan import Input, LevelEncoder, LinearMember, ModelPlan, Output, TreesMember
from assay.model.reference import predict_plan
from assay.model.scorer import Scorer

from .fitted import ENCODERS, INPUTS, Fitted, car_score, car_table, fit_cars
from .made_plans import KINDS, random_inputs, random_plan, random_trees

FITTED = ("regression", "binary", "multiclass")
EXAMPLES = int(os.environ.get("ASSAY_RANDOM_PLANS", "100"))
"""Random plans that are compiled and compared; a nightly run may ask for thousands."""


def assert_same(graph: Answer, plan: Answer, *, rtol: float = 3e-7) -> None:
    """Float32 sums of several-output trees allow 3e-7; all else is double."""
    for name in ("prediction", "probabilities", "values", "lower", "upper"):
        ours, expected = getattr(graph, name), getattr(plan, name)
        assert (ours is None) == (expected is None)
        if expected is not None and (name != "prediction" or plan.label is None):
            np.testing.assert_allclose(ours, expected, rtol=rtol, atol=rtol, err_msg=name)


@given(seed=st.integers(0, 1_000_000), kind=st.sampled_from(KINDS))
@settings(max_examples=EXAMPLES, deadline=None)
def test_random_plans_and_both_their_graphs_agree(seed: int, kind: str) -> None:
    plan = random_plan(seed, kind)
    inputs = random_inputs(seed, rows=60)
    expected = predict_plan(plan, inputs)
    by_columns, by_codes = (
        Scorer(compile_plan(plan, form)).score(inputs) for form in ("columns", "codes")
    )
    assert_same(by_columns, expected, rtol=1e-6)
    assert_same(by_codes, by_columns, rtol=1e-12)
    if expected.label is not None:
        clear = far_from_a_tie(expected, plan.output.threshold)
        for found in (by_columns, by_codes):
            assert found.label is not None
            assert np.array_equal(found.label[clear], expected.label[clear])


def far_from_a_tie(answer: Answer, threshold: float) -> Any:
    """Rows whose label does not hang on the last digits."""
    scores = answer.values if answer.probabilities is None else answer.probabilities
    if scores is None or len(answer.classes) == 2:
        return np.abs(answer.prediction - threshold) > 1e-5
    ordered = np.sort(scores, axis=1)
    return np.isfinite(ordered).all(axis=1) & (ordered[:, -1] - ordered[:, -2] > 1e-5)


def test_fitted_models_and_their_graphs_agree(cars: Fitted) -> None:
    inputs = graph_inputs(INPUTS, cars.frame)
    assert_same(Scorer(cars.graph).score(inputs), predict_plan(cars.plan, inputs), rtol=1e-7)


@pytest.mark.parametrize("kind", FITTED)
def test_the_onnx_projects_own_evaluator_agrees(kind: str) -> None:
    """A third opinion, which shares no code with ONNX Runtime.

    It cannot run TreeEnsembleRegressor in double, so the multiclass forest stays out.
    """
    fitted = fit_cars(kind, rows=60, trees=3)
    kept = [0, 2] if kind == "multiclass" else [0, 1, 2]
    plan = dataclasses.replace(
        fitted.plan,
        members=tuple(fitted.plan.members[k] for k in kept),
        weights=tuple(fitted.plan.weights[k] for k in kept),
    )
    inputs = graph_inputs(INPUTS, fitted.frame.head(25))
    evaluator = ReferenceEvaluator(onnx.load_model_from_string(compile_plan(plan)))
    found = dict(zip(evaluator.output_names, evaluator.run(None, inputs), strict=True))
    expected = predict_plan(plan, inputs)
    classes = found.pop("class", None)
    if classes is not None:
        assert [str(c) for c in classes] == [plan.output.classes[k] for k in found["label"]]
    for name, values in found.items():
        np.testing.assert_allclose(values, getattr(expected, name), rtol=1e-6, err_msg=name)


def test_skl2onnx_agrees_on_a_forest_with_one_hot_columns() -> None:
    skl2onnx = pytest.importorskip("skl2onnx")
    import onnxruntime as ort
    from skl2onnx.common.data_types import FloatTensorType

    from .fitted import fit_forest, forest_member

    frame = car_table(200)
    X = encode(ENCODERS, graph_inputs(INPUTS, frame))
    forest = fit_forest(X, car_score(frame), 0, 8)
    theirs = skl2onnx.to_onnx(forest, initial_types=[("X", FloatTensorType([None, X.shape[1]]))])
    session = ort.InferenceSession(theirs.SerializeToString())
    fresh = car_table(500, seed=1)
    inputs = graph_inputs(INPUTS, fresh)
    expected = session.run(None, {"X": encode(ENCODERS, inputs)})[0][:, 0]
    plan = ModelPlan(
        inputs=INPUTS, encoders=ENCODERS, members=(forest_member(forest),), weights=(1.0,),
        output=Output(kind="regression"),
    )  # fmt: skip
    found = Scorer(compile_plan(plan)).score(inputs).prediction
    # skl2onnx rounds thresholds to the nearest float32; rows on the wrong side are theirs.
    off = np.abs(found - expected) > 1e-5 * np.abs(expected)
    native = forest.predict(encode(ENCODERS, inputs))
    np.testing.assert_allclose(found, native, rtol=1e-12)
    assert off.mean() < 0.01


def test_the_same_plan_gives_the_same_bytes(cars: Fitted) -> None:
    assert compile_plan(cars.plan) == cars.graph
    assert compile_plan(dataclasses.replace(cars.plan)) == cars.graph


def test_the_checker_and_declared_versions(cars: Fitted) -> None:
    model = onnx.load_model_from_string(cars.graph)
    onnx.checker.check_model(model, full_check=True)
    assert model.ir_version == 10
    opsets = {o.domain: o.version for o in model.opset_import}
    several = cars.plan.output.kind == "multiclass"
    assert opsets == {"": 21, "ai.onnx.ml": 3 if several else 5}
    assert {n.domain for n in model.graph.node} <= {"", "ai.onnx.ml"}


def test_all_trees_lie_in_one_node(cars: Fitted) -> None:
    model = onnx.load_model_from_string(cars.graph)
    trees = [n for n in model.graph.node if n.op_type.startswith("TreeEnsemble")]
    assert len(trees) == 1


def test_one_input_a_column_and_plain_outputs(cars: Fitted) -> None:
    model = onnx.load_model_from_string(cars.graph)
    element = {"number": onnx.TensorProto.DOUBLE, "category": onnx.TensorProto.STRING}
    found = [(i.name, i.type.tensor_type.elem_type) for i in model.graph.input]
    assert found == [(i.name, element[i.kind]) for i in INPUTS]
    outputs = [o.name for o in model.graph.output]
    regression = cars.plan.output.kind == "regression"
    assert outputs == (
        ["prediction", "lower", "upper"] if regression else ["probabilities", "label", "class"]
    )


def test_the_graph_says_what_it_is(leaving_cars: Fitted) -> None:
    model = onnx.load_model_from_string(leaving_cars.graph)
    facts = {p.key: json.loads(p.value) for p in model.metadata_props}
    assert facts["assay.kind"] == "binary"
    assert facts["assay.classes"] == ["no", "yes"]
    assert facts["assay.coverage"] == 0.9
    assert facts["assay.interval"] == 0.7
    assert facts["assay.threshold"] == 0.5
    assert facts["assay.format"] == 2
    assert facts["assay.families"] == ["boosting", "forest", "linear"]
    assert facts["assay.inputs"][2] == {"input": "make", "kind": "category", "name": "make"}
    assert facts["assay.features"][:4] == ["power", "weight", "power is missing", "make"]


def test_columns_may_have_any_name() -> None:
    columns = [*NAMES, "", "/c0", "/", "label (column 4)", "a b", "ünï", "x" * 300]
    names = graph_names(columns)
    assert len(set(names.values())) == len(columns)
    assert not {n for n in names.values() if n in NAMES or n == "" or n.startswith("/")}
    assert names["a b"] == "a b"


@pytest.mark.parametrize("several", [False, True])
def test_trees_of_a_single_leaf_and_leaves_of_zero(several: bool) -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        member = random_trees(rng, 3, 3, several=several)
        lone = dataclasses.replace(
            member,
            roots=np.append(member.roots, len(member.left)).astype(np.int32),
            feature=np.append(member.feature, -1).astype(np.int32),
            threshold=np.append(member.threshold, np.nan).astype(np.float32),
            left=np.append(member.left, -1).astype(np.int32),
            right=np.append(member.right, -1).astype(np.int32),
            values=np.vstack([member.values, np.zeros((1, 3))]),
        )
        plan = _three_classes(lone)
        inputs = {"x": rng.normal(size=(40, 1)) * 3}
        assert_same(Scorer(compile_plan(plan)).score(inputs), predict_plan(plan, inputs))


def test_the_newer_node_is_used_unless_leaves_feed_several_outputs() -> None:
    rng = np.random.default_rng(0)
    single = random_trees(rng, 3, 3, several=False)
    assert trees_opset([single]) == 5
    several = dataclasses.replace(
        single, values=np.where(single.left[:, None] < 0, 1.0, 0.0) + np.zeros((1, 3))
    )
    assert trees_opset([single, several]) == 3


def test_deep_and_unbalanced_trees() -> None:
    """A chain of 3000 splits, listed with its root last."""
    n = 3000
    left = np.full(2 * n + 1, -1)
    right = np.full(2 * n + 1, -1)
    inner = np.arange(n + 1, 2 * n + 1)
    left[inner] = np.arange(n)
    right[inner[1:]] = inner[:-1]
    right[inner[0]] = n
    values = np.zeros((2 * n + 1, 1))
    values[: n + 1, 0] = np.arange(n + 1)
    threshold = np.zeros(2 * n + 1, dtype=np.float32)
    threshold[inner] = np.linspace(1, -1, n)
    member = TreesMember(
        family="chain", columns=(0,), roots=np.array([2 * n], dtype=np.int32),
        feature=np.zeros(2 * n + 1, dtype=np.int32), threshold=threshold,
        left=left.astype(np.int32), right=right.astype(np.int32), values=values, base=np.zeros(1),
    )  # fmt: skip
    plan = dataclasses.replace(
        _three_classes(member), output=Output(kind="regression"), members=(member,)
    )
    inputs = {"x": np.linspace(-1.2, 1.2, 500)[:, None]}
    np.testing.assert_array_equal(
        Scorer(compile_plan(plan)).score(inputs).prediction, predict_plan(plan, inputs).prediction
    )


def _three_classes(member: TreesMember) -> ModelPlan:
    from assay.model.plan import Input, MissingEncoder, NumberEncoder

    number = NumberEncoder(column="x", fill=0.0, low=-100.0, high=100.0)
    return ModelPlan(
        inputs=(Input(name="x", kind="number"),),
        encoders=(number, MissingEncoder(column="x"), number),
        members=(member,),
        weights=(1.0,),
        output=Output(kind="multiclass", classes=("a", "b", "c")),
    )


BROKEN: dict[str, Any] = {
    "one weight a member": {"weights": (1.0,)},
    "not all 0": {"weights": (0.0, 0.0, 0.0)},
    "no encoder": {"encoders": ()},
    "no member": {"members": ()},
    "a column that is no input": {"inputs": INPUTS[1:]},
    "names 1 features": {"feature_names": ("a",)},
    "cannot have 1 classes": {"output": Output(kind="binary", classes=("a",))},
    "features that the encoders do not make": {"encoders": ENCODERS[:1]},
}


@pytest.mark.parametrize("message", BROKEN)
def test_a_plan_that_is_not_whole_is_refused(priced_cars: Fitted, message: str) -> None:
    with pytest.raises(InputError, match=message):
        compile_plan(dataclasses.replace(priced_cars.plan, **BROKEN[message]))


def test_linear_members_of_the_same_columns_are_one_product(cars: Fitted) -> None:
    """Two of them, with trees between: the weights still find their own."""
    linear: Any = cars.plan.members[2]
    other = dataclasses.replace(
        linear, weights=linear.weights * -0.5, intercept=linear.intercept + 1
    )
    plan = dataclasses.replace(
        cars.plan, members=(linear, cars.plan.members[0], other), weights=(0.2, 0.5, 0.3)
    )
    graph = compile_plan(plan)
    products = [n for n in onnx.load_model_from_string(graph).graph.node if n.op_type == "MatMul"]
    single = compile_plan(dataclasses.replace(plan, members=plan.members[:2], weights=(0.2, 0.5)))
    alone = [n for n in onnx.load_model_from_string(single).graph.node if n.op_type == "MatMul"]
    assert len(products) == len(alone)
    inputs = graph_inputs(INPUTS, cars.frame)
    assert_same(Scorer(graph).score(inputs), predict_plan(plan, inputs), rtol=1e-12)


def test_half_is_the_second_class_and_a_hair_less_is_not() -> None:
    """At the threshold 0.5 the label is the larger probability; a tie is for the second class."""
    p = np.array([0.5, np.nextafter(0.5, 0), np.nextafter(0.5, 1), 0.0, 1.0])
    member = LinearMember(
        family="same", columns=(0,), center=np.zeros(1), scale=np.ones(1),
        weights=np.ones((1, 1)), intercept=np.zeros(1),
    )  # fmt: skip
    encoder = LevelEncoder(
        column="p", levels=("half",), values=(0.5,), missing=0.0, unseen=float(np.float32(0.6))
    )
    for shift in p:
        plan = ModelPlan(
            inputs=(Input(name="p", kind="category"),),
            encoders=(encoder,),
            members=(dataclasses.replace(member, intercept=np.array([shift - 0.5])),),
            weights=(1.0,),
            output=Output(kind="binary", classes=("no", "yes")),
        )
        cells = {"p": np.array([["half"]], dtype=object)}
        found = Scorer(compile_plan(plan)).score(cells)
        assert found.label is not None
        assert found.label.tolist() == [int(0.5 + (shift - 0.5) >= 0.5)]
        assert found.label.tolist() == predict_plan(plan, cells).label.tolist()  # type: ignore[union-attr]

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import polars as pl
import pytest
from onnx import numpy_helper

from assay.errors import InvalidTable, ParityFailed
from assay.model import adversarial, parity
from assay.model.answer import Answer
from assay.model.compile import compile_plan
from assay.model.encode import encode
from assay.model.engines import Engine
from assay.model.inputs import graph_inputs
from assay.model.parity import ParityReport, prove_parity
from assay.model.plan import (
    LevelEncoder,
    ModelPlan,
    NeighboursMember,
    NumberEncoder,
    Output,
    TreesMember,
)
from assay.model.plan_file import plan_to_bytes
from assay.model.reference import member_predictions
from assay.model.scorer import Scorer
from assay.model.split_rows import split_rows
from assay.records import digest

from .fitted import ENCODERS, INPUTS, MAKES, Fitted, car_table, fit_cars
from .made_plans import KINDS, random_inputs, random_plan

CASES = (
    *("real rows", "missing and empty cells", "unseen categories", "every category"),
    *("extreme numbers", "bounds and fills", "days of the calendar", "splits of trees"),
)


@pytest.fixture(scope="module", params=["regression", "binary", "multiclass"])
def proof(request: pytest.FixtureRequest) -> tuple[Fitted, ParityReport]:
    cars = fit_cars(request.param)
    return cars, prove_parity(cars.plan, cars.graph, cars.frame, cars.native)


def test_fitted_models_pass_far_within_the_limit(proof: tuple[Fitted, ParityReport]) -> None:
    _, report = proof
    assert report.ok
    assert tuple(case.name for case in report.cases) == CASES
    assert max(case.worst for case in report.cases) < 1e-7
    assert all(case.label_changes == 0 and case.limit == 1e-5 for case in report.cases)


def test_the_report_says_what_was_compared(proof: tuple[Fitted, ParityReport]) -> None:
    cars, report = proof
    assert report.graph == digest(cars.graph)
    assert report.rows == sum(case.rows for case in report.cases)
    assert report.cases[0].rows == cars.frame.height
    assert report.opset == 21
    assert set(report.versions) == {"numpy", "onnx", "onnxruntime"}
    assert ParityReport.from_json(report.to_json()) == report


def test_every_split_of_a_small_model_is_tried_on_both_sides(
    proof: tuple[Fitted, ParityReport],
) -> None:
    cars, report = proof
    trees = [m for m in cars.plan.members if isinstance(m, TreesMember)]
    assert report.splits == sum(int((m.left >= 0).sum()) for m in trees)
    assert report.splits_tried == report.splits


def test_rows_of_splits_reach_their_split_and_lie_beside_its_threshold(
    priced_cars: Fitted,
) -> None:
    real = graph_inputs(INPUTS, priced_cars.frame)
    made = split_rows(priced_cars.plan, real)
    assert len(made.rows.columns) == 3 * made.tried
    features = encode(ENCODERS, made.rows.inputs)
    member: Any = priced_cars.plan.members[0]
    turned = {i: set[bool]() for i in np.flatnonzero(member.left >= 0)}
    for row in features:
        for root in member.roots:
            node = int(root)
            while member.left[node] >= 0:
                left = bool(row[member.feature[node]] <= member.threshold[node])
                turned[node].add(left)
                node = int(member.left[node] if left else member.right[node])
    assert all(sides == {True, False} for sides in turned.values())


def test_a_sample_of_many_splits_covers_every_feature(priced_cars: Fitted) -> None:
    real = graph_inputs(INPUTS, priced_cars.frame)
    made = split_rows(priced_cars.plan, real, most=20)
    assert made.tried == 20
    assert {"power", "weight", "make", "fuel", "sold"} <= set(made.rows.columns)


def test_no_real_rows_are_refused(priced_cars: Fitted) -> None:
    with pytest.raises(InvalidTable, match="at least one real row"):
        prove_parity(priced_cars.plan, priced_cars.graph, priced_cars.frame.head(0), lambda x: [])


def test_of_a_large_table_a_sample_is_compared(
    priced_cars: Fitted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parity, "REAL_ROWS", 50)
    cars = priced_cars
    report = prove_parity(cars.plan, cars.graph, cars.frame, cars.native)
    assert report.cases[0].rows == 50


def corrupted(graph: bytes, change: Callable[[onnx.ModelProto], None]) -> bytes:
    model = onnx.load_model_from_string(graph)
    change(model)
    return bytes(model.SerializeToString())


def change_tensor(tensor: onnx.TensorProto, change: Callable[[Any], None]) -> None:
    values = numpy_helper.to_array(tensor).copy()
    change(values)
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))


def attribute(model: onnx.ModelProto, op: str, name: str) -> onnx.AttributeProto:
    return next(
        a for n in model.graph.node if n.op_type == op for a in n.attribute if a.name == name
    )


def constant_of(model: onnx.ModelProto, op: str) -> onnx.TensorProto:
    """The constant that the first node of a kind takes."""
    node = next(n for n in model.graph.node if n.op_type == op)
    return next(c for c in model.graph.initializer if c.name in node.input)


def change_make(model: onnx.ModelProto, code: int, by: float) -> None:
    """Move what a code of ``make`` stands for: 0 missing, then the levels, last all others."""
    rows = len(MAKES) + 2  # the rows of ``make`` come first, those of ``fuel`` after them
    table = next(
        c for c in model.graph.initializer if c.data_type == 1 and list(c.dims)[:1] == [rows + 4]
    )

    def change(values: Any) -> None:
        values[code if code >= 0 else rows + code, 0] += by

    change_tensor(table, change)


def refused(cars: Fitted, graph: bytes, *words: str) -> ParityFailed:
    with pytest.raises(ParityFailed) as caught:
        prove_parity(cars.plan, graph, cars.frame, cars.native)
    for word in words:
        assert word in str(caught.value)
    return caught.value


@pytest.mark.parametrize("share", np.linspace(0, 0.999, 20))
def test_one_threshold_moved_is_refused(priced_cars: Fitted, share: float) -> None:
    """By one float32 step, in any split of a number: only rows beside that threshold can tell."""
    trees: Any = priced_cars.plan.members[:2]
    features = np.concatenate([m.feature[m.left >= 0] for m in trees])
    splits = np.flatnonzero(features <= 1)
    number = splits[int(share * len(splits))]

    def move(model: onnx.ModelProto) -> None:
        def change(values: Any) -> None:
            values[number] = np.nextafter(np.float32(values[number]), np.float32(np.inf))

        change_tensor(attribute(model, "TreeEnsemble", "nodes_splits").t, change)

    error = refused(priced_cars, corrupted(priced_cars.graph, move), "differ by", "1e-05")
    assert error.where == ENCODERS[features[number]].column


def test_one_leaf_changed_is_refused(cars: Fitted) -> None:
    several = cars.plan.output.kind == "multiclass"
    op = "TreeEnsembleRegressor" if several else "TreeEnsemble"
    name = "target_weights_as_tensor" if several else "leaf_weights"

    def change(values: Any) -> None:
        values[len(values) // 2] += 0.05

    refused(cars, corrupted(cars.graph, lambda m: change_tensor(attribute(m, op, name).t, change)))


def test_one_level_s_value_changed_is_refused(cars: Fitted) -> None:
    def change(model: onnx.ModelProto) -> None:
        change_make(model, 2, 1.0)

    error = refused(cars, corrupted(cars.graph, change))
    assert error.where in ("", "make")


def test_the_value_of_missing_and_of_unseen_cells_changed_is_refused(cars: Fitted) -> None:
    def change_missing(model: onnx.ModelProto) -> None:
        change_make(model, 0, 1.5)

    def change_unseen(model: onnx.ModelProto) -> None:
        change_make(model, -1, 1.5)

    quiet = dataclasses.replace(
        cars,
        frame=cars.frame.filter(cars.frame["make"].fill_null("").is_in(["audi", "bmw", "saab"])),
    )
    error = refused(quiet, corrupted(cars.graph, change_missing), "missing and empty cells")
    assert error.where == "make"
    error = refused(quiet, corrupted(cars.graph, change_unseen), "unseen categories")
    assert error.where == "make"


def test_one_weight_of_the_linear_member_changed_is_refused(cars: Fitted) -> None:
    def change(values: Any) -> None:
        values[0, 0] *= 1.001

    refused(cars, corrupted(cars.graph, lambda m: change_tensor(constant_of(m, "MatMul"), change)))


def test_one_bound_moved_is_refused(cars: Fitted) -> None:
    def change(values: Any) -> None:
        values[0, 0] += 1.0

    strong = dataclasses.replace(cars, frame=cars.frame.filter(cars.frame["power"] > 30))
    graph = corrupted(cars.graph, lambda m: change_tensor(constant_of(m, "Max"), change))
    assert refused(strong, graph).where == "power"


def test_a_wrong_weekday_is_refused(cars: Fitted) -> None:
    """Day 0 moved by one: months are right, weekdays are not."""
    plan = dataclasses.replace(
        cars.plan,
        members=cars.plan.members[2:],
        weights=(1.0,),
    )
    graph = compile_plan(plan)

    def change(model: onnx.ModelProto) -> None:
        for constant in model.graph.initializer:
            values = numpy_helper.to_array(constant)
            if values.shape == () and values.dtype == np.int64 and values == 2:
                constant.CopyFrom(numpy_helper.from_array(values + 1, constant.name))

    broken = corrupted(graph, change)
    assert broken != graph
    with pytest.raises(ParityFailed):
        prove_parity(plan, broken, cars.frame, lambda x: cars.native(x)[2:])


def test_another_threshold_of_the_label_is_refused(leaving_cars: Fitted) -> None:
    """The probabilities agree; only labels tell."""
    output = dataclasses.replace(leaving_cars.plan.output, threshold=0.45)
    graph = compile_plan(dataclasses.replace(leaving_cars.plan, output=output))
    refused(leaving_cars, graph, "another label")


def test_another_interval_is_refused(priced_cars: Fitted) -> None:
    output = dataclasses.replace(priced_cars.plan.output, interval=0.71)
    refused(priced_cars, compile_plan(dataclasses.replace(priced_cars.plan, output=output)))


def test_a_fitted_model_that_disagrees_is_refused(cars: Fitted) -> None:
    def native(features: Any) -> list[Any]:
        first, *others = cars.native(features)
        return [first + 1e-3, *others]

    with pytest.raises(ParityFailed, match="the graph and the fitted model"):
        prove_parity(cars.plan, cars.graph, cars.frame, native)


def test_predictions_of_other_shapes_are_refused(cars: Fitted) -> None:
    with pytest.raises(ParityFailed, match="other shapes"):
        prove_parity(cars.plan, cars.graph, cars.frame, lambda x: cars.native(x)[:2])


def test_answers_that_are_no_numbers_are_refused(priced_cars: Fitted) -> None:
    linear: Any = priced_cars.plan.members[2]
    steep = dataclasses.replace(linear, weights=linear.weights * 1e6)
    output = dataclasses.replace(priced_cars.plan.output, transform="log")
    plan = dataclasses.replace(priced_cars.plan, members=(steep,), weights=(1.0,), output=output)

    def native(features: Any) -> list[Any]:
        scaled = (features.astype(np.float64) - steep.center) / steep.scale
        return [scaled @ steep.weights + steep.intercept]

    with pytest.raises(ParityFailed, match="not both finite"):
        prove_parity(plan, compile_plan(plan), priced_cars.frame, native)


def test_no_message_holds_a_cell(priced_cars: Fitted) -> None:
    def change(model: onnx.ModelProto) -> None:
        change_make(model, 2, 1.0)

    error = refused(priced_cars, corrupted(priced_cars.graph, change))
    encoder = next(e for e in ENCODERS if isinstance(e, LevelEncoder))
    assert not [level for level in encoder.levels if level in str(error.to_dict())]


def test_a_wide_table_is_tried_by_sample_and_the_report_counts_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cars = fit_cars("regression")
    whole = prove_parity(cars.plan, cars.graph, cars.frame, cars.native)
    monkeypatch.setattr(adversarial, "MAX_CELLS", 20 * len(cars.plan.inputs))
    sampled = prove_parity(cars.plan, cars.graph, cars.frame, cars.native)
    assert sum(case.left_out for case in whole.cases) == 0
    extreme = next(case for case in sampled.cases if case.name == "extreme numbers")
    assert extreme.rows == 20
    numbers = sum(item.kind == "number" for item in cars.plan.inputs)
    assert extreme.left_out == numbers * len(adversarial.EXTREMES) - 20


def test_both_forms_of_the_graph_are_proved_and_named(proof: tuple[Fitted, ParityReport]) -> None:
    cars, report = proof
    assert report.engines == ()
    assert report.coded == ""
    coded = compile_plan(cars.plan, "codes")
    whole = prove_parity(cars.plan, cars.graph, cars.frame, cars.native, coded=coded)
    assert whole.engines == ("coded graph",)
    assert whole.coded == digest(coded)
    assert whole.plan == digest(plan_to_bytes(cars.plan))


def test_a_coded_graph_of_another_plan_is_refused(priced_cars: Fitted) -> None:
    cars = priced_cars
    level: Any = cars.plan.encoders[3]
    other = dataclasses.replace(level, values=(9.0, *level.values[1:]))
    plan = dataclasses.replace(
        cars.plan, encoders=(*cars.plan.encoders[:3], other, *cars.plan.encoders[4:])
    )
    coded = compile_plan(plan, "codes")
    with pytest.raises(ParityFailed, match="the graph and the coded graph differ"):
        prove_parity(cars.plan, cars.graph, cars.frame, cars.native, coded=coded)


def test_an_engine_that_disagrees_is_named_and_rows_it_cannot_read_are_counted(
    leaving_cars: Fitted,
) -> None:
    cars = leaving_cars
    scorer = Scorer(cars.graph)

    def off_by_a_little(inputs: Any) -> Answer:
        answer = scorer.score(inputs)
        assert answer.probabilities is not None
        return dataclasses.replace(answer, probabilities=answer.probabilities + 2e-5)

    def no_nul(inputs: Any) -> Any:
        return np.array(["\0" not in make for make in inputs["make"].ravel()])

    engines = {"abacus": Engine(off_by_a_little)}
    with pytest.raises(ParityFailed, match="the graph and the abacus differ"):
        prove_parity(cars.plan, cars.graph, cars.frame, cars.native, engines=engines)
    report = prove_parity(
        cars.plan, cars.graph, cars.frame, cars.native,
        engines={"wasm": Engine(scorer.score, no_nul)}, not_examined=("a phone: none here",),
    )  # fmt: skip
    assert report.engines == ("wasm",)
    assert report.not_examined == ("a phone: none here",)
    unseen = next(case for case in report.cases if case.name == "unseen categories")
    assert unseen.unread > 0
    assert report.cases[0].unread == 0


def near_plan(k: int) -> tuple[ModelPlan, Any]:
    """Neighbours of whole numbers, where many are equally far."""
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 4, size=(60, 2)).astype(np.float64)
    member = NeighboursMember(
        family="neighbours", columns=(0, 1), center=np.zeros(2), scale=np.ones(2),
        rows=rows, values=rng.random((60, 1)), k=k,
    )  # fmt: skip
    plan = ModelPlan(
        inputs=INPUTS[:2],
        encoders=tuple(
            NumberEncoder(column=i.name, fill=1.0, low=-50.0, high=50.0) for i in INPUTS[:2]
        ),
        members=(member,),
        weights=(1.0,),
        output=Output(kind="regression"),
    )
    return plan, pl.DataFrame({i.name: rng.integers(0, 4, 200) * 1.0 for i in INPUTS[:2]})


def test_rows_at_equal_distances_are_counted_and_all_others_are_compared() -> None:
    plan, frame = near_plan(k=5)
    graph, coded = (compile_plan(plan, form) for form in ("columns", "codes"))

    def native(features: Any) -> list[Any]:
        return member_predictions(plan, features)

    report = prove_parity(plan, graph, frame, native, coded=coded)
    assert 0 < report.cases[0].ties <= report.cases[0].rows
    everyone, _ = near_plan(k=60)
    whole = prove_parity(
        everyone, compile_plan(everyone), frame, lambda f: member_predictions(everyone, f)
    )
    assert sum(case.ties for case in whole.cases) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_plans_of_every_kind_are_proved(kind: str) -> None:
    """Random plans have texts, hashes, pairs, sets, networks and neighbours."""
    outcomes = [proved(random_plan(seed, kind), seed) for seed in range(12)]
    assert set(outcomes) <= {"", "not both finite numbers"}  # random scales may overflow
    assert outcomes.count("") >= 3


def proved(plan: ModelPlan, seed: int) -> str:
    """Empty where both graphs of a plan are proved, else why not."""
    frame = pl.DataFrame({name: cells.ravel() for name, cells in random_inputs(seed, 30).items()})
    graph, coded = (compile_plan(plan, form) for form in ("columns", "codes"))

    def native(features: Any) -> list[Any]:
        return member_predictions(plan, features)

    try:
        report = prove_parity(plan, graph, frame, native, coded=coded)
    except ParityFailed as error:
        return "not both finite numbers" if "not both finite numbers" in str(error) else str(error)
    return "" if report.engines == ("coded graph",) else "not every engine"


def test_held_out_rows_are_a_case_of_their_own(priced_cars: Fitted) -> None:
    cars = priced_cars
    fresh = car_table(80, seed=5)
    report = prove_parity(cars.plan, cars.graph, cars.frame, cars.native, held_out=fresh)
    assert [case.name for case in report.cases[:2]] == ["real rows", "held-out rows"]
    assert report.cases[1].rows == 80

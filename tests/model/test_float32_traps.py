"""Each way in which float32 is known to make a graph differ from its model, by name."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.tree import DecisionTreeRegressor

from assay.errors import ParityFailed
from assay.model.compile import compile_plan
from assay.model.encode import encode
from assay.model.inputs import graph_inputs
from assay.model.parity import prove_parity
from assay.model.plan import (
    Encoder,
    Input,
    LogitCalibration,
    ModelPlan,
    NumberEncoder,
    Output,
    TreesMember,
)
from assay.model.reference import predict_plan
from assay.model.scorer import Scorer

from .fitted import Fitted, _Nodes, down

COLUMN = (Input(name="x", kind="number"),)


def number(**changes: Any) -> NumberEncoder:
    return dataclasses.replace(NumberEncoder(column="x", fill=0.0, low=-1e30, high=1e30), **changes)


def sklearn_member(model: Any, *, rounded: Any = down) -> TreesMember:
    """Trees of a regression on column x; ``rounded`` brings thresholds to float32."""
    nodes = _Nodes(1)
    estimators = getattr(model, "estimators_", [model])
    for estimator in estimators:
        tree, start = estimator.tree_, len(nodes.rows)
        nodes.roots.append(start)
        for i in range(tree.node_count):
            leaf = tree.children_left[i] < 0
            value = tree.value[i, 0] / len(estimators) if leaf else np.zeros(1)
            nodes.add(0, float(tree.threshold[i]), value)
            if not leaf:
                nodes.rows[-1][2:] = [
                    start + int(tree.children_left[i]), start + int(tree.children_right[i]),
                ]  # fmt: skip
    member = nodes.member(family="trees", columns=(0,), base=np.zeros(1))
    exact = np.array([row[1] for row in nodes.rows])
    return dataclasses.replace(member, threshold=rounded(exact).astype(np.float32))


def plan_of(member: TreesMember, encoder: Encoder) -> ModelPlan:
    return ModelPlan(
        inputs=COLUMN,
        encoders=(encoder,),
        members=(member,),
        weights=(1.0,),
        output=Output(kind="regression"),
    )


def frame_of(values: Any) -> pl.DataFrame:
    return pl.DataFrame({"x": np.asarray(values, dtype=np.float64)})


def test_thresholds_rounded_to_the_nearest_float32_are_refused_and_rounded_down_are_not() -> None:
    rng = np.random.default_rng(0)
    x = np.unique(rng.normal(size=400).astype(np.float32))
    y = rng.normal(size=len(x))
    tree = DecisionTreeRegressor(random_state=0).fit(x[:, None], y)

    def native(features: Any) -> list[Any]:
        return [tree.predict(features)[:, None]]

    nearest = plan_of(sklearn_member(tree, rounded=np.asarray), number())
    with pytest.raises(ParityFailed, match="fitted model"):
        prove_parity(nearest, compile_plan(nearest), frame_of(x), native)
    lower = plan_of(sklearn_member(tree), number())
    report = prove_parity(lower, compile_plan(lower), frame_of(x), native)
    assert max(case.worst for case in report.cases) == 0.0


def test_midpoints_that_are_possible_values_fall_on_one_side() -> None:
    """Tenths, whose midpoints are twentieths: with no scaling, both kinds are the same number."""
    x = np.arange(0, 200, 2) / 10
    tree = DecisionTreeRegressor(random_state=0).fit(x[:, None].astype(np.float32), x)
    plan = plan_of(sklearn_member(tree), number())
    every = np.arange(-1, 201) / 10
    report = prove_parity(
        plan, compile_plan(plan), frame_of(every), lambda f: [tree.predict(f)[:, None]]
    )
    assert max(case.worst for case in report.cases) == 0.0


def test_epochs_are_told_apart_by_an_offset() -> None:
    """float32 steps by 128 at this size: seconds are lost unless the offset goes first."""
    epoch = 1.7e9
    x = epoch + np.arange(100.0)
    plain, moved = number(), number(offset=epoch + 50, fill=epoch)
    assert len(np.unique(encode([plain], {"x": x[:, None]}))) <= 2
    features = encode([moved], {"x": x[:, None]})
    assert len(np.unique(features)) == 100
    tree = DecisionTreeRegressor(random_state=0).fit(features, np.arange(100.0))
    plan = plan_of(sklearn_member(tree), moved)
    graph = compile_plan(plan)
    prove_parity(plan, graph, frame_of(x), lambda f: [tree.predict(f)[:, None]])
    assert np.array_equal(Scorer(graph).score_frame(frame_of(x)).prediction, np.arange(100.0))


def test_a_missing_cell_in_a_column_that_was_complete_is_filled_for_all_alike() -> None:
    """LightGBM would read NaN as 0: it never sees one, and neither does the graph."""
    import lightgbm as lgb

    rng = np.random.default_rng(1)
    x = rng.normal(5, 1, 300).astype(np.float32)
    model = lgb.LGBMRegressor(n_estimators=5, num_leaves=4, n_jobs=1, verbose=-1)
    model.fit(x[:, None], np.sin(x))
    encoder = number(fill=float(np.median(x)))
    seen: list[bool] = []

    def native(features: Any) -> list[Any]:
        seen.append(bool(np.isnan(features).any()))
        return [model.predict(features)[:, None]]

    from .fitted import boosting_member

    member = dataclasses.replace(boosting_member(model, 0), columns=(0,))
    plan = plan_of(member, encoder)
    graph = compile_plan(plan)
    report = prove_parity(plan, graph, frame_of(x), native)
    assert "missing and empty cells" in [case.name for case in report.cases]
    assert not any(seen)
    answer = Scorer(graph).score_frame(frame_of([np.nan, encoder.fill])).prediction
    assert answer[0] == answer[1]


def test_sums_are_made_in_double() -> None:
    """Leaves near 1.7e9 in 200 trees: float32 sums would be off by hundreds."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=(200, 1)).astype(np.float32)
    y = 1.7e9 + 100 * rng.normal(size=200)
    forest = ExtraTreesRegressor(200, random_state=0, max_depth=4).fit(x, y)
    plan = plan_of(sklearn_member(forest), number())
    found = Scorer(compile_plan(plan)).score({"x": x.astype(np.float64)}).prediction
    assert np.abs(found - forest.predict(x)).max() < 1e-5


def test_a_base_is_added_in_double_where_trees_sum_in_float32(
    priced_cars: Fitted,
) -> None:
    cars = priced_cars
    trees: Any = cars.plan.members[1]
    large = dataclasses.replace(trees, base=trees.base + 1e9)
    plan = dataclasses.replace(cars.plan, members=(large,), weights=(1.0,))
    inputs = graph_inputs(plan.inputs, cars.frame)
    found = Scorer(compile_plan(plan)).score(inputs).prediction
    np.testing.assert_allclose(found, predict_plan(plan, inputs).prediction, rtol=1e-15)


def test_doubles_are_cast_once_at_the_end() -> None:
    """Doubles between two float32 numbers go to the nearer one, ties to the even one."""
    one = np.float32(1.0)
    up = np.nextafter(one, np.float32(2))
    middle = (float(one) + float(up)) / 2
    x = np.array([1.0, np.nextafter(middle, 0), middle, np.nextafter(middle, 2), float(up)])
    member = TreesMember(
        family="step", columns=(0,), roots=np.array([0], dtype=np.int32),
        feature=np.zeros(3, dtype=np.int32), threshold=np.array([1, 0, 0], dtype=np.float32),
        left=np.array([1, -1, -1], dtype=np.int32), right=np.array([2, -1, -1], dtype=np.int32),
        values=np.array([[0.0], [10.0], [20.0]]), base=np.zeros(1),
    )  # fmt: skip
    answer = Scorer(compile_plan(plan_of(member, number()))).score({"x": x[:, None]})
    assert answer.prediction.tolist() == [10, 10, 10, 20, 20]


def test_infinities_and_numbers_beyond_float32_are_bounded_or_kept_in_order() -> None:
    member = TreesMember(
        family="step", columns=(0,), roots=np.array([0], dtype=np.int32),
        feature=np.zeros(3, dtype=np.int32), threshold=np.array([3e38, 0, 0], dtype=np.float32),
        left=np.array([1, -1, -1], dtype=np.int32), right=np.array([2, -1, -1], dtype=np.int32),
        values=np.array([[0.0], [10.0], [20.0]]), base=np.zeros(1),
    )  # fmt: skip
    x = np.array([[-np.inf], [-1e308], [2e38], [1e308], [np.inf]])
    unbounded = number(low=-np.inf, high=np.inf)
    free = Scorer(compile_plan(plan_of(member, unbounded))).score({"x": x})
    assert free.prediction.tolist() == [10, 10, 10, 20, 20]
    bounded = Scorer(compile_plan(plan_of(member, number(low=-1.0, high=1.0)))).score({"x": x})
    assert bounded.prediction.tolist() == [10] * 5


def test_subnormal_numbers_are_not_flushed_to_zero() -> None:
    tiny = float(np.float32(1e-45))
    member = TreesMember(
        family="step", columns=(0,), roots=np.array([0], dtype=np.int32),
        feature=np.zeros(3, dtype=np.int32), threshold=np.zeros(3, dtype=np.float32),
        left=np.array([1, -1, -1], dtype=np.int32), right=np.array([2, -1, -1], dtype=np.int32),
        values=np.array([[0.0], [10.0], [20.0]]), base=np.zeros(1),
    )  # fmt: skip
    answer = Scorer(compile_plan(plan_of(member, number()))).score(
        {"x": np.array([[0.0], [-0.0], [tiny], [-tiny], [5e-324]])}
    )
    assert answer.prediction.tolist() == [10, 10, 20, 10, 10]


def test_calibration_magnifies_no_rounding(leaving_cars: Fitted) -> None:
    """A smooth slope on the logit moves 1e-7 by about 1e-7; a step function would not."""
    cars = leaving_cars
    calibration = LogitCalibration(slope=3.0)
    output = dataclasses.replace(cars.plan.output, calibration=calibration)
    plan = dataclasses.replace(cars.plan, output=output)
    inputs = graph_inputs(plan.inputs, cars.frame)
    found = Scorer(compile_plan(plan)).score(inputs).prediction
    assert np.abs(found - predict_plan(plan, inputs).prediction).max() < 1e-12

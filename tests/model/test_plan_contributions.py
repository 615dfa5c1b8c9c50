"""Whole plans taken apart: the graph's own Shapley values where all is linear, the sum always."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from assay.errors import NotApplicable, UnknownColumn
from assay.model.explain import contributions, reference_inputs, reference_row
from assay.model.inputs import graph_inputs
from assay.model.plan import (
    Input,
    LinearMember,
    ModelPlan,
    NeighboursMember,
    Output,
    PairEncoder,
)
from assay.model.plan_contributions import (
    Parts,
    PlanExplainer,
    carry,
    carry_jointly,
    taken_apart_exactly,
)
from assay.model.reference import predict_plan, sigmoid
from assay.model.scorer import Scorer

from .fitted import INPUTS, Fitted, fit_cars
from .made_plans import random_inputs, random_plan


def test_a_regression_has_the_shapley_values_of_its_graph(priced_cars: Fitted) -> None:
    reference = reference_row(INPUTS, priced_cars.frame)
    inputs = graph_inputs(INPUTS, priced_cars.frame.head(20))
    found = PlanExplainer(priced_cars.plan, reference)(inputs)
    asked = contributions(Scorer(priced_cars.graph), inputs, reference)
    np.testing.assert_allclose(found, asked, atol=1e-6)


def explained(plan: ModelPlan, inputs: Any, labels: Any) -> Any:
    """The number that is taken apart, a row."""
    answer = predict_plan(plan, inputs)
    if labels is None or answer.probabilities is None:
        return answer.prediction
    return answer.probabilities[np.arange(len(answer.prediction)), labels]


def labels_of(plan: ModelPlan, inputs: Any) -> Any:
    return predict_plan(plan, inputs).label if plan.output.kind == "multiclass" else None


@pytest.mark.parametrize("kind", ["regression", "binary", "multiclass"])
def test_they_sum_to_the_answer_less_the_references(kind: str) -> None:
    cars = fit_cars(kind)
    reference = reference_row(INPUTS, cars.frame)
    inputs = graph_inputs(INPUTS, cars.frame)
    labels = labels_of(cars.plan, inputs)
    found = PlanExplainer(cars.plan, reference)(inputs, labels)
    start = reference_inputs(INPUTS, reference)
    same = {n: np.repeat(a, len(found), axis=0) for n, a in start.items()}
    gap = explained(cars.plan, inputs, labels) - explained(cars.plan, same, labels)
    np.testing.assert_allclose(found.sum(axis=1), gap, atol=1e-8)


@pytest.mark.parametrize("kind", ["binary", "multiclass"])
def test_of_classes_they_rank_columns_as_the_graphs_shapley_values_do(kind: str) -> None:
    cars = fit_cars(kind)
    reference = reference_row(INPUTS, cars.frame)
    inputs = graph_inputs(INPUTS, cars.frame)
    found = PlanExplainer(cars.plan, reference)(inputs, labels_of(cars.plan, inputs))
    asked = contributions(Scorer(cars.graph), inputs, reference)
    assert np.mean(np.abs(found).argmax(axis=1) == np.abs(asked).argmax(axis=1)) > 0.9
    assert np.corrcoef(found.ravel(), asked.ravel())[0, 1] > 0.95


@pytest.mark.parametrize("kind", ["regression", "binary", "multiclass"])
def test_plans_of_every_kind_sum_up(kind: str) -> None:
    """Calibrations, transformations, stacks, missing cells, sets, pairs of columns."""
    tried = 0
    for seed in range(120):
        plan = random_plan(seed, kind)
        if not taken_apart_exactly(plan):
            continue
        inputs = random_inputs(seed, 40)
        reference = {
            i.name: (None if i.kind == "number" and np.isnan(v) else v)
            for i in plan.inputs
            if (v := inputs[i.name][0, 0]) is not None or True
        }
        labels = labels_of(plan, inputs)
        answer = explained(plan, inputs, labels)
        if not np.all(np.isfinite(answer)) or np.abs(answer).max() > 1e6:
            continue
        found = PlanExplainer(plan, reference)(inputs, labels)
        first = {n: np.repeat(a[:1], len(answer), axis=0) for n, a in inputs.items()}
        np.testing.assert_allclose(
            found.sum(axis=1),
            answer - explained(plan, first, labels),
            atol=1e-6 * max(1.0, np.abs(answer).max()),
        )
        tried += 1
    assert tried > 20


def test_a_feature_of_two_columns_is_halved() -> None:
    names = ("a", "b")
    plan = ModelPlan(
        inputs=tuple(Input(name=n, kind="number") for n in names),
        encoders=(PairEncoder(columns=names, operation="add", fill=0.0, low=-1e9, high=1e9),),
        members=(
            LinearMember(
                family="linear",
                columns=(0,),
                center=np.zeros(1),
                scale=np.ones(1),
                weights=np.array([[2.0]]),
                intercept=np.zeros(1),
            ),
        ),
        weights=(1.0,),
        output=Output(kind="regression"),
    )
    inputs = {"a": np.array([[3.0]]), "b": np.array([[1.0]])}
    assert PlanExplainer(plan, {"a": 0.0, "b": 0.0})(inputs).tolist() == [[4.0, 4.0]]


def test_rows_like_the_reference_have_nothing(priced_cars: Fitted) -> None:
    reference = reference_row(INPUTS, priced_cars.frame)
    found = PlanExplainer(priced_cars.plan, reference)(reference_inputs(INPUTS, reference))
    assert np.abs(found).max() < 1e-200


def test_large_forests_are_taken_apart_in_fewer_rows(
    priced_cars: Fitted, monkeypatch: pytest.MonkeyPatch
) -> None:
    explainer = PlanExplainer(priced_cars.plan, reference_row(INPUTS, priced_cars.frame))
    assert explainer.rows_a_second == 5_000
    monkeypatch.setattr("assay.model.plan_contributions.LEAVES_A_SECOND", 100_000)
    assert 100 <= explainer.rows_a_second < 1_000


def test_a_slope_at_the_reference_itself() -> None:
    parts = Parts(np.array([[[1.0], [-1.0]]]), np.array([[2.0]]), np.array([[2.0]]))
    for way in (carry, carry_jointly):
        np.testing.assert_allclose(way(parts, lambda x: x**2).values, [[[4.0], [-4.0]]], rtol=1e-6)


def test_for_one_number_both_ways_are_the_same() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(50, 4, 1))
    before = np.array([[0.3]])
    parts = Parts(values, before + values.sum(axis=1), before)
    one, other = (way(parts, sigmoid).values for way in (carry, carry_jointly))
    np.testing.assert_allclose(one, other, atol=1e-8)


def test_mean_slopes_of_a_product_are_known() -> None:
    """(a, b) to (a * b, a): the slope of a * b in a is b on average, halfway along the line."""
    values = np.array([[[2.0, 0.0], [0.0, 4.0]]])
    parts = Parts(values, np.array([[3.0, 5.0]]), np.array([[1.0, 1.0]]))
    found = carry_jointly(parts, lambda x: np.stack([x[:, 0] * x[:, 1], x[:, 0]], axis=1))
    np.testing.assert_allclose(found.values, [[[6.0, 2.0], [8.0, 0.0]]], atol=1e-6)


def test_what_it_cannot_take_apart_is_said() -> None:
    neighbours = NeighboursMember(
        family="neighbours",
        columns=(0,),
        center=np.zeros(1),
        scale=np.ones(1),
        rows=np.zeros((1, 1)),
        values=np.zeros((1, 1)),
        k=1,
    )
    cars = fit_cars("regression")
    plan = replace(cars.plan, members=(neighbours,), weights=(1.0,))
    assert not taken_apart_exactly(plan)
    with pytest.raises(NotApplicable, match="trees and linear"):
        PlanExplainer(plan, reference_row(INPUTS, cars.frame))
    many = replace(cars.plan.output, kind="multiclass", classes=tuple("abcdefghijklmnopqrstuvw"))
    assert not taken_apart_exactly(replace(cars.plan, output=many))


def test_a_reference_without_a_column_is_refused(priced_cars: Fitted) -> None:
    with pytest.raises(UnknownColumn, match="power"):
        PlanExplainer(priced_cars.plan, {"weight": 1.0})


def test_a_stack_is_taken_apart(priced_cars: Fitted) -> None:
    stack: Any = LinearMember(
        family="stack",
        columns=(0, 1, 2),
        center=np.array([0.5, 0.0, 0.1]),
        scale=np.array([1.0, 2.0, 1.0]),
        weights=np.array([[0.5], [0.7], [0.1]]),
        intercept=np.array([3.0]),
    )
    plan = replace(priced_cars.plan, weights=(), stack=stack)
    reference = reference_row(INPUTS, priced_cars.frame)
    inputs = graph_inputs(INPUTS, priced_cars.frame.head(30))
    answer = predict_plan(plan, inputs).prediction
    start = predict_plan(plan, reference_inputs(INPUTS, reference)).prediction
    found = PlanExplainer(plan, reference)(inputs)
    np.testing.assert_allclose(found.sum(axis=1), answer - start, atol=1e-8)

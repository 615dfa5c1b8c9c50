"""Eight bits where they are measured harmless, refusals with figures where they are not."""

from __future__ import annotations

import dataclasses
from itertools import pairwise

import numpy as np
import onnx
import pytest

from assay.errors import NotApplicable, ParityFailed
from assay.model.compile import compile_plan
from assay.model.plan import (
    Array,
    Float64,
    Input,
    LinearMember,
    ModelPlan,
    NeighboursMember,
    NetworkMember,
    NumberEncoder,
    Output,
    TreesMember,
)
from assay.model.quantise import Limits, quantise, quantise_columns
from assay.model.scorer import Scorer
from assay.records import digest

WIDTH = 12
NAMES = [f"x{i}" for i in range(WIDTH)]


def rows(count: int = 500, seed: int = 0) -> dict[str, Array]:
    rng = np.random.default_rng(seed)
    return {name: rng.normal(size=(count, 1)) for name in NAMES}


def plan_of(member: object, output: Output) -> ModelPlan:
    return ModelPlan(
        inputs=tuple(Input(name=name, kind="number") for name in NAMES),
        encoders=tuple(NumberEncoder(column=n, fill=0.0, low=-9.0, high=9.0) for n in NAMES),
        members=(member,),  # type: ignore[arg-type]
        weights=(1.0,),
        output=output,
    )


def network(outputs: int, link: str, seed: int = 1) -> NetworkMember:
    rng = np.random.default_rng(seed)
    sizes = (WIDTH, 64, 32, outputs)
    return NetworkMember(
        family="mlp",
        columns=tuple(range(WIDTH)),
        center=np.zeros(WIDTH),
        scale=np.ones(WIDTH),
        weights=tuple(rng.normal(size=(a, b)) / np.sqrt(a) for a, b in pairwise(sizes)),
        biases=tuple(rng.normal(size=b) * 0.1 for b in sizes[1:]),
        activation="relu",
        link=link,  # type: ignore[arg-type]
    )


BINARY = plan_of(network(1, "sigmoid"), Output(kind="binary", classes=("no", "yes")))
THREE = plan_of(network(3, "softmax"), Output(kind="multiclass", classes=("a", "b", "c")))
VALUE = plan_of(
    network(1, "identity"), Output(kind="regression", interval=0.5, center=100.0, scale=10.0)
)


@pytest.mark.parametrize("plan", [BINARY, THREE, VALUE], ids=["binary", "three", "value"])
def test_a_network_shrinks_and_its_answers_stay(plan: ModelPlan) -> None:
    """The report's figures are those of a comparison made here."""
    graph = compile_plan(plan)
    found = quantise(graph, rows(), limits=Limits(labels=0.01))
    report = found.report
    onnx.checker.check_model(onnx.load_from_string(found.graph), full_check=True)
    assert len(found.graph) < 0.4 * len(graph)
    assert (report.bytes_before, report.bytes_after) == (len(graph), len(found.graph))
    assert (report.graph_before, report.graph_after) == (digest(graph), digest(found.graph))
    before, after = Scorer(graph).score(rows()), Scorer(found.graph).score(rows())
    if before.probabilities is not None:
        assert after.probabilities is not None
        assert report.change == np.abs(before.probabilities - after.probabilities).max()
        assert report.label_changes == (before.label != after.label).sum()
    else:
        assert report.change < 1e-2
        assert report.measure == "value"
    assert 0 < report.mean_change < report.change
    assert report.rows == 500


def test_the_same_graph_gives_the_same_bytes() -> None:
    graph = compile_plan(VALUE)
    assert quantise(graph, rows()).graph == quantise(graph, rows(50, seed=3)).graph


def test_stored_rows_of_neighbours_shrink() -> None:
    rng = np.random.default_rng(2)
    member = NeighboursMember(
        family="neighbours",
        columns=tuple(range(WIDTH)),
        center=np.zeros(WIDTH),
        scale=np.ones(WIDTH),
        rows=rng.normal(size=(400, WIDTH)),
        values=rng.normal(size=(400, 1)) * 0.1,
        k=25,
    )
    output = Output(kind="regression", center=100.0)
    graph = compile_plan(plan_of(member, output))
    found = quantise(graph, rows(100))
    assert len(found.graph) < 0.4 * len(graph)
    assert found.report.change < 1e-2


def test_answers_that_would_change_are_refused_with_the_figures() -> None:
    """One weight of a thousand makes the others of its column vanish in eight bits."""
    rng = np.random.default_rng(0)
    first = rng.normal(size=(WIDTH, 64))
    first[0, :] = 1000.0
    member = network(1, "sigmoid")
    coarse = dataclasses.replace(member, weights=(first, *member.weights[1:]))
    graph = compile_plan(plan_of(coarse, BINARY.output))
    calm = {**rows(), "x0": np.zeros((500, 1))}
    with pytest.raises(ParityFailed, match=r"up to 0\.\d+ \(allowed: 0\.01\)") as refused:
        quantise(graph, calm)
    assert "of 500 rows (allowed: 0.1%)" in str(refused.value)


def test_an_answer_that_is_no_number_any_more_is_refused() -> None:
    """A weight beyond what a float32 scale can hold."""
    member = network(1, "identity")
    huge = dataclasses.replace(member, weights=(member.weights[0] * 1e200, *member.weights[1:]))
    graph = compile_plan(plan_of(huge, Output(kind="regression")))
    with pytest.raises(ParityFailed, match="up to inf"), np.errstate(over="ignore"):
        quantise(graph, rows())


def test_labels_count_by_themselves() -> None:
    graph = compile_plan(THREE)
    loose = quantise(graph, rows(2000), limits=Limits(change=1.0, labels=1.0)).report
    assert loose.label_changes > 0
    with pytest.raises(ParityFailed, match="label"):
        quantise(graph, rows(2000), limits=Limits(change=1.0, labels=0.0))


def test_trees_gain_nothing() -> None:
    stump = TreesMember(
        family="trees",
        columns=(0,),
        roots=np.array([0], dtype=np.int32),
        feature=np.array([0, -1, -1], dtype=np.int32),
        threshold=np.array([0.5, 0.0, 0.0], dtype=np.float32),
        left=np.array([1, -1, -1], dtype=np.int32),
        right=np.array([2, -1, -1], dtype=np.int32),
        values=np.array([[0.0], [1.0], [2.0]]),
        base=np.zeros(1),
    )
    small = LinearMember(
        family="linear",
        columns=tuple(range(WIDTH)),
        center=np.zeros(WIDTH),
        scale=np.ones(WIDTH),
        weights=np.ones((WIDTH, 1)),
        intercept=np.zeros(1),
    )
    for member in (stump, small):
        with pytest.raises(NotApplicable, match=r"save 0 of [\d,]+ bytes: there is nothing"):
            quantise(compile_plan(plan_of(member, Output(kind="regression"))), rows(10))


@pytest.mark.parametrize(
    "matrix",
    [
        np.random.default_rng(0).normal(size=(40, 30)) * 10.0 ** np.arange(-15, 15),
        np.zeros((3, 2)),
        np.array([[1e-300, -5.0], [0.0, 5.0]]),
    ],
)
def test_each_weight_moves_by_half_a_step_at_most(matrix: Float64) -> None:
    whole, scale = quantise_columns(matrix)
    assert whole.dtype == np.int8
    assert np.abs(whole.astype(int)).max() <= 127
    back = whole * scale.astype(np.float64)
    step = np.maximum(np.abs(matrix).max(axis=0) / 127, np.finfo(np.float32).tiny)
    assert (np.abs(back - matrix) <= 0.5001 * step + 1e-300).all()

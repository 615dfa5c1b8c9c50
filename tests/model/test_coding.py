from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.errors import UnknownColumn
from assay.model.coding import Coding, coding_of
from assay.model.compile import compile_plan
from assay.model.facts import Form
from assay.model.inputs import graph_inputs
from assay.model.plan import (
    HashEncoder,
    Input,
    LevelEncoder,
    LinearMember,
    ModelPlan,
    OneHotEncoder,
    Output,
    TextEncoder,
)
from assay.model.scorer import Scorer

from .fitted import ENCODERS, INPUTS, Fitted
from .made_plans import KINDS, random_inputs, random_plan


def test_numbers_come_first_then_categories_and_only_columns_that_are_read() -> None:
    coding = coding_of(INPUTS, ENCODERS)
    assert coding.numbers == ("power", "weight", "sold")
    assert [name for name, _ in coding.categories] == ["make", "fuel"]
    assert coding.columns == ("power", "weight", "sold", "make", "fuel")
    assert coding_of(INPUTS, ENCODERS[:1]).columns == ("power",)


def test_codes_are_places_in_the_table_and_all_others_share_the_last() -> None:
    coding = Coding((), (("c", ("x", "ünï")),), ())
    cells = np.array([[""], ["x"], ["ünï"], ["X"], ["x "], ["\0"]], dtype=object)
    assert coding.codes({"c": cells}).ravel().tolist() == [0, 1, 2, 3, 3, 3]


def test_what_letters_tell_comes_ready_made() -> None:
    encoders = (
        HashEncoder(column="note", buckets=3),
        TextEncoder(column="note", analyzer="word", terms=(("to",),), weights=(2.0,)),
    )
    coding = coding_of((), encoders)
    assert coding.columns == ("note",)
    found = coding.codes({"note": np.array([[""], ["to"]], dtype=object)})
    assert found.shape == (2, 4)
    assert found[0].tolist() == [0, 0, 0, 0]
    assert found[1, :3].sum() == 1
    assert found[1, 3] == 1


def test_a_column_that_is_absent_is_named(priced_cars: Fitted) -> None:
    scorer = Scorer(compile_plan(priced_cars.plan, "codes"))
    inputs = graph_inputs(INPUTS, priced_cars.frame)
    del inputs["fuel"]
    with pytest.raises(UnknownColumn, match="fuel"):
        scorer.score(inputs)


@pytest.mark.parametrize("kind", KINDS)
def test_a_coding_comes_back_from_the_graphs_own_facts(kind: str) -> None:
    for seed in range(10):
        plan = random_plan(seed, kind)
        coding = coding_of(plan.inputs, plan.encoders)
        again = Coding.from_plain(coding.to_plain())
        inputs = random_inputs(seed, 20)
        assert np.array_equal(coding.codes(inputs), again.codes(inputs), equal_nan=True)


@given(seed=st.integers(0, 100_000))
@settings(max_examples=30)
def test_the_coded_graph_has_one_input_and_no_strings(seed: int) -> None:
    plan = random_plan(seed, "binary")
    model = onnx.load_model_from_string(compile_plan(plan, "codes"))
    assert [i.name for i in model.graph.input] == ["codes"]
    texts = [c for c in model.graph.initializer if c.data_type == onnx.TensorProto.STRING]
    assert not texts
    assert not {n.op_type for n in model.graph.node} & {"Tokenizer", "MurmurHash3", "StringConcat"}


@pytest.mark.parametrize("form", ["columns", "codes"])
def test_one_hot_features_of_very_many_levels_stay_small(form: Form) -> None:
    """60 features over 5,000 levels: a table of all would hold 1.2 MB of zeros."""
    levels = tuple(f"level {i}" for i in range(5_000))
    encoders = (
        OneHotEncoder(column="c", levels=levels[:60]),
        LevelEncoder(column="c", levels=levels, values=(1.0,) * 5_000, missing=0.0, unseen=2.0),
    )
    member = LinearMember(
        family="line", columns=tuple(range(62)), center=np.zeros(62), scale=np.ones(62),
        weights=np.arange(62.0)[:, None], intercept=np.zeros(1),
    )  # fmt: skip
    plan = ModelPlan(
        inputs=(Input(name="c", kind="category"),),
        encoders=encoders,
        members=(member,),
        weights=(1.0,),
        output=Output(kind="regression"),
    )
    graph = compile_plan(plan, form)
    assert len(graph) < 250_000
    cells = np.array([[""], ["level 7"], ["level 59"], ["level 60"], ["never"]], dtype=object)
    found = Scorer(graph).score({"c": cells}).prediction
    assert found.tolist() == [60.0, 7.0 + 61, 59.0 + 61, 60.0 + 61, 60.0 + 122]

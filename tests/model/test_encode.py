from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.errors import UnknownColumn
from assay.model.coding import coding_of
from assay.model.compile import graph_names
from assay.model.compile_features import compile_features
from assay.model.compile_sources import Columns
from assay.model.encode import calendar, encode, feature_count, feature_width, name_features
from assay.model.graph import GraphBuilder, column_value, matrix_value
from assay.model.plan import (
    Array,
    DateEncoder,
    Encoder,
    Input,
    LevelEncoder,
    LinearMember,
    MissingEncoder,
    ModelPlan,
    NumberEncoder,
    OneHotEncoder,
    Output,
)

from .made_plans import INPUTS, NUMBERS, WORDS, random_inputs, random_plan

EPOCH = 1_700_000_000.0

ALL_ENCODERS: tuple[Encoder, ...] = (
    NumberEncoder(column="age", fill=30.5, low=-np.inf, high=np.inf),
    NumberEncoder(column="age", fill=-1.0, low=-1e3, high=1e300, offset=-3.3),
    NumberEncoder(column="when", fill=EPOCH, low=EPOCH - 1e6, high=EPOCH + 1e6, offset=EPOCH),
    MissingEncoder(column="age"),
    MissingEncoder(column="make"),
    DateEncoder(column="when", fill=12.0),
    DateEncoder(column="age", fill=-1.0),
    OneHotEncoder(column="make", levels=WORDS[:4]),
    OneHotEncoder(column="label", levels=("", WORDS[0])),
    LevelEncoder(
        column="label",
        levels=WORDS,
        values=tuple(1 / (k + 3) for k in range(len(WORDS))),
        missing=0.1,
        unseen=-0.2,
    ),
)


class GraphFeatures:
    """The features that the compiled encoders give, in the plan's order."""

    def __init__(self, encoders: tuple[Encoder, ...]) -> None:
        names = graph_names([i.name for i in INPUTS])
        builder = GraphBuilder()
        plan = _plan(encoders)
        features = compile_features(Columns(builder, names, coding_of(plan.inputs, encoders)), plan)
        builder.name_result(features.name, "features")
        model = builder.serialise(
            [column_value(names[i.name], i.kind) for i in INPUTS],
            [matrix_value("features", onnx.TensorProto.DOUBLE, features.width)],
            ml_opset=5,
            metadata={},
            description="",
        )
        options = ort.SessionOptions()
        options.log_severity_level = 3
        self._session = ort.InferenceSession(model, options)
        self._names = names
        self._position = features.position

    def __call__(self, inputs: dict[str, Array]) -> Array:
        feeds = {self._names[name]: array for name, array in inputs.items()}
        found: Array = self._session.run(None, feeds)[0]
        single = found.astype(np.float32)
        exact = single.astype(np.float64)
        assert np.array_equal(exact, found, equal_nan=True)  # every value is a float32
        return single[:, self._position]


def _plan(encoders: tuple[Encoder, ...]) -> ModelPlan:
    none = np.zeros(1)
    member = LinearMember(
        family="linear", columns=(0,), center=none, scale=none + 1, weights=np.zeros((1, 1)),
        intercept=none,
    )  # fmt: skip
    return ModelPlan(
        inputs=INPUTS,
        encoders=encoders,
        members=(member,),
        weights=(1.0,),
        output=Output(kind="regression"),
    )


def same_bits(one: Array, other: Array) -> bool:
    """Equal bit for bit, the sign of a zero and the kind of a NaN aside."""
    zero = np.float32(0)
    known = ~np.isnan(one)
    bits = [(a[known] + zero).view(np.int32) for a in (one, other)]
    return bool(np.array_equal(np.isnan(other), ~known) and np.array_equal(*bits))


@pytest.fixture(scope="module")
def graph_features() -> GraphFeatures:
    return GraphFeatures(ALL_ENCODERS)


number = st.one_of(
    st.floats(width=64),
    st.sampled_from(NUMBERS),
    st.floats(min_value=EPOCH - 1e4, max_value=EPOCH + 1e4),
    st.integers(-(2**53), 2**53).map(float),
)
word = st.one_of(
    st.sampled_from([*WORDS, "", "AUDI", "audi ", "\0"]),
    st.text(st.characters(exclude_categories=["Cs"])),
)
row = st.tuples(*(number if i.kind == "number" else word for i in INPUTS))


@given(rows=st.lists(row, min_size=1, max_size=20))
@settings(max_examples=100, deadline=None)
def test_graph_and_reference_are_equal_bit_for_bit(
    graph_features: GraphFeatures, rows: list[tuple[Any, ...]]
) -> None:
    inputs: dict[str, Array] = {}
    for item, cells in zip(INPUTS, zip(*rows, strict=True), strict=True):
        dtype = np.float64 if item.kind == "number" else object
        inputs[item.name] = np.array(cells, dtype=dtype).reshape(-1, 1)
    assert same_bits(encode(ALL_ENCODERS, inputs), graph_features(inputs))


@pytest.mark.parametrize("seed", range(25))
def test_any_choice_and_order_of_encoders_is_equal_bit_for_bit(seed: int) -> None:
    encoders = random_plan(seed, "regression").encoders
    inputs = random_inputs(seed, rows=300)
    assert same_bits(encode(encoders, inputs), GraphFeatures(encoders)(inputs))


def test_numbers_are_filled_then_bounded_then_moved_then_cast() -> None:
    encoder = NumberEncoder(column="x", fill=200.0, low=0.0, high=100.0, offset=10.0)
    x = np.array([[np.nan], [np.inf], [-np.inf], [0.1], [55.0]])
    found = encode([encoder], {"x": x})
    assert found.dtype == np.float32
    assert found.ravel().tolist() == [90.0, 90.0, -10.0, np.float32(0.1 - 10.0), 45.0]


def test_levels_missing_and_unseen() -> None:
    encoder = LevelEncoder(
        column="c", levels=("a", "b"), values=(1.0, 2.0), missing=3.0, unseen=4.0
    )
    words = np.array([["a"], ["b"], [""], ["A"], ["a "]], dtype=object)
    assert encode([encoder], {"c": words}).ravel().tolist() == [1, 2, 3, 4, 4]
    assert encode([MissingEncoder(column="c")], {"c": words}).ravel().tolist() == [0, 0, 1, 0, 0]


def test_one_hot_has_a_place_for_the_rest() -> None:
    words = np.array([["a"], [""], ["x"]], dtype=object)
    found = encode([OneHotEncoder(column="c", levels=("a", "b"))], {"c": words})
    assert found.tolist() == [[1, 0, 0], [0, 0, 1], [0, 0, 1]]
    found = encode([OneHotEncoder(column="c", levels=("", "a"))], {"c": words})
    assert found.tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 1]]


def test_the_calendar_is_pythons_on_every_day_of_four_centuries_and_at_the_ends() -> None:
    first = date(1600, 1, 1)
    days = np.arange(160_000.0) + first.toordinal() - date(1970, 1, 1).toordinal()
    known = [first + timedelta(days=k) for k in range(160_000)]
    parts = calendar(days)
    assert parts["year"].tolist() == [d.year for d in known]
    assert parts["month"].tolist() == [d.month for d in known]
    assert parts["day"].tolist() == [d.day for d in known]
    assert parts["weekday"].tolist() == [d.weekday() for d in known]
    assert parts["day_of_year"].tolist() == [d.timetuple().tm_yday for d in known]
    ends = calendar(np.array([-np.inf, -719_162.0, 2_932_896.0, 1e300]))
    assert ends["month"].tolist() == [1, 1, 12, 12]
    assert ends["weekday"].tolist() == [date.min.weekday()] * 2 + [date.max.weekday()] * 2


def test_hours_are_those_of_the_clock_to_the_microsecond() -> None:
    start, epoch = datetime(2026, 3, 28), datetime(1970, 1, 1)
    steps = [timedelta(hours=h, microseconds=m) for h in range(48) for m in (-1, 0, 1)]
    moments = [start + step for step in steps]
    microseconds = np.array([(m - epoch) // timedelta(microseconds=1) for m in moments], float)
    hours = calendar(microseconds / 86_400_000_000.0)["hour"]
    assert hours.tolist() == [m.hour for m in moments]


def test_the_graphs_calendar_is_the_references_in_a_whole_cycle_and_at_the_ends() -> None:
    parts = ("month", "weekday", "year", "day", "day_of_year", "hour")
    encoders = (DateEncoder(column="when", fill=5.0, parts=parts),)
    ends = [np.nan, np.inf, -np.inf, -719_162.5, 2_932_896.9, 1e300, -1e300]
    days = np.concatenate([np.arange(-73_000.0, 73_500.0) + 0.25, ends])[:, None]
    inputs = {
        i.name: np.zeros(days.shape) if i.kind == "number" else np.full(days.shape, "", object)
        for i in INPUTS
    }
    inputs["when"] = days
    assert same_bits(encode(encoders, inputs), GraphFeatures(encoders)(inputs))


def test_names_and_widths_agree() -> None:
    names = name_features(ALL_ENCODERS)
    assert len(names) == feature_count(ALL_ENCODERS) == sum(map(feature_width, ALL_ENCODERS))


def test_no_rows_give_no_features() -> None:
    assert encode(ALL_ENCODERS, random_inputs(0, rows=0)).shape == (0, feature_count(ALL_ENCODERS))


def test_an_absent_column_is_named() -> None:
    with pytest.raises(UnknownColumn, match="'age'"):
        encode(ALL_ENCODERS, {"make": np.array([["a"]], dtype=object)})


def test_sklearn_encodes_the_same() -> None:
    from sklearn.impute import SimpleImputer
    from sklearn.preprocessing import OneHotEncoder as SklearnOneHot

    inputs = random_inputs(3, rows=200)
    numbers = np.where(np.isfinite(inputs["age"]), inputs["age"], np.nan)
    imputer = SimpleImputer(strategy="constant", fill_value=30.5, add_indicator=True)
    encoders = (
        NumberEncoder(column="age", fill=30.5, low=-np.inf, high=np.inf),
        MissingEncoder(column="age"),
    )
    with np.errstate(over="ignore"):
        expected = imputer.fit_transform(numbers).astype(np.float32)
    assert same_bits(encode(encoders, {"age": numbers}), expected)
    levels = sorted(WORDS[:5])
    hot = SklearnOneHot(categories=[levels], handle_unknown="ignore", sparse_output=False)
    expected = hot.fit(np.array(levels, dtype=object)[:, None]).transform(inputs["make"])
    found = encode([OneHotEncoder(column="make", levels=tuple(levels))], inputs)
    assert np.array_equal(found[:, :-1], expected)
    assert np.array_equal(found[:, -1], 1 - expected.sum(axis=1))


def test_inputs_that_no_encoder_reads_need_not_be_there() -> None:
    assert Input(name="not used", kind="number") in INPUTS
    inputs = random_inputs(1, rows=2)
    del inputs["not used"]
    assert len(encode(ALL_ENCODERS, inputs)) == 2

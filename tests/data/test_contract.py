"""The contract: how it is derived, what it accepts, and what it says when broken."""

from __future__ import annotations

import json
import time
from datetime import date, datetime

import jsonschema
import numpy as np
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from assay.data.conform import frame_to_inputs
from assay.data.contract import Column, Contract, Novelty
from assay.data.derivation import MOST_CATEGORIES, derive_contract
from assay.data.profile import profile_table
from assay.data.source import read_table
from assay.errors import ContractViolation, InvalidTable

SMALL = Contract(
    columns=(
        Column(name="bore", kind="number", low=2.5, high=4.0, nullable=True),
        Column(name="doors", kind="integer", low=2, high=5),
        Column(name="turbo", kind="boolean", categories=("No", "Yes"), nullable=True),
        Column(name="make", kind="category", categories=("audi", "bmw"), nullable=True),
        Column(name="sold", kind="date", low=0.0, high=20_000.0, nullable=True),
        Column(name="vin", kind="category", role="identifier"),
        Column(name="price", kind="integer", role="target"),
    )
)
NAMES = ["bore", "doors", "turbo", "make", "sold"]
GOOD = [3.5, 4, True, "audi", "2020-02-03"]
FRAME = pl.DataFrame(
    {
        "price": [1, 2],
        "sold": [date(2020, 2, 3), None],
        "make": ["audi", " "],
        "turbo": ["yes", None],
        "doors": [4, 2],
        "bore": [3.5, float("nan")],
    }
)


def broken(work, *args, **options) -> list[dict[str, object]]:
    with pytest.raises(ContractViolation) as caught:
        work(*args, **options)
    return list(caught.value.violations)


def derived(frame, question):
    return derive_contract(frame, question, profile_table(frame, target=question.target))


# --- derivation -------------------------------------------------------------------------------


def test_the_car_contract(ask, automobile):
    contract = derived(automobile, ask("price"))
    assert [c.name for c in contract.columns] == automobile.columns
    assert len(contract.features) == 25
    assert contract.target == Column(
        name="price", kind="integer", role="target", low=5118.0, high=45400.0
    )
    by_name = {c.name: c for c in contract.columns}
    assert by_name["horsepower"].nullable
    assert not by_name["curb_weight"].nullable
    assert (by_name["length"].low, by_name["length"].high) == (141.1, 208.1)
    assert by_name["drive_wheels"].categories == ("4wd", "fwd", "rwd")


def test_the_churn_contract(ask, telco):
    contract = derived(telco, ask("churn"))
    assert contract.target.kind == "category"
    assert contract.target.categories == ("No", "Yes")
    assert [c.name for c in contract.features if c.nullable] == ["total_charges"]
    assert derived(telco, ask("churn", positive="No")).target.categories == ("Yes", "No")


def test_roles_come_from_the_question_first(ask, people):
    question = ask("left", ignore=("town",), group_column="mail", time_column="joined")
    roles = {c.name: (c.role, bool(c.why)) for c in derived(people, question).columns}
    assert roles["town"] == ("ignored", True)
    assert roles["mail"] == ("group", True)
    assert roles["joined"] == ("time", True)
    assert roles["id"] == ("identifier", True)
    assert roles["constant"] == ("ignored", True)
    assert roles["left"] == ("target", False)
    assert roles["age"] == ("feature", False)


def test_what_the_question_names_is_a_feature_of_the_kind_it_says(ask, people):
    frame = people.with_columns(
        branch=pl.Series([i % 4 for i in range(people.height)]),
        size=pl.Series(["low", "high"] * (people.height // 2)),
        weight=pl.lit(2.0),
    )
    question = ask(
        "left",
        keep=("id", "constant"),
        kinds={"branch": "category"},
        ordered={"size": ("low", "high")},
        weight_column="weight",
    )
    columns = {c.name: c for c in derived(frame, question).columns}
    assert columns["id"].role == columns["constant"].role == "feature"
    assert (columns["branch"].kind, columns["branch"].categories) == (
        "category",
        ("0", "1", "2", "3"),
    )
    assert columns["size"].kind == "category"
    assert columns["weight"].role == "ignored"
    assert "weight_column" in columns["weight"].why


def test_numbers_taken_for_categories_conform_and_are_judged_as_such(ask):
    frame = pl.DataFrame({"branch": [1, 2, 3, 4] * 10, "y": np.arange(40) ** 1.5})
    contract = derived(frame, ask("y", kinds={"branch": "category"}))
    typed = contract.conform(frame)
    assert typed["branch"].to_list()[:4] == ["1", "2", "3", "4"]
    assert contract.novelties(typed) == []
    later = contract.conform(pl.DataFrame({"branch": [9.0, 2.0]}))
    assert contract.novelties(later) == [Novelty(0, "branch", "unseen category")]


def test_a_category_of_numbers_with_gaps_is_spelt_as_one_without(ask):
    """A missing cell makes the column a float, in training or later."""
    cells = [1, 2, 2.5, None] * 10
    frame = pl.DataFrame({"branch": cells, "y": np.arange(40) ** 1.5}, strict=False)
    contract = derived(frame, ask("y", kinds={"branch": "category"}))
    assert contract.columns[0].categories == ("1", "2", "2.5")
    assert contract.conform(frame)["branch"].to_list()[:4] == ["1", "2", "2.5", None]
    for later in ([1, 2], ["1", " 2"], [1.0, 2.0], [2.5, float("nan")]):
        assert contract.novelties(contract.conform(pl.DataFrame({"branch": later}))) == []


def test_texts_that_are_no_numbers_are_refused_as_numbers(ask):
    frame = pl.DataFrame({"a": ["1", "2", "three", "4"] * 10, "y": np.arange(40) ** 1.5})
    contract = derived(frame, ask("y", kinds={"a": "number"}))
    assert {v["column"] for v in broken(contract.conform, frame)} == {"a"}
    clean = contract.conform(frame.filter(pl.col("a") != "three"))
    assert clean["a"].dtype == pl.Float64
    assert contract.novelties(clean) == []


def test_personal_values_are_not_listed(ask, people):
    contract = derived(people, ask("left"))
    assert "example.org" not in contract.to_json().decode()
    assert "K0001" not in contract.to_json().decode()


def test_the_rarer_class_is_asked_for_by_default(ask, people):
    assert derived(people, ask("left")).target.categories == ("stay", "gone")


def test_very_many_levels_are_not_listed(ask):
    n = MOST_CATEGORIES + 1
    frame = pl.DataFrame(
        {"a": [f"l{i}" for i in range(n)] * 2, "y": range(2 * n), "x": [1.5, 2.5] * n}
    )
    contract = derived(frame, ask("y", kind="regression"))
    assert contract.columns[0].role == "feature"
    assert contract.columns[0].categories == ()
    typed = contract.conform(frame)
    assert contract.novelties(typed) == []


def test_nothing_left_to_learn_from(ask):
    frame = pl.DataFrame({"id": [f"k{i}" for i in range(30)], "y": np.arange(30) ** 1.5})
    with pytest.raises(InvalidTable, match="No column is left"):
        derived(frame, ask("y"))


def test_a_contract_is_a_stable_record():
    assert Contract.from_json(SMALL.to_json()) == SMALL
    assert SMALL.features is SMALL.features
    SMALL.decode([*NAMES], [GOOD])
    assert Contract.from_json(SMALL.to_json()) == SMALL  # the reader is no part of the record


# --- whole tables -----------------------------------------------------------------------------


def test_the_training_table_conforms(ask, automobile, telco):
    for frame, question in [(automobile, ask("price")), (telco, ask("churn"))]:
        contract = derived(frame, question)
        typed = contract.conform(frame, require_target=True)
        assert typed.columns == frame.columns
        assert typed.null_count().rows() == frame.null_count().rows()
        assert contract.novelties(typed) == []
        assert contract.conform(typed, require_target=True).equals(typed)


def test_columns_are_typed_in_the_order_of_the_contract():
    typed = SMALL.conform(FRAME)
    assert typed.columns == [*NAMES, "price"]
    assert typed.rows() == [
        (3.5, 4.0, True, "audi", date(2020, 2, 3), 1.0),
        (None, 2.0, None, None, None, 2.0),
    ]
    assert typed.dtypes == [pl.Float64, pl.Float64, pl.Boolean, pl.String, pl.Date, pl.Float64]


def test_names_are_checked_before_types():
    frame = FRAME.drop("doors").rename({"make": "made"}).with_columns(bore=pl.lit("x"))
    found = broken(SMALL.conform, frame)
    assert [(v["column"], v["row"]) for v in found] == [
        ("doors", None),
        ("make", None),
        ("made", None),
    ]
    assert "Closest match: 'make'" in found[2]["expected"]
    assert found[0]["got"] == "no such column"


def test_every_broken_cell_is_named_without_its_value():
    frame = FRAME.with_columns(
        bore=pl.Series(["3.5", "secret"]),
        doors=pl.Series([4.5, None]),
        turbo=pl.Series(["yes", "secret"]),
        sold=pl.Series(["2020-01-01", "secret"]),
        price=pl.Series([None, 1]),
    )
    found = broken(SMALL.conform, frame, require_target=True)
    assert found == [
        {"column": "bore", "row": 1, "expected": "a number", "got": "text"},
        {
            "column": "doors",
            "row": 0,
            "expected": "a whole number",
            "got": "a number with a fraction",
        },
        {"column": "doors", "row": 1, "expected": "a whole number", "got": "nothing"},
        {"column": "turbo", "row": 1, "expected": "a boolean", "got": "text"},
        {"column": "sold", "row": 1, "expected": "a date", "got": "text"},
        {"column": "price", "row": 0, "expected": "a whole number", "got": "nothing"},
    ]
    assert "secret" not in json.dumps(found)


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ({"turbo": [1, 0]}, [True, False]),
        ({"turbo": [1.0, None]}, [True, None]),
        ({"turbo": [False, True]}, [False, True]),
        ({"turbo": ["TRUE", "n"]}, [True, False]),
        ({"make": [1, None]}, ["1", None]),
        ({"bore": ["1.5", ""]}, [1.5, None]),
        ({"sold": ["2020-01-02T06:00:00", None]}, [datetime(2020, 1, 2, 6), None]),
        ({"sold": [datetime(2020, 1, 2, 6), None]}, [datetime(2020, 1, 2, 6), None]),
        ({"bore": [float("inf"), 1.0]}, [float("inf"), 1.0]),
    ],
)
def test_other_forms_that_conform(cells, expected):
    typed = SMALL.conform(FRAME.with_columns(**{k: pl.Series(v) for k, v in cells.items()}))
    assert typed[next(iter(cells))].to_list() == expected


@pytest.mark.parametrize(
    ("cells", "got"),
    [
        ({"bore": [True, False]}, "a boolean"),
        ({"bore": [date(2020, 1, 1)] * 2}, "a date"),
        ({"turbo": [2, 1]}, "a number"),
        ({"turbo": [date(2020, 1, 1)] * 2}, "a date"),
        ({"sold": [1, 2]}, "a number"),
        ({"sold": ["1.2.24", "x"]}, "text"),
    ],
)
def test_forms_that_do_not(cells, got):
    found = broken(SMALL.conform, FRAME.with_columns(**{k: pl.Series(v) for k, v in cells.items()}))
    assert (found[0]["row"], found[0]["got"]) == (0, got)


def test_one_wrong_date_among_times_is_named_alone():
    frame = FRAME.with_columns(sold=pl.Series(["2020-01-02T06:00:00", "soon"]))
    assert [v["row"] for v in broken(SMALL.conform, frame)] == [1]


def test_cells_of_other_roles_never_break_it():
    contract = Contract(
        columns=(
            Column(name="x", kind="number"),
            Column(name="old", kind="number", role="ignored"),
            Column(name="y", kind="category", role="target"),
        )
    )
    typed = contract.conform(pl.DataFrame({"x": [1], "old": ["n/a?"], "y": [None]}))
    assert typed.row(0) == (1.0, None, None)


def test_at_most_a_hundred_violations_are_listed():
    frame = pl.DataFrame({"x": ["bad"] * 1000})
    contract = Contract(columns=(Column(name="x", kind="number"),))
    assert len(broken(contract.conform, frame)) == 100


def test_a_class_target_is_text_whatever_its_type(ask):
    frame = pl.DataFrame({"x": np.arange(40) % 7, "y": [0, 1] * 20})
    contract = derived(frame, ask("y"))
    assert contract.conform(frame)["y"].to_list() == ["0", "1"] * 20
    assert contract.target.categories == ("0", "1")


# --- requests ---------------------------------------------------------------------------------


def test_a_request_becomes_the_graphs_inputs():
    inputs = SMALL.decode_inputs(NAMES, [GOOD, [None, 2.0, 0, "", None]])
    assert {k: v.ravel().tolist() for k, v in inputs.items() if k != "bore"} == {
        "doors": [4.0, 2.0],
        "turbo": [1.0, 0.0],
        "make": ["audi", ""],
        "sold": [18295.0, pytest.approx(float("nan"), nan_ok=True)],
    }
    assert inputs["bore"][0, 0] == 3.5
    assert np.isnan(inputs["bore"][1, 0])
    assert all(v.shape == (2, 1) and v.flags.c_contiguous for v in inputs.values())
    assert {k: v.dtype for k, v in inputs.items()} == {
        "bore": float, "doors": float, "turbo": float, "make": object, "sold": float
    }  # fmt: skip


def test_rows_and_records_and_frames_agree():
    order = ["vin", "make", "bore", "doors", "price", "turbo", "sold"]
    rows = [["v1", "audi", 3.5, 4, 9, "yes", "2020-02-03T12:00:00Z"]]
    expected = (3.5, 4.0, True, "audi", datetime(2020, 2, 3, 12))
    assert SMALL.decode(order, rows).rows() == [expected]
    assert SMALL.decode_records([dict(zip(order, rows[0], strict=True))]).rows() == [expected]
    assert SMALL.decode(NAMES, [GOOD]).dtypes == SMALL.conform(FRAME).select(NAMES).dtypes


def test_an_empty_request_gives_empty_inputs():
    assert {v.shape for v in SMALL.decode_inputs(NAMES, []).values()} == {(0, 1)}
    only_texts = Contract(columns=(Column(name="a", kind="category"),))
    assert only_texts.decode_inputs(["a"], [["x"]])["a"].tolist() == [["x"]]


@pytest.mark.parametrize(
    ("column", "cell", "got"),
    [
        ("bore", "3.5", "text"),
        ("bore", True, "a boolean"),
        ("bore", [3.5], "a list"),
        ("bore", {}, "an object"),
        ("bore", "NaN", "text"),
        ("bore", float("inf"), "an infinite number"),
        ("bore", 10**400, "a number too large for a double"),
        ("doors", 4.5, "a number with a fraction"),
        ("doors", None, "nothing"),
        ("doors", float("nan"), "nothing"),
        ("turbo", 2, "a number"),
        ("turbo", "maybe", "text"),
        ("turbo", "on", "text"),  # a form that was never seen
        ("turbo", [], "a list"),
        ("make", 5, "a number"),
        ("make", True, "a boolean"),
        ("sold", 18295, "a number"),
        ("sold", "3.2.2020", "text that is no ISO 8601 date"),
        ("sold", "2020-02-30", "text that is no ISO 8601 date"),
        ("sold", "2020-W01-1", "text that is no ISO 8601 date"),
    ],
)
def test_cells_that_break_the_contract(column, cell, got):
    row = [cell if name == column else value for name, value in zip(NAMES, GOOD, strict=True)]
    by_rows = broken(SMALL.decode_inputs, NAMES, [GOOD, row])
    assert [(v["column"], v["row"], v["got"]) for v in by_rows] == [(column, 1, got)]
    records = [dict(zip(NAMES, r, strict=True)) for r in (GOOD, row)]
    assert broken(SMALL.decode_record_inputs, records) == by_rows


@pytest.mark.parametrize(
    "cell", [True, False, 0, 1, 0.0, 1.0, "Yes", "no", " YES ", None], ids=repr
)
def test_forms_of_a_boolean(cell):
    row = [*GOOD[:2], cell, *GOOD[3:]]
    assert SMALL.decode_inputs(NAMES, [row])["turbo"].shape == (1, 1)


def test_wrong_names_in_rows():
    found = broken(SMALL.decode, ["bore", "bore", "turbo", "made", "sold"], [[1, 2, 3, 4, 5]])
    assert {(v["column"], v["got"]) for v in found} == {
        ("doors", "no such column"), ("make", "no such column"), ("made", "a column"),
        ("bore", "2 columns"),
    }  # fmt: skip
    assert all(v["row"] is None for v in found)


def test_wrong_names_in_records():
    good = dict(zip(NAMES, GOOD, strict=True))
    bad = {k: v for k, v in good.items() if k != "bore"} | {"bohr": 1}
    found = broken(SMALL.decode_records, [good, bad])
    assert [(v["column"], v["row"], v["got"]) for v in found] == [
        ("bore", 1, "no such key"), ("bohr", 1, "a key")
    ]  # fmt: skip
    assert "Closest match: 'bore'" in found[1]["expected"]


@pytest.mark.parametrize("row", [GOOD[:3], [*GOOD, 1], []])
def test_rows_of_the_wrong_length(row):
    found = broken(SMALL.decode, NAMES, [GOOD, row])
    assert [(v["row"], v["expected"], v["got"]) for v in found] == [(1, "5 cells", str(len(row)))]


def test_a_request_without_columns():
    assert len(broken(SMALL.decode, [], [[]])) == 5


def test_all_violations_are_told_at_once():
    error = None
    try:
        SMALL.decode(NAMES, [["a", "b", "c", 1, 2]] * 30)
    except ContractViolation as caught:
        error = caught
    assert error is not None
    assert len(error.violations) == 100
    assert error.message == "Column 'bore', row 0: expected a number, got text (and 99 more)."
    assert error.http_status == 422


def test_novelties_are_allowed_and_told():
    rows = [GOOD, [9.0, 1, None, "vw", "2030-01-01"], [2.0, 3, True, "bmw", "1969-12-31"]]
    inputs = SMALL.decode_inputs(NAMES, rows)
    told = [
        Novelty(1, "make", "unseen category"),
        Novelty(1, "bore", "above range"),
        Novelty(1, "doors", "below range"),
        Novelty(1, "sold", "above range"),
        Novelty(2, "bore", "below range"),
        Novelty(2, "sold", "below range"),
    ]
    assert SMALL.input_novelties(inputs) == told
    assert SMALL.novelties(SMALL.decode(NAMES, rows)) == told


finite = st.floats(allow_nan=False, allow_infinity=False)
cells = st.fixed_dictionaries(
    {
        "bore": st.none() | finite | st.integers(-(2**60), 2**60),
        "doors": st.integers(-(2**53), 2**53),
        "turbo": st.none() | st.booleans() | st.sampled_from([0, 1, "yes", "No"]),
        "make": st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
        "sold": st.none() | st.dates(date(1800, 1, 1), date(2200, 1, 1)).map(date.isoformat)
        | st.datetimes(datetime(1800, 1, 1), datetime(2200, 1, 1)).map(datetime.isoformat),
    }
)  # fmt: skip


@settings(max_examples=50)
@given(st.lists(cells, max_size=3))
@example([{**dict.fromkeys(NAMES), "doors": 0, "sold": "2060-01-01T00:01:01.000161"}])
def test_what_is_decoded_conforms(records):
    """The quick way and the way of whole tables give the same inputs, bit for bit."""
    inputs = SMALL.decode_record_inputs(records)
    frame = SMALL.decode_records(records)
    again = frame_to_inputs(SMALL, SMALL.conform(frame)) if records else inputs
    for name, values in inputs.items():
        np.testing.assert_array_equal(values, again[name])


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=4),
                    lambda inner: st.lists(inner, max_size=2), max_leaves=3))  # fmt: skip
def test_any_json_value_is_decoded_or_refused(value):
    for name in NAMES:
        row = [value if n == name else v for n, v in zip(NAMES, GOOD, strict=True)]
        refused: list[object] = []
        try:
            inputs = SMALL.decode_inputs(NAMES, [row])
        except ContractViolation as error:
            refused = [v["column"] for v in error.violations]
        assert refused == [name] or inputs[name].shape == (1, 1)


def test_one_row_is_decoded_quickly(ask, automobile):
    contract = derived(automobile, ask("price"))
    names = [c.name for c in contract.features]
    row = list(contract.conform(automobile).select(names).row(0))
    best = min(_seconds(contract, names, row) for _ in range(30))
    assert best < 300e-6  # about 50 microseconds on an idle core; slack for a busy machine


def _seconds(contract: Contract, names: list[str], row: list[object]) -> float:
    start = time.perf_counter()
    for _ in range(10):
        contract.decode_inputs(names, [row])
    return (time.perf_counter() - start) / 10


# --- JSON Schema ------------------------------------------------------------------------------


def test_the_schema_accepts_what_decode_accepts():
    schema = SMALL.json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    good = dict(zip(NAMES, GOOD, strict=True))
    for more in ({}, {"bore": None}, {"turbo": "Yes"}, {"turbo": 0}, {"vin": "x"}, {"make": "vw"}):
        jsonschema.validate(good | more, schema)
        SMALL.decode_records([good | more])


@pytest.mark.parametrize(
    "more",
    [{"bore": "3.5"}, {"doors": None}, {"doors": 4.5}, {"turbo": 2}, {"make": 5}, {"colour": 1}],
)
def test_the_schema_refuses_what_decode_refuses(more):
    row = dict(zip(NAMES, GOOD, strict=True)) | more
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(row, SMALL.json_schema())
    with pytest.raises(ContractViolation):
        SMALL.decode_records([row])


def test_the_schema_tells_ranges_and_examples():
    properties = SMALL.json_schema()["properties"]
    assert properties["bore"]["description"] == "From 2.5 to 4 in training; others are accepted."
    assert "From 1970-01-01 to 2024-10-04" in properties["sold"]["description"]
    assert properties["make"]["anyOf"][0]["examples"] == ["audi", "bmw"]
    assert list(properties)[:5] == SMALL.json_schema()["required"] == NAMES


def test_a_real_row_fits_its_schema(ask, telco):
    contract = derived(telco, ask("churn"))
    row = telco.drop("churn").row(0, named=True)
    jsonschema.validate(row, contract.json_schema())
    assert contract.decode_records([row]).equals(contract.conform(telco).drop("churn").head(1))


def test_a_later_file_conforms(ask, automobile, write):
    contract = derived(automobile, ask("price"))
    later = read_table(write(automobile.drop("price").head(3).write_csv()))
    assert contract.conform(later).equals(contract.conform(automobile).drop("price").head(3))

"""Tables that cannot carry their question, each told so."""

from __future__ import annotations

import polars as pl
import pytest

from assay.data.suitability import FEWEST_ROWS, check_table
from assay.errors import InvalidConfig, InvalidTable, UnknownColumn
from assay.question import Budget, Groups

N = 40
TABLE = pl.DataFrame(
    {
        "x": range(N),
        "constant": [1] * N,
        "empty": pl.Series([None] * N, dtype=pl.String),
        "price": [100.0 + i for i in range(N)],
        "left": ["stay", "gone"] * (N // 2),
        "shop": [i % 5 for i in range(N)],
    }
)


def refused(frame, question, kind=InvalidTable):
    with pytest.raises(kind) as caught:
        check_table(frame, question)
    assert caught.value.hint
    return caught.value


def test_rows_without_a_target_are_dropped_and_counted(ask):
    frame = TABLE.with_columns(price=pl.when(pl.col("x") >= 5).then("price"))
    checked = check_table(frame, ask("price"))
    assert (checked.frame.height, checked.dropped) == (N - 5, 5)
    assert checked.frame["x"].to_list() == list(range(5, N))


def test_a_sound_table_is_left_as_it_is(ask, automobile, telco):
    assert check_table(automobile, ask("price")).dropped == 0
    groups = (Groups(column="female"), Groups(column="senior_citizen"))
    question = ask("churn", positive="Yes", affected_groups=groups)
    assert check_table(telco, question).frame.equals(telco)


@pytest.mark.parametrize(
    ("more", "where"),
    [
        ({"target": "prise"}, "target"),
        ({"group_column": "shopp"}, "group_column"),
        ({"time_column": "when"}, "time_column"),
        ({"ignore": ("x", "y")}, "ignore"),
        ({"affected_groups": (Groups(column="sex"),)}, "affected_groups"),
        ({"weight_column": "weights"}, "weight_column"),
        ({"keep": ("x", "y")}, "keep"),
        ({"kinds": {"shopp": "category"}}, "kinds"),
        ({"monotone": {"y": "increasing"}}, "monotone"),
        ({"ordered": {"size": ("small", "large")}}, "ordered"),
        ({"budget": Budget(fairness="sex")}, "budget: fairness"),
    ],
)
def test_columns_that_are_not_there(ask, more, where):
    error = refused(TABLE, ask(**{"target": "price", **more}), UnknownColumn)
    assert error.where == f"assay.yaml: {where}"


@pytest.mark.parametrize("key", ["group_column", "time_column", "ignore"])
def test_the_target_has_no_second_role(ask, key):
    value = ("price",) if key == "ignore" else "price"
    assert f"cannot be the {key} too" in refused(TABLE, ask("price", **{key: value})).message


@pytest.mark.parametrize(
    ("target", "message"),
    [("empty", "missing in every row"), ("constant", "same in every row")],
)
def test_targets_without_answers(ask, target, message):
    assert message in refused(TABLE, ask(target)).message


@pytest.mark.parametrize(("rows", "told"), [(1, "one row"), (FEWEST_ROWS - 1, "19 rows")])
def test_too_few_rows(ask, rows, told):
    error = refused(TABLE.head(rows), ask("price"))
    assert f"has {told} with a target" in error.message
    assert f"At least {FEWEST_ROWS}" in error.hint
    assert check_table(TABLE.head(FEWEST_ROWS), ask("price")).frame.height == FEWEST_ROWS


def test_an_infinite_target(ask):
    frame = TABLE.with_columns(price=pl.when(pl.col("x") < 2).then(float("inf")).otherwise("price"))
    assert "infinite in 2 rows" in refused(frame, ask("price")).message


def test_nothing_to_learn_from(ask):
    apart = ("x", "left", "shop")
    assert "constant or empty" in refused(TABLE, ask("price", ignore=apart)).message
    everything = (*apart, "constant", "empty")
    assert "no column to learn from" in refused(TABLE, ask("price", ignore=everything)).message


def test_the_class_asked_for(ask):
    assert check_table(TABLE, ask("left", positive="gone")).dropped == 0
    error = refused(TABLE, ask("left", positive="gine"))
    assert error.hint == "Closest match: 'gone'."
    assert "regression question" in refused(TABLE, ask("price", positive="gone")).message


def test_a_class_of_one_row(ask):
    frame = TABLE.with_columns(
        left=pl.when(pl.col("x") < 1).then(pl.lit("gone")).otherwise(pl.lit("stay"))
    )
    assert "rarer class of 'left' has one row" in refused(frame, ask("left")).message


@pytest.mark.parametrize("cells", [[-1.0], [None], [float("nan")], [float("inf")], ["heavy"]])
def test_weights_are_numbers_from_zero_on(ask, cells):
    kind = pl.String if isinstance(cells[0], str) else pl.Float64
    weights = pl.Series("weight", cells * 3 + [1] * (N - 3), dtype=kind, strict=False)
    error = refused(TABLE.with_columns(weights), ask("price", weight_column="weight"))
    assert "in 3 rows" in error.message
    assert error.where == "assay.yaml: weight_column"


def test_weights_of_zero_are_allowed_but_not_all(ask):
    question = ask("price", weight_column="weight")
    some = TABLE.with_columns(weight=pl.Series([0] * 10 + [2] * (N - 10)))
    assert check_table(some, question).frame.height == N
    none = refused(TABLE.with_columns(weight=pl.lit(0)), question)
    assert "0 in every row" in none.message


def test_a_row_without_a_target_needs_no_weight(ask):
    frame = TABLE.with_columns(
        price=pl.when(pl.col("x") >= 5).then("price"),
        weight=pl.when(pl.col("x") >= 5).then(1.0),
    )
    assert check_table(frame, ask("price", weight_column="weight")).dropped == 5


def test_costs_name_classes_that_occur(ask):
    sound = ask("left", costs={"gone": {"stay": 5.0}, "stay": {"gone": 1.0}})
    assert check_table(TABLE, sound).frame.height == N
    for costs in ({"goen": {"stay": 5.0}}, {"gone": {"sty": 5.0}}):
        error = refused(TABLE, ask("left", costs=costs), InvalidConfig)
        assert "Closest match" in error.hint
        assert error.where == "assay.yaml: costs"
    assert "regression" in refused(TABLE, ask("price", costs={"1": {"2": 1.0}})).message


def test_no_class_rises_or_falls_with_a_column_among_many(ask):
    error = refused(TABLE, ask("shop", monotone={"x": "increasing"}))
    assert "multiclass" in error.message
    assert error.where == "assay.yaml: monotone"


@pytest.mark.parametrize(
    ("apart", "demand", "key"),
    [
        ({"ignore": ("x",)}, {"monotone": {"x": "increasing"}}, "monotone"),
        ({"ignore": ("x",)}, {"keep": ("x",)}, "keep"),
        ({"weight_column": "shop"}, {"ordered": {"shop": ("0", "1")}}, "ordered"),
        ({"group_column": "shop"}, {"keep": ("shop",)}, "keep"),
    ],
)
def test_what_is_set_apart_cannot_be_asked_to_count(ask, apart, demand, key):
    error = refused(TABLE, ask("price", **apart, **demand))
    assert error.where == f"assay.yaml: {key}"
    assert next(iter(apart)) in error.message


def test_a_blank_target_is_no_target(ask):
    few = pl.when(pl.col("x") < 3).then(pl.lit(" ")).when(pl.col("x") < 5).then(None)
    checked = check_table(TABLE.with_columns(left=few.otherwise("left")), ask("left"))
    assert checked.dropped == 5
    assert checked.frame["x"].to_list() == list(range(5, N))


def test_a_column_that_varies_only_far_down_is_enough(ask):
    late = pl.DataFrame({"y": range(2_000), "x": [0] * 1_999 + [1]})
    assert check_table(late, ask("y")).frame.height == 2_000
    assert "constant or empty" in refused(late.head(1_999), ask("y")).message

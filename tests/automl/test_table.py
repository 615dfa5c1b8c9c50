from __future__ import annotations

import pickle
from datetime import date, datetime

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.automl.table import Table
from assay.errors import ContractViolation, UnknownColumn
from assay.model.inputs import graph_inputs
from assay.model.plan import Input

CELLS = st.fixed_dictionaries(
    {
        "size": st.none() | st.floats(),
        "count": st.none() | st.integers(-(2**40), 2**40),
        "yes": st.none() | st.booleans(),
        "on": st.none() | st.dates(),
        "at": st.none() | st.datetimes(),
        "town": st.none() | st.sampled_from(["", "a", "B", "é", "\U0001f600", "\uffff", "a b"]),
        "note": st.none() | st.text(st.characters(exclude_categories=["Cs"])),
    }
)
SCHEMA = {
    "size": pl.Float64,
    "count": pl.Int64,
    "yes": pl.Boolean,
    "on": pl.Date,
    "at": pl.Datetime("us"),
    "town": pl.String,
    "note": pl.String,
}
INPUTS = tuple(
    Input(name=name, kind="category" if kind == pl.String else "number")
    for name, kind in SCHEMA.items()
)


@settings(max_examples=60, deadline=None)
@given(st.lists(CELLS, max_size=12), st.randoms(use_true_random=False))
def test_a_table_means_what_the_graph_takes(cells: list[dict], random) -> None:
    frame = pl.DataFrame(cells, schema=SCHEMA)
    table = Table.from_frame(INPUTS, frame)
    rows = np.array([random.randrange(len(frame)) for _ in range(len(frame))], dtype=np.int64)
    for own, peer in ((table, frame), (table.take(rows), frame[rows])):
        expected = graph_inputs(INPUTS, peer)
        found = own.inputs()
        assert own.rows == len(peer)
        assert found.keys() == expected.keys()
        for name, column in expected.items():
            assert found[name].dtype == column.dtype
            np.testing.assert_array_equal(found[name], column)
    for category in table.categories.values():
        assert list(category.levels) == sorted(set(category.levels))


def test_dates_are_days() -> None:
    frame = pl.DataFrame({"on": [date(1970, 1, 2), None], "at": [datetime(1970, 1, 1, 12), None]})
    table = Table.from_frame([Input(name=n, kind="number") for n in ("on", "at")], frame)
    np.testing.assert_array_equal(table.numbers["on"], [1.0, np.nan])
    np.testing.assert_array_equal(table.numbers["at"], [0.5, np.nan])


def test_categorical_columns_are_read_as_texts() -> None:
    frame = pl.DataFrame({"c": pl.Series(["b", None, "a"], dtype=pl.Categorical)})
    column = Table.from_frame([Input(name="c", kind="category")], frame).categories["c"]
    assert column.levels == ("", "a", "b")
    assert column.codes.tolist() == [2, 0, 1]
    assert column.codes.dtype == np.int32


def test_rows_that_were_taken_share_the_levels() -> None:
    frame = pl.DataFrame({"c": ["b", None, "a", "b"]})
    table = Table.from_frame([Input(name="c", kind="category")], frame)
    part = table.take(np.array([0, 3]))
    assert part.categories["c"].texts is table.categories["c"].texts
    assert part.categories["c"].counts().tolist() == [0, 0, 2]
    assert part.categories["c"].missing == 0
    assert Table.from_frame([Input(name="c", kind="category")], frame[[0]]).categories[
        "c"
    ].missing == (-1)


def test_what_cannot_be_read_is_named() -> None:
    with pytest.raises(UnknownColumn, match="gone"):
        Table.from_frame([Input(name="gone", kind="category")], pl.DataFrame({"c": ["a"]}))
    with pytest.raises(ContractViolation):
        Table.from_frame([Input(name="c", kind="category")], pl.DataFrame({"c": [1]}))
    with pytest.raises(ContractViolation):
        Table.from_frame([Input(name="c", kind="number")], pl.DataFrame({"c": ["a"]}))


def test_a_table_travels_to_another_process() -> None:
    frame = pl.DataFrame({"c": ["b", None, "a"], "x": [1.0, 2.0, None]})
    inputs = [Input(name="c", kind="category"), Input(name="x", kind="number")]
    table = Table.from_frame(inputs, frame)
    again = pickle.loads(pickle.dumps(table))
    for name, column in table.inputs().items():
        np.testing.assert_array_equal(again.inputs()[name], column)

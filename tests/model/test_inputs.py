from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import polars as pl
import pytest

from assay.data.contract import Column, Contract
from assay.errors import ContractViolation, InputError, UnknownColumn
from assay.model.inputs import graph_inputs, plan_inputs, row_count
from assay.model.plan import Input

KINDS = ("number", "integer", "boolean", "category", "date", "text")


def test_every_kind_of_feature_becomes_one_input_in_order() -> None:
    columns = [Column(name=kind, kind=kind) for kind in KINDS]
    others = [
        Column(name="id", kind="integer", role="identifier"),
        Column(name="y", kind="number", role="target"),
    ]
    inputs = plan_inputs(Contract(columns=(others[0], *columns, others[1])))
    assert [i.name for i in inputs] == list(KINDS)
    assert [i.kind for i in inputs] == [
        "number", "number", "number", "category", "number", "category",
    ]  # fmt: skip


def test_numbers_are_doubles_with_nan_where_missing() -> None:
    frame = pl.DataFrame(
        {
            "f": [0.1, None, float("inf")],
            "i": [2**53, None, -1],
            "b": [True, None, False],
            "d": [date(1969, 12, 31), None, date(2024, 2, 29)],
            "t": [datetime(1970, 1, 1, 18), None, datetime(1969, 12, 31, 12)],
        }
    )
    arrays = graph_inputs([Input(name=n, kind="number") for n in frame.columns], frame)
    nan = float("nan")
    expected = {
        "f": [0.1, nan, float("inf")],
        "i": [2.0**53, nan, -1.0],
        "b": [1.0, nan, 0.0],
        "d": [-1.0, nan, 19_782.0],
        "t": [0.75, nan, -0.5],
    }
    for name, values in expected.items():
        assert arrays[name].shape == (3, 1)
        assert arrays[name].dtype == np.float64
        np.testing.assert_array_equal(arrays[name].ravel(), values)


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_times_do_not_depend_on_their_unit_or_zone(unit: str) -> None:
    plain = pl.Series("t", [datetime(2001, 9, 9, 1, 46, 40)]).cast(pl.Datetime(unit))  # type: ignore[arg-type]
    zoned = pl.Series("t", [datetime(2001, 9, 9, 1, 46, 40, tzinfo=UTC)])
    zoned = zoned.dt.convert_time_zone("Asia/Tokyo").cast(pl.Datetime(unit, "Asia/Tokyo"))  # type: ignore[arg-type]
    for series in (plain, zoned):
        found = graph_inputs([Input(name="t", kind="number")], series.to_frame())["t"]
        assert found.item() == 1e9 / 86_400


@pytest.mark.parametrize("dtype", [pl.String, pl.Categorical, pl.Enum(["a", "é"])])
def test_texts_are_strings_with_nothing_where_missing(dtype: pl.DataType) -> None:
    frame = pl.DataFrame({"c": pl.Series(["a", None, "é"], dtype=dtype)})
    found = graph_inputs([Input(name="c", kind="category")], frame)["c"]
    assert found.dtype == object
    assert found.tolist() == [["a"], [""], ["é"]]


def test_a_column_of_nulls_is_missing_whatever_its_kind() -> None:
    frame = pl.DataFrame({"n": [None, None], "c": [None, None]})
    kinds = (Input(name="n", kind="number"), Input(name="c", kind="category"))
    found = graph_inputs(kinds, frame)
    assert np.isnan(found["n"]).all()
    assert (found["c"] == "").all()


def test_an_absent_column_is_named() -> None:
    with pytest.raises(UnknownColumn, match="'age'"):
        graph_inputs([Input(name="age", kind="number")], pl.DataFrame({"agee": [1]}))


@pytest.mark.parametrize(("kind", "values"), [("number", ["secret"]), ("category", [1])])
def test_a_column_of_another_type_is_refused_without_its_values(
    kind: str, values: list[object]
) -> None:
    with pytest.raises(ContractViolation, match="'x'") as caught:
        graph_inputs([Input(name="x", kind=kind)], pl.DataFrame({"x": values}))  # type: ignore[arg-type]
    assert "secret" not in str(caught.value.to_dict())


def test_columns_must_have_one_number_of_rows() -> None:
    with pytest.raises(InputError, match="common number of rows"):
        row_count({"a": np.zeros((2, 1)), "b": np.zeros((3, 1))})

"""How written cells become numbers, dates and missing values."""

from __future__ import annotations

from datetime import date, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.data.cells import AMBIGUOUS, MISSING, read_dates, type_cells


def typed(*cells: str, **options: bool) -> pl.Series:
    return type_cells(pl.DataFrame({"a": list(cells)}), **options)["a"]


@pytest.mark.parametrize(
    ("cells", "values", "kind"),
    [
        (["1", "-2", "+3"], [1, -2, 3], pl.Int64),
        (["1", "2.5"], [1.0, 2.5], pl.Float64),
        (["1e3", ".5"], [1000.0, 0.5], pl.Float64),
        (["1.0", "2.0"], [1.0, 2.0], pl.Float64),
        (["0", "1"], [0, 1], pl.Int64),
        (["0.5", "0"], [0.5, 0.0], pl.Float64),
        (["inf", "-inf", "1"], [float("inf"), float("-inf"), 1.0], pl.Float64),
        ([" 7 ", "8"], [7, 8], pl.Int64),
        (["007", "10"], ["007", "10"], pl.String),
        (["1", "two"], ["1", "two"], pl.String),
        (["1_000", "2"], ["1_000", "2"], pl.String),
        (["0x1F", "2"], ["0x1F", "2"], pl.String),
        (["yes", "no"], ["yes", "no"], pl.String),
        (["9007199254740992", "1"], [2**53, 1], pl.Int64),
        (["9007199254740993", "1"], ["9007199254740993", "1"], pl.String),
        (["99999999999999999999", "1"], ["99999999999999999999", "1"], pl.String),
        (["1e300", "1"], [1e300, 1.0], pl.Float64),
    ],
)
def test_cells_are_typed_by_the_whole_column(cells, values, kind):
    series = typed(*cells)
    assert series.to_list() == values
    assert series.dtype == kind


@pytest.mark.parametrize("word", MISSING)
def test_missing_words(word):
    assert typed("1", word).to_list() == [1, None]
    assert typed("x", f" {word} ").to_list() == ["x", None]


@pytest.mark.parametrize("word", ["None", "-", ".", "unknown"])
def test_words_that_are_not_missing(word):
    assert typed("x", word).to_list() == ["x", word]


def test_a_column_of_missing_cells_is_text():
    assert typed("", "?").dtype == pl.String


def test_decimal_commas_only_where_they_make_a_number():
    assert typed("1,5", "2", decimal_comma=True).to_list() == [1.5, 2.0]
    assert typed("1,5", "2,5,6", decimal_comma=True).to_list() == ["1,5", "2,5,6"]


@pytest.mark.parametrize(
    ("cells", "dates"),
    [
        (["2024-01-05", "1999-12-31"], [date(2024, 1, 5), date(1999, 12, 31)]),
        (["2024/1/5"], [date(2024, 1, 5)]),
        (["2024.01.05"], [date(2024, 1, 5)]),
        (["3.2.2024", "14.12.2024"], [date(2024, 2, 3), date(2024, 12, 14)]),
        (["13/02/2024", "01/02/2024"], [date(2024, 2, 13), date(2024, 2, 1)]),
        (["02/13/2024", "01/02/2024"], [date(2024, 2, 13), date(2024, 1, 2)]),
        (["13-02-2024", "01-02-2024"], [date(2024, 2, 13), date(2024, 2, 1)]),
        (["01/01/2024", "02/02/2024"], [date(2024, 1, 1), date(2024, 2, 2)]),
        (["2024-01-05T10:00:00", ""], [datetime(2024, 1, 5, 10), None]),
        (["2024-01-05 10:30", "2024-01-06"], [datetime(2024, 1, 5, 10, 30), datetime(2024, 1, 6)]),
        (["2024-01-05T10:00:00.123"], [datetime(2024, 1, 5, 10, 0, 0, 123_000)]),
        (
            ["2024-01-05T10:00:00Z", "2024-01-05T10:00:00+02:00"],
            [datetime(2024, 1, 5, 10), datetime(2024, 1, 5, 8)],
        ),
        (["13/02/2024 10:30", "01/02/2024 11:00"],
         [datetime(2024, 2, 13, 10, 30), datetime(2024, 2, 1, 11)]),
    ],
)  # fmt: skip
def test_dates_in_several_forms(cells, dates):
    assert typed(*cells).to_list() == dates


@pytest.mark.parametrize(
    "cells",
    [
        ["12/02/2024", "01/02/2024"],  # which is the month?
        ["2024-01-05", "2024-02-30"],  # no such day
        ["2024-01-05", "soon"],
        ["03/02/24", "15/02/24"],  # which century?
        ["13/02/2024", "02/13/2024"],  # both orders in one column
        ["1.2.3", "4.5.6"],  # versions
        ["2024-01-05T10:00:00Z", "2024-01-05"],  # of one zone, of none
    ],
)
def test_cells_that_stay_text(cells):
    assert typed(*cells).to_list() == cells


def test_ambiguous_dates_say_so():
    assert read_dates(pl.Series(["12/02/2024", "01/02/2024"])) == (None, AMBIGUOUS)


@given(st.lists(st.dates(date(1000, 1, 1)), min_size=1))
def test_iso_dates_are_always_read(days):
    assert typed(*(d.isoformat() for d in days)).to_list() == days


@given(st.lists(st.floats(allow_nan=False), min_size=1))
def test_doubles_come_back_bit_for_bit(numbers):
    series = typed(*(repr(x) for x in numbers))
    assert [float(v) for v in series] == numbers


@given(st.lists(st.integers(-(2**70), 2**70), min_size=1))
def test_whole_numbers_lose_no_digit(numbers):
    assert [int(v) for v in typed(*(str(n) for n in numbers))] == numbers

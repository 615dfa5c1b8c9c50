"""REL015: it fires, it stays silent, it does not apply."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

from assay.assess.corruption import UNITS, WrongUnits
from assay.errors import NotApplicable
from assay.testing.check import KINDS, ExampleAnswer, example_subject


def blind(frame: pl.DataFrame) -> ExampleAnswer:
    """A model that reads no numbers."""
    make = frame["make"].str.len_chars().cast(pl.Float64).fill_null(5).to_numpy()
    return ExampleAnswer(prediction=20 + make)


def test_a_column_that_matters_is_found_and_units_are_named():
    finding = WrongUnits().run(example_subject())
    assert finding.lower > 2
    assert finding.details["importance"][0]["column"] == "size"
    table = finding.details["damage"]
    assert {entry["kind"] for entry in table} == set(UNITS)
    doors = [entry["value"] for entry in table if entry["column"] == "doors"]
    assert doors == pytest.approx([1.0] * len(UNITS))  # the model does not use it


def test_what_serving_would_report_is_counted():
    table = WrongUnits().run(example_subject()).details["damage"]
    by_kind = {e["kind"]: e["reported"] for e in table if e["column"] == "weight"}
    assert by_kind["ten times"] == 1.0  # 50 becomes 500: beyond anything seen
    assert by_kind["a thousandth"] == 1.0


def test_a_model_that_reads_no_numbers_is_not_accused():
    subject = example_subject()
    rows = replace(subject.held_out, prediction=blind(subject.held_out.frame).prediction)
    finding = WrongUnits().run(replace(subject, held_out=rows, score=blind))
    assert (finding.value, finding.lower, finding.upper) == pytest.approx((1, 1, 1))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_answer_has_a_value(kind):
    assert WrongUnits().run(example_subject(kind)).value > 1


def test_units_by_hand():
    x = pl.Series([20.0, 0.5])
    assert {name: convert(x).to_list() for name, convert in UNITS.items()} == {
        "ten times": [200.0, 5.0],
        "in cents": [2000.0, 50.0],
        "a thousand times": [20_000.0, 500.0],
        "a thousandth": [0.02, 0.0005],
        "in Fahrenheit": [68.0, pytest.approx(32.9)],
    }


def test_a_wide_table_asks_the_model_no_more_than_allowed():
    asked = []
    subject = example_subject(rows=3000)

    def counting(frame: pl.DataFrame) -> ExampleAnswer:
        asked.append(frame.height)
        return subject.score(frame)

    WrongUnits(most_answers=9_000).run(replace(subject, score=counting))
    assert sum(asked) <= 9_000


def test_a_very_wide_table_has_some_ways_drawn():
    finding = WrongUnits(most_ways=4).run(example_subject())
    assert len(finding.details["damage"]) == 4
    assert "4 of 15 ways to damage a column were drawn by chance." in finding.method


def test_it_does_not_apply_to_a_model_without_errors():
    subject = example_subject()
    perfect = replace(subject.held_out, prediction=subject.held_out.truth)
    with pytest.raises(NotApplicable, match="no error"):
        WrongUnits().run(replace(subject, held_out=perfect))

"""REL018: it fires, it stays silent, it does not apply."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from assay.assess.corruption import ShiftedColumns
from assay.errors import NotApplicable
from assay.testing.check import KINDS, ExampleAnswer, example_subject


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_that_reads_its_columns_is_hurt(kind):
    finding = ShiftedColumns().run(example_subject(kind))
    assert finding.lower > 1.3


def test_a_model_that_reads_one_column_of_its_kind_is_not():
    def by_turbo(frame: pl.DataFrame) -> ExampleAnswer:
        return ExampleAnswer(prediction=20 + frame["turbo"].cast(pl.Float64).to_numpy())

    subject = example_subject()
    rows = replace(subject.held_out, prediction=by_turbo(subject.held_out.frame).prediction)
    finding = ShiftedColumns().run(replace(subject, held_out=rows, score=by_turbo))
    assert (finding.value, finding.lower, finding.upper) == pytest.approx((1, 1, 1))


def test_every_column_takes_the_next_ones_values():
    subject = example_subject(rows=100)
    seen = []

    def watched(frame: pl.DataFrame) -> ExampleAnswer:
        seen.append(frame)
        return subject.score(frame)

    ShiftedColumns().run(replace(subject, score=watched))
    before = subject.held_out.frame[subject.held_out.order]
    numbers = [c.name for c in subject.contract.features if c.kind in ("number", "integer")]
    assert len(numbers) == 3
    for name, other in zip(numbers, [*numbers[1:], numbers[0]], strict=True):
        assert seen[0][name].to_list() == before[other].to_list()
    assert seen[0]["make"].to_list() == before["drive"].to_list()
    assert seen[0]["turbo"].to_list() == before["turbo"].to_list()


def test_what_serving_would_report_is_counted():
    table = ShiftedColumns().run(example_subject()).details["damage"]
    by_column = {entry["column"]: entry["reported"] for entry in table}
    assert by_column["make"] == 1.0  # "front" is no make
    assert by_column[""] is None


def test_it_does_not_apply_without_two_columns_of_a_kind():
    subject = example_subject()
    kept = {"size", "make", "turbo", "worth"}
    columns = tuple(c for c in subject.contract.columns if c.name in kept)
    narrow = type(subject.contract)(columns=columns)
    with pytest.raises(NotApplicable, match="no two columns"):
        ShiftedColumns().run(replace(subject, contract=narrow))


def test_a_missing_value_moves_along():
    subject = example_subject(rows=100)
    assert np.isfinite(ShiftedColumns().run(subject).value)

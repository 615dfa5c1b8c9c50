"""REL005: it fires, it stays silent, it does not apply."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from assay.assess.robustness import MissingInput
from assay.errors import InputError, NotApplicable
from assay.testing.check import ExampleAnswer, ExampleModel, example_subject


def test_the_column_that_matters_is_the_worst_to_lose():
    finding = MissingInput().run(example_subject())
    table = {entry["column"]: entry["value"] for entry in finding.details["importance"]}
    assert finding.details["importance"][0]["column"] == "size"
    assert finding.lower > 2
    assert table["doors"] == pytest.approx(1.0)  # the model does not use it


def test_a_model_that_uses_nothing_loses_nothing():
    def constant(frame: pl.DataFrame) -> ExampleAnswer:
        return ExampleAnswer(prediction=np.full(frame.height, 20.0))

    subject = example_subject()
    rows = replace(subject.held_out, prediction=np.full(subject.held_out.rows, 20.0))
    finding = MissingInput().run(replace(subject, held_out=rows, score=constant))
    assert (finding.value, finding.lower, finding.upper) == pytest.approx((1, 1, 1))


def test_an_answer_that_is_no_number_counts_as_the_whole_range():
    model = ExampleModel(kind="regression")

    def fragile(frame: pl.DataFrame) -> ExampleAnswer:
        answer = model(frame)
        nan = frame["doors"].is_null().to_numpy()
        return replace(answer, prediction=np.where(nan, np.nan, answer.prediction))

    finding = MissingInput().run(replace(example_subject(), score=fragile))
    assert finding.details["importance"][0]["column"] == "doors"
    assert finding.lower > 5


def test_a_refused_column_is_named():
    model = ExampleModel(kind="regression")

    def strict(frame: pl.DataFrame) -> ExampleAnswer:
        if frame["weight"].null_count():
            raise InputError("Column 'weight' is missing.")
        return model(frame)

    finding = MissingInput().run(replace(example_subject(), score=strict))
    assert finding.details["refused"] == ["weight"]


def test_it_does_not_apply_where_every_missing_value_is_refused():
    def refuse(frame: pl.DataFrame) -> ExampleAnswer:
        raise InputError("A value is missing.")

    with pytest.raises(NotApplicable, match="refuses"):
        MissingInput().run(replace(example_subject(), score=refuse))


def test_it_does_not_apply_to_a_model_without_errors():
    subject = example_subject()
    perfect = replace(subject.held_out, prediction=subject.held_out.truth)
    with pytest.raises(NotApplicable, match="no error"):
        MissingInput().run(replace(subject, held_out=perfect))

"""REL009: it fires, it stays silent, it does not apply."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from assay.assess.comparison import ErrorAgainstChampion
from assay.errors import InputError, NotApplicable
from assay.testing.check import KINDS, ExampleAnswer, ExampleModel, example_subject


def off_by(amount):
    """A champion whose numbers are that far too high."""

    def score(frame: pl.DataFrame) -> ExampleAnswer:
        answer = ExampleModel(kind="regression")(frame)
        return replace(answer, prediction=answer.prediction + amount)

    return score


def test_a_better_model_is_below_one():
    finding = ErrorAgainstChampion().run(replace(example_subject(), champion=off_by(3.0)))
    assert finding.upper < 1
    assert finding.details["difference_upper"] < 0
    assert finding.details["better_rows"] > 0.7


def test_a_worse_model_is_above_one():
    subject = example_subject()
    worse = replace(subject.held_out, prediction=subject.held_out.prediction + 3)
    finding = ErrorAgainstChampion().run(
        replace(subject, held_out=worse, champion=ExampleModel(kind="regression"))
    )
    assert finding.lower > 1


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_model_is_exactly_one(kind):
    subject = example_subject(kind, champion=ExampleModel(kind=kind))
    finding = ErrorAgainstChampion().run(subject)
    assert (finding.value, finding.lower, finding.upper) == pytest.approx((1, 1, 1))
    assert finding.details["better_rows"] == 0


def test_the_value_is_the_ratio_of_mean_losses_and_weights_count():
    subject = example_subject(rows=50)
    weight = np.arange(1.0, 51.0)
    rows = replace(subject.held_out, weight=weight)
    finding = ErrorAgainstChampion().run(replace(subject, held_out=rows, champion=off_by(1.0)))
    model = np.abs(rows.prediction - rows.truth)
    champion = np.abs(rows.prediction + 1 - rows.truth)
    assert finding.value == pytest.approx(np.sum(weight * model) / np.sum(weight * champion))
    assert finding.details["model"] == pytest.approx(np.average(model, weights=weight))


def test_a_change_of_nothing_is_rarely_taken_for_one():
    alarms = 0
    for seed in range(40):
        subject = example_subject(rows=150, seed=seed)
        rng = np.random.default_rng(seed)
        ours, theirs = rng.normal(size=(2, 150))
        rows = replace(subject.held_out, prediction=subject.held_out.prediction + ours)

        def champion(frame, subject=subject, theirs=theirs):
            return ExampleAnswer(prediction=subject.held_out.prediction + theirs)

        finding = ErrorAgainstChampion().run(replace(subject, held_out=rows, champion=champion))
        alarms += finding.lower > 1
    assert alarms <= 6  # 2 expected at 95 %


def test_it_does_not_apply_without_a_champion():
    with pytest.raises(NotApplicable, match="No other model is in use"):
        ErrorAgainstChampion().run(example_subject())


def test_it_does_not_apply_where_the_champion_refuses():
    def refuse(frame: pl.DataFrame) -> ExampleAnswer:
        raise InputError("Column 'weight' is not known.")

    with pytest.raises(NotApplicable, match="cannot answer these rows: Column 'weight'"):
        ErrorAgainstChampion().run(replace(example_subject(), champion=refuse))


def test_it_does_not_apply_where_the_champion_gives_no_number():
    def broken(frame: pl.DataFrame) -> ExampleAnswer:
        return ExampleAnswer(prediction=np.full(frame.height, np.nan))

    with pytest.raises(NotApplicable, match="gives 600 rows an answer that is not a number"):
        ErrorAgainstChampion().run(replace(example_subject(), champion=broken))

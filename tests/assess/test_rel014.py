"""REL014: it fires, it stays silent, it does not apply."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from assay.assess.corruption import NoisyInput
from assay.errors import InputError, NotApplicable
from assay.testing.check import KINDS, ExampleAnswer, ExampleModel, asking, example_subject


def jumpy(frame: pl.DataFrame) -> ExampleAnswer:
    """A model that answers with the digits after the point."""
    size = frame["size"].cast(pl.Float64).fill_null(5.0).to_numpy()
    return ExampleAnswer(prediction=20 + 50 * np.sin(1000 * size))


def with_model(subject, score):
    """The subject with another model."""
    answer = score(subject.held_out.frame)
    rows = replace(subject.held_out, prediction=answer.prediction, truth=answer.prediction + 1.0)
    return replace(subject, held_out=rows, score=score)


def test_a_model_that_hangs_on_digits_is_found():
    finding = NoisyInput().run(with_model(example_subject(), jumpy))
    assert finding.lower > 10
    assert finding.details["importance"][0]["column"] == "size"


@pytest.mark.parametrize("kind", KINDS)
def test_a_smooth_model_hardly_changes(kind):
    finding = NoisyInput().run(example_subject(kind))
    assert 0.9 < finding.lower <= finding.upper < 1.4


def test_more_noise_makes_more_errors():
    curve = NoisyInput().run(example_subject()).details["strengths"]
    assert [point["strength"] for point in curve] == [0.02, 0.05, 0.1, 0.2, 0.5]
    assert curve[-1]["value"] > curve[0]["value"]
    finding = NoisyInput().run(example_subject())
    at_a_tenth = next(p for p in curve if p["strength"] == 0.1)
    assert at_a_tenth["value"] == finding.value


def test_the_value_is_worked_out_by_hand():
    """Noise that a linear model passes on: checked against the same draws."""

    def linear(frame: pl.DataFrame) -> ExampleAnswer:
        return ExampleAnswer(prediction=frame["weight"].cast(pl.Float64).to_numpy())

    subject = with_model(example_subject(), linear)
    finding = NoisyInput().run(subject)
    rows = subject.held_out
    weight, train = rows.frame["weight"].to_numpy(), subject.train["weight"].to_numpy()
    noise = np.random.default_rng([0, rows.frame.columns.index("weight")]).standard_normal(600)
    moved = np.clip(weight[rows.order] + 0.1 * train.std() * noise, train.min(), train.max())
    assert finding.value == pytest.approx(np.abs(moved - rows.truth[rows.order]).mean())


def test_values_stay_inside_the_training_range():
    seen = []

    def watched(frame: pl.DataFrame) -> ExampleAnswer:
        seen.append(frame["size"].drop_nulls().to_numpy())
        return ExampleModel(kind="regression")(frame)

    NoisyInput().run(replace(example_subject(), score=watched))
    assert min(part.min() for part in seen) >= 0
    assert max(part.max() for part in seen) <= 10


def test_it_does_not_apply_without_numbers():
    subject = example_subject()
    columns = tuple(
        column for column in subject.contract.columns if column.kind not in ("number", "integer")
    )
    target = (subject.contract.target,)
    narrow = type(subject.contract)(columns=(*columns, *target))
    with pytest.raises(NotApplicable, match="reads no numbers"):
        NoisyInput().run(replace(subject, contract=narrow))


def test_it_does_not_apply_to_predictions_alone_or_to_a_model_that_refuses():
    from assay.assess.subject import no_model

    with pytest.raises(NotApplicable, match="no model to ask"):
        NoisyInput().run(replace(example_subject(), score=no_model))

    def refuse(frame: pl.DataFrame) -> ExampleAnswer:
        raise InputError("No.")

    with pytest.raises(NotApplicable, match="refuses rows with noise in every number"):
        NoisyInput().run(replace(example_subject(), score=refuse))


def test_weights_count():
    subject = asking(example_subject())
    weight = np.where(subject.held_out.frame["drive"].to_numpy() == "front", 1.0, 0.0)
    some = replace(subject.held_out, weight=weight)
    assert (
        NoisyInput().run(replace(subject, held_out=some)).value != NoisyInput().run(subject).value
    )

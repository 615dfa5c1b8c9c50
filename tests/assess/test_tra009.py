"""TRA009: it fires, it stays silent, it does not apply."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from assay.assess.surrogate import StandIn, SurrogateFidelity
from assay.errors import NotApplicable
from assay.testing.check import KINDS, ExampleAnswer, example_subject


def stepwise(frame):
    """A model that is a small tree itself."""
    big = frame["size"].cast(pl.Float64).fill_null(0.0).to_numpy() > 5.0
    rear = (frame["drive"] == "rear").to_numpy()
    return ExampleAnswer(prediction=10.0 + 4.0 * big + 2.0 * (big & rear))


def answered_by(model, **more):
    subject = example_subject(score=model, **more)
    return replace(
        subject,
        held_out=replace(
            subject.held_out, prediction=model(subject.held_out.frame).prediction, lower=None,
            upper=None,
        ),
    )  # fmt: skip


def test_a_model_that_is_a_small_tree_is_told_whole():
    finding = SurrogateFidelity().run(answered_by(stepwise))
    assert finding.value == pytest.approx(1.0, abs=0.01)
    said = " / ".join(rule["when"] for rule in finding.details["rules"])
    assert "size ≤" in said
    assert "drive is rear" in said
    assert sum(rule["share"] for rule in finding.details["rules"]) == pytest.approx(1.0)


def test_a_model_that_is_no_small_tree_is_not():
    def waves(frame):
        weight = frame["weight"].to_numpy()
        return ExampleAnswer(prediction=np.sin(40 * weight))

    assert SurrogateFidelity().run(answered_by(waves)).upper < 0.3


@pytest.mark.parametrize("kind", KINDS)
def test_it_measures_every_kind(kind):
    finding = SurrogateFidelity().run(example_subject(kind))
    assert 0.4 < finding.lower <= finding.value <= finding.upper <= 1.0
    assert finding.details["levels"] <= 4
    answers = {type(rule["answer"]) for rule in finding.details["rules"]}
    assert answers == ({str} if kind == "multiclass" else {float})


def test_r_squared_is_scikit_learns():
    from sklearn.metrics import r2_score

    subject = example_subject()
    stand_in = StandIn.fit(subject, rows=5_000, depth=4)
    told = stand_in.answer(subject.held_out.frame)
    finding = SurrogateFidelity().run(subject)
    assert finding.value == pytest.approx(r2_score(subject.held_out.prediction, told))


def test_unseen_and_missing_cells_get_an_answer():
    subject = example_subject()
    stand_in = StandIn.fit(subject, rows=5_000, depth=4)
    odd = subject.held_out.frame.with_columns(
        make=pl.lit("zzz"), drive=pl.lit(None, pl.String), size=pl.lit(None, pl.Float64)
    )
    assert np.isfinite(stand_in.answer(odd)).all()


def test_it_does_not_apply_without_training_rows():
    subject = example_subject()
    with pytest.raises(NotApplicable, match="no training rows"):
        SurrogateFidelity().run(replace(subject, train=subject.train[:0]))


def test_it_does_not_apply_to_one_answer_for_all():
    def constant(frame):
        return ExampleAnswer(prediction=np.full(frame.height, 3.0))

    with pytest.raises(NotApplicable, match="same answer"):
        SurrogateFidelity().run(answered_by(constant))

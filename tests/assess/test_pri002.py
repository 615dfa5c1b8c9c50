"""PRI002: it fires, it stays silent, it does not apply."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from assay.assess.privacy import MembershipInference
from assay.errors import NotApplicable
from assay.testing.check import KINDS, ExampleAnswer, example_subject


def memorised(subject):
    """A model that knows the answer of nine in ten training rows by heart."""
    by_heart = dict(zip(subject.train["mail"], subject.train["worth"], strict=True))
    gaps = np.random.default_rng(0).random(subject.train.height) < 0.1
    forgotten = set(subject.train["mail"].filter(pl.Series(gaps)))

    def score(frame: pl.DataFrame) -> ExampleAnswer:
        answer = subject.score(frame)
        known = [by_heart.get(m) if m not in forgotten else None for m in frame["mail"].to_list()]
        p = [a if k is None else k for a, k in zip(answer.prediction, known, strict=True)]
        return ExampleAnswer(prediction=np.array(p))

    return replace(subject, score=score)


def test_a_model_that_memorised_is_found():
    finding = MembershipInference().run(memorised(example_subject()))
    assert finding.lower > 0.85
    assert finding.details["training_loss"] < finding.details["held_out_loss"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_that_learned_is_near_a_coin_toss(kind):
    finding = MembershipInference(confidence=0.999).run(example_subject(kind))
    assert finding.lower < 0.5 < finding.upper


def test_it_does_not_apply_to_a_handful_of_rows():
    with pytest.raises(NotApplicable, match="10 are needed"):
        MembershipInference().run(example_subject(rows=8))

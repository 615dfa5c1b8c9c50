"""PRI003: it fires, it stays silent, it does not apply."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from assay.assess.privacy import MemorisedRows
from assay.errors import NotApplicable
from assay.testing.check import KINDS, ExampleAnswer, example_subject


def test_reproduced_rows_are_found():
    subject = example_subject()
    by_heart = dict(zip(subject.train["mail"], subject.train["worth"], strict=True))

    def score(frame: pl.DataFrame) -> ExampleAnswer:
        answer = subject.score(frame).prediction
        known = [by_heart.get(m, a) for m, a in zip(frame["mail"], answer, strict=True)]
        return ExampleAnswer(prediction=np.array(known))

    finding = MemorisedRows().run(replace(subject, score=score))
    assert finding.details["training"] == 1.0
    assert finding.lower > 0.9


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_that_learned_is_as_exact_on_new_rows(kind):
    finding = MemorisedRows(confidence=0.999).run(example_subject(kind))
    assert finding.lower <= 0 <= finding.upper


def test_it_does_not_apply_to_a_handful_of_rows():
    with pytest.raises(NotApplicable, match="10 are needed"):
        MemorisedRows().run(example_subject(rows=8))

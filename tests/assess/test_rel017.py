"""REL017: it fires, it stays silent, it does not apply."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from assay.assess.corruption import SLIPS, MisspeltCategory, misspell
from assay.errors import NotApplicable
from assay.testing.check import KINDS, MAKES, ExampleAnswer, ExampleModel, example_subject


def test_a_model_that_needs_exact_words_is_found():
    model = ExampleModel(kind="regression")

    def strict(frame: pl.DataFrame) -> ExampleAnswer:
        answer = model(frame)
        known = frame["make"].is_in(list(MAKES)).to_numpy()
        return replace(answer, prediction=np.where(known, answer.prediction, 0.0))

    finding = MisspeltCategory().run(replace(example_subject(), score=strict))
    assert finding.lower > 3
    assert finding.details["importance"][0]["column"] == "make"


@pytest.mark.parametrize("kind", KINDS)
def test_a_sound_model_loses_little(kind):
    assert MisspeltCategory().run(example_subject(kind)).upper < 1.5


def test_each_row_gets_one_slip_and_gaps_stay_gaps():
    subject = example_subject(rows=200)
    frame = subject.held_out.frame.with_columns(
        make=pl.when(pl.int_range(200) < 20).then(None).otherwise(pl.col("make"))
    )
    subject = replace(subject, held_out=replace(subject.held_out, frame=frame))
    seen = []

    def watched(table: pl.DataFrame) -> ExampleAnswer:
        seen.append(table)
        return subject.score(table)

    MisspeltCategory().run(replace(subject, score=watched))
    both = seen[0]
    wrong_make = (~both["make"].is_in(list(MAKES))).fill_null(value=False)
    wrong_drive = ~both["drive"].is_in(["front", "rear"])
    assert not (wrong_make & wrong_drive).any()
    assert (wrong_make | wrong_drive | both["make"].is_null()).all()
    assert both["make"].null_count() == 20


@pytest.mark.parametrize("word", ["audi", "aa", "x", "7", "Straße", "two words"])
@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_always_changes_the_word(word, slip):
    for place in (0.0, 0.4, 0.999):
        changed = misspell(word, slip, place)
        assert changed
        assert changed != word
        assert abs(len(changed) - len(word)) <= 1


def test_it_does_not_apply_without_categories():
    subject = example_subject()
    columns = tuple(c for c in subject.contract.columns if c.kind not in ("category", "text"))
    narrow = type(subject.contract)(columns=columns)
    with pytest.raises(NotApplicable, match="reads no categories"):
        MisspeltCategory().run(replace(subject, contract=narrow))

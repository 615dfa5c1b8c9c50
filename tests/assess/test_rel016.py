"""REL016: it fires, it stays silent, it does not apply."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from assay.assess.corruption import UnseenCategory
from assay.errors import NotApplicable
from assay.testing.check import KINDS, ExampleAnswer, ExampleModel, example_subject


def test_a_model_that_falls_to_pieces_is_found():
    model = ExampleModel(kind="regression")

    def fragile(frame: pl.DataFrame) -> ExampleAnswer:
        answer = model(frame)
        unknown = ~frame["drive"].is_in(["front", "rear"]).to_numpy()
        return replace(answer, prediction=np.where(unknown, 1000.0, answer.prediction))

    finding = UnseenCategory().run(replace(example_subject(), score=fragile))
    assert finding.lower > 50
    assert finding.details["importance"][0]["column"] == "drive"


@pytest.mark.parametrize("kind", KINDS)
def test_a_sound_model_loses_little(kind):
    finding = UnseenCategory().run(example_subject(kind))
    assert finding.upper < 1.5


def test_only_categories_are_replaced():
    finding = UnseenCategory().run(example_subject())
    assert {entry["column"] for entry in finding.details["importance"]} == {"make", "drive"}


def test_it_does_not_apply_without_categories():
    subject = example_subject()
    columns = tuple(c for c in subject.contract.columns if c.kind not in ("category", "text"))
    target = () if any(c.role == "target" for c in columns) else (subject.contract.target,)
    narrow = type(subject.contract)(columns=(*columns, *target))
    with pytest.raises(NotApplicable, match="reads no categories"):
        UnseenCategory().run(replace(subject, contract=narrow))

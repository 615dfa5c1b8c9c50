"""ACC005: it fires, it stays silent, it does not apply."""

from __future__ import annotations

import pytest

from assay.assess.accountability import Reproduced
from assay.errors import NotApplicable
from assay.testing.check import example_subject

ONE, TWO = ("sha256:" + digit * 64 for digit in "12")


def reproduced(**pairs):
    again = {name: {"digest": a, "again": b} for name, (a, b) in pairs.items()}
    return Reproduced().run(example_subject(record={"reproduced": again}))


def test_another_model_is_found():
    finding = reproduced(model=(ONE, TWO), leaderboard=(ONE, ONE))
    assert finding.value == finding.lower == finding.upper == 0.5
    assert finding.details["missing"] == ["model"]


def test_the_same_model_is_the_same():
    assert reproduced(model=(ONE, ONE)).value == 1.0


def test_words_are_no_digest():
    assert reproduced(model=("same", "same")).value == 0.0


@pytest.mark.parametrize("record", [{}, {"reproduced": {}}])
def test_it_does_not_apply_where_nobody_tried(record):
    with pytest.raises(NotApplicable, match="Nobody has made the model again"):
        Reproduced().run(example_subject(record=record))

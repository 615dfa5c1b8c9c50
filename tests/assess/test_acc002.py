"""ACC002: it fires, it stays silent, it does not apply."""

from __future__ import annotations

import pytest

from assay.assess.accountability import PolicyFirst
from assay.testing.check import example_subject


@pytest.mark.parametrize(
    "record",
    [
        {"policy_entry": 7, "training_entry": 5},
        {"policy_entry": 5, "training_entry": 5},
        {"training_entry": 5},
        {"policy_entry": 5},
        {},
    ],
)
def test_a_policy_that_does_not_precede_training_is_found(record):
    assert PolicyFirst().run(example_subject(record=record)).value == 0.0


def test_a_policy_before_training_counts():
    finding = PolicyFirst().run(example_subject())
    assert finding.value == finding.lower == 1.0
    assert finding.details == {"policy_entry": 3, "training_entry": 5}


def test_it_always_applies():
    assert PolicyFirst().run(example_subject(record={})).applies

"""PRI010: it fires, it stays silent, it does not apply."""

from __future__ import annotations

import pytest

from assay.assess.privacy import PrivateTraining
from assay.errors import NotApplicable
from assay.testing.check import example_subject


def promised(**promise):
    return PrivateTraining().run(example_subject(record={"differential_privacy": promise}))


def test_a_weak_promise_is_told():
    finding = promised(epsilon=12.0, delta=1e-3, mechanism="sufficient statistics")
    assert finding.value == finding.lower == finding.upper == 12
    assert finding.details["delta_times_rows"] == pytest.approx(0.6)
    assert finding.details["mechanism"] == "sufficient statistics"


def test_a_strong_promise_is_small():
    finding = promised(epsilon=0.5, delta=1e-9, covers="weights")
    assert finding.value == 0.5
    assert finding.better == "lower"
    assert finding.details["covers"] == "weights"


def test_it_does_not_apply_to_training_without_a_promise():
    with pytest.raises(NotApplicable, match="differential privacy"):
        PrivateTraining().run(example_subject(record={}))

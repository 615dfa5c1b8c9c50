"""REL007: it fires, it stays silent, it does not apply."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assay.assess.reliability import CalibrationError
from assay.errors import NotApplicable
from assay.testing.check import example_subject


@pytest.mark.parametrize("kind", ["binary", "multiclass"])
def test_calibrated_probabilities_are_not_accused(kind):
    finding = CalibrationError().run(example_subject(kind, rows=2000))
    assert finding.lower == 0.0
    assert finding.upper < 0.06


def test_overconfidence_is_found():
    subject = example_subject("binary", rows=2000)
    rows = subject.held_out
    odds = (rows.prediction / (1 - rows.prediction)) ** 3
    bold = replace(rows, prediction=odds / (1 + odds))
    finding = CalibrationError().run(replace(subject, held_out=bold))
    assert finding.lower > 0.05


def test_bins_add_up_to_the_value():
    subject = example_subject("binary", rows=1000)
    finding = CalibrationError().run(subject)
    bins = finding.details["bins"]
    gap = sum(b["rows"] * abs(b["observed"] - b["forecast"]) for b in bins)
    assert gap / 1000 == pytest.approx(finding.value)
    assert sum(b["rows"] for b in bins) == 1000
    assert len(bins) == 10


def test_it_does_not_apply_to_a_regression():
    with pytest.raises(NotApplicable, match="not a class"):
        CalibrationError().run(example_subject())


def test_it_does_not_apply_to_few_rows():
    with pytest.raises(NotApplicable, match="100 are needed"):
        CalibrationError().run(example_subject("binary", rows=99))


def test_it_does_not_apply_without_probabilities():
    subject = example_subject("multiclass")
    bare = replace(subject.held_out, probabilities=None)
    with pytest.raises(NotApplicable, match="no probabilities"):
        CalibrationError().run(replace(subject, held_out=bare))


def test_equal_probabilities_make_one_bin():
    subject = example_subject("binary")
    same = replace(subject.held_out, prediction=np.full(subject.held_out.rows, 0.5))
    finding = CalibrationError().run(replace(subject, held_out=same))
    assert len(finding.details["bins"]) == 1

"""REL008: it fires, it stays silent, it does not apply."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assay.assess.reliability import TypicalRelativeError
from assay.errors import NotApplicable
from assay.testing.check import example_subject


def test_the_median_relative_error_has_bounds_among_the_rows():
    subject = example_subject()
    rows = subject.held_out
    finding = TypicalRelativeError().run(subject)
    relative = np.abs(rows.prediction - rows.truth) / rows.truth
    assert finding.value == pytest.approx(np.median(relative))
    assert min(abs(relative - finding.upper)) < 1e-12
    assert finding.details["within_20_percent"] == pytest.approx(np.mean(relative <= 0.2))


def test_a_model_that_is_a_third_off_is_found():
    subject = example_subject()
    off = replace(subject.held_out, prediction=subject.held_out.truth * 1.33)
    finding = TypicalRelativeError().run(replace(subject, held_out=off))
    assert finding.value == pytest.approx(0.33)


def test_it_does_not_apply_to_classes():
    with pytest.raises(NotApplicable, match="not a number"):
        TypicalRelativeError().run(example_subject("binary"))


def test_it_does_not_apply_to_targets_that_are_not_above_zero():
    subject = example_subject()
    signed = replace(subject.held_out, truth=subject.held_out.truth - 30)
    with pytest.raises(NotApplicable, match="not above zero"):
        TypicalRelativeError().run(replace(subject, held_out=signed))

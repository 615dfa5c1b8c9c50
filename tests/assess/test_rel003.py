"""REL003: it fires, it stays silent, it does not apply."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from assay.assess.reliability import Coverage
from assay.errors import NotApplicable
from assay.testing.check import example_subject


def test_intervals_that_hold_are_near_their_promise():
    finding = Coverage().run(example_subject(rows=2000))
    truth = 2 * stats.norm.cdf(3.3 / 2) - 1
    assert finding.lower < truth < finding.upper
    assert not finding.details["below_promise"]
    assert finding.details["median_width"] == pytest.approx(6.6)


def test_intervals_that_are_too_narrow_are_found():
    subject = example_subject()
    rows = subject.held_out
    narrow = replace(rows, lower=rows.prediction - 1, upper=rows.prediction + 1)
    finding = Coverage().run(replace(subject, held_out=narrow))
    assert finding.upper < 0.5
    assert finding.details["below_promise"]


def test_intervals_that_are_too_wide_are_said_to_be():
    subject = example_subject()
    rows = subject.held_out
    wide = replace(rows, lower=rows.prediction - 99, upper=rows.prediction + 99)
    finding = Coverage().run(replace(subject, held_out=wide))
    assert finding.value == 1.0
    assert finding.details["above_promise"]


@pytest.mark.parametrize("kind", ["binary", "multiclass"])
def test_sets_are_counted_by_the_true_class(kind):
    subject = example_subject(kind)
    rows = subject.held_out
    finding = Coverage().run(subject)
    inside = [rows.sets[i, c] for i, c in enumerate(rows.truth)]
    assert finding.value == pytest.approx(np.mean(inside))
    assert 1 <= finding.details["mean_set_size"] <= 3


def test_it_does_not_apply_without_intervals():
    subject = example_subject()
    bare = replace(subject.held_out, lower=None, upper=None)
    with pytest.raises(NotApplicable, match="no intervals"):
        Coverage().run(replace(subject, held_out=bare))

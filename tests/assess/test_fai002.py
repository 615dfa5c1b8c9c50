"""FAI002: it fires, it stays silent, it does not apply."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assay.assess.fairness import GroupBias
from assay.errors import NotApplicable
from assay.testing.check import example_subject


def dear_rears(table):
    """Rear-driven machines are worth 4 more than the model knows."""
    rng = np.random.default_rng(3)
    return rng.normal(size=table.height) + np.where(table["drive"].to_numpy() == "rear", 4.0, 0.0)


def test_a_group_that_is_priced_too_low_is_found_with_its_sign():
    subject = example_subject(noise=dear_rears)
    finding = GroupBias(column="drive").run(subject)
    rear = next(g for g in finding.groups if g.group == "rear")
    assert rear.upper < 0
    assert finding.value == pytest.approx(-rear.value)
    assert finding.lower > 0.1


def test_unbiased_groups_are_rarely_accused(even_regressions):
    alarms = sum(GroupBias(column="make").run(s).lower > 0 for s in even_regressions)
    assert alarms <= 6


def test_probabilities_are_compared_with_outcomes():
    subject = example_subject("binary")
    rows = subject.held_out
    raised = replace(rows, prediction=np.minimum(rows.prediction + 0.2, 1.0))
    finding = GroupBias(column="drive").run(replace(subject, held_out=raised))
    assert finding.lower > 0.05
    assert finding.details["scale"] == 1.0


def test_it_does_not_apply_to_several_classes():
    with pytest.raises(NotApplicable, match="no high or low"):
        GroupBias(column="drive").run(example_subject("multiclass"))


def test_it_does_not_apply_to_a_target_around_zero():
    subject = example_subject()
    rows = subject.held_out
    around = replace(rows, truth=np.tile([-1.0, 1.0], rows.rows // 2))
    with pytest.raises(NotApplicable, match="mean true value is zero"):
        GroupBias(column="drive").run(replace(subject, held_out=around))

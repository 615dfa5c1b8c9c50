"""INC002: it fires, it stays silent, it does not apply."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from assay.assess.inclusiveness import QualityFloor
from assay.errors import NotApplicable
from assay.testing.check import example_subject


def test_a_group_whose_intervals_fail_is_found():
    subject = example_subject()
    rows = subject.held_out
    rear = (rows.frame["drive"] == "rear").to_numpy()
    narrow = replace(rows, lower=np.where(rear, rows.prediction - 0.5, rows.lower))
    finding = QualityFloor(column="drive").run(replace(subject, held_out=narrow))
    assert finding.upper < 0.75
    assert finding.details["target"] == 0.9


def test_the_lower_bound_is_the_worst_groups_exact_one():
    finding = QualityFloor(column="drive").run(example_subject())
    exact = [
        stats.binomtest(round(g.value * g.rows), g.rows).proportion_ci(0.9, method="exact").low
        for g in finding.groups
    ]
    assert finding.lower == pytest.approx(min(exact))


def test_sets_count_for_classes_and_right_answers_without_them():
    subject = example_subject("binary")
    assert "coverage" in QualityFloor(column="drive").run(subject).measure
    bare = replace(subject, held_out=replace(subject.held_out, sets=None))
    finding = QualityFloor(column="drive").run(bare)
    assert "right classes" in finding.measure
    assert finding.details["target"] is None


def test_it_does_not_apply_without_intervals():
    subject = example_subject()
    bare = replace(subject.held_out, lower=None, upper=None)
    with pytest.raises(NotApplicable, match="no intervals"):
        QualityFloor(column="drive").run(replace(subject, held_out=bare))


def test_it_does_not_apply_to_small_groups():
    with pytest.raises(NotApplicable, match="have 10 rows or more"):
        QualityFloor(column="drive").run(example_subject(rows=12))

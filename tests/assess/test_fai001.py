"""FAI001: it fires, it stays silent, it does not apply."""

from __future__ import annotations

import numpy as np
import pytest

from assay.assess.fairness import GroupErrorRatio
from assay.errors import NotApplicable, UnknownColumn
from assay.testing.check import asking, example_subject


def uneven(table):
    """Noise that is four times as large for rear-driven machines."""
    rng = np.random.default_rng(3)
    return rng.normal(size=table.height) * np.where(table["drive"].to_numpy() == "rear", 6.0, 1.5)


def test_a_group_with_larger_errors_is_found():
    finding = GroupErrorRatio(column="drive").run(example_subject(noise=uneven))
    assert finding.lower > 1.3
    assert finding.value == pytest.approx(max(g.value for g in finding.groups))
    worst = max(finding.groups, key=lambda g: g.value)
    assert worst.group == "rear"


def test_the_ratio_is_the_groups_error_over_everyones():
    subject = example_subject()
    rows = subject.held_out
    error = np.abs(rows.prediction - rows.truth)
    finding = GroupErrorRatio(column="make").run(subject)
    for group in finding.groups:
        member = (rows.frame["make"] == group.group).to_numpy()
        assert group.rows == member.sum()
        if group.value is not None:
            assert group.value == pytest.approx(error[member].mean() / error.mean())


def test_equal_groups_are_rarely_accused(even_regressions):
    alarms = sum(GroupErrorRatio(column="make").run(s).lower > 1 for s in even_regressions)
    assert alarms <= 6  # 2 expected at 95 %


def test_small_groups_are_named_not_dropped():
    finding = GroupErrorRatio(column="make").run(example_subject())
    assert finding.details["not_judged"] == [{"group": "elk", "rows": 9}]
    small = next(g for g in finding.groups if g.group == "elk")
    assert small.value is None


@pytest.mark.parametrize("kind", ["binary", "multiclass"])
def test_classes_are_compared_by_error_rate(kind):
    subject = example_subject(kind)
    rows = subject.held_out
    finding = GroupErrorRatio(column="drive").run(subject)
    assert finding.details["overall"] == pytest.approx(np.mean(rows.label != rows.truth))


def test_numbers_are_cut_into_quarters_of_the_training_rows():
    finding = GroupErrorRatio(column="weight").run(example_subject())
    assert len(finding.groups) == 4
    assert any(g.group.startswith("up to ") for g in finding.groups)


def test_missing_is_a_group():
    finding = GroupErrorRatio(column="size").run(example_subject())
    assert "(missing)" in {g.group for g in finding.groups}


def test_it_does_not_apply_to_groups_that_are_all_small():
    with pytest.raises(NotApplicable, match="0 of 2 groups have 10 rows or more"):
        GroupErrorRatio(column="drive").run(example_subject(rows=12))


def test_it_does_not_apply_without_a_column():
    with pytest.raises(NotApplicable, match="names no affected groups"):
        GroupErrorRatio().run(asking(example_subject(), affected_groups=()))


def test_it_does_not_apply_to_personal_columns():
    with pytest.raises(NotApplicable, match="personal data"):
        GroupErrorRatio(column="mail").run(example_subject())


def test_an_unknown_column_is_refused():
    with pytest.raises(UnknownColumn, match="makes"):
        GroupErrorRatio(column="makes").run(example_subject())

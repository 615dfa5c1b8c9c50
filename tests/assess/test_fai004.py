"""FAI004: it fires, it stays silent, it does not apply."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assay.assess.fairness import EqualOpportunityGap
from assay.errors import NotApplicable
from assay.testing.check import example_subject


def with_rears_refused(subject):
    """Rear-driven machines seldom get the positive answer."""
    rows = subject.held_out
    rear = (rows.frame["drive"] == "rear").to_numpy()
    luck = np.random.default_rng(0).random(rows.rows) < 0.2
    return replace(subject, held_out=replace(rows, label=np.where(rear & ~luck, 0, rows.label)))


def test_a_group_that_is_passed_by_is_found():
    finding = EqualOpportunityGap(column="drive").run(
        with_rears_refused(example_subject("binary", rows=1500))
    )
    assert finding.lower > 0.15
    rates = {g.group: g.value for g in finding.groups}
    assert finding.value == pytest.approx(rates["front"] - rates["rear"])


def test_the_rates_are_those_of_the_rows():
    subject = example_subject("binary")
    rows = subject.held_out
    counted = rows.truth == 1
    finding = EqualOpportunityGap(column="make").run(subject)
    for group in finding.groups:
        member = (rows.frame["make"] == group.group).to_numpy() & counted
        assert group.rows == member.sum()
        if group.value is not None:
            assert group.value == pytest.approx(rows.label[member].mean())


def test_equal_groups_are_rarely_accused(even_binaries):
    assert sum(EqualOpportunityGap(column="drive").run(s).lower > 0 for s in even_binaries) <= 6


def test_groups_with_few_rows_are_named():
    finding = EqualOpportunityGap(column="make").run(example_subject("binary"))
    assert "elk" in {entry["group"] for entry in finding.details["not_judged"]}


def test_it_agrees_with_fairlearn():
    metrics = pytest.importorskip("fairlearn.metrics")
    subject = example_subject("binary")
    rows = subject.held_out
    weight = np.random.default_rng(0).uniform(0.5, 2, rows.rows)
    theirs = metrics.MetricFrame(
        metrics=metrics.true_positive_rate,
        y_true=rows.truth,
        y_pred=rows.label,
        sensitive_features=rows.frame["drive"].to_list(),
        sample_params={"sample_weight": weight},
    )
    weighted = replace(subject, held_out=replace(rows, weight=weight))
    finding = EqualOpportunityGap(column="drive").run(weighted)
    assert finding.value == pytest.approx(theirs.difference())


def test_several_classes_are_compared_one_by_one():
    finding = EqualOpportunityGap(column="drive").run(
        with_rears_refused(example_subject("multiclass", rows=1500))
    )
    assert finding.details["event"] in {"low", "middle"}  # rears get "high", class 0, instead
    assert finding.lower > 0.15


def test_it_does_not_apply_to_numbers():
    with pytest.raises(NotApplicable, match="a number, not a class"):
        EqualOpportunityGap(column="drive").run(example_subject())


def test_it_does_not_apply_to_small_groups():
    with pytest.raises(NotApplicable, match="have 30 rows or more"):
        EqualOpportunityGap(column="drive").run(example_subject("binary", rows=40))

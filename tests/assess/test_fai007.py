"""FAI007: it fires, it stays silent, it does not apply; by hand, against Fairlearn and sklearn."""

from __future__ import annotations

import numpy as np
import pytest

from assay.assess.fairness import PredictiveParityGap
from assay.errors import NotApplicable
from assay.testing.check import example_subject
from tests.assess.planted import covered, drawn_binary, planted

EVEN = ((0.3, 0.7), (0.3, 0.7))
UNEVEN = ((0.1, 0.9), (0.5, 0.5))  # right: 0.36 of 0.42, and 0.2 of 0.5


def test_a_group_whose_positive_answers_are_often_wrong_is_found():
    subject = drawn_binary(np.random.default_rng(0), rates=UNEVEN, rows=600)
    assert PredictiveParityGap(column="group").run(subject).lower > 0.3


def test_by_hand():
    subject = planted(
        group="aaaabbbb", truth=[1, 1, 1, 0, 1, 0, 0, 0], label=[1, 1, 1, 1, 1, 1, 0, 0]
    )
    finding = PredictiveParityGap(column="group", min_rows=2).run(subject)
    assert finding.value == pytest.approx(3 / 4 - 1 / 2)
    assert {g.group: g.rows for g in finding.groups} == {"a": 4, "b": 2}


def test_equal_groups_are_rarely_accused(even_binaries):
    assert sum(PredictiveParityGap(column="drive").run(s).lower > 0 for s in even_binaries) <= 6


@pytest.mark.parametrize(("rates", "truth"), [(EVEN, 0.0), (UNEVEN, 0.36 / 0.42 - 0.4)])
def test_the_bounds_hold(rates, truth):
    def draw(rng):
        return drawn_binary(rng, rates=rates, rows=150)

    lower, upper = covered(PredictiveParityGap(column="group"), draw, truth)
    assert min(lower, upper) >= 0.91


def test_it_agrees_with_fairlearn():
    metrics = pytest.importorskip("fairlearn.metrics")
    from sklearn.metrics import precision_score

    rows = example_subject("binary").held_out
    theirs = metrics.MetricFrame(
        metrics=precision_score,
        y_true=rows.truth,
        y_pred=rows.label,
        sensitive_features=rows.frame["drive"].to_list(),
    )
    finding = PredictiveParityGap(column="drive").run(example_subject("binary"))
    assert finding.value == pytest.approx(theirs.difference())
    assert {g.group: g.value for g in finding.groups} == pytest.approx(theirs.by_group.to_dict())


def test_several_classes_are_compared_one_by_one():
    from sklearn.metrics import precision_score

    subject = example_subject("multiclass", rows=1500)
    rows = subject.held_out
    finding = PredictiveParityGap(column="drive").run(subject)
    place = subject.classes.index(finding.details["event"])
    for group in finding.groups:
        member = (rows.frame["drive"] == group.group).to_numpy()
        right = precision_score(
            rows.truth[member], rows.label[member], labels=[place], average="macro"
        )
        assert group.value == pytest.approx(right)


def test_it_does_not_apply_where_few_are_selected():
    subject = planted(group=["a"] * 40 + ["b"] * 40, truth=[0, 1] * 40, label=[0] * 80)
    with pytest.raises(NotApplicable, match="have 30 rows or more"):
        PredictiveParityGap(column="group").run(subject)


def test_it_does_not_apply_to_numbers():
    with pytest.raises(NotApplicable, match="a number, not a class"):
        PredictiveParityGap(column="drive").run(example_subject())

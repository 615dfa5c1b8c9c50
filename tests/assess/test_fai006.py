"""FAI006: it fires, it stays silent, it does not apply; by hand, and against Fairlearn."""

from __future__ import annotations

import numpy as np
import pytest

from assay.assess.fairness import EqualisedOddsGap
from assay.errors import NotApplicable
from assay.testing.check import example_subject
from tests.assess.planted import covered, drawn_binary, planted

EVEN = ((0.1, 0.7), (0.1, 0.7))
UNEVEN = ((0.1, 0.7), (0.4, 0.8))


def test_a_group_with_more_false_positives_is_found():
    subject = drawn_binary(np.random.default_rng(0), rates=UNEVEN, rows=600)
    finding = EqualisedOddsGap(column="group").run(subject)
    assert finding.lower > 0.15
    assert finding.details["event"] == "false positive rate"
    assert [g["event"] for g in finding.details["gaps"]] == [
        "true positive rate",
        "false positive rate",
    ]


def test_by_hand():
    subject = planted(
        group="aaaabbbb",
        truth=[1, 1, 0, 0, 1, 1, 0, 0],
        label=[1, 1, 0, 0, 1, 0, 1, 1],
    )
    finding = EqualisedOddsGap(column="group", min_rows=2).run(subject)
    assert finding.value == 1.0  # false positives: none in a, all in b
    assert finding.details["gaps"][0]["value"] == 0.5  # true positives: both in a, one in b


def test_with_one_outcome_only_the_other_rate_is_compared():
    subject = planted(group=["a"] * 40 + ["b"] * 40, truth=[1] * 80, label=[1] * 40 + [0, 1] * 20)
    finding = EqualisedOddsGap(column="group").run(subject)
    assert finding.value == 0.5
    assert "event" not in finding.details


def test_equal_groups_are_rarely_accused(even_binaries):
    assert sum(EqualisedOddsGap(column="drive").run(s).lower > 0 for s in even_binaries) <= 6


@pytest.mark.parametrize(("rates", "truth"), [(EVEN, 0.0), (UNEVEN, 0.3)])
def test_the_bounds_hold(rates, truth):
    def draw(rng):
        return drawn_binary(rng, rates=rates)

    lower, upper = covered(EqualisedOddsGap(column="group"), draw, truth)
    assert min(lower, upper) >= 0.91


def test_it_agrees_with_fairlearn():
    metrics = pytest.importorskip("fairlearn.metrics")
    rows = example_subject("binary").held_out
    weight = np.random.default_rng(0).uniform(0.5, 2, rows.rows)
    subject = planted(group=rows.frame["drive"], truth=rows.truth, label=rows.label, weight=weight)
    theirs = metrics.equalized_odds_difference(
        rows.truth,
        rows.label,
        sensitive_features=rows.frame["drive"].to_list(),
        sample_weight=weight,
    )
    assert EqualisedOddsGap(column="group").run(subject).value == pytest.approx(theirs)


def test_several_classes_are_compared_one_by_one():
    finding = EqualisedOddsGap(column="drive").run(example_subject("multiclass", rows=1500))
    assert len(finding.details["gaps"]) == 6
    assert finding.details["event"] in {g["event"] for g in finding.details["gaps"]}
    assert finding.value == max(g["value"] for g in finding.details["gaps"])


def test_it_does_not_apply_to_numbers():
    with pytest.raises(NotApplicable, match="a number, not a class"):
        EqualisedOddsGap(column="drive").run(example_subject())

"""FAI005: it fires, it stays silent, it does not apply; by hand, and against Fairlearn."""

from __future__ import annotations

import numpy as np
import pytest

from assay.assess.fairness import SelectionRateRatio
from assay.errors import NotApplicable
from assay.testing.check import example_subject
from tests.assess.planted import covered, drawn_binary, planted

EVEN = ((0.3, 0.3), (0.3, 0.3))
UNEVEN = ((0.15, 0.15), (0.6, 0.6))


def test_a_group_that_is_seldom_selected_is_found():
    subject = drawn_binary(np.random.default_rng(0), rates=UNEVEN, rows=400)
    finding = SelectionRateRatio(column="group").run(subject)
    assert finding.upper < 0.4
    assert finding.better == "higher"


def test_by_hand():
    subject = planted(
        group="aaaabbbbcc", truth=np.zeros(10, int), label=[1, 1, 0, 0, 1, 0, 0, 0, 1, 1]
    )
    finding = SelectionRateRatio(column="group", min_rows=3).run(subject)
    assert finding.value == pytest.approx(0.25 / 0.5)
    assert {g.group: g.value for g in finding.groups} == {"a": 0.5, "b": 0.25, "c": None}


def test_a_group_that_is_never_selected():
    subject = planted(group=["a"] * 40 + ["b"] * 40, truth=[0] * 80, label=[0] * 40 + [0, 1] * 20)
    finding = SelectionRateRatio(column="group").run(subject)
    assert (finding.value, finding.lower) == (0, 0)
    assert 0 < finding.upper < 0.4


def test_of_several_classes_the_most_unequal_is_named():
    finding = SelectionRateRatio(column="drive").run(example_subject("multiclass", rows=1500))
    assert finding.details["event"] in {"high", "low", "middle"}
    assert 0 < finding.lower <= finding.value <= finding.upper <= 1


def test_equal_groups_are_rarely_accused(even_binaries):
    found = [SelectionRateRatio(column="drive").run(s) for s in even_binaries]
    assert sum(f.upper < 1 for f in found) <= 6


@pytest.mark.parametrize(("rates", "truth"), [(EVEN, 1.0), (UNEVEN, 0.25)])
def test_the_bounds_hold(rates, truth):
    def draw(rng):
        return drawn_binary(rng, rates=rates)

    lower, upper = covered(SelectionRateRatio(column="group"), draw, truth)
    assert min(lower, upper) >= 0.91


def test_it_agrees_with_fairlearn():
    metrics = pytest.importorskip("fairlearn.metrics")
    rows = example_subject("binary").held_out
    weight = np.random.default_rng(0).uniform(0.5, 2, rows.rows)
    subject = planted(group=rows.frame["drive"], truth=rows.truth, label=rows.label, weight=weight)
    theirs = metrics.demographic_parity_ratio(
        rows.truth,
        rows.label,
        sensitive_features=rows.frame["drive"].to_list(),
        sample_weight=weight,
    )
    assert SelectionRateRatio(column="group").run(subject).value == pytest.approx(theirs)


def test_it_does_not_apply_to_numbers():
    with pytest.raises(NotApplicable, match="a number, not a class"):
        SelectionRateRatio(column="drive").run(example_subject())


def test_it_does_not_apply_where_nobody_is_selected():
    subject = planted(group=["a"] * 40 + ["b"] * 40, truth=[0, 1] * 40, label=[0] * 80)
    with pytest.raises(NotApplicable, match="gets the positive answer"):
        SelectionRateRatio(column="group").run(subject)

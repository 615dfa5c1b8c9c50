"""FAI009: it fires, it stays silent, it does not apply; by hand, and against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest

from assay.assess.fairness import TreatmentEqualityGap
from assay.errors import NotApplicable
from assay.testing.check import example_subject
from tests.assess.planted import covered, drawn_binary, planted

EVEN = ((0.3, 0.5), (0.3, 0.5))
UNEVEN = ((0.4, 0.9), (0.1, 0.4))  # false negatives: 0.04 of 0.28 errors, and 0.24 of 0.30


def test_a_group_that_is_passed_by_is_found():
    subject = drawn_binary(np.random.default_rng(0), rates=UNEVEN, rows=600)
    finding = TreatmentEqualityGap(column="group").run(subject)
    assert finding.lower > 0.4


def test_by_hand():
    subject = planted(
        group="aaaaabbbbb",
        truth=[1, 1, 1, 0, 0, 1, 0, 0, 0, 1],
        label=[0, 0, 0, 1, 0, 0, 1, 1, 1, 1],
    )
    finding = TreatmentEqualityGap(column="group", min_rows=2).run(subject)
    assert finding.value == pytest.approx(3 / 4 - 1 / 4)
    assert {e["group"]: e["ratio"] for e in finding.details["errors"]} == {
        "a": pytest.approx(3.0),
        "b": pytest.approx(1 / 3),
    }


def test_a_group_without_false_positives_has_no_ratio():
    subject = planted(
        group=["a"] * 40 + ["b"] * 40, truth=[1] * 40 + [1, 0] * 20, label=[0] * 40 + [0, 1] * 20
    )
    finding = TreatmentEqualityGap(column="group").run(subject)
    assert finding.value == 0.5
    assert finding.details["errors"][0]["ratio"] is None


def test_it_agrees_with_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    subject = example_subject("binary")
    rows = subject.held_out
    finding = TreatmentEqualityGap(column="drive").run(subject)
    for entry in finding.details["errors"]:
        member = (rows.frame["drive"] == entry["group"]).to_numpy()
        _, alarms, missed, _ = metrics.confusion_matrix(
            rows.truth[member], rows.label[member]
        ).ravel()
        assert (entry["false_negatives"], entry["false_positives"]) == (missed, alarms)


def test_equal_groups_are_rarely_accused(even_binaries):
    found = [TreatmentEqualityGap(column="drive", min_rows=15).run(s) for s in even_binaries]
    assert sum(f.lower > 0 for f in found) <= 6


@pytest.mark.parametrize(("rates", "truth"), [(EVEN, 0.0), (UNEVEN, 0.8 - 1 / 7)])
def test_the_bounds_hold(rates, truth):
    def draw(rng):
        return drawn_binary(rng, rates=rates, rows=200)

    lower, upper = covered(TreatmentEqualityGap(column="group"), draw, truth)
    assert min(lower, upper) >= 0.91


def test_several_classes_are_compared_one_by_one():
    finding = TreatmentEqualityGap(column="drive").run(example_subject("multiclass", rows=1500))
    assert finding.details["event"] in {"high", "low", "middle"}


def test_it_does_not_apply_without_errors():
    subject = planted(group=["a"] * 40 + ["b"] * 40, truth=[0, 1] * 40, label=[0, 1] * 40)
    with pytest.raises(NotApplicable, match="have 30 rows or more"):
        TreatmentEqualityGap(column="group").run(subject)


def test_it_does_not_apply_to_numbers():
    with pytest.raises(NotApplicable, match="a number, not a class"):
        TreatmentEqualityGap(column="drive").run(example_subject())

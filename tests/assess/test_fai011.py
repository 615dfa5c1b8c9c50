"""FAI011: it fires, it stays silent, it does not apply; by hand, and by simulation."""

from __future__ import annotations

import numpy as np
import pytest

from assay.assess.fairness import SubgroupViolation
from assay.errors import NotApplicable
from assay.question import Groups
from assay.testing.check import asking, example_subject
from tests.assess.planted import covered, planted

BOTH = (Groups(column="group"), Groups(column="other"))


def crossed(rng, *, rows=150, in_crossing=0.1):
    """Four cells of equal size; false positives at 0.1, but in the crossing of b and y."""
    group, other = np.repeat(["a", "a", "b", "b"], rows), np.repeat(["x", "y", "x", "y"], rows)
    chance = np.where((group == "b") & (other == "y"), in_crossing, 0.1)
    truth = (rng.random(4 * rows) < 0.5).astype(np.int64)
    label = rng.random(4 * rows) < np.where(truth == 1, 0.8, chance)
    return planted(group=group, other=list(other), truth=truth, label=label, groups=BOTH)


def test_what_hides_in_a_crossing_is_found():
    finding = SubgroupViolation().run(crossed(np.random.default_rng(0), rows=800, in_crossing=0.6))
    assert finding.groups[0].group == "group & other: b & y"
    assert finding.groups[0].value == finding.value
    assert finding.lower > 0.02


def test_by_hand():
    group = ["a"] * 4 + ["b"] * 6
    subject = planted(
        group=group, truth=[0, 0, 0, 1, 0, 0, 0, 0, 1, 1], label=[1, 1, 0, 1, 0, 0, 0, 1, 0, 1]
    )
    finding = SubgroupViolation(min_rows=2).run(subject)
    # Of 7 true negatives 3 are false positives: a 2 of 3, b 1 of 4; of 10 rows, 3 and 4.
    by_name = {g.group: g.value for g in finding.groups}
    assert by_name["group: a"] == pytest.approx(3 / 10 * (2 / 3 - 3 / 7))
    assert by_name["group: b"] == pytest.approx(4 / 10 * (1 / 4 - 3 / 7))
    assert finding.value == pytest.approx(max(map(abs, by_name.values())))


def test_equal_groups_are_rarely_accused(even_binaries):
    assert sum(SubgroupViolation().run(s).lower > 0 for s in even_binaries) <= 6


@pytest.mark.parametrize("in_crossing", [0.1, 0.5])
def test_the_bounds_hold(in_crossing):
    rate = (3 * 0.1 + in_crossing) / 4
    truth = 0.5 * 0.25 * (in_crossing - rate)

    def draw(rng):
        return crossed(rng, in_crossing=in_crossing)

    lower, upper = covered(SubgroupViolation(), draw, truth)
    assert min(lower, upper) >= 0.91


def test_no_false_positives_are_not_certain():
    subject = planted(group=["a"] * 50 + ["b"] * 50, truth=[0, 1] * 50, label=[0, 1] * 50)
    finding = SubgroupViolation(min_rows=20).run(subject)
    assert finding.value == 0
    assert 0 < finding.upper < 0.05


def test_of_several_classes_each_is_looked_at():
    finding = SubgroupViolation().run(example_subject("multiclass"))
    assert all("class " in g.group for g in finding.groups)
    assert len(finding.groups) == 12


def test_it_does_not_apply():
    with pytest.raises(NotApplicable, match="a number, not a class"):
        SubgroupViolation().run(example_subject())
    with pytest.raises(NotApplicable, match="names no affected groups"):
        SubgroupViolation().run(asking(example_subject("binary"), affected_groups=()))
    one = planted(group=["a"] * 80, truth=[0, 1] * 40, label=[0, 1] * 40)
    with pytest.raises(NotApplicable, match="others to compare with"):
        SubgroupViolation().run(one)

"""INC004: it fires, it stays silent, it does not apply."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chisquare

from assay.assess.inclusiveness import AgainstReference, _goodness
from assay.errors import NotApplicable
from assay.question import Groups
from assay.testing.check import asking, example_subject


def referring(subject, column, shares):
    return asking(subject, affected_groups=(Groups(column=column, reference=shares),))


def test_a_group_that_is_short_is_found():
    subject = referring(example_subject(), "drive", {"front": 0.2, "rear": 0.8})
    finding = AgainstReference(column="drive").run(subject)
    rear = (subject.table["drive"] == "rear").sum() / 1200
    assert finding.value == pytest.approx(rear / 0.8)
    assert finding.upper < 0.75
    assert finding.details["p"] < 1e-9
    assert [g.rows for g in finding.groups] == sorted(g.rows for g in finding.groups)[::-1]


def test_shares_as_they_should_be_stay_silent():
    shares = {"avis": 0.4, "bonte": 0.3, "corvo": 0.2, "dromo": 0.09, "elk": 0.01}
    check = AgainstReference(column="make", confidence=0.99)
    finding = check.run(referring(example_subject(), "make", shares))
    assert finding.lower < 1 < finding.upper
    assert finding.details["p"] > 0.01
    assert finding.details["not_in_reference"] == []


def test_a_group_that_is_not_there_at_all_is_found():
    subject = referring(example_subject(), "drive", {"front": 0.5, "four": 0.1})
    finding = AgainstReference(column="drive").run(subject)
    assert finding.value == 0.0
    assert finding.upper < 0.05
    assert finding.details["not_in_reference"] == ["rear"]


def test_chi_square_agrees_with_scipy():
    counts, shares = np.array([18.0, 55.0, 27.0]), np.array([0.25, 0.5, 0.25])
    expected = chisquare(counts, 100 * shares)
    found = _goodness(counts, 100, shares)
    assert found["chi_square"] == pytest.approx(expected.statistic)
    assert found["p"] == pytest.approx(expected.pvalue)
    rest = _goodness(counts[:2], 100, shares[:2])  # the rest is one group
    assert rest["p"] == pytest.approx(expected.pvalue)


def test_the_bounds_hold_the_smallest_ratio():
    """Five groups drawn as the reference says: the true smallest ratio is 1; 300 tables."""
    from assay.assess.statistics import Bounds, clopper_pearson, smallest

    rng = np.random.default_rng(0)
    share = np.array([0.4, 0.3, 0.2, 0.09, 0.01])
    missed = np.zeros(2)
    for counts in rng.multinomial(500, share, 300):

        def ratios(confidence, counts=counts):
            b = clopper_pearson(counts, 500, confidence)
            return Bounds(b.value / share, b.lower / share, b.upper / share)

        bounds = smallest(ratios, tests=5, confidence=0.95)
        missed += [bounds.lower > 1, bounds.upper < 1]
    assert missed.max() / 300 <= 0.05


def test_it_does_not_apply_without_a_reference():
    with pytest.raises(NotApplicable, match="no reference shares"):
        AgainstReference(column="drive").run(example_subject())


def test_it_does_not_apply_to_shares_above_one():
    subject = referring(example_subject(), "drive", {"front": 0.7, "rear": 0.7})
    with pytest.raises(NotApplicable, match="more than 1"):
        AgainstReference(column="drive").run(subject)

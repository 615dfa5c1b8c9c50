"""PRI007: it fires, it stays silent, it does not apply."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from assay.assess.membership import Attack, MembershipAudit, audited_epsilon, true_alarms
from assay.errors import NotApplicable
from assay.testing.check import KINDS, example_subject
from tests.assess.test_pri002 import memorised


def test_a_model_that_memorised_is_found():
    finding = MembershipAudit().run(memorised(example_subject(rows=4500)))
    assert finding.value > 0.8
    assert finding.lower > 0.5
    assert finding.details["epsilon_at_least"] > 2
    plain, calibrated = finding.details["attacks"]
    assert calibrated["area"] > 0.9
    assert plain["area_lower"] > 0.9


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_that_learned_is_near_a_coin_toss(kind):
    finding = MembershipAudit(confidence=0.99).run(example_subject(kind, rows=4500))
    assert finding.lower <= 0.001 <= finding.upper
    assert finding.value < 0.02
    assert finding.details["epsilon_at_least"] < 0.5
    assert len(finding.details["attacks"]) == 2


def test_without_out_of_fold_rows_there_is_one_attack():
    finding = MembershipAudit().run(example_subject(rows=600, cross_fitted=None))
    assert [a["attack"] for a in finding.details["attacks"]] == ["confidence"]
    assert finding.lower == 0.0


def test_a_few_rows_learned_by_heart_are_seen_where_the_area_is_blind():
    rng = np.random.default_rng(0)
    inside, outside = rng.normal(size=5000), rng.normal(size=5000)
    inside[:250] += 10
    bounds = true_alarms(Attack("", inside, outside), 0.001, 0.95)
    assert 0.04 < bounds.lower < bounds.value < bounds.upper < 0.09


def test_the_bounds_hold_the_true_rate():
    """Normal scores, shifted: the true rate is known; 400 tables."""
    rng = np.random.default_rng(1)
    truth = norm.sf(norm.isf(0.001) - 1.5)
    missed = np.zeros(2)
    for _ in range(400):
        attack = Attack("", rng.normal(1.5, 1, 1000), rng.normal(size=6000))
        bounds = true_alarms(attack, 0.001, 0.9)
        missed += [bounds.lower > truth, bounds.upper < truth]
    assert missed.max() / 400 <= 0.1


def test_ties_do_not_break_the_bounds():
    rng = np.random.default_rng(2)
    for _ in range(50):
        both = rng.integers(0, 3, (2, 5000)).astype(float)
        bounds = true_alarms(Attack("", *both), 0.001, 0.95)
        assert bounds.lower <= bounds.value <= bounds.upper
        assert bounds.lower <= 0.001


def test_the_audited_epsilon_keeps_below_the_true_one():
    """Randomised response: the true epsilon is ln 3; the bound exceeds it in at most 5 %."""
    rng = np.random.default_rng(3)
    found = []
    for _ in range(200):
        yes, no = (1.0 * (rng.random(2000) < share) for share in (0.75, 0.25))
        found.append(audited_epsilon(Attack("", yes, no), confidence=0.95))
    assert np.mean(np.array(found) > np.log(3)) <= 0.05
    assert np.median(found) > 0.8


def test_equal_scores_prove_nothing():
    rng = np.random.default_rng(4)
    attack = Attack("", rng.normal(size=3000), rng.normal(size=3000))
    assert audited_epsilon(attack, confidence=0.95) < 0.3


def test_it_does_not_apply_to_a_handful_of_rows():
    with pytest.raises(NotApplicable, match="10 are needed"):
        MembershipAudit().run(example_subject(rows=8))


def test_it_does_not_apply_to_predictions_alone():
    from assay.assess.subject import no_model

    subject = example_subject(rows=50, score=no_model, cross_fitted=None)
    with pytest.raises(NotApplicable, match="no model to ask"):
        MembershipAudit().run(subject)

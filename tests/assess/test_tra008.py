"""TRA008: it fires, it stays silent, it does not apply."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assay.assess.subject import Candidate
from assay.assess.surrogate import PriceOfTransparency
from assay.errors import NotApplicable
from assay.testing.check import example_subject


def candidate(number, scored, *, transparent, weight=0.0):
    family = "linear" if transparent else "lightgbm"
    return Candidate(
        number=number, family=family, transparent=transparent, weight=weight, answers=scored
    )


def with_readable(off, *, seed=0, rows=600):
    """A model, and a readable candidate whose answers are ``off`` from the truth in addition."""
    subject = example_subject(rows=rows, seed=seed)
    model = subject.cross_fitted
    noise = np.random.default_rng(seed).choice([-off, off], model.rows)
    other = replace(model, prediction=model.prediction + noise)
    candidates = (
        candidate(3, model, transparent=False, weight=1.0),
        candidate(1, other, transparent=True),
    )
    return replace(subject, candidates=candidates)


def test_a_dear_readable_model_is_found():
    finding = PriceOfTransparency().run(with_readable(4.0))
    assert finding.lower > 1.5
    assert finding.details["readable"]["trial"] == 1
    assert finding.evidence == "cross-fitted"
    assert not finding.details["model_is_readable"]


def test_one_that_is_as_good_costs_nothing():
    finding = PriceOfTransparency().run(with_readable(0.0))
    assert finding.value == pytest.approx(1.0)
    assert finding.upper == pytest.approx(1.0)


def test_the_ratio_by_hand():
    subject = with_readable(4.0)
    model = subject.cross_fitted
    own = np.abs(model.prediction - model.truth).mean()
    other = np.abs(subject.candidates[1].answers.prediction - model.truth).mean()
    assert PriceOfTransparency().run(subject).value == pytest.approx(other / own)


def test_the_first_readable_candidate_counts():
    subject = with_readable(1.0)
    worse = candidate(7, with_readable(5.0).candidates[1].answers, transparent=True)
    both = replace(subject, candidates=(*subject.candidates, worse))
    assert PriceOfTransparency().run(both).value == PriceOfTransparency().run(subject).value


def test_it_does_not_apply_without_a_readable_candidate():
    with pytest.raises(NotApplicable, match="a person can read"):
        PriceOfTransparency().run(example_subject())


def test_it_does_not_apply_to_other_rows():
    subject = with_readable(1.0)
    fewer = with_readable(1.0, rows=300).candidates
    with pytest.raises(NotApplicable, match="different rows"):
        PriceOfTransparency().run(replace(subject, candidates=fewer))


def test_it_does_not_apply_without_cross_fitted_rows():
    with pytest.raises(NotApplicable, match="no cross-fitted rows"):
        PriceOfTransparency().run(replace(with_readable(1.0), cross_fitted=None))

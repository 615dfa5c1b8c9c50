"""REL010: it fires, it stays silent, it does not apply."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assay.assess.calibration import BrierScore, brier_parts
from assay.errors import NotApplicable
from assay.testing.check import example_subject


def bold(rows, power):
    """Probabilities driven towards 0 and 1."""
    odds = (rows.prediction / (1 - rows.prediction)) ** power
    p = odds / (1 + odds)
    return replace(rows, prediction=p, probabilities=np.stack([1 - p, p], axis=1))


def test_boldness_shows_in_the_reliability_part():
    subject = example_subject("binary", rows=2000)
    calm = BrierScore().run(subject)
    wild = BrierScore().run(replace(subject, held_out=bold(subject.held_out, 4)))
    assert wild.value > calm.value
    assert wild.details["reliability"] > 10 * abs(calm.details["reliability"])
    assert wild.details["resolution"] == pytest.approx(calm.details["resolution"], abs=0.005)


def test_calibrated_probabilities_have_no_reliability_part():
    parts = [
        BrierScore().run(example_subject("binary", rows=500, seed=s)).details["reliability"]
        for s in range(30)
    ]
    assert abs(np.mean(parts)) < 0.001  # the measured part is above 0 on average


@pytest.mark.parametrize("kind", ["binary", "multiclass"])
def test_the_parts_add_up(kind):
    finding = BrierScore().run(example_subject(kind, rows=700))
    parts = finding.details
    total = parts["reliability"] - parts["resolution"] + parts["uncertainty"] + parts["within"]
    assert total == pytest.approx(finding.value)
    raw = parts["reliability_raw"] - parts["resolution_raw"] + parts["uncertainty_raw"]
    assert raw + parts["within"] == pytest.approx(finding.value)


def test_a_case_worked_by_hand():
    outcome = np.array([0.0, 1, 1, 1])
    parts = brier_parts(outcome, np.array([0.2, 0.2, 0.8, 0.8]), np.array([0, 0, 1, 1]))
    assert parts["uncertainty_raw"] == pytest.approx(3 / 16)
    assert parts["resolution_raw"] == pytest.approx(1 / 16)  # bins at 1/2 and 1 around 3/4
    assert parts["reliability_raw"] == pytest.approx((0.3**2 + 0.2**2) / 2)
    assert parts["within"] == pytest.approx(0)
    noise = 2 * (2 / 1) * 0.25 / 4 / 2  # one bin of two rows, rate one half
    assert parts["reliability"] == pytest.approx(parts["reliability_raw"] - noise)


@pytest.mark.parametrize("kind", ["binary", "multiclass"])
def test_it_agrees_with_scikit_learn(kind):
    metrics = pytest.importorskip("sklearn.metrics")
    subject = example_subject(kind)
    rows, finding = subject.held_out, BrierScore().run(subject)
    if kind == "binary":
        brier = metrics.brier_score_loss(rows.truth, rows.prediction)
        log_loss = metrics.log_loss(rows.truth, rows.prediction)
    else:
        hits = rows.truth[:, None] == np.arange(3)
        brier = np.mean(np.sum((rows.probabilities - hits) ** 2, axis=1))
        log_loss = metrics.log_loss(rows.truth, rows.probabilities, labels=[0, 1, 2])
    assert finding.value == pytest.approx(brier)
    assert finding.details["log_loss"] == pytest.approx(log_loss)


def test_bounds_hold_the_true_score():
    """Probabilities that are true: the expected score is the mean of p (1 - p)."""
    missed = np.zeros(2)
    for seed in range(300):
        rng = np.random.default_rng(seed)
        subject = _drawn(rng, 120)
        finding = BrierScore(confidence=0.9).run(subject)
        missed += [finding.lower > 1 / 6, finding.upper < 1 / 6]  # p uniform in [0, 1]
    assert missed.max() / 300 < 0.15


_SUBJECT = example_subject("binary", rows=120)


def _drawn(rng, rows):
    p = rng.random(rows)
    truth = (rng.random(rows) < p).astype(int)
    held = replace(
        _SUBJECT.held_out, truth=truth, prediction=p, probabilities=np.stack([1 - p, p], axis=1)
    )
    return replace(_SUBJECT, held_out=held)


def test_it_does_not_apply_to_a_regression():
    with pytest.raises(NotApplicable, match="a number, not a class"):
        BrierScore().run(example_subject())


def test_it_does_not_apply_to_bare_classes():
    subject = example_subject("binary")
    labels = (subject.held_out.prediction > 0.5).astype(float)
    bare = replace(subject.held_out, prediction=labels, probabilities=None)
    with pytest.raises(NotApplicable, match="no probabilities"):
        BrierScore().run(replace(subject, held_out=bare))

"""REL020: it fires, it stays silent, it does not apply."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assay.assess.selective import SelectiveRisk, area_by_row, risk_curve
from assay.errors import NotApplicable
from assay.testing.check import example_subject


@pytest.mark.parametrize("kind", ["binary", "multiclass"])
def test_probabilities_tell_good_answers_from_bad(kind):
    finding = SelectiveRisk().run(example_subject(kind, rows=1000))
    assert finding.upper < 0.8
    curve = finding.details["curve"]
    assert curve["coverage"][-1] == 1.0
    assert curve["risk"][-1] == pytest.approx(finding.details["risk"])
    assert curve["risk"][0] < finding.details["risk"]
    assert finding.details["best_area"] < finding.details["area"]


def test_widths_that_mean_nothing_are_near_one():
    alarms = 0
    for seed in range(40):
        subject = example_subject(rows=300, seed=seed)
        width = np.random.default_rng(seed).random(300)
        rows = subject.held_out
        rows = replace(rows, lower=rows.prediction - width, upper=rows.prediction + width)
        finding = SelectiveRisk().run(replace(subject, held_out=rows))
        alarms += finding.upper < 1
    assert alarms <= 6  # 2 expected at 95 %


def test_widths_that_know_the_error_are_found():
    subject = example_subject()
    rows = subject.held_out
    width = np.abs(rows.truth - rows.prediction) + 0.1
    rows = replace(rows, lower=rows.prediction - width, upper=rows.prediction + width)
    finding = SelectiveRisk().run(replace(subject, held_out=rows))
    assert finding.upper < 0.6
    assert finding.details["area"] == pytest.approx(finding.details["best_area"])


def test_the_area_by_hand_and_by_definition():
    loss = np.array([0.0, 1.0, 0.0, 1.0])
    certain = np.array([0.9, 0.8, 0.7, 0.6])
    assert area_by_row(loss, certain).mean() == pytest.approx((0 + 1 / 2 + 1 / 3 + 2 / 4) / 4)
    rng = np.random.default_rng(0)
    loss, certain = rng.random(200), rng.random(200)
    ranked = loss[np.argsort(-certain)]
    risks = np.cumsum(ranked) / np.arange(1, 201)
    assert area_by_row(loss, certain).mean() == pytest.approx(risks.mean())


def test_ties_share_their_ranks():
    loss, certain = np.array([0.0, 1.0, 1.0]), np.array([0.5, 0.5, 0.2])
    orders = [(0 + 1 / 2 + 2 / 3) / 3, (1 + 1 / 2 + 2 / 3) / 3]
    assert area_by_row(loss, certain).mean() == pytest.approx(np.mean(orders))


def test_bounds_hold_the_true_ratio():
    """Error chance 1 - u at certainty u: the area is 1/4 against a risk of 1/2."""
    subject = example_subject("binary", rows=200)
    missed = np.zeros(2)
    for seed in range(300):
        rng = np.random.default_rng(seed)
        certain = rng.random(200)
        right = rng.random(200) < certain
        p = 0.5 + certain / 2
        held = replace(
            subject.held_out,
            prediction=p,
            probabilities=np.stack([1 - p, p], axis=1),
            label=np.ones(200, int),
            truth=right.astype(int),
        )
        finding = SelectiveRisk().run(replace(subject, held_out=held))
        missed += [finding.lower > 0.5, finding.upper < 0.5]
    assert missed.max() / 300 < 0.09


def test_the_curve_rises_to_all_rows():
    curve = risk_curve(np.array([0.0, 0.0, 1.0, 1.0]), np.array([4.0, 3.0, 2.0, 1.0]), points=4)
    assert curve["coverage"].tolist() == [0.25, 0.5, 0.75, 1.0]
    assert curve["risk"] == pytest.approx([0, 0, 1 / 3, 1 / 2])


def test_it_does_not_apply_where_certainty_is_the_same():
    with pytest.raises(NotApplicable, match="equally certain"):
        SelectiveRisk().run(example_subject())  # intervals of one width
    subject = example_subject()
    bare = replace(subject.held_out, lower=None, upper=None)
    with pytest.raises(NotApplicable, match="states no intervals"):
        SelectiveRisk().run(replace(subject, held_out=bare))

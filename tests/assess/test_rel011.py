"""REL011: it fires, it stays silent, it does not apply."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assay.assess.calibration import CalibrationSlope, least_squares, recalibrate
from assay.errors import NotApplicable
from assay.testing.check import KINDS, example_subject


def stretched(rows, factor, shift=0.0):
    """Probabilities whose log-odds are multiplied and moved."""
    odds = np.log(rows.prediction / (1 - rows.prediction)) * factor + shift
    return replace(rows, prediction=1 / (1 + np.exp(-odds)))


def test_boldness_is_found():
    subject = example_subject("binary", rows=2000)
    finding = CalibrationSlope().run(replace(subject, held_out=stretched(subject.held_out, 3)))
    assert finding.value == pytest.approx(1 / 3, abs=0.05)
    assert finding.upper < 0.5
    assert finding.details["too_bold"]


def test_timidity_and_a_shift_are_found():
    subject = example_subject("binary", rows=2000)
    timid = stretched(subject.held_out, 0.5, shift=-1.0)
    finding = CalibrationSlope().run(replace(subject, held_out=timid))
    assert finding.lower > 1.5
    assert finding.details["too_timid"]
    assert finding.details["intercept_lower"] > 0.5


@pytest.mark.parametrize("kind", KINDS)
def test_a_sound_model_is_not_accused(kind):
    finding = CalibrationSlope(confidence=0.999).run(example_subject(kind, rows=2000))
    assert finding.lower < 1 < finding.upper


def test_numbers_that_are_too_bold_are_found():
    subject = example_subject()
    middle = subject.held_out.prediction.mean()
    wild = middle + 2 * (subject.held_out.prediction - middle)
    finding = CalibrationSlope().run(
        replace(subject, held_out=replace(subject.held_out, prediction=wild))
    )
    assert finding.value == pytest.approx(0.5, abs=0.05)
    assert finding.details["too_bold"]


def test_it_agrees_with_scikit_learn():
    linear = pytest.importorskip("sklearn.linear_model")
    rows = example_subject("binary").held_out
    odds = np.log(rows.prediction / (1 - rows.prediction))[:, None]
    for weight in (np.ones(rows.rows), np.arange(1.0, rows.rows + 1)):
        other = linear.LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000)
        other.fit(odds, rows.truth, sample_weight=weight)
        design = np.column_stack([np.ones(rows.rows), odds])
        own = recalibrate(rows.truth.astype(float), design, weight)
        assert own.values[0] == pytest.approx(other.intercept_[0], abs=1e-4)
        assert own.values[1] == pytest.approx(other.coef_[0, 0], abs=1e-4)


def test_least_squares_by_hand():
    fit = least_squares(np.array([1.0, 2, 4]), np.array([[1.0, 0], [1, 1], [1, 2]]), np.ones(3))
    assert fit.values == pytest.approx([5 / 6, 3 / 2])


@pytest.mark.parametrize("rows", [100, 400])
def test_bounds_hold_the_true_slope(rows):
    missed = np.zeros(2)
    subject = example_subject("binary", rows=rows)
    for seed in range(300):
        rng = np.random.default_rng(seed)
        odds = rng.normal(0, 1.5, rows)
        truth = (rng.random(rows) < 1 / (1 + np.exp(-odds))).astype(int)
        held = replace(subject.held_out, truth=truth, prediction=1 / (1 + np.exp(-odds)))
        finding = CalibrationSlope(confidence=0.95).run(replace(subject, held_out=held))
        missed += [finding.lower > 1, finding.upper < 1]
    assert missed.max() / 300 < 0.09


def test_bounds_hold_the_true_slope_of_uneven_numbers():
    missed = np.zeros(2)
    subject = example_subject(rows=100)
    for seed in range(300):
        rng = np.random.default_rng(seed)
        answer = rng.exponential(1, 100)
        truth = answer + rng.normal(size=100) * (0.3 + answer)
        held = replace(subject.held_out, truth=truth, prediction=answer)
        finding = CalibrationSlope().run(replace(subject, held_out=held))
        missed += [finding.lower > 1, finding.upper < 1]
    assert missed.max() / 300 < 0.09


def test_it_does_not_apply_to_equal_answers():
    subject = example_subject()
    same = replace(subject.held_out, prediction=np.full(600, 20.0))
    with pytest.raises(NotApplicable, match="All answers are equal"):
        CalibrationSlope().run(replace(subject, held_out=same))


def test_it_does_not_apply_to_classes_that_part_without_error():
    subject = example_subject("binary")
    truth = (subject.held_out.prediction > 0.5).astype(int)
    with pytest.raises(NotApplicable, match="part the classes without error"):
        CalibrationSlope().run(replace(subject, held_out=replace(subject.held_out, truth=truth)))


def test_it_does_not_apply_to_one_outcome():
    subject = example_subject("binary")
    all_yes = replace(subject.held_out, truth=np.ones(600, int))
    with pytest.raises(NotApplicable, match="Fewer than 10 rows"):
        CalibrationSlope().run(replace(subject, held_out=all_yes))

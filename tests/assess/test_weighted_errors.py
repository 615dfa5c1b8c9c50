"""Rows that weigh more: values are those of repeated rows, bounds are not narrower for it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assay.assess.calibration import BrierScore, CalibrationSlope
from assay.assess.leakage import Leakage
from assay.assess.reliability import Coverage, ErrorAgainstBaseline, ErrorLevel, by_row, rate_bounds
from assay.assess.statistics import mean_bounds, moments
from assay.testing.check import example_subject


def weighted(subject):
    """The subject with weights, and with each row as often as it weighs."""
    times = 1 + np.arange(subject.held_out.rows) % 3
    rows = subject.held_out
    again = np.repeat(np.arange(rows.rows), times)
    arrays = ("truth", "prediction", "baseline", "probabilities", "label", "lower", "upper", "sets")
    parts = {name: getattr(rows, name) for name in arrays}
    repeated = replace(
        rows,
        frame=rows.frame[again],
        **{name: None if part is None else part[again] for name, part in parts.items()},
    )
    heavy = replace(rows, weight=times.astype(float))
    return replace(subject, held_out=heavy), replace(subject, held_out=repeated)


@pytest.mark.parametrize(
    ("check", "kind"),
    [
        (ErrorAgainstBaseline, "regression"),
        (ErrorAgainstBaseline, "multiclass"),
        (ErrorLevel, "regression"),
        (ErrorLevel, "multiclass"),
        (Coverage, "regression"),
        (Coverage, "binary"),
        (BrierScore, "multiclass"),
        (CalibrationSlope, "binary"),
        (CalibrationSlope, "regression"),
        (Leakage, "regression"),
    ],
)
def test_the_value_is_that_of_repeated_rows(check, kind):
    heavy, repeated = (check().run(s) for s in weighted(example_subject(kind, rows=200)))
    assert heavy.value == pytest.approx(repeated.value)
    assert heavy.upper - heavy.lower > repeated.upper - repeated.lower
    assert "weight" in heavy.method or check in (CalibrationSlope, Leakage)


@pytest.mark.parametrize("weights", [None, np.ones(300)])
def test_equal_weights_change_little(weights):
    hits = np.arange(300) < 30
    bounds = rate_bounds(hits, weights, 0.95)
    assert (bounds.value, bounds.lower, bounds.upper) == pytest.approx(
        (0.1, 0.073, 0.133), abs=4e-3
    )


def test_weighted_bounds_hold_the_true_mean():
    missed = np.zeros(2)
    for seed in range(400):
        rng = np.random.default_rng(seed)
        weight = rng.integers(1, 6, 100).astype(float)
        values = rng.exponential(1.0, 100)
        bounds = mean_bounds(moments(by_row(values, weight)), 0.95)
        missed += [bounds.lower > 1, bounds.upper < 1]
    assert missed.max() / 400 < 0.085


def test_weighted_bounds_hold_the_true_rate():
    missed = np.zeros(2)
    for seed in range(400):
        rng = np.random.default_rng(seed)
        weight = rng.integers(1, 6, 100).astype(float)
        bounds = rate_bounds(rng.random(100) < 0.2, weight, 0.95)
        missed += [bounds.lower > 0.2, bounds.upper < 0.2]
    assert missed.max() / 400 < 0.085

"""FAI008: it fires, it stays silent, it does not apply; by hand, and against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest

from assay.assess.fairness import CalibrationByGroup
from assay.assess.statistics import calibration_error
from assay.errors import NotApplicable
from assay.testing.check import example_subject
from tests.assess.planted import covered, planted


def forecasts(rng, *, off=0.0, rows=300):
    """Two groups; what happens in the second is likelier by ``off`` than forecast."""
    group = np.repeat(["a", "b"], rows)
    forecast = rng.uniform(0.1, 0.7, group.size)
    chance = forecast + off * (group == "b")
    happened = (rng.random(group.size) < chance).astype(np.int64)
    return planted(group=group, truth=happened, prediction=forecast, label=forecast > 0.5)


def test_a_group_with_forecasts_too_low_is_found():
    finding = CalibrationByGroup(column="group").run(
        forecasts(np.random.default_rng(0), off=0.25, rows=600)
    )
    assert finding.lower > 0.1
    assert finding.details["worst_group"] == "b"
    assert all(b["observed"] > b["forecast"] for b in finding.details["bins"])


def test_it_is_the_error_of_one_group():
    rows = forecasts(np.random.default_rng(1)).held_out
    finding = CalibrationByGroup(column="group").run(forecasts(np.random.default_rng(1)))
    for found in finding.groups:
        member = (rows.frame["group"] == found.group).to_numpy()
        p, y = rows.prediction[member], rows.truth[member].astype(float)
        edges = np.quantile(p, np.arange(1, 6) / 6)
        bins = np.searchsorted(edges, p, side="right")
        by_hand = sum(
            np.mean(bins == b) * abs(y[bins == b].mean() - p[bins == b].mean()) for b in range(6)
        )
        assert found.value == pytest.approx(by_hand)
        assert found.value == pytest.approx(float(calibration_error(y, p, bins, 0.95).value))


def test_it_agrees_with_scikit_learn():
    calibration = pytest.importorskip("sklearn.calibration")
    rows = forecasts(np.random.default_rng(2), off=0.1).held_out
    finding = CalibrationByGroup(column="group").run(forecasts(np.random.default_rng(2), off=0.1))
    member = (rows.frame["group"] == finding.details["worst_group"]).to_numpy()
    observed, forecast = calibration.calibration_curve(
        rows.truth[member], rows.prediction[member], n_bins=6, strategy="quantile"
    )
    assert [b["observed"] for b in finding.details["bins"]] == pytest.approx(observed.tolist())
    assert [b["forecast"] for b in finding.details["bins"]] == pytest.approx(forecast.tolist())


def test_calibrated_groups_are_rarely_accused():
    found = [
        CalibrationByGroup(column="group").run(forecasts(np.random.default_rng(s)))
        for s in range(60)
    ]
    assert sum(f.lower > 0 for f in found) <= 7


def test_the_bounds_hold():
    def draw(rng):
        return forecasts(rng, off=0.2)

    lower, upper = covered(CalibrationByGroup(column="group"), draw, 0.2, samples=100)
    assert min(lower, upper) >= 0.9


def test_of_several_classes_the_worst_is_named():
    finding = CalibrationByGroup(column="drive").run(example_subject("multiclass"))
    assert finding.details["event"] in {"high", "low", "middle"}


def test_it_does_not_apply_to_numbers_or_without_probabilities():
    with pytest.raises(NotApplicable, match="not a probability"):
        CalibrationByGroup(column="drive").run(example_subject())
    plain = planted("multiclass", group=["a", "b"] * 150, truth=[0, 1, 2] * 100, label=[0] * 300)
    with pytest.raises(NotApplicable, match="gives no probabilities"):
        CalibrationByGroup(column="group").run(plain)


def test_it_does_not_apply_to_small_groups():
    with pytest.raises(NotApplicable, match="have 100 rows or more"):
        CalibrationByGroup(column="drive").run(example_subject("binary", rows=100))

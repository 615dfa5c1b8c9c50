"""REL013: it fires, it stays silent, it does not apply."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assay.assess.conformal import GroupCoverage, group_quantiles
from assay.errors import NotApplicable
from assay.testing.check import example_subject


def uneven(table):
    """Noise that is three times as large for corvos."""
    rng = np.random.default_rng(7)
    return rng.normal(size=table.height) * np.where(table["make"].to_numpy() == "corvo", 6.0, 2.0)


def test_a_group_without_what_is_promised_is_found():
    finding = GroupCoverage(column="make").run(example_subject(rows=1000, noise=uneven))
    assert finding.lower > 0.2
    coverage = {group.group: group.value for group in finding.groups}
    assert coverage["corvo"] < 0.7 < coverage["avis"]
    needed = {entry["group"]: entry["quantile"] for entry in finding.details["by_group"]}
    assert needed["corvo"] > 2 * needed["avis"]


def test_even_groups_are_rarely_accused():
    alarms = 0
    for seed in range(40):
        subject = example_subject(rows=300, seed=seed, coverage=0.9)
        finding = GroupCoverage(column="make").run(subject)  # true coverage: 0.901
        alarms += finding.lower > 0
    assert alarms <= 5


def test_the_quantiles_shown_would_hold():
    subject = example_subject(rows=3000, noise=uneven)
    finding = GroupCoverage(column="make").run(subject)
    fresh = example_subject(rows=3000, seed=9, noise=uneven)
    error = np.abs(fresh.held_out.truth - fresh.held_out.prediction)
    for entry in finding.details["by_group"]:
        member = fresh.held_out.frame["make"].to_numpy() == entry["group"]
        if member.sum() > 200:
            assert np.mean(error[member] <= entry["quantile"]) == pytest.approx(0.9, abs=0.04)


def test_sets_of_classes_are_judged_too():
    finding = GroupCoverage(column="drive").run(example_subject("multiclass", rows=500))
    assert finding.value is not None
    assert all(1 <= entry["mean_width"] <= 3 for entry in finding.details["by_group"])


def test_quantiles_by_hand():
    scores = np.array([5.0, 1, 3, 2, 4, 10, 20])
    codes = np.array([0, 0, 0, 0, 0, 1, -1])
    assert group_quantiles(scores, codes, 3, 0.5).tolist() == [3.0, 10.0, np.inf]
    assert group_quantiles(scores, codes, 1, 0.9).tolist() == [np.inf]  # 6 * 0.9 = 5.4: rank 6
    assert group_quantiles(np.arange(1.0, 10.0), np.zeros(9, int), 1, 0.9).tolist() == [9.0]


def test_quantiles_agree_with_mapie():
    regression = pytest.importorskip("mapie.regression")
    linear = pytest.importorskip("sklearn.dummy")
    rng = np.random.default_rng(0)
    y, codes = rng.normal(size=400) * 3, rng.integers(0, 2, 400)
    model = linear.DummyRegressor(strategy="constant", constant=0.0)
    model.fit(np.zeros((400, 1)), y)
    own = group_quantiles(np.abs(y), codes, 2, 0.9)
    for group in (0, 1):
        part = codes == group
        other = regression.SplitConformalRegressor(
            estimator=model, confidence_level=0.9, prefit=True
        )
        other.conformalize(np.zeros((part.sum(), 1)), y[part])
        _, ends = other.predict_interval(np.zeros((1, 1)))
        assert ends[0, 1, 0] == pytest.approx(own[group])


def test_quantiles_agree_with_crepes():
    crepes = pytest.importorskip("crepes")
    rng = np.random.default_rng(0)
    residuals, codes = rng.normal(size=400), rng.integers(0, 2, 400)
    other = crepes.ConformalRegressor().fit(residuals, bins=codes)
    ends = other.predict_int(np.zeros(2), bins=np.array([0, 1]), confidence=0.9)
    assert ends[:, 1] == pytest.approx(group_quantiles(np.abs(residuals), codes, 2, 0.9))


def test_it_does_not_apply_without_intervals_or_groups():
    subject = example_subject()
    bare = replace(subject.held_out, lower=None, upper=None)
    with pytest.raises(NotApplicable, match="states no intervals"):
        GroupCoverage(column="make").run(replace(subject, held_out=bare))
    with pytest.raises(NotApplicable, match="names no affected groups"):
        GroupCoverage().run(subject)

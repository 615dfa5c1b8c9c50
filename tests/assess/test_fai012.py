"""FAI012: it fires, it stays silent, it does not apply; by hand, and by simulation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assay.assess.fairness import Multicalibration
from assay.errors import NotApplicable
from assay.question import Groups
from assay.testing.check import asking, example_subject
from tests.assess.planted import covered, planted

BOTH = (Groups(column="group"), Groups(column="other"))


def forecasts(rng, *, rows=300, off=0.0):
    """Four cells; forecasts hold, but in the crossing of b and y the outcome is likelier."""
    group, other = np.repeat(["a", "a", "b", "b"], rows), np.repeat(["x", "y", "x", "y"], rows)
    forecast = rng.uniform(0.1, 0.6, 4 * rows)
    chance = forecast + off * ((group == "b") & (other == "y"))
    return planted(
        group=group,
        other=list(other),
        truth=(rng.random(4 * rows) < chance).astype(np.int64),
        prediction=forecast,
        groups=BOTH,
    )


def test_what_hides_in_a_crossing_is_found():
    finding = Multicalibration().run(forecasts(np.random.default_rng(0), rows=1500, off=0.35))
    assert finding.lower > 0.2
    assert finding.groups[0].group.startswith("group & other: b & y; forecast ")
    assert finding.groups[0].value == pytest.approx(finding.value)


def test_by_hand():
    subject = planted(
        group=["a"] * 4 + ["b"] * 4,
        truth=[1, 1, 0, 0, 0, 0, 0, 1],
        prediction=[0.2, 0.2, 0.8, 0.8, 0.2, 0.2, 0.8, 0.8],
    )
    finding = Multicalibration(min_rows=2).run(subject)
    found = {g.group: g.value for g in finding.groups}
    assert found["group: a; forecast 0.2 to 0.2"] == pytest.approx(0.8)
    assert found["group: a; forecast 0.8 to 0.8"] == pytest.approx(-0.8)
    assert found["group: b; forecast 0.8 to 0.8"] == pytest.approx(-0.3)
    assert found["all rows; forecast 0.2 to 0.2"] == pytest.approx(0.3)
    assert finding.value == pytest.approx(0.8)


def test_sound_forecasts_are_rarely_accused(even_binaries):
    assert sum(Multicalibration(min_rows=20).run(s).lower > 0 for s in even_binaries) <= 6


def test_the_bounds_hold():
    lower, upper = covered(
        Multicalibration(), lambda rng: forecasts(rng, off=0.3), 0.3, samples=100
    )
    assert min(lower, upper) >= 0.9


def test_numbers_are_measured_against_the_mean_true_value():
    subject = example_subject(rows=1500)
    rows = subject.held_out
    rear = (rows.frame["drive"] == "rear").to_numpy()
    off = replace(rows, prediction=rows.prediction - 4.0 * rear)
    finding = Multicalibration().run(replace(subject, held_out=off))
    assert finding.value > 3.0 / rows.truth.mean()
    assert "drive: rear" in finding.groups[0].group or "& rear" in finding.groups[0].group


def test_of_several_classes_each_is_looked_at():
    finding = Multicalibration().run(example_subject("multiclass"))
    assert all("class " in g.group for g in finding.groups)


def test_it_does_not_apply():
    with pytest.raises(NotApplicable, match="names no affected groups"):
        Multicalibration().run(asking(example_subject("binary"), affected_groups=()))
    with pytest.raises(NotApplicable, match="50 rows at one level"):
        Multicalibration().run(example_subject("binary", rows=60))
    plain = planted("multiclass", group=["a", "b"] * 90, truth=[0, 1, 2] * 60, label=[0] * 180)
    with pytest.raises(NotApplicable, match="gives no probabilities"):
        Multicalibration().run(plain)

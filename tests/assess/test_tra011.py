"""TRA011: it fires, it stays silent, it does not apply."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from assay.assess.recourse import RecourseGap
from assay.assess.subject import Scored
from assay.errors import NotApplicable
from assay.question import Actions
from assay.testing.check import ExampleAnswer, example_subject


def stricter(frame):
    """Accepted from a size of 5 on; machines with rear drive from 9."""
    size = frame["size"].cast(pl.Float64).fill_null(0.0).to_numpy()
    need = np.where((frame["drive"] == "rear").to_numpy(), 9.0, 5.0)
    p = 1 / (1 + np.exp(need - size))
    return ExampleAnswer(
        prediction=p, probabilities=np.stack([1 - p, p], axis=1), label=(p >= 0.5).astype(int)
    )


def judged_by(model, **more):
    subject = example_subject("binary", score=model, **more)
    held = subject.held_out
    return replace(
        subject,
        held_out=Scored.of(held.frame, model(held.frame), truth=held.truth, baseline=held.baseline),
    )


def test_a_group_that_must_change_more_is_found():
    finding = RecourseGap(column="drive").run(judged_by(stricter))
    assert finding.lower > 0.2
    cost = {g.group: g.value for g in finding.groups}
    assert cost["rear"] > cost["front"]
    assert finding.unit == "deviations"


def test_the_cost_is_what_it_takes():
    """Uniform sizes from 0 to 10: to reach 5 it takes 2.5 on average, and 4.5 to reach 9.

    The median absolute deviation is 2.5, and donors lie a little beyond the line.
    """
    finding = RecourseGap(column="drive").run(judged_by(stricter, rows=3_000))
    cost = {g.group: g.value for g in finding.groups}
    assert cost["front"] == pytest.approx(1.0, abs=0.2)
    assert cost["rear"] == pytest.approx(1.8, abs=0.3)
    assert finding.lower < 0.8 < finding.upper


def test_even_groups_are_seldom_accused(even_binaries):
    found = [RecourseGap(column="drive", most_rows=120).run(s) for s in even_binaries]
    assert sum(f.lower > 0 for f in found) <= 5


def test_rare_groups_are_not_accused_of_being_rare():
    """Groups of 40, 30, 20, 9 and 1 per cent, and a model that does not look at them."""

    def blind(frame):
        size = frame["size"].cast(pl.Float64).fill_null(0.0).to_numpy()
        p = 1 / (1 + np.exp(17 - frame["weight"].to_numpy() / 5 - size))
        return ExampleAnswer(
            prediction=p, probabilities=np.stack([1 - p, p], axis=1), label=(p >= 0.5).astype(int)
        )

    check = RecourseGap(column="make")
    found = [check.run(judged_by(blind, rows=300, seed=seed)) for seed in range(20)]
    assert sum(f.lower > 0 for f in found) <= 3


def test_rows_without_a_way_are_told_by_group():
    def hopeless(frame):
        a = stricter(frame)
        rear = (frame["drive"] == "rear").to_numpy()
        p = np.where(rear & (frame["doors"].to_numpy() == 2), 0.0, a.prediction)
        return ExampleAnswer(
            prediction=p, probabilities=np.stack([1 - p, p], axis=1), label=(p >= 0.5).astype(int)
        )

    check = RecourseGap(column="drive", actions=Actions(immutable=("doors",)))
    told = {
        g["group"]: g["share"] for g in check.run(judged_by(hopeless)).details["without_recourse"]
    }
    assert told["front"] < 0.05
    assert 0.1 < told["rear"] < 0.6


def test_a_number_is_to_reach_the_median():
    finding = RecourseGap(column="make").run(example_subject())
    assert "median answer" in finding.measure
    assert 0 <= finding.lower <= finding.value <= finding.upper
    assert {g.group for g in finding.groups if g.value is not None} >= {"avis", "bonte", "corvo"}


def test_it_does_not_apply_to_several_classes():
    with pytest.raises(NotApplicable, match="favourable"):
        RecourseGap(column="drive").run(example_subject("multiclass"))


def test_it_does_not_apply_without_groups():
    with pytest.raises(NotApplicable, match="names no affected groups"):
        RecourseGap().run(example_subject("binary"))


def test_it_does_not_apply_to_one_group():
    subject = example_subject("binary")
    with pytest.raises(NotApplicable, match="are needed"):
        RecourseGap(column="drive", min_rows=1_000).run(subject)

"""FAI017: it fires, it stays silent, it does not apply; by hand, and by simulation."""

from __future__ import annotations

import numpy as np
import pytest

from assay.assess.fairness import ConditionalParity, SelectionRateGap
from assay.errors import NotApplicable
from assay.question import Groups
from assay.testing.check import asking, example_subject
from tests.assess.planted import covered, planted

GIVEN = (Groups(column="group", given=("hours",)),)


def confounded(rng, *, unfair=0.0, strata=3, rows=240, lean=0.7):
    """Group b works fewer hours, and hours decide; ``unfair`` is taken from b on top."""
    group = np.repeat(["a", "b"], rows)
    hours = rng.binomial(strata - 1, np.where(group == "a", lean, 1 - lean))
    chance = 0.2 + 0.6 * hours / (strata - 1) - unfair * (group == "b")
    return planted(
        group=group,
        hours=[f"h{h}" for h in hours],
        truth=np.zeros(2 * rows, int),
        label=rng.random(2 * rows) < chance,
        groups=GIVEN,
    )


def test_a_gap_that_hours_do_not_explain_is_found():
    finding = ConditionalParity(column="group").run(
        confounded(np.random.default_rng(0), unfair=0.15, rows=1000)
    )
    assert finding.lower > 0.05
    assert finding.details["without_factors"] > finding.value
    assert finding.details["given"] == ["hours"]


def test_a_gap_that_hours_explain_is_not():
    subjects = [confounded(np.random.default_rng(seed)) for seed in range(40)]
    assert sum(ConditionalParity(column="group").run(s).lower > 0 for s in subjects) <= 6
    assert sum(SelectionRateGap(column="group").run(s).lower > 0 for s in subjects) > 35


def test_by_hand():
    group = ["a"] * 6 + ["b"] * 6
    hours = ["low", "low", "low", "low", "high", "high"] + ["low", "low"] + ["high"] * 4
    label = [1, 1, 0, 0, 1, 1, 0, 1, 1, 0, 0, 1]
    subject = planted(group=group, hours=hours, truth=[0] * 12, label=label, groups=GIVEN)
    finding = ConditionalParity(column="group", min_rows=4).run(subject)
    # Low: 2/4 against 1/2, high: 2/2 against 2/4; both weigh 4 * 2 / 6.
    assert finding.value == pytest.approx((0 + 0.5) / 2)
    # At everyone's mix, six low and six high: a (0.5 + 1) / 2, b (0.5 + 0.5) / 2.
    assert {g.group: g.value for g in finding.groups} == pytest.approx({"a": 0.75, "b": 0.5})
    assert finding.details["without_factors"] == pytest.approx(4 / 6 - 3 / 6)


def test_numbers_are_compared_by_means():
    rng = np.random.default_rng(0)
    group, hours = np.repeat(["a", "b"], 300), rng.integers(0, 4, 600)
    answer = 10.0 + 5 * hours + 2 * (group == "a") + rng.normal(size=600)
    subject = planted(
        "regression",
        group=group,
        hours=[f"h{h}" for h in hours],
        truth=np.zeros(600),
        prediction=answer,
        groups=GIVEN,
    )
    finding = ConditionalParity(column="group").run(subject)
    # With strata as fixed effects, least squares weighs them alike.
    design = np.column_stack([group == "a", *(hours == h for h in range(4))]).astype(float)
    assert finding.value == pytest.approx(np.linalg.lstsq(design, answer, rcond=None)[0][0])
    assert finding.lower < 2 < finding.upper


@pytest.mark.parametrize(
    "case",
    [
        {"unfair": 0.0},
        {"unfair": 0.15},
        {"unfair": 0.15, "strata": 30, "lean": 0.55, "rows": 80},  # a few rows in a cell
    ],
)
def test_the_bounds_hold(case):
    lower, upper = covered(
        ConditionalParity(column="group"), lambda rng: confounded(rng, **case), case["unfair"]
    )
    assert min(lower, upper) >= 0.91


def test_a_crossing_takes_the_factors_of_its_parts():
    question = (Groups(column="make", given=("turbo",)), Groups(column="drive", given=("doors",)))
    subject = asking(example_subject("binary"), affected_groups=question)
    finding = ConditionalParity(column="make & drive").run(subject)
    assert finding.details["given"] == ["turbo", "doors"]


def test_several_classes_are_compared_one_by_one():
    question = (Groups(column="drive", given=("turbo",)),)
    subject = asking(example_subject("multiclass"), affected_groups=question)
    finding = ConditionalParity(column="drive").run(subject)
    assert finding.details["event"] in {"high", "low", "middle"}


def test_it_does_not_apply_without_factors_or_where_none_are_shared():
    with pytest.raises(NotApplicable, match="names no legitimate factors"):
        ConditionalParity(column="drive").run(example_subject("binary"))
    same = (Groups(column="drive", given=("drive",)),)
    with pytest.raises(NotApplicable, match="with the same factors"):
        ConditionalParity(column="drive").run(
            asking(example_subject("binary"), affected_groups=same)
        )

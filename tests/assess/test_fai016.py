"""FAI016: it fires, it stays silent, it does not apply; against SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from assay.assess.fairness import ScoreDistributionGap
from assay.assess.fairness import scores as module
from assay.errors import NotApplicable
from assay.testing.check import example_subject
from tests.assess.planted import covered, planted


def answers(rng, *, shift=0.0, rows=100):
    group = np.repeat(["a", "b", "c"], rows)
    answer = rng.normal(shift * (group == "c"), 1.0)
    return planted("regression", group=group, truth=np.zeros(3 * rows), prediction=answer)


def test_a_group_with_other_answers_is_found():
    finding = ScoreDistributionGap(column="group").run(
        answers(np.random.default_rng(0), shift=1.5, rows=400)
    )
    assert finding.lower > 0.3
    assert max(finding.groups, key=lambda g: g.value).group == "c"
    medians = {q["group"]: q["50%"] for q in finding.details["quantiles"]}
    assert medians["c"] - medians["a"] == pytest.approx(1.5, abs=0.3)


def test_equal_means_are_not_equal_distributions():
    rng = np.random.default_rng(0)
    subject = planted(
        "regression",
        group=["a"] * 600 + ["b"] * 600,
        truth=np.zeros(1200),
        prediction=rng.normal(0, np.repeat([1.0, 4.0], 600)),
    )
    assert ScoreDistributionGap(column="group").run(subject).lower > 0.1


@pytest.mark.parametrize("kind", ["regression", "binary"])
def test_it_agrees_with_scipy(kind):
    subject = example_subject(kind)
    rows = subject.held_out
    parts = [rows.prediction[(rows.frame["drive"] == d).to_numpy()] for d in ("front", "rear")]
    finding = ScoreDistributionGap(column="drive").run(subject)
    theirs = stats.ks_2samp(*parts).statistic
    assert finding.value == pytest.approx(theirs)
    assert [g.value for g in finding.groups] == pytest.approx([theirs, theirs])


def test_many_different_answers_are_compared_at_fewer_thresholds(monkeypatch):
    exact = ScoreDistributionGap(column="group").run(answers(np.random.default_rng(0), shift=1.0))
    monkeypatch.setattr(module, "MOST_THRESHOLDS", 100)
    thinned = ScoreDistributionGap(column="group").run(answers(np.random.default_rng(0), shift=1.0))
    assert thinned.value == pytest.approx(exact.value, abs=0.03)
    assert "100 thresholds" in thinned.method


@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_the_bounds_hold(shift):
    truth = 2 * stats.norm.cdf(shift / 2) - 1
    lower, upper = covered(
        ScoreDistributionGap(column="group"), lambda rng: answers(rng, shift=shift), truth
    )
    assert min(lower, upper) >= 0.93


def test_of_several_classes_the_one_that_differs_most_is_named():
    finding = ScoreDistributionGap(column="drive").run(example_subject("multiclass"))
    assert finding.details["event"] in {"high", "low", "middle"}


def test_it_does_not_apply():
    with pytest.raises(NotApplicable, match="have 30 rows or more"):
        ScoreDistributionGap(column="drive").run(example_subject(rows=40))
    plain = planted("multiclass", group=["a", "b"] * 90, truth=[0, 1, 2] * 60, label=[0] * 180)
    with pytest.raises(NotApplicable, match="gives no probabilities"):
        ScoreDistributionGap(column="group").run(plain)

"""FAI014: it fires, it stays silent, it does not apply; against Fairlearn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assay.assess.fairness import MeanOutcomeGap
from assay.errors import NotApplicable
from assay.testing.check import example_subject
from tests.assess.planted import covered, planted


def answers(rng, *, means=(10.0, 12.0), rows=80):
    group = np.repeat(["a", "b"], rows)
    answer = rng.normal(np.repeat(means, rows), 3.0)
    return planted("regression", group=group, truth=np.full(2 * rows, 10.0), prediction=answer)


def test_a_group_with_lower_answers_is_found():
    finding = MeanOutcomeGap(column="group").run(answers(np.random.default_rng(0), rows=400))
    assert finding.lower > 1.4
    assert finding.details["true_gap"] == 0


def test_by_hand():
    subject = planted(
        "regression", group="aaabbb", truth=[1.0, 1, 1, 2, 2, 5], prediction=[1.0, 2, 3, 4, 5, 6]
    )
    finding = MeanOutcomeGap(column="group", min_rows=3).run(subject)
    assert finding.value == pytest.approx(3.0)
    assert finding.details["true_gap"] == pytest.approx(2.0)
    assert {t["group"]: t["value"] for t in finding.details["true_by_group"]} == {"a": 1, "b": 3}


@pytest.mark.parametrize("means", [(10.0, 10.0), (10.0, 12.0)])
def test_the_bounds_hold(means):
    lower, upper = covered(
        MeanOutcomeGap(column="group"),
        lambda rng: answers(rng, means=means),
        abs(means[0] - means[1]),
    )
    assert min(lower, upper) >= 0.91


@pytest.mark.parametrize("kind", ["regression", "binary"])
def test_it_agrees_with_fairlearn(kind):
    metrics = pytest.importorskip("fairlearn.metrics")
    subject = example_subject(kind)
    rows = subject.held_out
    weight = np.random.default_rng(0).uniform(0.5, 2, rows.rows)
    theirs = metrics.MetricFrame(
        metrics=metrics.mean_prediction,
        y_true=rows.truth,
        y_pred=rows.prediction,
        sensitive_features=rows.frame["drive"].to_list(),
        sample_params={"sample_weight": weight},
    )
    weighted = replace(subject, held_out=replace(rows, weight=weight))
    finding = MeanOutcomeGap(column="drive").run(weighted)
    assert finding.value == pytest.approx(theirs.difference())


def test_it_does_not_apply_to_several_classes():
    with pytest.raises(NotApplicable, match="no high or low"):
        MeanOutcomeGap(column="drive").run(example_subject("multiclass"))


def test_it_does_not_apply_to_small_groups():
    with pytest.raises(NotApplicable, match="have 10 rows or more"):
        MeanOutcomeGap(column="drive").run(example_subject(rows=12))

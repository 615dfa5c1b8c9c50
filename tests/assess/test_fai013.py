"""FAI013: it fires, it stays silent, it does not apply; against Fairlearn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assay.assess.fairness import BoundedGroupLoss
from assay.errors import NotApplicable
from assay.testing.check import example_subject
from tests.assess.planted import covered, planted


def errors(rng, *, means=(1.0, 3.0), rows=80):
    """Exponential errors of two groups."""
    group = np.repeat(["a", "b"], rows)
    error = rng.exponential(np.repeat(means, rows))
    return planted("regression", group=group, truth=np.full(2 * rows, 10.0), prediction=10 + error)


def test_a_group_with_large_errors_is_found():
    finding = BoundedGroupLoss(column="group").run(errors(np.random.default_rng(0), rows=400))
    assert finding.lower > 2.5
    assert max(finding.groups, key=lambda g: g.value).group == "b"


def test_by_hand():
    subject = planted(
        "regression",
        group="aaabbb",
        truth=[1.0, 2.0, 3.0, 1.0, 2.0, 3.0],
        prediction=[1.0, 2.0, 4.0, 3.0, 4.0, 5.0],
    )
    finding = BoundedGroupLoss(column="group", min_rows=3).run(subject)
    assert finding.value == pytest.approx(2.0)
    assert finding.details["overall"] == pytest.approx(7 / 6)


@pytest.mark.parametrize("means", [(2.0, 2.0), (1.0, 3.0)])
def test_the_bounds_hold(means):
    lower, upper = covered(
        BoundedGroupLoss(column="group"), lambda rng: errors(rng, means=means), max(means)
    )
    assert min(lower, upper) >= 0.91


@pytest.mark.parametrize("kind", ["regression", "binary", "multiclass"])
def test_it_agrees_with_fairlearn(kind):
    metrics = pytest.importorskip("fairlearn.metrics")
    from sklearn.metrics import mean_absolute_error

    subject = example_subject(kind)
    rows = subject.held_out
    weight = np.random.default_rng(0).uniform(0.5, 2, rows.rows)
    theirs = metrics.MetricFrame(
        metrics=mean_absolute_error if kind == "regression" else wrong_share,
        y_true=rows.truth,
        y_pred=rows.prediction if kind == "regression" else rows.label,
        sensitive_features=rows.frame["drive"].to_list(),
        sample_params={"sample_weight": weight},
    )
    weighted = replace(subject, held_out=replace(rows, weight=weight))
    finding = BoundedGroupLoss(column="drive").run(weighted)
    assert finding.value == pytest.approx(theirs.group_max())


def wrong_share(truth, answer, sample_weight):
    return np.average(truth != answer, weights=sample_weight)


def test_it_does_not_apply_to_small_groups():
    with pytest.raises(NotApplicable, match="have 10 rows or more"):
        BoundedGroupLoss(column="drive").run(example_subject(rows=12))
    with pytest.raises(NotApplicable, match="have 30 rows or more"):
        BoundedGroupLoss(column="drive").run(example_subject("binary", rows=40))

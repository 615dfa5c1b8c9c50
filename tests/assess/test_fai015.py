"""FAI015: it fires, it stays silent, it does not apply; against Fairlearn."""

from __future__ import annotations

import numpy as np
import pytest

from assay.assess.fairness import ErrorGap
from assay.errors import NotApplicable
from assay.testing.check import example_subject
from tests.assess.planted import covered, drawn_binary, planted


def test_a_group_with_larger_errors_is_found():
    rng = np.random.default_rng(0)
    subject = planted(
        "regression",
        group=["a"] * 300 + ["b"] * 300,
        truth=np.zeros(600),
        prediction=rng.normal(0, np.repeat([1.0, 3.0], 300)),
    )
    assert ErrorGap(column="group").run(subject).lower > 1.0


def test_by_hand():
    subject = planted(
        "regression", group="aaabbb", truth=[1.0, 1, 1, 2, 2, 5], prediction=[1.0, 2, 3, 4, 5, 6]
    )
    finding = ErrorGap(column="group", min_rows=3).run(subject)
    assert finding.value == pytest.approx(6 / 3 - 3 / 3)


def test_equal_groups_are_rarely_accused(even_binaries, even_regressions):
    for subjects in (even_binaries, even_regressions):
        assert sum(ErrorGap(column="drive").run(s).lower > 0 for s in subjects) <= 6


@pytest.mark.parametrize(
    ("rates", "truth"), [(((0.1, 0.9), (0.1, 0.9)), 0.0), (((0.1, 0.9), (0.5, 0.5)), 0.4)]
)
def test_the_bounds_hold(rates, truth):
    lower, upper = covered(
        ErrorGap(column="group"), lambda rng: drawn_binary(rng, rates=rates), truth
    )
    assert min(lower, upper) >= 0.91


@pytest.mark.parametrize("kind", ["regression", "binary", "multiclass"])
def test_it_agrees_with_fairlearn(kind):
    metrics = pytest.importorskip("fairlearn.metrics")
    from sklearn.metrics import accuracy_score, mean_absolute_error

    subject = example_subject(kind)
    rows = subject.held_out
    theirs = metrics.MetricFrame(
        metrics=mean_absolute_error if kind == "regression" else accuracy_score,
        y_true=rows.truth,
        y_pred=rows.prediction if kind == "regression" else rows.label,
        sensitive_features=rows.frame["drive"].to_list(),
    )
    finding = ErrorGap(column="drive").run(subject)
    assert finding.value == pytest.approx(theirs.difference())


def test_it_does_not_apply_to_small_groups():
    with pytest.raises(NotApplicable, match="have 10 rows or more"):
        ErrorGap(column="drive").run(example_subject(rows=12))

"""REL002: it fires, it stays silent, it does not apply."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import mean_absolute_error, r2_score, roc_auc_score

from assay.assess.reliability import ErrorLevel
from assay.errors import NotApplicable
from assay.testing.check import asking, example_subject


def test_regression_gives_the_mean_absolute_error_in_its_unit():
    subject = example_subject()
    rows = subject.held_out
    finding = ErrorLevel().run(subject)
    assert finding.value == pytest.approx(mean_absolute_error(rows.truth, rows.prediction))
    assert finding.details["r2"] == pytest.approx(r2_score(rows.truth, rows.prediction))
    assert (finding.unit, finding.better) == ("USD", "lower")
    assert finding.lower < 2 * np.sqrt(2 / np.pi) < finding.upper  # noise of deviation 2


def test_a_worse_model_has_a_larger_error():
    subject = example_subject()
    rows = subject.held_out
    worse = replace(rows, prediction=rows.prediction + 5)
    assert (
        ErrorLevel().run(replace(subject, held_out=worse)).lower > ErrorLevel().run(subject).upper
    )


def test_two_classes_give_the_area_under_the_curve():
    subject = example_subject("binary")
    rows = subject.held_out
    finding = ErrorLevel().run(subject)
    assert finding.value == pytest.approx(roc_auc_score(rows.truth, rows.prediction))
    assert finding.better == "higher"
    assert np.sum(finding.details["confusion"]["counts"]) == rows.rows


def test_several_classes_give_exact_bounds_of_accuracy():
    subject = example_subject("multiclass")
    rows = subject.held_out
    finding = ErrorLevel(confidence=0.9).run(subject)
    right = int(np.sum(rows.label == rows.truth))
    exact = stats.binomtest(right, rows.rows).proportion_ci(0.8, method="exact")
    assert (finding.lower, finding.upper) == pytest.approx((exact.low, exact.high))


def test_single_rows_are_shown_only_where_they_are_not_people():
    people = example_subject()
    assert ErrorLevel().run(people).details["points"] == {}  # the table has mail addresses
    machines = replace(people, profile=_without_flags(people.profile))
    assert len(ErrorLevel().run(machines).details["points"]["actual"]) == 400
    groups = tuple(
        g.__class__(column=g.column, sensitive=True) for g in people.question.affected_groups
    )
    assert ErrorLevel().run(asking(machines, affected_groups=groups)).details["points"] == {}


def test_it_does_not_apply_where_a_class_is_absent():
    subject = example_subject("binary")
    one = replace(subject.held_out, truth=np.zeros(subject.held_out.rows, int))
    with pytest.raises(NotApplicable, match="Fewer than two rows of a class"):
        ErrorLevel().run(replace(subject, held_out=one))


def test_it_does_not_apply_to_a_handful_of_rows():
    with pytest.raises(NotApplicable, match="10 are needed"):
        ErrorLevel().run(example_subject(rows=9))


def _without_flags(profile):
    import msgspec

    columns = tuple(msgspec.structs.replace(c, flags=()) for c in profile.columns)
    return msgspec.structs.replace(profile, columns=columns)

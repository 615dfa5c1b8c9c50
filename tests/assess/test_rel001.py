"""REL001: it fires, it stays silent, it does not apply."""

from __future__ import annotations

import numpy as np
import pytest

from assay.assess.reliability import ErrorAgainstBaseline
from assay.assess.subject import Scored
from assay.errors import NotApplicable
from assay.testing.check import KINDS, example_subject


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_that_helps_is_shown_to_help(kind):
    finding = ErrorAgainstBaseline().run(example_subject(kind))
    assert finding.upper < 0.85
    assert finding.value == pytest.approx(
        finding.details["model"] / finding.details["baseline"], rel=1e-9
    )


def test_a_model_that_answers_the_constant_does_not_help():
    subject = example_subject()
    rows = subject.held_out
    constant = Scored(
        frame=rows.frame, truth=rows.truth, prediction=rows.baseline, baseline=rows.baseline
    )
    finding = ErrorAgainstBaseline().run(example_subject(held_out=constant))
    assert (finding.value, finding.lower, finding.upper) == pytest.approx((1, 1, 1))


def test_the_baseline_of_several_classes_is_their_shares_in_training():
    subject = example_subject("multiclass")
    finding = ErrorAgainstBaseline().run(subject)
    shares = np.bincount(subject.truth_of(subject.train), minlength=3) / subject.train.height
    hit = np.eye(3)[subject.held_out.truth]
    assert finding.details["baseline"] == pytest.approx(((shares - hit) ** 2).sum(axis=1).mean())


def test_it_does_not_apply_to_a_handful_of_rows():
    with pytest.raises(NotApplicable, match="There are 6 rows; 10 are needed"):
        ErrorAgainstBaseline().run(example_subject(rows=6))


def test_it_does_not_apply_where_the_constant_answer_is_always_right():
    subject = example_subject()
    rows = subject.held_out
    same = Scored(
        frame=rows.frame, truth=rows.baseline, prediction=rows.prediction, baseline=rows.baseline
    )
    with pytest.raises(NotApplicable, match="right on every row"):
        ErrorAgainstBaseline().run(example_subject(held_out=same))


def test_it_does_not_apply_without_the_evidence_asked_for():
    check = ErrorAgainstBaseline(evidence="cross-fitted")
    with pytest.raises(NotApplicable, match="no cross-fitted rows"):
        check.run(example_subject(cross_fitted=None))

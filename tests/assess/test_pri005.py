"""PRI005: it fires, it stays silent, it does not apply."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from assay.assess.anonymity import LDiversity, _diversity
from assay.errors import NotApplicable
from assay.testing.check import asking, example_subject
from tests.assess.test_pri004 import customers, published


def test_by_hand():
    distinct, entropy, rows = _diversity(published())
    found = sorted(zip(rows.tolist(), distinct.tolist(), np.exp(entropy).round(4), strict=True))
    mixed = round(3 / 2 ** (2 / 3), 4)  # exp of the entropy of a third and two thirds
    assert found == [(1, 1, 1.0), (3, 1, 1.0), (3, 2, mixed)]


def coarse(kind):
    """A subject whose only quasi-identifier is the drive."""
    subject = asking(example_subject(kind), affected_groups=())
    named = {"drive": "occupation"}
    frame = subject.held_out.frame.drop("sold").rename(named)
    return replace(
        subject,
        train=subject.train.drop("sold").rename(named),
        held_out=replace(subject.held_out, frame=frame),
    )


def test_a_class_with_one_answer_is_found():
    finding = LDiversity().run(example_subject("binary"))
    assert finding.value == finding.lower == finding.upper == 1
    assert finding.details["rows_with_one_answer"] > 500


@pytest.mark.parametrize(("kind", "answers"), [("binary", 2), ("multiclass", 3)])
def test_a_coarse_table_hides_the_answer(kind, answers):
    finding = LDiversity().run(coarse(kind))
    assert finding.value == answers
    assert 1 < finding.details["entropy_l"] <= answers
    assert finding.details["rows_with_one_answer"] == 0


def test_numbers_have_answers_too():
    assert LDiversity().run(coarse("regression")).value > 100


def test_it_does_not_apply_where_no_column_is_known_of_a_person():
    subject = coarse("binary")
    frame = subject.held_out.frame.with_columns(occupation=pl.lit("clerk"))
    subject = replace(
        subject,
        train=subject.train.with_columns(occupation=pl.lit("clerk")),
        held_out=replace(subject.held_out, frame=frame),
    )
    with pytest.raises(NotApplicable, match="No column looks like"):
        LDiversity().run(subject)


@pytest.mark.parametrize(("target", "answers", "entropy"), [("churn", 2, 1), ("tenure", 3, 2)])
def test_it_agrees_with_pycanon(target, answers, entropy):
    """Values from pycanon 1.3.6; its entropy l-diversity is rounded down."""
    distinct, entropies, _ = _diversity(customers(target))
    assert distinct.min() == answers
    assert int(np.exp(entropies.min())) == entropy

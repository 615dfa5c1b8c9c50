"""REL022: it fires, it stays silent, it does not apply."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from assay.assess.leakage import Leakage, _speaks_of_afterwards, known_afterwards
from assay.errors import NotApplicable
from assay.testing.check import KINDS, asking, example_subject


def leaking(subject, column):
    """The subject with one of its columns told the answer."""

    def told(frame: pl.DataFrame) -> pl.DataFrame:
        truth = subject.truth_of(frame).astype(float)
        return frame.with_columns(pl.Series(column, truth + 0.001))

    rows = replace(subject.held_out, frame=told(subject.held_out.frame))
    return replace(subject, held_out=rows, train=told(subject.train))


@pytest.mark.parametrize("kind", KINDS)
def test_a_column_that_knows_the_answer_is_found(kind):
    finding = Leakage().run(leaking(example_subject(kind), "doors"))
    assert finding.lower > 0.9
    assert finding.details["importance"][0]["column"] == "doors"


@pytest.mark.parametrize("kind", KINDS)
def test_honest_columns_are_not_accused(kind):
    finding = Leakage().run(example_subject(kind))
    assert finding.upper < 0.9
    by_column = {e["column"]: e["value"] for e in finding.details["importance"]}
    assert by_column["size"] > 0.15
    assert by_column["doors"] < 0.05


def test_the_share_is_worked_out_by_hand():
    subject = example_subject(rows=400)
    finding = Leakage().run(subject)
    drive = next(e for e in finding.details["importance"] if e["column"] == "turbo")
    told, fresh = subject.train, subject.held_out
    answers = subject.truth_of(told)
    means = {}
    for value in (True, False):
        part = answers[told["turbo"].to_numpy() == value]
        means[value] = (part.sum() + 2 * answers.mean()) / (part.size + 2)
    guess = np.array([means[v] for v in fresh.frame["turbo"].to_list()])
    left = np.sum((fresh.truth - guess) ** 2) / np.sum((fresh.truth - answers.mean()) ** 2)
    assert drive["value"] == pytest.approx(1 - left)


def test_repeated_rows_are_counted():
    subject = example_subject(rows=200)
    train = pl.concat([subject.train, subject.held_out.frame[:30]])
    assert Leakage().run(subject).details["repeated_rows"] == 0
    assert Leakage().run(replace(subject, train=train)).details["repeated_rows"] == 30


def test_names_and_dates_hint_at_what_comes_afterwards():
    subject = example_subject()
    columns = tuple(
        type(c)(name="final_offer", kind=c.kind, role=c.role) if c.name == "doors" else c
        for c in subject.contract.columns
    )
    hinted = replace(subject, contract=type(subject.contract)(columns=columns))
    assert [found["column"] for found in known_afterwards(hinted)] == ["final_offer"]

    def dated(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.with_columns(asked=pl.col("sold") - timedelta(days=30))

    later = replace(
        asking(subject, time_column="asked"),
        train=dated(subject.train),
        held_out=replace(subject.held_out, frame=dated(subject.held_out.frame)),
    )
    assert later.train["asked"].max() < date(2023, 1, 1)
    (found,) = known_afterwards(later)
    assert found == {"column": "sold", "why": "most of its dates lie after 'asked'"}


def test_earlier_cases_are_no_hint():
    assert _speaks_of_afterwards("claim_closed")
    assert not _speaks_of_afterwards("previous_claims_closed")
    assert not _speaks_of_afterwards("doors")


def test_it_does_not_apply_without_training_rows_or_with_one_answer():
    subject = example_subject()
    with pytest.raises(NotApplicable, match="no training rows"):
        Leakage().run(replace(subject, train=subject.train[:0]))
    same = replace(subject.held_out, truth=np.full(600, subject.truth_of(subject.train).mean()))
    with pytest.raises(NotApplicable, match="the same answer"):
        Leakage().run(replace(subject, held_out=same))

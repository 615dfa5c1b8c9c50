"""PRI004: it fires, it stays silent, it does not apply."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from assay.assess.anonymity import KAnonymity, Published, quasi_identifiers
from assay.errors import NotApplicable
from assay.question import Groups
from assay.testing.check import asking, example_subject

CHURN = Path(__file__).parents[2] / "examples" / "churn" / "telco_churn.csv"
PATIENTS = pl.DataFrame(
    {
        "age": [30, 30, 30, 50, 50, 50, 50],
        "town": ["A", "A", "A", "B", "B", "B", None],
        "illness": ["flu", "flu", "flu", "flu", "cancer", "cancer", "none"],
    }
)


def published(frame=PATIENTS, columns=("age", "town"), target="illness"):
    """The table as somebody sees it who knows age and town."""
    named = [pl.col(name).alias(f"key{i}") for i, name in enumerate(columns)]
    return Published(columns, target, frame.select(*named, answer=pl.col(target)))


def test_classes_by_hand():
    assert sorted(published().sizes.tolist()) == [1, 3, 3]


def test_a_person_who_is_alone_is_found():
    finding = KAnonymity().run(example_subject())  # the date of sale is nearly unique
    assert finding.value == finding.lower == finding.upper == 1
    assert finding.details["unique_rows"] > 500
    assert finding.details["quasi_identifiers"] == ["make", "drive", "sold"]
    without = {entry["column"]: entry["k"] for entry in finding.details["without"]}
    assert without["sold"] > without["make"]


def test_a_coarse_table_stays_silent():
    subject = example_subject()
    coarse = [pl.lit("2020").alias("sold"), pl.lit("avis").alias("make")]
    held_out = replace(subject.held_out, frame=subject.held_out.frame.with_columns(coarse))
    finding = KAnonymity().run(
        replace(subject, train=subject.train.with_columns(coarse), held_out=held_out)
    )
    assert finding.value > 500
    assert finding.details["unique_rows"] == 0
    assert finding.details["quasi_identifiers"] == ["drive"]
    assert finding.details["without"] == [{"column": "drive", "k": 1200, "unique_rows": 0}]


def test_columns_that_name_a_person_are_no_quasi_identifiers():
    assert "mail" not in quasi_identifiers(example_subject())


def test_columns_behind_groups_are_quasi_identifiers():
    groups = (
        Groups(name="light", where="weight < 50 AND doors = 2"),
        Groups(column="size", bins=(2.0, 5.0)),
        Groups(column="make & drive"),
    )
    subject = asking(example_subject(), affected_groups=groups)
    assert set(quasi_identifiers(subject)) == {"weight", "doors", "size", "make", "drive", "sold"}


def test_the_names_of_columns_cannot_disturb_the_counting():
    odd = PATIENTS.rename({"age": "rows", "town": "answer", "illness": "share"})
    assert sorted(published(odd, ("rows", "answer"), "share").sizes.tolist()) == [1, 3, 3]


def test_it_does_not_apply_where_no_column_is_known_of_a_person():
    subject = asking(example_subject(), affected_groups=())
    held_out = replace(subject.held_out, frame=subject.held_out.frame.drop("sold"))
    subject = replace(subject, train=subject.train.drop("sold"), held_out=held_out)
    with pytest.raises(NotApplicable, match="No column looks like"):
        KAnonymity().run(subject)


def test_it_agrees_with_pycanon():
    """Values from pycanon 1.3.6, whose ceilings keep it out of this environment."""
    assert customers("churn").sizes.min() == 3


def customers(target):
    """The churn example as somebody sees it who knows four facts about a customer."""
    known = ("female", "senior_citizen", "partner", "dependents")
    return published(pl.read_csv(CHURN), known, target)

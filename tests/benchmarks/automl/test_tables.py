"""Splits: apart, repeatable, and development never sees the report's test rows."""

from __future__ import annotations

from collections import Counter

import polars as pl
import pytest
from benchmarks.automl.tables import TABLES, made_classes, read, split

WINE = TABLES["wine"]


def rows(frame: pl.DataFrame) -> set[tuple[object, ...]]:
    return set(frame.rows())


def test_report_splits_three_to_one_without_the_target_in_the_test() -> None:
    parted = split(WINE, part="report", seed=0)
    assert (parted.train.height, parted.test.height) == (133, 45)
    assert "target" in parted.train.columns
    assert "target" not in parted.test.columns
    assert len(parted.truth) == 45
    assert parted.classes == ("0", "1", "2")


def test_development_sees_no_test_row_of_the_report() -> None:
    report = split(WINE, part="report", seed=3)
    development = split(WINE, part="development", seed=3)
    seen = rows(development.train.drop("target")) | rows(development.test)
    assert not seen & rows(report.test)
    assert seen <= rows(report.train.drop("target"))


def test_same_seed_same_split_and_another_seed_another() -> None:
    first, again, other = (split(WINE, part="report", seed=seed) for seed in (0, 0, 1))
    assert first.train.equals(again.train)
    assert not first.train.equals(other.train)


def test_classes_keep_their_shares() -> None:
    parted = split(WINE, part="report", seed=0)
    assert Counter(parted.truth) == {"0": 15, "1": 18, "2": 12}


def test_hundred_classes_are_made_the_same_each_time_and_none_is_too_rare() -> None:
    frame = made_classes()
    assert frame.equals(made_classes())
    counts = Counter(frame["target"])
    assert len(counts) == 100
    assert min(counts.values()) >= 50


@pytest.mark.parametrize("name", [t.name for t in TABLES.values() if t.source != "packaged"])
def test_table_has_its_target_and_inputs(name: str) -> None:
    table = TABLES[name]
    frame = read(table)
    assert frame[table.target].null_count() == 0
    assert frame.width > 2
    assert not set(table.drop) & set(frame.columns)
    kinds = {"regression": pl.Float64}
    assert frame[table.target].dtype == kinds.get(table.kind, pl.String)
    if table.kind == "binary":
        assert frame[table.target].n_unique() == 2

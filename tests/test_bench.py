"""Rows read back for a stage: the right ones, typed, and no more than are needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from assay.bench import Acquired, Bench, split_parts, usable_rows
from assay.data.dataset import load_dataset
from assay.data.split import Split
from assay.progress import Silent
from assay.question import Question
from assay.settings import Settings
from assay.stages import acquire_from
from assay.store.store import Store

N = 90
AGES = [(7 * i) % 23 for i in range(N)]
ANSWERED = [i for i in range(N) if i % 3]


@pytest.fixture
def table() -> pl.DataFrame:
    """A third of the rows has no target."""
    return pl.DataFrame(
        {
            "age": AGES,
            "smoker": ["yes" if age > 9 else "no" for age in AGES],
            "price": [100.0 + age if i % 3 else None for i, age in enumerate(AGES)],
        }
    )


@pytest.fixture
def at_work(tmp_path: Path, table: pl.DataFrame) -> tuple[Bench, Acquired, Question]:
    facts: dict[str, Any] = dict.fromkeys(("question", "data", "decision", "owner"), "x")
    question = Question(name="test", target="price", **facts)
    bench = Bench(
        store=Store.of(Settings.load(tmp_path / "home")),
        project="test",
        folder=tmp_path,
        home=tmp_path / "home",
        run="run",
        actor="ana",
        threads=1,
        progress=Silent(),
    )
    return bench, acquire_from(bench, question, table), question


def test_rows_without_a_target_are_told_and_not_used(at_work, table):
    bench, acquired, question = at_work
    assert "60 rows x 3 columns" in acquired.summary
    assert "30 more rows without a target" in acquired.summary
    usable = usable_rows(bench, acquired, question)
    assert usable["age"].to_list() == table["age"][ANSWERED].to_list()
    assert usable["smoker"].dtype == pl.Boolean
    assert load_dataset(bench.store.artifacts, acquired.content).equals(table)


def test_rows_are_numbered_as_the_split_numbers_them(at_work):
    bench, acquired, question = at_work
    usable = usable_rows(bench, acquired, question)
    some = np.array([0, 7, 31, 59])
    assert usable_rows(bench, acquired, question, some).equals(usable[some])
    split = bench.load(Split, acquired.split)
    train, test = split_parts(bench, acquired, question, split)
    assert train.equals(usable[list(split.train)])
    assert test.equals(usable[list(split.test)])


def test_of_a_large_table_only_the_drawn_rows_are_read(at_work, table, monkeypatch):
    bench, _, question = at_work
    for name, value in {"MOST_TRAIN": 20, "LEAST_TRAIN": 20, "MOST_HELD_OUT": 8}.items():
        monkeypatch.setattr(f"assay.data.split.{name}", value)
    acquired = acquire_from(bench, question, table)
    assert "28 of 60 rows drawn at random, the others not used" in acquired.summary
    split = bench.load(Split, acquired.split)
    train, test = split_parts(bench, acquired, question, split)
    assert train.height + test.height == 28
    expected = table["price"][ANSWERED].to_list()
    assert test["price"].to_list() == [expected[i] for i in split.test]

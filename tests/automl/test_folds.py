"""Folds of a whole table keep the rules that a split has."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from assay.automl.folds import deal_folds
from assay.automl.training import question_of
from assay.errors import InvalidTable


def test_classes_have_equal_shares() -> None:
    frame = pl.DataFrame({"x": range(2000), "y": ["a"] * 1500 + ["b"] * 500})
    folds = deal_folds(frame, question_of("y"), kind="binary", seed=0)
    counts = frame.with_columns(fold=pl.Series(folds)).group_by("fold", "y").len()
    assert sorted(counts["len"].to_list()) == [100] * 5 + [300] * 5


def test_quantiles_have_equal_shares_and_small_tables_ten_folds() -> None:
    frame = pl.DataFrame({"x": range(200), "y": np.arange(200.0) ** 2})
    folds = np.array(deal_folds(frame, question_of("y"), kind="regression", seed=0))
    assert np.bincount(folds).tolist() == [20] * 10
    upper = np.bincount(folds[100:])
    assert upper.min() >= 9


def test_repeated_rows_and_groups_stay_together() -> None:
    twice = pl.DataFrame({"x": [i // 2 for i in range(120)], "y": [i // 2 % 2 for i in range(120)]})
    folds = np.array(deal_folds(twice, question_of("y"), kind="binary", seed=0))
    assert (folds[::2] == folds[1::2]).all()
    grouped = twice.with_columns(x=pl.int_range(120), g=pl.int_range(120) // 10)
    question = question_of("y", group_column="g")
    folds = np.array(deal_folds(grouped, question, kind="binary", seed=0)).reshape(12, 10)
    assert (folds == folds[:, :1]).all()


def test_folds_in_time_begin_with_rows_that_are_only_learned_from() -> None:
    frame = pl.DataFrame({"t": list(range(60))[::-1], "y": range(60)})
    question = question_of("y", time_column="t")
    folds = np.array(deal_folds(frame, question, kind="regression", seed=0))
    assert folds.min() == -1
    assert (np.diff(folds) <= 0).all()


def test_the_seed_decides() -> None:
    frame = pl.DataFrame({"x": range(90), "y": [0, 1, 2] * 30})
    deals = [deal_folds(frame, question_of("y"), kind="multiclass", seed=s) for s in (0, 0, 1)]
    assert deals[0] == deals[1] != deals[2]


def test_too_few_groups_are_refused() -> None:
    frame = pl.DataFrame({"g": [1, 2] * 20, "x": range(40), "y": [0, 1] * 20})
    with pytest.raises(InvalidTable, match="fewer than three groups"):
        deal_folds(frame, question_of("y", group_column="g"), kind="binary", seed=0)

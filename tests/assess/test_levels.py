"""Columns cut into levels: ranges, values, categories, years, missing cells."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import polars as pl

from assay.assess.groups import group_labels
from assay.assess.levels import MOST_LEVELS, cut_column, levels_of
from assay.testing.check import example_subject


def labels(column, train=None, parts=4):
    cut = cut_column(column, column if train is None else train, parts=parts)
    return [cut.names[code] if code >= 0 else None for code in cut.codes]


def test_levels_are_called_as_groups_are():
    train = pl.Series("x", [float(i) for i in range(100)])
    column = pl.Series("x", [-5.0, 24.0, 60.0, 500.0, None, float("nan")])
    assert labels(column, train) == group_labels(column, train).to_list()


def test_few_values_stay_values_and_have_an_order():
    cut = cut_column(pl.Series([3.0, 1.0, None, 2.0, 1.0]), pl.Series([1.0, 2.0, 3.0]), parts=4)
    assert cut.names == ("1", "2", "3", "(missing)")
    assert cut.codes.tolist() == [2, 0, 3, 1, 0]
    assert cut.edges.tolist() == [1.0, 2.0, 3.0]


def test_categories_come_most_frequent_first_and_rare_ones_in_none():
    names = [f"c{i:02d}" for i in range(MOST_LEVELS + 2)]
    column = pl.Series([*names, *names[:MOST_LEVELS], None, None, None])
    cut = cut_column(column, column, parts=4)
    assert len(cut.names) == MOST_LEVELS
    assert cut.names[0] == "(missing)"
    assert cut.edges is None
    assert sum(code == -1 for code in cut.codes) == 3 + 1  # one gave way to the missing cells


def test_dates_are_cut_by_year():
    days = pl.Series([date(2020, 5, 1), date(2021, 1, 1), None])
    assert labels(days) == ["2020", "2021", "(missing)"]


def test_a_column_without_known_values_is_one_level():
    cut = cut_column(pl.Series([None, None], dtype=pl.Float64), pl.Series([1.0, 2.0]), parts=4)
    assert set(cut.codes) == {len(cut.names) - 1}


def test_without_training_rows_the_rows_at_hand_give_the_cuts():
    subject = example_subject(rows=100)
    bare = replace(subject, train=pl.DataFrame())
    names = {level.column for level in levels_of(bare, bare.held_out.frame)}
    assert names == {level.column for level in levels_of(subject, subject.held_out.frame)}

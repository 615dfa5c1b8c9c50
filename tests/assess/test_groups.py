"""Groups of rows: names, quarters, which are judged."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from assay.assess.groups import Groups, group_labels, judge_groups, too_small
from assay.errors import NotApplicable


def labels(values, dtype=None):
    column = pl.Series("c", values, dtype=dtype)
    return group_labels(column, column).to_list()


def test_categories_are_groups_and_missing_is_one():
    assert labels(["a", None, "b"]) == ["a", "(missing)", "b"]


def test_few_numbers_are_groups_of_their_own():
    assert labels([0.0, 1.0, None, 1.0]) == ["0", "1", "(missing)", "1"]


def test_many_numbers_are_cut_into_quarters():
    found = labels(np.arange(100.0).tolist())
    assert sorted(set(found)) == ["25 to 50", "50 to 74", "over 74", "up to 25"]
    assert found.count("up to 25") == 26


def test_quarters_are_those_of_the_training_rows():
    train = pl.Series(np.arange(100.0))
    assert group_labels(pl.Series([-5.0, 500.0, None]), train).to_list() == [
        "up to 25",
        "over 74",
        "(missing)",
    ]


def test_booleans_and_dates_have_names():
    assert labels([True, False, None]) == ["true", "false", "(missing)"]
    days = pl.Series(["2020-05-01", "2021-01-31"]).str.to_date()
    assert group_labels(days, days).to_list() == ["2020", "2021"]


def test_small_groups_are_kept_apart():
    groups = Groups(("a", "b", "c"), np.array([0] * 20 + [1] * 12 + [2] * 3))
    judged = judge_groups(groups, min_rows=10)
    assert judged.names == ("a", "b")
    assert judged.not_judged == (("c", 3),)
    assert (judged.codes[-3:] == -1).all()
    with pytest.raises(NotApplicable, match="1 of 3 groups have 15 rows or more; 2 are needed"):
        judge_groups(groups, min_rows=15)


def test_small_groups_as_words():
    assert too_small([("a", 3), ("b", 1)]) == "a (3 rows), b (1 row)"
    assert too_small([(str(i), 2) for i in range(11)]).endswith("and 3 more")

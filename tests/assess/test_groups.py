"""Groups of rows: names, quarters, bins, conditions, crossings; which are judged."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from assay.assess.fairness import GroupErrorRatio, SelectionRateGap
from assay.assess.groups import (
    MOST_CROSSINGS,
    Groups,
    crossings_of,
    group_labels,
    groupings_of,
    groups_of,
    judge_groups,
    too_small,
)
from assay.errors import InvalidConfig, NotApplicable, UnknownColumn
from assay.question import Groups as Asked
from assay.testing.check import asking, example_subject
from tests.assess.planted import planted


def labels(values, dtype=None):
    column = pl.Series("c", values, dtype=dtype)
    return group_labels(column, column).to_list()


def grouped(subject, key):
    """The name of each held-out row's group."""
    groups = groups_of(subject, subject.held_out.frame, key)
    return [groups.names[c] for c in groups.codes]


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


def test_without_training_rows_the_rows_themselves_are_cut():
    subject = planted(group=["a"] * 100, truth=[0] * 100, age=np.arange(100.0).tolist())
    assert set(grouped(subject, "age")) == {"up to 25", "25 to 50", "50 to 74", "over 74"}


def test_bins_include_their_upper_cut():
    ages = [25.0, 25.5, 60.0, 61.0, None]
    asked = (Asked(column="age", bins=(25, 60)),)
    subject = planted(group=["a"] * 5, truth=[0] * 5, age=ages, groups=asked)
    expected = ["up to 25", "25 to 60", "25 to 60", "over 60", "(missing)"]
    assert grouped(subject, "age") == expected


def test_bins_of_words_are_refused():
    asked = (Asked(column="group", bins=(25,)),)
    subject = planted(group=["a"] * 40, truth=[0] * 40, groups=asked)
    with pytest.raises(InvalidConfig, match="no numbers that bins could cut"):
        groups_of(subject, subject.held_out.frame, "group")


def test_a_condition_has_two_groups_and_the_missing():
    asked = (Asked(name="young women", where="age < 30 AND group = 'F'"),)
    subject = planted(
        group=["F", "F", "M", "F"], truth=[0] * 4, age=[20.0, 40.0, 20.0, None], groups=asked
    )
    assert grouped(subject, "young women") == ["young women", "others", "others", "(missing)"]


def test_a_condition_over_unknown_columns_is_one_clear_error():
    asked = (Asked(name="young", where="agee < 30"),)
    subject = asking(example_subject("binary", rows=40), affected_groups=asked)
    with pytest.raises(InvalidConfig, match="no such column as 'agee'") as error:
        SelectionRateGap(column="young").run(subject)
    assert "make, drive, size" in error.value.hint
    assert error.value.where == "assay.yaml: affected_groups: young"


def test_crossed_columns_form_groups():
    subject = planted(group=["a", "a", None], truth=[0] * 3, other=["x", "y", "x"])
    assert grouped(subject, "group & other") == ["a & x", "a & y", "(missing) & x"]


def test_named_groups_cross_with_columns():
    asked = (Asked(column="age", name="age band", bins=(30,)),)
    subject = planted(group=["a", "b"], truth=[0, 0], age=[20.0, 40.0], groups=asked)
    assert grouped(subject, "age band & group") == ["up to 30 & a", "over 30 & b"]


def test_crossings_are_taken_wherever_a_column_is():
    subject = example_subject()
    rows = subject.held_out
    finding = GroupErrorRatio(column="make & drive").run(subject)
    error = np.abs(rows.prediction - rows.truth)
    value = {g.group: g.value for g in finding.groups}["avis & rear"]
    member = ((rows.frame["make"] == "avis") & (rows.frame["drive"] == "rear")).to_numpy()
    assert value == pytest.approx(error[member].mean() / error.mean())
    assert finding.key == "FAI001/make & drive/held-out"


def test_an_unknown_part_of_a_crossing_is_named():
    with pytest.raises(UnknownColumn, match="no column 'drives'"):
        GroupErrorRatio(column="make & drives").run(example_subject(rows=40))


def test_personal_columns_are_shown_in_no_way():
    subject = example_subject("binary", rows=40)
    asked = (Asked(name="one person", where="mail = 'person1.0@mail.example'"),)
    for key, groups in (("make & mail", ()), ("one person", asked)):
        with pytest.raises(NotApplicable, match="holds personal data"):
            SelectionRateGap(column=key).run(asking(subject, affected_groups=groups))


def test_every_crossing_that_has_the_rows():
    asked = tuple(Asked(column=c) for c in ("make", "drive", "turbo", "mail"))
    subject = asking(example_subject("binary"), affected_groups=asked)
    keys = crossings_of(subject, subject.held_out.frame)
    assert keys == ("make & drive", "make & turbo", "drive & turbo", "make & drive & turbo")
    assert crossings_of(subject, subject.held_out.frame[:50]) == ()
    alone = [key for key, _ in groupings_of(subject, subject.held_out.frame)]
    assert alone == ["make", "drive", "turbo", *keys]


def test_crossings_of_too_many_groups_are_left_to_those_who_ask():
    rng = np.random.default_rng(0)
    asked = (Asked(column="group"), Asked(column="other"))
    subject = planted(
        group=rng.integers(0, 200, 20_000).astype(str),
        other=rng.integers(0, 2, 20_000).astype(str).tolist(),
        truth=[0] * 20_000,
        groups=asked,
    )
    assert crossings_of(subject, subject.held_out.frame) == ()
    assert len(groups_of(subject, subject.held_out.frame, "group & other").names) == 400


def test_the_question_may_name_a_crossing():
    subject = example_subject("binary")
    asked = (Asked(column="make & drive", name="machines"), Asked(column="turbo"))
    crossed = asking(subject, affected_groups=asked)
    assert set(grouped(crossed, "machines")) == set(grouped(subject, "make & drive"))
    assert crossings_of(crossed, crossed.held_out.frame) == ("machines & turbo",)


def test_groups_of_the_same_column_are_not_crossed():
    asked = (
        Asked(column="drive"),
        Asked(column="weight"),
        Asked(column="weight", name="light or not", bins=(45,)),
        Asked(name="light fronts", where="weight < 45 AND drive = 'front'"),
    )
    subject = asking(example_subject("binary"), affected_groups=asked)
    keys = crossings_of(subject, subject.held_out.frame)
    assert keys == ("drive & weight", "drive & light or not")


def test_crossings_have_an_end():
    rng = np.random.default_rng(0)
    columns = {f"c{i}": rng.integers(0, 2, 4000).astype(str).tolist() for i in range(8)}
    asked = tuple(Asked(column=c) for c in columns)
    subject = planted(group=["a"] * 4000, truth=[0] * 4000, groups=asked, **columns)
    assert len(crossings_of(subject, subject.held_out.frame)) == MOST_CROSSINGS


def test_two_hundred_groups_one_group_and_groups_of_one():
    rng = np.random.default_rng(0)
    label = rng.integers(0, 2, 8000)
    many = planted(group=np.repeat(np.arange(200), 40).astype(str), truth=label, label=label)
    finding = SelectionRateGap(column="group").run(many)
    assert len(finding.groups) == 200
    assert finding.lower == 0  # equal groups, whatever the gap looks like
    assert finding.value > 0.3
    with pytest.raises(NotApplicable, match="1 of 1 groups have 30 rows or more; 2 are needed"):
        SelectionRateGap(column="group").run(planted(group=["a"] * 80, truth=[0, 1] * 40))
    single = planted(group=["a"] * 40 + ["b"] * 40 + ["c"], truth=[0] * 81)
    assert SelectionRateGap(column="group").run(single).details["not_judged"] == [
        {"group": "c", "rows": 1}
    ]


def test_rows_of_no_weight_are_in_no_group():
    weight = np.array([1.0] * 40 + [0.0] * 40 + [2.0] * 40)
    subject = planted(
        group=["a"] * 40 + ["b"] * 40 + ["c"] * 40,
        truth=[0] * 120,
        label=[1] * 40 + [0] * 40 + [0, 1] * 20,
        weight=weight,
    )
    finding = SelectionRateGap(column="group").run(subject)
    assert finding.value == 0.5
    assert "effective rows" in finding.method


def test_small_groups_are_kept_apart():
    groups = Groups(("a", "b", "c"), np.array([0] * 20 + [1] * 12 + [2] * 3))
    judged = judge_groups(groups, min_rows=10)
    assert judged.names == ("a", "b")
    assert judged.not_judged == (("c", 3),)
    assert (judged.codes[-3:] == -1).all()
    with pytest.raises(NotApplicable, match="1 of 3 groups have 15 rows or more; 2 are needed"):
        judge_groups(groups, min_rows=15)


def test_rows_in_no_group_stay_there():
    groups = Groups(("a", "b"), np.array([0] * 20 + [1] * 20))
    judged = judge_groups(groups.among(np.arange(40) % 2 == 0), min_rows=10)
    assert judged.sizes.tolist() == [10, 10]
    assert (judged.codes[1::2] == -1).all()


def test_small_groups_as_words():
    assert too_small([("a", 3), ("b", 1)]) == "a (3 rows), b (1 row)"
    assert too_small([(str(i), 2) for i in range(11)]).endswith("and 3 more")

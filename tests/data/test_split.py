"""The split: shares, strata, groups, time and repeats, by property and on the real tables."""

from __future__ import annotations

import base64
import zlib
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.data import split as module
from assay.data.split import FEWEST_HELD_OUT, MOST_HELD_OUT, Split, split_rows
from assay.errors import InvalidTable
from assay.question import Question


def question(**more: object) -> Question:
    facts = dict.fromkeys(("question", "data", "decision", "owner"), "x")
    return Question(name="test", target="y", **facts, **more)


def table(rows: int, *, classes: int = 0, groups: int = 0, seed: int = 0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    columns = {"x": rng.normal(size=rows), "y": rng.lognormal(size=rows)}
    if classes:
        columns["y"] = rng.choice(
            classes, size=rows, p=np.arange(classes, 0, -1) / (classes * (classes + 1) / 2)
        )
    if groups:
        columns["g"] = rng.integers(0, groups, rows)
    return pl.DataFrame(columns)


def check(split: Split, rows: int) -> None:
    """What every split promises."""
    train, test = set(split.train), set(split.test)
    assert not train & test
    assert len(train) + len(test) + split.left_out + split.not_drawn == rows
    assert list(split.train) == sorted(train)
    assert list(split.test) == sorted(test)
    assert len(split.folds) == len(train)
    assert test
    assert split.how.endswith(".")
    for repeat in range(len(split.repeats) + 1):
        pairs = split.pairs(repeat)
        assert len(pairs) >= 2
        validated = np.concatenate([validate for _, validate in pairs])
        assert len(set(validated.tolist())) == len(validated)
        assert all(len(fit) and len(validate) for fit, validate in pairs)
        assert all(not set(fit.tolist()) & set(validate.tolist()) for fit, validate in pairs)
        if not split.ordered:
            assert len(validated) == len(train)
            assert all(len(fit) + len(validate) == len(train) for fit, validate in pairs)


@settings(max_examples=60, deadline=None)
@given(rows=st.integers(20, 400), classes=st.sampled_from([0, 2, 3, 7]),
       groups=st.sampled_from([0, 3, 10, 200]), seed=st.integers(0, 2**31 - 1))  # fmt: skip
def test_every_split_keeps_its_promises(rows, classes, groups, seed):
    frame = table(rows, classes=classes, groups=groups, seed=seed % 1000)
    kind = "regression" if not classes else "binary" if classes == 2 else "multiclass"
    asked = question(group_column="g") if groups else question()
    if groups and frame["g"].n_unique() < 3:
        return
    if classes == 2 and min(frame["y"].value_counts()["count"]) < 2:
        return
    split = split_rows(frame, asked, kind=kind, seed=seed)
    check(split, rows)
    assert split == split_rows(frame, asked, kind=kind, seed=seed)
    if groups:
        g = frame["g"].to_numpy()
        assert not set(g[list(split.train)]) & set(g[list(split.test)])
        for fit, validate in split.pairs():
            train = g[list(split.train)]
            assert not set(train[fit]) & set(train[validate])


@settings(max_examples=60, deadline=None)
@given(rows=st.integers(20, 300), distinct=st.floats(0.5, 1.0), seed=st.integers(0, 10_000),
       classes=st.sampled_from([0, 2, 3]))  # fmt: skip
def test_repeated_rows_never_straddle(rows, distinct, seed, classes):
    base = table(max(2, int(np.ceil(rows * distinct)) + 1), classes=classes, seed=seed)
    rng = np.random.default_rng(seed)
    extra = rng.integers(0, base.height, max(0, rows - base.height))
    frame = base[np.concatenate([np.arange(base.height), extra])]
    kind = "regression" if not classes else "binary" if classes == 2 else "multiclass"
    split = split_rows(frame, question(), kind=kind, seed=seed)
    keys = np.array([str(row) for row in frame.rows()])
    assert not set(keys[list(split.train)]) & set(keys[list(split.test)])
    train = keys[list(split.train)]
    for fit, validate in split.pairs():
        assert not set(train[fit]) & set(train[validate])


@settings(max_examples=60, deadline=None)
@given(rows=st.integers(20, 300), times=st.integers(4, 400), groups=st.sampled_from([0, 200]),
       seed=st.integers(0, 10_000))  # fmt: skip
def test_the_future_stays_unseen(rows, times, groups, seed):
    rng = np.random.default_rng(seed)
    moments = rng.integers(0, times, rows)
    moments[:4] = [0, 1, 2, 3]
    days = [date(2020, 1, 1) + timedelta(days=int(t)) for t in moments]
    frame = table(rows, groups=groups, seed=seed).with_columns(t=pl.Series(days))
    asked = question(time_column="t", group_column="g" if groups else None)
    try:
        split = split_rows(frame, asked, kind="regression", seed=seed)
    except InvalidTable:
        assert groups
        return
    check(split, rows)
    assert split.ordered
    train, test = moments[list(split.train)], moments[list(split.test)]
    assert train.max() < test.min()
    if groups:
        g = frame["g"].to_numpy()
        assert not set(g[list(split.train)]) & set(g[list(split.test)])
        for fit, validate in split.pairs():
            assert not set(g[list(split.train)][fit]) & set(g[list(split.train)][validate])
    else:
        assert split.left_out == 0
        for fit, validate in split.pairs():
            assert train[fit].max() < train[validate].min()


def test_the_car_split(automobile):
    asked = Question(**{**_facts(), "target": "price"})
    split = split_rows(automobile, asked, kind="regression", seed=0)
    check(split, 201)
    assert (len(split.train), len(split.test)) == (151, 50)
    assert sorted(np.bincount(split.folds)) == [15] * 9 + [16]
    assert len(split.repeats) == 2
    price = automobile["price"].to_numpy()
    held, kept = price[list(split.test)], price[list(split.train)]
    assert abs(np.median(held) / np.median(kept) - 1) < 0.15
    assert split.how == (
        "50 of 201 rows held out at random, quantiles of the target in equal shares; 10 folds."
    )


def test_the_churn_split(telco):
    asked = Question(**{**_facts(), "target": "churn"})
    split = split_rows(telco, asked, kind="binary", seed=0)
    check(split, 7043)
    assert len(split.test) == 1761
    churned = (telco["churn"] == "Yes").to_numpy()
    shares = [churned[list(split.test)].mean()]
    shares += [churned[list(split.train)][validate].mean() for _, validate in split.pairs()]
    assert len(shares) == 6
    assert np.ptp(shares) < 0.003
    assert split.repeats == ()
    assert "rows that repeat another kept together" in split.how


def _facts() -> dict[str, str]:
    return {"name": "test", "question": "?", "data": "x", "decision": "x", "owner": "x"}


@pytest.mark.parametrize(
    ("rows", "held_out"),
    [(20, 6), (60, 20), (90, 30), (100, 30), (120, 30), (121, 30), (200, 50), (1000, 250)],
)
def test_how_many_rows_are_held_out(rows, held_out):
    split = split_rows(table(rows), question(), kind="regression", seed=0)
    assert len(split.test) == held_out
    assert len(split.train) >= 2 / 3 * rows - 1
    assert held_out >= min(FEWEST_HELD_OUT, rows // 3)


def test_large_tables_hold_out_a_fixed_number():
    split = split_rows(table(100_000), question(), kind="regression", seed=0)
    assert len(split.test) == MOST_HELD_OUT
    assert max(split.folds) == 4


@pytest.mark.parametrize(("rows", "folds"), [(999, 10), (1000, 5)])
def test_how_many_folds(rows, folds):
    split = split_rows(table(rows), question(), kind="regression", seed=0)
    assert len(split.pairs()) == folds
    assert f"{folds} folds" in split.how


def test_another_seed_is_another_split():
    frame = table(200)
    splits = {split_rows(frame, question(), kind="regression", seed=s).test for s in range(5)}
    assert len(splits) == 5


def test_each_row_is_held_out_equally_often():
    frame = table(40)
    times = np.zeros(40)
    for seed in range(400):
        times[list(split_rows(frame, question(), kind="regression", seed=seed).test)] += 1
    expected = 400 * 13 / 40  # a third of 40 rows
    assert np.abs(times - expected).max() < 5 * np.sqrt(expected * (1 - 13 / 40))


def test_classes_with_fewer_rows_than_folds():
    labels = ["a"] * 60 + ["b"] * 30 + ["c"] * 3 + ["d"] * 2 + ["e"]
    frame = pl.DataFrame({"x": range(96), "y": labels})
    split = split_rows(frame, question(), kind="multiclass", seed=0)
    check(split, 96)
    kept = np.array(labels)[list(split.train)]
    assert set(kept) == set("abcde")  # no class is only held out
    assert (
        len({f for f, y in zip(split.folds, kept, strict=True) if y == "c"}) == (kept == "c").sum()
    )
    assert "3 classes have fewer rows than folds" in split.how


def test_a_rare_positive_class_lowers_the_number_of_folds():
    frame = pl.DataFrame({"x": range(200), "y": ["no"] * 193 + ["yes"] * 7})
    split = split_rows(frame, question(), kind="binary", seed=0)
    y = frame["y"].to_numpy()[list(split.train)]
    assert all((y[validate] == "yes").any() for _, validate in split.pairs())
    assert len(split.pairs()) == 5


def test_identifiers_do_not_hide_repeats(people):
    from assay.data.derivation import derive_contract
    from assay.data.profile import profile_table

    base = people.drop("id", "mail", "joined")
    frame = pl.concat([base, base.head(20)]).with_columns(id=pl.int_range(80).cast(pl.String))
    asked = Question(**{**_facts(), "target": "left"})
    contract = derive_contract(frame, asked, profile_table(frame, target="left"))
    split = split_rows(frame, asked, kind="binary", seed=0, contract=contract)
    held = set(split.test)
    assert all((i in held) == (i + 60 in held) for i in range(20))


def test_a_table_of_few_combinations_is_split_by_row():
    frame = pl.DataFrame({"x": [0, 1] * 100, "y": [0, 0, 1, 1] * 50})
    split = split_rows(frame, question(), kind="binary", seed=0)
    assert len(split.test) == 50
    assert "repeat" not in split.how


def test_one_row_many_times():
    frame = pl.concat(
        [
            table(100, classes=2),
            table(1, classes=2, seed=9).select(pl.all().repeat_by(60).explode()),
        ]
    )
    split = split_rows(frame, question(), kind="binary", seed=0)
    check(split, 160)
    sides = {i in set(split.test) for i in range(100, 160)}
    assert len(sides) == 1


def test_rows_without_a_group_stand_alone():
    frame = table(100).with_columns(g=pl.when(pl.col("x") > 0).then(pl.lit("one")))
    split = split_rows(frame, question(group_column="g"), kind="regression", seed=0)
    check(split, 100)
    assert "groups of 'g' kept whole" in split.how


def test_groups_are_many_enough():
    frame = table(40).with_columns(g=pl.Series(["a", "b"] * 20))
    with pytest.raises(InvalidTable, match="fewer than three groups") as caught:
        split_rows(frame, question(group_column="g"), kind="regression", seed=0)
    assert caught.value.where == "assay.yaml: group_column"


def test_times_are_many_enough():
    frame = table(40).with_columns(t=pl.Series([1, 2, 3, 2] * 10))
    with pytest.raises(InvalidTable, match="too few distinct times"):
        split_rows(frame, question(time_column="t"), kind="regression", seed=0)


def test_groups_that_never_end_cannot_be_split_by_time():
    frame = table(90).with_columns(t=pl.int_range(90), g=pl.int_range(90) % 3)
    with pytest.raises(InvalidTable, match="rows among the latest") as caught:
        split_rows(frame, question(time_column="t", group_column="g"), kind="regression", seed=0)
    assert caught.value.hint


def test_older_rows_of_held_out_groups_are_left_out():
    # group k has rows at times k and k + 30
    frame = table(120).with_columns(t=pl.int_range(120), g=pl.int_range(120) % 90)
    split = split_rows(
        frame, question(time_column="t", group_column="g"), kind="regression", seed=0
    )
    assert split.test == tuple(range(90, 120))
    assert split.left_out == 30
    assert split.train == tuple(range(30, 90))
    assert "30 older rows of held-out groups left out" in split.how


def test_rows_without_a_time_are_earliest():
    frame = table(100).with_columns(t=pl.when(pl.int_range(100) >= 10).then(pl.int_range(100)))
    split = split_rows(frame, question(time_column="t"), kind="regression", seed=0)
    assert split.folds[:10] == (-1,) * 10
    assert "10 rows without a time counted as earliest" in split.how


def test_one_time_that_holds_most_rows():
    frame = table(100).with_columns(t=pl.Series([0] * 90 + [1, 2, 3, 4, 5] * 2))
    split = split_rows(frame, question(time_column="t"), kind="regression", seed=0)
    check(split, 100)
    assert len(split.test) <= 10


def test_time_split_by_hand():
    frame = pl.DataFrame({"x": range(22), "y": range(22), "t": [i // 2 for i in range(22)]})
    split = split_rows(frame, question(time_column="t"), kind="regression", seed=3)
    assert split.test == tuple(range(14, 22))  # a third would be 7: cut between two times
    assert split.folds == (-1, -1, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5)
    fit, validate = split.pairs()[2]
    assert (fit.tolist(), validate.tolist()) == ([0, 1, 2, 3, 4, 5], [6, 7])


def test_a_split_is_a_stable_record():
    split = split_rows(table(100), question(), kind="regression", seed=0)
    assert Split.from_json(split.to_json()) == split


@pytest.fixture
def small_limits(monkeypatch):
    """Limits at which a table of a few thousand rows is large."""
    for name, value in {
        "MOST_CELLS": 20_000,
        "MOST_TRAIN": 1_000,
        "LEAST_TRAIN": 300,
        "MOST_HELD_OUT": 200,
    }.items():
        monkeypatch.setattr(module, name, value)


@pytest.mark.parametrize(("columns", "learned"), [(1, 1_000), (39, 500), (199, 300)])
def test_of_a_large_table_rows_are_drawn_by_the_number_of_cells(small_limits, columns, learned):
    rng = np.random.default_rng(0)
    frame = table(3_000).with_columns(
        pl.Series(f"x{i}", rng.normal(size=3_000)) for i in range(columns)
    )
    split = split_rows(frame.drop("x"), question(), kind="regression", seed=0)
    check(split, 3_000)
    drawn = learned + 200
    assert split.not_drawn == 3_000 - drawn
    assert len(split.test) == min(200, drawn // 4)
    assert split.how.startswith(f"{drawn:,} of 3,000 rows drawn at random, the others not used; ")
    assert f"{len(split.test)} of {drawn:,} rows held out at random" in split.how


def test_only_features_count_as_cells(small_limits):
    from assay.data.derivation import derive_contract
    from assay.data.profile import profile_table

    frame = table(3_000).with_columns(pl.lit(i).alias(f"constant_{i}") for i in range(60))
    contract = derive_contract(frame, question(), profile_table(frame, target="y"))
    split = split_rows(frame, question(), kind="regression", seed=0, contract=contract)
    assert split.not_drawn == 3_000 - 1_200


def test_a_table_within_the_limit_is_used_whole(small_limits):
    assert split_rows(table(1_200), question(), kind="regression", seed=0).not_drawn == 0
    assert split_rows(table(1_201), question(), kind="regression", seed=0).not_drawn == 1


def test_drawn_rows_depend_on_the_seed_alone(small_limits):
    frame = table(2_000)
    first, again, other = (
        split_rows(frame, question(), kind="regression", seed=seed) for seed in (5, 5, 6)
    )
    assert first == again
    assert set(first.train) | set(first.test) != set(other.train) | set(other.test)


@pytest.mark.parametrize("classes", [0, 3])
def test_every_row_is_drawn_equally_often(small_limits, classes):
    frame = table(2_000, classes=classes)
    target = frame["y"]
    kind = "multiclass" if classes else "regression"
    times = np.zeros(2_000)
    for seed in range(400):
        rows, more = module._draw(target, kind, 500, seed)
        times[rows] += 1
        assert (len(rows), more) == (500, "")
        assert (np.diff(rows) > 0).all()
    # Counts of 2,000 rows, each binomial with n = 400 and p = 1/4: none beyond five deviations.
    assert np.abs(times - 100).max() < 5 * np.sqrt(400 * 0.25 * 0.75)
    assert times.std() == pytest.approx(np.sqrt(400 * 0.25 * 0.75), rel=0.1)


def test_drawn_classes_keep_their_shares_and_rare_ones_are_seen(small_limits):
    labels = ["a"] * 8_000 + ["b"] * 1_960 + ["c"] * 37 + ["d"] * 3
    frame = pl.DataFrame({"x": range(10_000), "y": labels}).sample(fraction=1, shuffle=True, seed=1)
    split = split_rows(frame, question(), kind="multiclass", seed=0)
    drawn = np.sort([*split.train, *split.test])
    counts = dict(frame["y"][drawn].value_counts().iter_rows())
    # 1,200 of 10,000 is 12 %: 960 and 235.2; 4.44 and 0.36 become 20 and all there are.
    assert counts == {"a": 960, "b": 235, "c": 20, "d": 3}
    assert "of 2 rare classes more rows than their share" in split.how
    kept = frame["y"][list(split.train)].to_list()
    assert set(kept) == set("abcd")


def test_the_future_of_a_large_table_stays_unseen(small_limits):
    frame = table(5_000).with_columns(t=pl.int_range(5_000))
    split = split_rows(frame, question(time_column="t"), kind="regression", seed=0)
    check(split, 5_000)
    assert max(split.train) < min(split.test)
    assert len(split.test) == 200


def test_groups_of_a_large_table_do_not_straddle(small_limits):
    frame = table(5_000, groups=400)
    split = split_rows(frame, question(group_column="g"), kind="regression", seed=0)
    check(split, 5_000)
    g = frame["g"].to_numpy()
    assert not set(g[list(split.train)]) & set(g[list(split.test)])


def test_many_rows_are_dealt_to_folds_evenly():
    frame = table(60_000, classes=2)
    split = split_rows(frame, question(), kind="binary", seed=0)
    y = frame["y"].to_numpy()[list(split.train)]
    of_class = [np.bincount(np.asarray(split.folds)[y == c], minlength=5) for c in (0, 1)]
    assert all(np.ptp(counts) <= 1 for counts in of_class)
    assert np.ptp(sum(of_class)) <= 1
    # At random: the fold of a row says nothing of the fold of the row before it.
    folds = np.asarray(split.folds)
    assert abs((folds[1:] == folds[:-1]).mean() - 0.2) < 0.01


def test_many_row_numbers_are_packed():
    frame = table(150_000)
    split = split_rows(frame, question(), kind="regression", seed=0)
    body = split.to_json()
    assert len(body) < 300_000
    assert Split.from_json(body) == split
    assert split.digest == Split.from_json(body).digest


@given(st.lists(st.integers(-1, 2**31 - 1)))
def test_packed_numbers_are_read_back(numbers):
    assert module._unpack(module._pack(tuple(numbers))) == tuple(numbers)


def test_packed_numbers_by_hand():
    steps = b"\x02\0\0\0\x03\0\0\0\xfe\xff\xff\xff"  # 2, 3, -2
    assert module._pack((2, 5, 3)) == base64.b64encode(zlib.compress(steps)).decode()


def test_splits_written_before_rows_were_drawn_are_read():
    body = (
        b'{"folds":[0,1,0],"how":"By hand.","left_out":0,"ordered":false,"repeats":[],"seed":7,'
        b'"test":[1],"train":[0,2,3]}'
    )
    split = Split.from_json(body)
    assert (split.train, split.test, split.folds) == ((0, 2, 3), (1,), (0, 1, 0))
    assert split.not_drawn == 0


def test_a_class_that_only_the_future_knows_is_left_out_and_said():
    labels = ["a", "b"] * 40 + ["a", "c", "b", "d"] * 5
    frame = pl.DataFrame({"x": range(100), "y": labels, "t": range(100)})
    split = split_rows(frame, question(time_column="t"), kind="multiclass", seed=0)
    check(split, 100)
    assert split.train == tuple(range(70))
    assert [labels[i] for i in split.test] == ["a", "b"] * 10
    assert split.left_out == 10
    assert split.how.endswith(
        "; 10 of the held-out rows left out: no row to learn from has their class."
    )


def test_a_class_that_only_a_held_out_group_knows_is_left_out():
    # Each group has a row of class d, the rarest; group 0 alone has class c as well.
    labels = ["d" if i % 10 == 0 else "c" if i == 5 else "ab"[i % 2] for i in range(200)]
    frame = pl.DataFrame({"x": range(200), "y": labels, "g": [i // 10 for i in range(200)]})
    asked = question(group_column="g")
    splits = [split_rows(frame, asked, kind="multiclass", seed=seed) for seed in range(12)]
    for split in splits:
        check(split, 200)
        assert {labels[i] for i in split.test} <= {labels[i] for i in split.train}


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        (["a"] * 80 + ["b"] * 20, "are of one class of 'y'"),
        (["a", "b"] * 35 + ["c"] * 30, "other classes than all held-out rows"),
    ],
)
def test_classes_that_time_keeps_apart_are_refused(labels, told):
    frame = pl.DataFrame({"x": range(100), "y": labels, "t": range(100)})
    kind = "binary" if len(set(labels)) == 2 else "multiclass"
    with pytest.raises(InvalidTable, match=told) as caught:
        split_rows(frame, question(time_column="t"), kind=kind, seed=0)
    assert "at random" in caught.value.hint

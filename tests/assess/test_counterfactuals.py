"""Counterfactuals: worked by hand, valid, within what may change, diverse, refused when wrong."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from assay.assess.counterfactuals import counterfactuals
from assay.errors import InputError, InvalidTable, UnknownColumn
from assay.question import Actions
from assay.testing.check import ExampleModel, example_subject

SUBJECT = example_subject("binary", rows=600)
FEATURES = list(SUBJECT.feature_names)
TRAIN = SUBJECT.train.select(FEATURES)
REFUSED = SUBJECT.held_out.frame.filter(pl.Series(SUBJECT.held_out.label == 0)).select(FEATURES)


def by_line(frame):
    """Accepted from 10 on, in the sum of a and b."""
    p = ((frame["a"] + frame["b"]) >= 10).cast(pl.Float64).to_numpy()
    return SimpleNamespace(
        prediction=p, probabilities=np.stack([1 - p, p], axis=1), label=p.astype(np.int64)
    )


LENDERS = pl.DataFrame({"a": [0.0, 2.0, 4.0, 9.0, 5.0], "b": [1.0, 3.0, 1.0, 2.0, 5.0]})


def test_a_case_worked_by_hand():
    """Only (9, 2) and (5, 5) are accepted; of (5, 4) either b = 5 or a = 9 is enough.

    Both columns have a median absolute deviation of 2 and 1: b + 1 costs 1, a + 4 costs 2.
    """
    row = pl.DataFrame({"a": [5.0], "b": [4.0]})
    found = counterfactuals(by_line, row, LENDERS, wanted=1, count=2)
    assert found.frame.rows() == [(5.0, 5.0), (9.0, 4.0)]
    assert found.cost.tolist() == [1.0, 2.0]
    assert found.changed.tolist() == [[False, True], [True, False]]
    assert found.found.tolist() == [2]
    assert (found.validity, found.sparsity, found.proximity) == (1.0, 1.0, 1.5)
    assert found.diversity == 1.0


def test_what_is_not_needed_fills_up_where_too_few_differ():
    row = pl.DataFrame({"a": [5.0], "b": [4.0]})
    found = counterfactuals(by_line, row, LENDERS, wanted=1, count=5)
    assert found.frame.rows() == [(5.0, 5.0), (9.0, 4.0), (9.0, 2.0)]


def test_rows_that_have_the_answer_are_left_alone():
    rows = pl.DataFrame({"a": [8.0, 1.0], "b": [8.0, 1.0]})
    found = counterfactuals(by_line, rows, LENDERS, wanted=1)
    assert set(found.row.tolist()) == {1}
    assert found.asked == 2


def test_every_one_is_valid_and_unlike_the_others():
    found = counterfactuals(SUBJECT.score, REFUSED, TRAIN, wanted=1, count=5)
    assert (SUBJECT.score(found.frame).label == 1).all()
    assert found.validity == 1.0
    assert (found.found > 0).mean() > 0.99
    assert found.found.max() == 5
    assert found.frame.schema == REFUSED.schema
    assert 0.1 < found.diversity < 0.9
    assert 1.0 <= found.sparsity < 3.0
    assert 0.3 < found.plausibility < 2.0
    both = found.frame.with_columns(row=pl.Series(found.row))
    assert both.n_unique() == both.height


def test_nothing_is_changed_without_need():
    """A change given back alone brings the old answer again."""
    found = counterfactuals(SUBJECT.score, REFUSED, TRAIN, wanted=1, count=1)
    several = np.flatnonzero(found.changed.sum(axis=1) == 2)
    first = found.changed[several].argmax(axis=1)
    back = found.frame[several].with_columns(
        pl.when(pl.Series(first == i))
        .then(REFUSED[found.row[several]][n])
        .otherwise(pl.col(n))
        .alias(n)
        for i, n in enumerate(FEATURES)
    )
    assert (SUBJECT.score(back).label == 0).all()


def test_unchanged_columns_are_the_rows_own():
    found = counterfactuals(SUBJECT.score, REFUSED, TRAIN, wanted=1, count=2)
    own = REFUSED[found.row]
    for i, name in enumerate(FEATURES):
        same = found.frame[name].eq_missing(own[name]).to_numpy()
        assert np.array_equal(same, ~found.changed[:, i])


def test_what_cannot_change_stays():
    actions = Actions(immutable=("size", "make"))
    found = counterfactuals(SUBJECT.score, REFUSED, TRAIN, wanted=1, actions=actions)
    assert not found.changed[:, [FEATURES.index("size"), FEATURES.index("make")]].any()
    assert (SUBJECT.score(found.frame).label == 1).all()


@pytest.mark.parametrize("direction", ["only_up", "only_down"])
def test_what_goes_one_way_goes_no_other(direction):
    actions = Actions(**{direction: ("weight", "sold")})
    found = counterfactuals(SUBJECT.score, REFUSED, TRAIN, wanted=1, actions=actions)
    own = REFUSED[found.row]
    for name in ("weight", "sold"):
        ahead = (
            (found.frame[name] >= own[name])
            if direction == "only_up"
            else (found.frame[name] <= own[name])
        )
        assert ahead.all()


def test_numbers_stay_within_their_range():
    actions = Actions(ranges={"weight": (45.0, 55.0)})
    found = counterfactuals(SUBJECT.score, REFUSED, TRAIN, wanted=1, actions=actions)
    moved = found.frame.filter(pl.Series(found.changed[:, FEATURES.index("weight")]))
    assert moved.height
    assert moved["weight"].is_between(45.0, 55.0).all()


def test_linked_columns_come_from_one_row():
    actions = Actions(linked=(("size", "weight"),))
    found = counterfactuals(SUBJECT.score, REFUSED, TRAIN, wanted=1, actions=actions)
    changed = found.changed[:, FEATURES.index("size")] | found.changed[:, FEATURES.index("weight")]
    pairs = set(TRAIN.select("size", "weight").rows())
    assert changed.any()
    assert set(found.frame.filter(pl.Series(changed)).select("size", "weight").rows()) <= pairs


def test_a_known_value_never_becomes_missing():
    found = counterfactuals(SUBJECT.score, REFUSED, TRAIN, wanted=1)
    own = REFUSED[found.row]
    assert not (found.frame["size"].is_null() & own["size"].is_not_null()).any()


def test_a_wanted_range_of_a_number():
    subject = example_subject("regression", rows=300)
    rows = subject.held_out.frame.select(FEATURES)
    found = counterfactuals(subject.score, rows, subject.train, wanted=(30.0, 40.0), count=2)
    answers = subject.score(found.frame).prediction
    assert ((answers >= 30.0) & (answers <= 40.0)).all()


def test_another_class_of_several():
    subject = example_subject("multiclass", rows=300)
    rows = subject.held_out.frame.select(FEATURES)
    found = counterfactuals(subject.score, rows, subject.train, count=2)
    assert (subject.score(found.frame).label != subject.held_out.label[found.row]).all()
    assert (found.found > 0).mean() > 0.95


def test_columns_without_any_value_are_no_obstacle():
    empty = pl.lit(None, pl.Float64).alias("empty")
    found = counterfactuals(
        SUBJECT.score, REFUSED[:20].with_columns(empty), TRAIN.with_columns(empty), wanted=1
    )
    assert (found.found > 0).all()
    assert not found.changed[:, -1].any()


def test_without_a_donor_nothing_is_found():
    refused = TRAIN.filter(pl.Series(SUBJECT.score(TRAIN).label == 0))
    found = counterfactuals(SUBJECT.score, REFUSED[:5], refused, wanted=1)
    assert found.frame.height == 0
    assert found.found.tolist() == [0] * 5
    assert np.isnan([found.validity, found.proximity, found.sparsity, found.plausibility]).all()


def test_the_same_call_gives_the_same_and_leaves_its_input_alone():
    before = REFUSED.clone(), TRAIN.clone()
    one, again = (counterfactuals(SUBJECT.score, REFUSED, TRAIN, wanted=1) for _ in range(2))
    assert one.frame.equals(again.frame)
    assert REFUSED.equals(before[0])
    assert TRAIN.equals(before[1])


@pytest.mark.parametrize(
    ("actions", "error"),
    [
        (Actions(immutable=("siez",)), UnknownColumn),
        (Actions(linked=(("size", "siez"),)), UnknownColumn),
        (Actions(only_up=("make",)), InputError),
        (Actions(ranges={"make": (0.0, 1.0)}), InputError),
        (Actions(ranges={"size": (1.0, 0.0)}), InputError),
        (Actions(linked=(("size", "weight"), ("weight", "turbo"))), InputError),
    ],
)
def test_actions_that_do_not_fit_are_refused(actions, error):
    with pytest.raises(error):
        counterfactuals(SUBJECT.score, REFUSED, TRAIN, wanted=1, actions=actions)


def test_wrong_calls_are_refused():
    with pytest.raises(UnknownColumn):
        counterfactuals(SUBJECT.score, REFUSED, TRAIN.drop("size"), wanted=1)
    with pytest.raises(InvalidTable):
        counterfactuals(SUBJECT.score, REFUSED, TRAIN[:0], wanted=1)
    with pytest.raises(InputError, match="count"):
        counterfactuals(SUBJECT.score, REFUSED, TRAIN, wanted=1, count=0)
    with pytest.raises(InputError, match="not a class"):
        counterfactuals(ExampleModel(kind="regression"), REFUSED, TRAIN, wanted=1)


def test_actions_read_and_narrow():
    actions = Actions(immutable=("a",), only_up=("b",), linked=(("a", "c"),))
    assert Actions.from_json(actions.to_json()) == actions
    assert actions.with_immutable(["a", "d"]).immutable == ("a", "d")
    narrow = actions.of_columns(["b", "c"])
    assert narrow == Actions(only_up=("b",), linked=(("c",),))


def test_they_are_as_valid_as_those_of_dice_and_nearer():
    """Same rows, same model: what DiCE calls valid we do too, and ours cost no more."""
    dice = pytest.importorskip("dice_ml")
    columns = ["size", "weight", "turbo", "make"]
    table = TRAIN.select(columns).drop_nulls().with_columns(pl.col("turbo").cast(pl.String))
    rows = REFUSED.select(columns).drop_nulls()[:5].with_columns(pl.col("turbo").cast(pl.String))

    class Model:
        def predict_proba(self, frame):
            typed = pl.DataFrame({n: frame[n].tolist() for n in columns}).with_columns(
                pl.col("size", "weight").cast(pl.Float64), turbo=pl.col("turbo") == "true"
            )
            return SUBJECT.score(typed).probabilities

        def predict(self, frame):
            return self.predict_proba(frame).argmax(axis=1)

    import pandas as pd

    frame = pd.DataFrame(table.to_dict(as_series=False))
    frame["accepted"] = Model().predict(frame)
    data = dice.Data(
        dataframe=frame, continuous_features=["size", "weight"], outcome_name="accepted"
    )
    explainer = dice.Dice(data, dice.Model(model=Model(), backend="sklearn"), method="random")
    query = pd.DataFrame(rows.to_dict(as_series=False))
    theirs = explainer.generate_counterfactuals(query, 4, desired_class=1, random_seed=0)
    examples = pd.concat(e.final_cfs_df for e in theirs.cf_examples_list)
    assert (examples["accepted"] == Model().predict(examples[columns])).all()

    def score(frame):
        return SUBJECT.score(frame.with_columns(turbo=pl.col("turbo") == "true"))

    ours = counterfactuals(score, rows, table, wanted=1, count=4)
    assert ours.validity == 1.0
    other = pl.DataFrame(
        {n: examples[n].astype(rows[n].dtype.to_python()).tolist() for n in columns}
    )
    own = ours.space.cells(rows)[np.repeat(np.arange(5), 4)]
    cost = ours.space.steps(own, ours.space.cells(other)).sum(axis=1)
    assert ours.proximity <= cost.mean()

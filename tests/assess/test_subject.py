"""Scored rows, the order that ignores names, typical rows, explanations from a graph."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from assay.assess.subject import (
    Scored,
    canonical_order,
    explainer_of,
    sample_of,
    truth_of,
    typical,
)
from assay.errors import InvalidTable
from assay.testing.check import KINDS, ExampleModel, example_subject, example_table


def test_rows_and_answers_must_be_as_many():
    frame = pl.DataFrame({"a": [1, 2]})
    with pytest.raises(InvalidTable, match="differ in number"):
        Scored(frame=frame, truth=np.zeros(2), prediction=np.zeros(3), baseline=np.zeros(2))


@pytest.mark.parametrize("name", ["truth", "prediction"])
def test_an_answer_that_is_no_number_ends_the_assessment(name):
    arrays = {k: np.zeros(2) for k in ("truth", "prediction", "baseline")}
    arrays[name] = np.array([1.0, np.nan])
    with pytest.raises(InvalidTable, match="1 of 2 rows"):
        Scored(frame=pl.DataFrame({"a": [1, 2]}), **arrays)


@pytest.mark.parametrize("kind", KINDS)
def test_the_truth_of_rows_is_that_of_the_scored_rows(kind):
    subject = example_subject(kind, rows=40)
    assert np.array_equal(subject.truth_of(subject.held_out.frame), subject.held_out.truth)


def test_the_canonical_order_ignores_row_order_and_names():
    frame = example_table(200)
    order = canonical_order(frame)
    shuffle = np.random.default_rng(0).permutation(200)
    assert frame[shuffle][canonical_order(frame[shuffle])].equals(frame[order])
    renamed = frame.with_columns(make=pl.lit("x") + pl.col("make").str.reverse())
    assert np.array_equal(canonical_order(renamed), order)


def test_a_sample_is_random_but_settled():
    order = np.arange(1000)[::-1]
    chosen = sample_of(order, 100, seed=0)
    assert len(set(chosen.tolist())) == 100
    assert np.array_equal(chosen, sample_of(order, 100, seed=0))
    assert 350 < chosen.mean() < 650
    assert np.array_equal(sample_of(order, 2000, seed=0), order)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        (pl.Series([3.0, 1.0, None, 2.0, float("nan")]), 2.0),
        (pl.Series([1.0, 2.0]), 1.0),
        (pl.Series(["b", "a", "b", None]), "b"),
        (pl.Series(["b", "a"]), "a"),
        (pl.Series([True, True, False]), True),
        (pl.Series([None, None], dtype=pl.String), None),
    ],
)
def test_typical_values(column, value):
    assert typical(column) == value


def test_personal_columns_are_those_that_name_people_or_rows():
    subject = example_subject(rows=40)
    assert subject.personal_columns == {"mail"}
    assert subject.about_people


class TinyScorer:
    """A stand-in for the graph: two columns, closed form."""

    inputs = (
        SimpleNamespace(name="size", kind="number"),
        SimpleNamespace(name="make", kind="category"),
    )

    def score(self, inputs):
        table = pl.DataFrame({"size": inputs["size"][:, 0], "make": inputs["make"][:, 0].tolist()})
        full = table.with_columns(
            weight=pl.lit(50.0), turbo=pl.lit(value=False), make=pl.col("make").replace("", None)
        )
        answer = ExampleModel(kind=self.kind)(full)
        return SimpleNamespace(
            prediction=answer.prediction,
            probabilities=answer.probabilities,
            label=answer.label,
            classes=("a", "b", "c")[
                : 0 if answer.probabilities is None else answer.probabilities.shape[1]
            ],
        )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("reference", [{"size": 5.0, "make": "avis"}, {"size": None, "make": None}])
def test_explanations_of_a_graph_add_up(kind, reference):
    scorer = TinyScorer()
    scorer.kind = kind
    frame = example_table(30).select("size", "make").drop_nulls()
    parts = explainer_of(scorer, reference)(frame)
    assert parts.columns == ("size", "make")
    assert parts.values.sum(axis=1) == pytest.approx(parts.answer - parts.base)
    assert np.abs(parts.values).sum() > 0


def test_a_sample_of_scored_rows_is_the_same_in_any_order():
    scored = example_subject(rows=60).held_out
    shuffle = np.random.default_rng(0).permutation(60)
    arrays = {n: getattr(scored, n)[shuffle] for n in ("truth", "prediction", "baseline")}
    other = replace(scored, frame=scored.frame[shuffle], lower=None, upper=None, **arrays)
    a, b = (s.frame[s.sample(20, seed=3)] for s in (scored, other))
    assert a.equals(b)


def test_all_columns_are_tried_unless_the_table_is_very_wide(monkeypatch):
    subject = example_subject("regression")
    assert subject.columns_to_try == subject.feature_names
    monkeypatch.setattr("assay.assess.subject.MOST_CELLS", 2 * len(subject.feature_names))
    assert len(subject.columns_to_try) == 2
    assert set(subject.columns_to_try) < set(subject.feature_names)


def test_a_sample_is_spread_evenly_over_the_rows():
    scored = example_subject(rows=2000).held_out
    chosen = scored.sample(500, seed=0)
    assert len(set(chosen.tolist())) == 500
    assert 850 < chosen.mean() < 1150
    assert not np.array_equal(chosen, scored.sample(500, seed=1))
    assert set(scored.sample(5000, seed=0).tolist()) == set(range(2000))


def test_the_last_digits_of_a_prediction_hardly_move_a_sample():
    scored = example_subject(rows=2000).held_out
    other = replace(scored, prediction=scored.prediction * (1 + 1e-15))
    assert set(scored.sample(500, seed=0)) == set(other.sample(500, seed=0))


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ([1.0, -1.0], "1 of 2 rows have a weight"),
        ([np.nan, np.inf], "2 of 2 rows have a weight"),
        ([0.0, 0.0], "0 in every row"),
    ],
)
def test_a_weight_counts_from_0_on(weight, message):
    arrays = {k: np.zeros(2) for k in ("truth", "prediction", "baseline")}
    with pytest.raises(InvalidTable, match=message):
        Scored(frame=pl.DataFrame({"a": [1, 2]}), weight=np.array(weight), **arrays)


def test_probabilities_lie_between_0_and_1():
    arrays = {k: np.zeros(2) for k in ("truth", "prediction", "baseline")}
    shares = np.array([[0.5, 0.5], [1.5, -0.5]])
    with pytest.raises(InvalidTable, match="1 of 2 rows have a probability"):
        Scored(frame=pl.DataFrame({"a": [1, 2]}), probabilities=shares, **arrays)
    subject = example_subject("binary", rows=40)
    wrong = replace(subject.held_out, prediction=subject.held_out.prediction + 2)
    with pytest.raises(InvalidTable, match="40 of 40 rows have a probability"):
        replace(subject, held_out=wrong)


def test_a_class_unseen_in_training_is_counted():
    with pytest.raises(InvalidTable, match="2 of 3 rows have a true class that the model does"):
        truth_of(pl.Series(["a", "x", "y"]), ("a", "b"))
    with pytest.raises(InvalidTable, match=r"1 of 3 rows .* know, and 1 have none"):
        truth_of(pl.Series(["a", "x", None]), ("a", "b"))
    subject = example_subject("multiclass", rows=40)
    beyond = replace(subject.held_out, truth=np.full(40, 7))
    with pytest.raises(InvalidTable, match="40 of 40 rows have a true class"):
        replace(subject, held_out=beyond)


def test_notes_and_a_model():
    subject = example_subject(rows=40)
    assert subject.has_model
    assert subject.notes == ()

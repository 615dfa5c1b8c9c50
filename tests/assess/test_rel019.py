"""REL019: it fires, it stays silent, it does not apply."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from assay.assess.novelty import FEWEST_NAMED, Novelty, fit_novelty
from assay.assess.outsiders import OutsiderDetection, inputs_of, novelty_of
from assay.assess.statistics import auc
from assay.errors import NotApplicable
from assay.testing.check import KINDS, example_subject


def tied_table(rows, seed):
    """Two numbers and a category that go together."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=rows)
    return {
        "x": x[:, None],
        "y": (x + 0.1 * rng.normal(size=rows))[:, None],
        "c": np.where(x > 0, "high", "low").astype(object)[:, None],
    }


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_rows_stand_out(kind):
    finding = OutsiderDetection().run(example_subject(kind, rows=1000))
    assert finding.lower > 0.6
    kinds = {entry["kind"]: entry for entry in finding.details["kinds"]}
    assert kinds["a category never seen"]["lower"] > 0.9
    assert kinds["a number ten times too large"]["lower"] > 0.7
    assert finding.details["false_alarms"]["value"] <= 0.04


def test_columns_that_go_together_give_rows_of_pieces_away():
    novelty = fit_novelty(tied_table(3000, 0), ["x", "y", "c"])
    fresh, other = tied_table(1000, 1), tied_table(1000, 2)
    pieces = {"x": fresh["x"], "y": other["y"], "c": fresh["c"]}
    assert auc(novelty.score(pieces), novelty.score(fresh), 0.95).lower > 0.85
    assert sum(column.parent is None for column in novelty.columns) == 1


def test_columns_that_have_nothing_to_do_with_each_other_stay_apart():
    rng = np.random.default_rng(0)
    table = {name: rng.normal(size=(3000, 1)) for name in "abc"}
    novelty = fit_novelty(table, list("abc"))
    assert all(column.parent is None for column in novelty.columns)


def test_false_alarms_keep_to_the_allowed_rate():
    rates = []
    for seed in range(40):
        novelty = fit_novelty(tied_table(900, seed), ["x", "y", "c"], alarm_rate=0.05)
        rates.append(novelty.strange(tied_table(1000, seed + 1000)).mean())
    assert np.mean(rates) == pytest.approx(0.05, abs=0.01)


def test_p_values_of_ordinary_rows_are_even():
    novelty = fit_novelty(tied_table(6000, 0), ["x", "y", "c"])
    p = novelty.p_values(tied_table(4000, 1))
    assert p.min() > 0
    for level in (0.1, 0.5, 0.9):
        assert level - 0.1 < np.mean(p <= level) < level + 0.03  # bins tie, which errs upwards


def test_it_survives_json_and_answers_the_same():
    novelty = fit_novelty(tied_table(600, 0), ["x", "y", "c"])
    again = Novelty.from_json(novelty.to_json())
    fresh = tied_table(50, 3)
    assert again == novelty
    assert np.array_equal(again.score(fresh), novelty.score(fresh))


def test_missing_infinite_and_unseen_cells_get_a_finite_score():
    novelty = fit_novelty(tied_table(600, 0), ["x", "y", "c"])
    odd = {
        "x": np.array([[np.nan], [np.inf], [-np.inf], [0.0]]),
        "y": np.array([[0.0], [0.0], [0.0], [0.0]]),
        "c": np.array([[""], ["low"], ["low"], ["new"]], dtype=object),
    }
    score = novelty.score(odd)
    assert np.isfinite(score).all()
    ordinary = novelty.score(tied_table(500, 1))
    assert score.min() > np.median(ordinary)


def test_chances_of_a_column_add_up_to_one():
    novelty = fit_novelty(tied_table(600, 0), ["x", "y", "c"])
    for column in novelty.columns:
        chances = np.exp(-np.array(column.surprise))
        assert chances.sum(axis=1) == pytest.approx(1, abs=1e-3)
        assert chances.shape[1] == column.bins


def test_rare_levels_are_not_named_and_personal_columns_not_read():
    subject = example_subject(rows=600)
    novelty = novelty_of(subject)
    assert "mail" not in {column.name for column in novelty.columns}
    make = next(column for column in novelty.columns if column.name == "make")
    learned = subject.train["make"].value_counts()
    common = learned.filter(pl.col("count") >= FEWEST_NAMED)["make"].to_list()
    assert set(make.levels) <= set(common)
    assert "@mail.example" not in novelty.to_json().decode()


def test_its_model_is_small():
    assert len(novelty_of(example_subject(rows=2000)).to_json()) < 100_000


def test_it_scores_what_serving_has():
    subject = example_subject(rows=600)
    inputs = inputs_of(subject, subject.held_out.frame[:3])
    assert novelty_of(subject).score(inputs).shape == (3,)


def test_it_does_not_apply_without_training_rows():
    subject = example_subject()
    with pytest.raises(NotApplicable, match="no training rows"):
        OutsiderDetection().run(replace(subject, train=subject.train[:0]))
    with pytest.raises(NotApplicable, match="There are 60 rows; 100 are needed"):
        OutsiderDetection().run(replace(subject, train=subject.train[:60]))
    with pytest.raises(NotApplicable, match="no training rows"):
        novelty_of(replace(subject, train=pl.DataFrame()))

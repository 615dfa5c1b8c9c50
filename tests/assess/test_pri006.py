"""PRI006: it fires, it stays silent, it does not apply."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from scipy.stats import wasserstein_distance

from assay.assess.anonymity import TCloseness, _equal_distance, _ordered_distance, earth_movers
from assay.errors import NotApplicable
from assay.testing.check import asking, example_subject
from tests.assess.test_pri004 import customers, published
from tests.assess.test_pri005 import coarse


def test_classes_by_hand():
    distance, rows = _equal_distance(published())
    found = sorted(zip(rows.tolist(), distance.round(6).tolist(), strict=True))
    # All rows: 4 flu, 2 cancer, 1 none of 7. Too much: none 6/7; cancer 2/3 - 2/7; flu 3/7.
    assert found == [(1, 0.857143), (3, 0.380952), (3, 0.428571)]


def test_numbers_by_hand():
    """Li and others (2007): salaries 3k to 11k, the class {3k, 4k, 5k} is 0.375 away."""
    salaries = pl.DataFrame({"age": [20] * 3 + [40] * 3 + [30] * 3})
    salaries = salaries.with_columns(salary=pl.Series([3, 4, 5, 6, 11, 8, 7, 9, 10]))
    known = published(salaries, ("age",), "salary")
    distance, _ = _ordered_distance(known)
    order = known.classes["key0"].to_list()
    assert dict(zip(order, distance.round(6).tolist(), strict=True))[20] == 0.375


def test_the_quick_way_equals_the_definition():
    rng = np.random.default_rng(0)
    for values in (5, 40, 400):
        group = np.sort(np.unique(rng.integers(0, 30, 500), return_inverse=True)[1])
        rank = np.unique(rng.integers(0, values, 500), return_inverse=True)[1]
        rank = rank[np.lexsort((rank, group))]
        distance, sizes = earth_movers(group, rank)
        assert sizes.sum() == 500
        slow = [
            wasserstein_distance(rank[group == g], rank) / rank.max() for g in range(sizes.size)
        ]
        assert np.allclose(distance, slow)


def test_one_answer_has_no_distance():
    assert earth_movers(np.array([0, 0, 1]), np.zeros(3, np.int64))[0].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("kind", ["regression", "binary", "multiclass"])
def test_classes_of_one_row_are_far_from_everybody(kind):
    finding = TCloseness().run(example_subject(kind))
    assert 0.4 < finding.value <= 1
    assert finding.details["distance"] == ("ordered" if kind == "regression" else "equal")


@pytest.mark.parametrize("kind", ["regression", "binary", "multiclass"])
def test_classes_like_everybody_are_close(kind):
    finding = TCloseness().run(coarse(kind))
    assert finding.value < 0.08
    assert finding.value == finding.lower == finding.upper


def test_it_does_not_apply_where_no_column_is_known_of_a_person():
    subject = asking(example_subject(), affected_groups=())
    frame = subject.held_out.frame.drop("sold")
    subject = replace(
        subject,
        train=subject.train.drop("sold"),
        held_out=replace(subject.held_out, frame=frame),
    )
    with pytest.raises(NotApplicable, match="No column looks like"):
        TCloseness().run(subject)


def test_it_agrees_with_pycanon():
    """Values from pycanon 1.3.6."""
    assert _equal_distance(customers("churn"))[0].max() == pytest.approx(0.23305284214005806)
    assert _ordered_distance(customers("tenure"))[0].max() == pytest.approx(0.23726939994865576)

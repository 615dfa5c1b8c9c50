"""INC007: it fires, it stays silent, it does not apply."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from scipy import stats
from scipy.spatial.distance import chebyshev, jensenshannon

from assay.assess.balance import DataBalance, association, inequality, spread
from assay.errors import NotApplicable
from assay.question import Groups
from assay.testing.check import asking, example_subject

COUNTS = np.array([30.0, 50.0, 20.0])


def test_association_by_hand():
    """40 women, 10 of them hired; 60 men, 30 of them hired."""
    found = association(np.array([40.0, 60.0]), np.array([10.0, 30.0]), 40.0, 100.0)
    assert found["parity"].tolist() == [0.25, 0.5]
    assert found["pmi"] == pytest.approx(np.log([0.1 / 0.16, 0.3 / 0.24]))
    assert found["dice"] == pytest.approx([0.2 / 0.8, 0.6 / 1.0])
    assert found["jaccard"] == pytest.approx([0.1 / 0.7, 0.3 / 0.7])
    assert found["log_likelihood_ratio"] == pytest.approx(np.log([0.25, 0.75]))


def test_association_agrees_with_scipy():
    women = np.repeat([1, 0], [40, 60])
    hired = np.concatenate([np.repeat([1, 0], [10, 30]), np.repeat([1, 0], [30, 30])])
    found = association(np.array([40.0]), np.array([10.0]), 40.0, 100.0)
    assert found["kendall"][0] == pytest.approx(stats.kendalltau(women, hired).statistic)
    expected = stats.ttest_ind(hired[:40], hired[40:])
    assert found["t"][0] == pytest.approx(expected.statistic)
    assert found["p"][0] == pytest.approx(expected.pvalue)


@pytest.mark.parametrize("reference", [None, np.array([0.25, 0.5, 0.25])])
def test_spread_agrees_with_scipy(reference):
    q = np.full(3, 1 / 3) if reference is None else reference
    p = COUNTS / 100
    found = spread(COUNTS, reference)
    assert found["kl"] == pytest.approx(stats.entropy(p, q))
    assert found["cross_entropy"] == pytest.approx(stats.entropy(q) + stats.entropy(q, p))
    assert found["js_distance"] == pytest.approx(jensenshannon(p, q))
    assert found["infinity_norm"] == pytest.approx(chebyshev(p, q))
    assert found["wasserstein"] == pytest.approx(stats.wasserstein_distance(p, q))
    assert found["chi_square"] == pytest.approx(stats.chisquare(COUNTS, 100 * q).statistic)
    assert found["p"] == pytest.approx(stats.chisquare(COUNTS, 100 * q).pvalue)
    assert found["total_variation"] == pytest.approx(np.abs(p - q).sum() / 2)


def test_equal_groups_are_equal():
    assert inequality(np.full(4, 7.0)) == pytest.approx(
        {"theil_l": 0.0, "theil_t": 0.0, "atkinson": 0.0}
    )


def favouring(kind):
    """Rear-driven machines that got the label only by their drive."""
    subject = example_subject(kind)
    label = {"regression": 1000.0, "binary": "yes", "multiclass": "low"}[kind]
    worth = pl.when(pl.col("drive") == "rear").then(pl.lit(label)).otherwise("worth")
    frames = [f.with_columns(worth=worth) for f in (subject.train, subject.held_out.frame)]
    return replace(subject, train=frames[0], held_out=replace(subject.held_out, frame=frames[1]))


@pytest.mark.parametrize("kind", ["regression", "binary", "multiclass"])
def test_labels_that_favour_a_group_are_found(kind):
    finding = DataBalance(column="drive").run(favouring(kind))
    assert finding.lower > 0.3
    labels = {entry["group"]: entry for entry in finding.details["labels"]}
    assert labels["rear"]["parity"] > labels["front"]["parity"] + 0.3 or kind == "multiclass"
    assert labels["rear"]["p"] < 1e-9


@pytest.mark.parametrize("kind", ["regression", "binary", "multiclass"])
def test_even_labels_are_not_accused(kind):
    finding = DataBalance(column="drive", confidence=0.99).run(example_subject(kind))
    assert finding.lower == 0.0
    assert finding.details["spread"]["reference"] == "even"
    assert finding.details["inequality"]["atkinson"] < 0.01


def test_a_stated_reference_is_used():
    groups = (Groups(column="drive", reference={"front": 0.2, "rear": 0.8}),)
    finding = DataBalance(column="drive").run(asking(example_subject(), affected_groups=groups))
    assert finding.details["spread"]["reference"] == "stated"
    assert finding.details["spread"]["total_variation"] > 0.25


def test_it_does_not_apply_to_small_groups():
    with pytest.raises(NotApplicable, match="have 30 rows or more"):
        DataBalance(column="drive").run(example_subject(rows=10))

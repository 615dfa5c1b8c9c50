"""REL012: it fires, it stays silent, it does not apply."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from assay.assess.branches import grow
from assay.assess.error_maps import column_ranking, mutual_information
from assay.assess.error_tree import ErrorTree, fisher_greater
from assay.assess.levels import cut_column, levels_of
from assay.errors import NotApplicable
from assay.testing.check import example_subject


def trouble(table):
    """Noise that is six times as large for heavy corvos."""
    rng = np.random.default_rng(5)
    bad = (table["make"].to_numpy() == "corvo") & (table["weight"].to_numpy() > 50)
    return rng.normal(size=table.height) * np.where(bad, 9.0, 1.5)


def test_a_planted_branch_is_found_and_confirmed_on_other_rows():
    finding = ErrorTree().run(example_subject(rows=2000, noise=trouble))
    worst = finding.groups[0]
    assert "make: corvo" in worst.group
    assert "weight > " in worst.group
    assert finding.lower > 2
    assert worst.group in finding.details["confirmed"]
    assert finding.details["importance"][0]["column"] == "make"


def test_without_a_bad_branch_it_rarely_claims_one():
    found = [ErrorTree().run(example_subject(rows=300, seed=seed)) for seed in range(40)]
    assert sum(finding.lower > 1 for finding in found) <= 5  # 2 expected at 95 %
    assert sum(bool(finding.details["confirmed"]) for finding in found) <= 5


def test_classes_are_judged_by_their_error_rate():
    finding = ErrorTree().run(example_subject("multiclass", rows=1000))
    root = finding.details["tree"][0]
    assert root["errors"] == pytest.approx(root["rows"] * root["error"])
    assert 0 < root["lower"] < root["error"] < root["upper"] < 1


def test_every_node_is_the_sum_of_its_children():
    finding = ErrorTree().run(example_subject("binary", rows=1500))
    nodes = finding.details["tree"]
    assert nodes[0]["parent"] == -1
    assert nodes[0]["rows"] == finding.rows == 750
    for node in nodes:
        children = [n for n in nodes if n["parent"] == node["id"]]
        assert node["leaf"] == (not children)
        if children:
            assert len(children) == 2
            for part in ("rows", "errors", "error_coverage"):
                assert sum(n[part] for n in children) == pytest.approx(node[part])


def test_maps_count_every_row_and_hide_small_cells():
    subject = example_subject("binary", rows=1000)
    finding = ErrorTree().run(subject)
    single = next(m for m in finding.details["maps"] if m["columns"] == ["drive"])
    assert sum(single["rows"]) == 1000
    front = subject.held_out.frame["drive"].to_numpy() == "front"
    wrong = (subject.held_out.prediction >= 0.5) != subject.held_out.truth
    shown = dict(zip(single["levels"][0], single["error"], strict=True))
    assert shown["front"] == pytest.approx(wrong[front].mean())
    double = [m for m in finding.details["maps"] if len(m["columns"]) == 2]
    assert len(double) == 6
    for drawn in double:
        a, b = drawn["levels"]
        assert [len(drawn["rows"]), len(drawn["rows"][0])] == [len(a), len(b)]
        for rows, errors in zip(drawn["rows"], drawn["error"], strict=True):
            assert all(
                (r is None or r >= 10) and (r is None) == (e is None)
                for r, e in zip(rows, errors, strict=True)
            )


def test_personal_columns_take_no_part():
    finding = ErrorTree().run(example_subject())
    assert "mail" not in {entry["column"] for entry in finding.details["importance"]}


def test_missing_cells_and_rare_categories_have_a_branch():
    rng = np.random.default_rng(0)
    values = [
        None if g else float(v) for g, v in zip(rng.random(400) < 0.3, rng.random(400), strict=True)
    ]
    column = pl.Series("x", values)
    levels = [cut_column(column, column, parts=4)]
    loss = column.is_null().to_numpy().astype(float)
    half = np.arange(400) < 200
    nodes = grow(
        levels, loss, np.flatnonzero(half), np.flatnonzero(~half), leaves=4, depth=2, floor=10
    )
    words = {node.words for node in nodes}
    assert {"all rows", "x known", "x missing"} <= words
    missing = next(node for node in nodes if node.words == "x missing")
    assert loss[missing.judged].all()


def test_categories_are_split_into_the_best_subsets():
    column = pl.Series("c", ["a", "b", "c", "d"] * 100)
    loss = np.isin(column.to_numpy(), ["a", "c"]).astype(float)
    rows = np.arange(400)
    nodes = grow(
        [cut_column(column, column, parts=4)],
        loss,
        rows[:200],
        rows[200:],
        leaves=2,
        depth=1,
        floor=10,
    )
    assert {node.words for node in nodes[1:]} == {"c: b, d", "c: other than b, d"}
    assert {float(loss[node.judged].mean()) for node in nodes[1:]} == {0.0, 1.0}


def test_fishers_test_by_hand_and_by_scipy():
    stats = pytest.importorskip("scipy.stats")
    assert fisher_greater(4, 4, 4, 8) == pytest.approx(1 / 70)
    assert fisher_greater(0, 4, 4, 8) == pytest.approx(1.0)
    for k, n, marked, total in ((7, 20, 30, 200), (1, 3, 2, 9), (30, 40, 50, 60)):
        other = stats.fisher_exact(
            [[k, n - k], [marked - k, total - n - marked + k]], alternative="greater"
        )
        assert fisher_greater(k, n, marked, total) == pytest.approx(other.pvalue)


def test_mutual_information_agrees_with_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    subject = example_subject("binary", rows=500)
    wrong = (subject.held_out.prediction >= 0.5) != subject.held_out.truth
    levels = list(levels_of(subject, subject.held_out.frame))
    for level in levels:
        own, _ = mutual_information(level.codes.astype(np.int64), wrong)
        assert own == pytest.approx(metrics.mutual_info_score(level.codes, wrong), abs=1e-12)
    ranking = column_ranking(levels, wrong)
    assert [e["value"] for e in ranking] == sorted((e["value"] for e in ranking), reverse=True)


def test_a_column_that_is_the_error_removes_all_uncertainty():
    column = pl.Series("c", ["a", "b"] * 50)
    level = cut_column(column, column, parts=4)
    (entry,) = column_ranking([level], column.to_numpy() == "a")
    assert entry["value"] == pytest.approx(1.0, abs=0.02)  # less the correction for bias


def test_it_does_not_apply_to_few_rows_or_no_errors():
    with pytest.raises(NotApplicable, match="180 are needed"):
        ErrorTree().run(example_subject(rows=100))
    subject = example_subject()
    perfect = replace(subject.held_out, prediction=subject.held_out.truth)
    with pytest.raises(NotApplicable, match="no errors"):
        ErrorTree().run(replace(subject, held_out=perfect))

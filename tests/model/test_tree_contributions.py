"""Shapley values from leaves: against their definition, against LightGBM, against shap."""

from __future__ import annotations

import itertools
import math
from typing import Any

import lightgbm as lgb
import numpy as np
import pytest

from assay.model import tree_contributions as module
from assay.model.plan import TreesMember
from assay.model.readers.lightgbm import read
from assay.model.reference import raw_trees
from assay.model.tree_contributions import (
    background_score,
    shares_of_rows,
    sides_of_row,
    tree_contributions,
)

from .made_plans import random_trees


def by_definition(value: Any, count: int) -> Any:
    """Shapley values of ``count`` players from the value of every coalition."""
    total = 0.0
    for player in range(count):
        others = [p for p in range(count) if p != player]
        own = 0.0
        for size in range(count):
            weight = math.factorial(size) * math.factorial(count - size - 1) / math.factorial(count)
            for chosen in itertools.combinations(others, size):
                own = own + weight * (value({*chosen, player}) - value({*chosen}))
        total = np.stack([own]) if player == 0 else np.concatenate([total, np.stack([own])])
    return total


@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("seed", range(12))
def test_against_a_row_it_is_the_definition(seed: int, gaps: bool) -> None:
    rng = np.random.default_rng(seed)
    member = random_trees(rng, 6, 2, several=bool(seed % 2), gaps=gaps)
    players = np.array([0, 1, 1, 2, 3, 0])
    x, z = (
        rng.choice([0.0, 1.0, 3.0, -5.0, 70.0, np.nan if gaps else 0.5], (n, 6)).astype(np.float32)
        for n in (9, 1)
    )

    def value(members: set[int]) -> Any:
        mixed = np.where(np.isin(players, list(members)), x, z).astype(np.float32)
        return raw_trees(member, mixed)

    found = tree_contributions(
        member, x, left_share=sides_of_row(member, z), players=players, count=4
    )
    expected = by_definition(value, 4)  # (players, rows, outputs)
    np.testing.assert_allclose(found, expected.transpose(1, 0, 2), atol=1e-12)


@pytest.mark.parametrize("gaps", [False, True])
def test_they_sum_to_the_score_less_the_background(gaps: bool) -> None:
    rng = np.random.default_rng(3)
    member = random_trees(rng, 5, 3, several=True, gaps=gaps)
    x = rng.normal(size=(400, 5)).astype(np.float32)
    for share in (shares_of_rows(member, x), sides_of_row(member, x[:1])):
        found = tree_contributions(member, x, left_share=share, players=np.arange(5), count=5)
        scores = raw_trees(member, x)
        np.testing.assert_allclose(
            found.sum(axis=1), scores - background_score(member, share), atol=1e-12
        )
    np.testing.assert_allclose(background_score(member, share), scores[0], atol=1e-12)


def test_over_the_rows_the_background_is_their_mean_for_one_split() -> None:
    member = TreesMember(
        family="trees",
        columns=(1,),
        roots=np.zeros(1, np.int32),
        feature=np.zeros(3, np.int32),
        threshold=np.array([0.5, 0, 0], np.float32),
        left=np.array([1, -1, -1], np.int32),
        right=np.array([2, -1, -1], np.int32),
        values=np.array([[0.0], [10.0], [30.0]]),
        base=np.array([1.0]),
    )
    x = np.array([[9, 0], [9, 0], [9, 0], [9, 1]], np.float32)
    share = shares_of_rows(member, x)
    assert share[0] == 0.75
    assert background_score(member, share) == pytest.approx(16.0)
    found = tree_contributions(member, x, left_share=share, players=np.arange(2), count=2)
    expected = [[0, -5], [0, -5], [0, -5], [0, 15]]
    np.testing.assert_allclose(found[:, :, 0], expected, atol=1e-12)


def fitted(
    rows: int = 1_500, leaves: int = 31, categories: tuple[int, ...] = (3,), **params: Any
) -> tuple[Any, Any, TreesMember]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, 7)).astype(np.float32)
    x[:, 3] = rng.integers(0, 6, rows)
    x[rng.random((rows, 7)) < 0.08] = np.nan
    z = np.nan_to_num(x)
    y = np.sin(2 * z[:, 0]) * z[:, 1] + (z[:, 3] == 2) + z[:, 4] * (z[:, 2] > 0)
    if params.get("objective") == "binary":
        y = y > 0
    settings = {"num_leaves": leaves, "verbosity": -1, "num_threads": 1, "min_data_in_leaf": 5}
    table = lgb.Dataset(x, label=y, categorical_feature=list(categories), params=settings)
    booster = lgb.train({**settings, **params}, table, num_boost_round=20)
    return x, booster, read(booster, columns=tuple(range(7)), family="lightgbm")


@pytest.mark.parametrize("objective", ["regression", "binary"])
@pytest.mark.parametrize("leaves", [4, 31, 120])
def test_they_are_lightgbms_own(objective: str, leaves: int) -> None:
    x, booster, member = fitted(objective=objective, leaves=leaves)
    share = shares_of_rows(member, x)
    found = tree_contributions(member, x, left_share=share, players=np.arange(7), count=7)
    expected = booster.predict(x, pred_contrib=True)
    np.testing.assert_allclose(found[:, :, 0], expected[:, :-1], atol=1e-6)
    assert background_score(member, share)[0] == pytest.approx(expected[0, -1], abs=1e-6)


def test_they_are_those_of_shap() -> None:
    """Without native categories and missing cells, which shap reads wrongly."""
    shap = pytest.importorskip("shap")
    x, booster, member = fitted(categories=())
    x = np.nan_to_num(x)
    found = tree_contributions(
        member, x[:50], left_share=sides_of_row(member, x[60:61]), players=np.arange(7), count=7
    )
    explainer = shap.TreeExplainer(
        booster, data=x[60:61].astype(np.float64), feature_perturbation="interventional"
    )
    expected = explainer.shap_values(x[:50].astype(np.float64), check_additivity=False)
    np.testing.assert_allclose(found[:, :, 0], expected, atol=1e-6)


def test_batches_of_rows_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    x, _, member = fitted(rows=300)
    share = shares_of_rows(member, x)
    whole = tree_contributions(member, x, left_share=share, players=np.arange(7), count=7)
    monkeypatch.setattr(module, "ROWS_AT_ONCE", 37)
    monkeypatch.setattr(module, "_CELLS_AT_ONCE", 1_000)
    parts = tree_contributions(member, x, left_share=share, players=np.arange(7), count=7)
    np.testing.assert_allclose(parts, whole, atol=1e-13)


def test_no_rows_and_no_splits_have_no_contributions() -> None:
    x, _, member = fitted(rows=300)
    share = shares_of_rows(member, x)
    none = tree_contributions(member, x[:0], left_share=share, players=np.arange(7), count=7)
    assert none.shape == (0, 7, 1)
    stump = TreesMember(
        family="trees",
        columns=(0,),
        roots=np.zeros(1, np.int32),
        feature=np.zeros(1, np.int32),
        threshold=np.zeros(1, np.float32),
        left=np.full(1, -1, np.int32),
        right=np.full(1, -1, np.int32),
        values=np.array([[2.0]]),
        base=np.zeros(1),
    )
    share = shares_of_rows(stump, x)
    alone = tree_contributions(stump, x, left_share=share, players=np.arange(7), count=7)
    assert not alone.any()
    assert background_score(stump, share).tolist() == [2.0]

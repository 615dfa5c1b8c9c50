from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xgboost

from assay.errors import NotCompilable
from assay.model.plan import TreesMember
from assay.model.readers import check_compilable, read_member

from .proof import COLUMNS, classes, same_answers, signal, table

FEW: dict[str, Any] = {"n_estimators": 15, "max_depth": 4, "n_jobs": 1}
ALL = tuple(range(COLUMNS))


@pytest.mark.parametrize("sets", [None, 1, 100], ids=["numbers", "sets", "one-hot"])
@pytest.mark.parametrize("missing", [False, True], ids=["whole", "missing"])
@pytest.mark.parametrize("many", [0, 2, 3], ids=["regression", "binary", "multiclass"])
def test_member_graph_and_library_agree(many: int, missing: bool, sets: int | None) -> None:
    X = table(missing=missing)
    settings = dict(FEW)
    if sets is not None:
        types = [*"qqqq", "c"]
        settings |= {"enable_categorical": True, "feature_types": types, "max_cat_to_onehot": sets}
    if many:
        model = xgboost.XGBClassifier(**settings).fit(X, classes(X, many))
    else:
        model = xgboost.XGBRegressor(**settings).fit(X, signal(X))
    kind = {0: "regression", 2: "binary", 3: "multiclass"}[many]
    member = same_answers(
        model,
        kind,  # type: ignore[arg-type]
        missing=True,
        unseen=sets is not None,
    )
    assert isinstance(member, TreesMember)
    assert bool(member.sets) == (sets is not None)


@pytest.mark.parametrize(
    ("objective", "link"),
    [
        ("count:poisson", "exp"),
        ("reg:gamma", "exp"),
        ("reg:tweedie", "exp"),
        ("reg:squaredlogerror", "identity"),
        ("reg:pseudohubererror", "identity"),
        ("reg:absoluteerror", "identity"),
    ],
)
def test_objectives_and_their_links(objective: str, link: str) -> None:
    X = table()
    model = xgboost.XGBRegressor(objective=objective, **FEW).fit(X, np.abs(signal(X)) + 0.1)
    assert same_answers(model, "regression", missing=True).link == link


def test_shares() -> None:
    X = table()
    share = np.abs(signal(X)) / np.abs(signal(X)).max()
    model = xgboost.XGBRegressor(objective="reg:logistic", **FEW).fit(X, share)
    assert same_answers(model, "regression").link == "sigmoid"


def test_several_quantiles_in_one_booster() -> None:
    X = table()
    model = xgboost.XGBRegressor(
        objective="reg:quantileerror", quantile_alpha=[0.1, 0.5, 0.9], **FEW
    ).fit(X, signal(X))
    same_answers(model, "vector", missing=True)


@pytest.mark.parametrize("strategy", ["one_output_per_tree", "multi_output_tree"])
def test_several_targets(strategy: str) -> None:
    X = table()
    both = np.stack([signal(X), X[:, 0].astype(float)], axis=1)
    model = xgboost.XGBRegressor(multi_strategy=strategy, **FEW).fit(X, both)
    same_answers(model, "vector", missing=True)


@pytest.mark.parametrize("booster", ["gbtree", "dart"])
def test_a_wrapper_predicts_with_its_best_iteration(booster: str) -> None:
    X = table()
    model = xgboost.XGBRegressor(booster=booster, early_stopping_rounds=3, **FEW)
    held = np.random.default_rng(0).permutation(signal(X))
    model.fit(X, signal(X), eval_set=[(X, held)], verbose=False)
    member = same_answers(model, "regression", missing=True)
    assert isinstance(member, TreesMember)
    assert len(member.roots) <= model.best_iteration + 1 < FEW["n_estimators"]


def test_dropped_trees_keep_their_weights() -> None:
    X = table()
    model = xgboost.XGBRegressor(booster="dart", rate_drop=0.4, one_drop=True, **FEW)
    same_answers(model.fit(X, signal(X)), "regression", missing=True)


def test_forests_and_a_base_score_of_ones_own() -> None:
    X = table()
    same_answers(xgboost.XGBRFClassifier(**FEW).fit(X, classes(X, 3)), "multiclass", missing=True)
    model = xgboost.XGBClassifier(num_parallel_tree=3, base_score=0.3, **FEW)
    same_answers(model.fit(X, classes(X, 2)), "binary", missing=True)


def test_a_bare_booster_predicts_with_all_its_trees() -> None:
    X = table()
    params = {"objective": "binary:logistic", "max_depth": 3, "nthread": 1}
    booster = xgboost.train(params, xgboost.DMatrix(X, label=classes(X, 2)), 8)
    member = same_answers(booster, "binary", missing=True)
    assert isinstance(member, TreesMember)
    assert len(member.roots) == 8


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (xgboost.XGBRegressor(booster="gblinear"), "XGBRegressor: it boosts linear models"),
        (xgboost.XGBRegressor(objective=lambda y, p: (p - y, y * 0 + 1)), "the link"),
        (xgboost.XGBClassifier(objective="binary:hinge"), "the link"),
        (xgboost.XGBRegressor(missing=-999.0), "a number as missing"),
        (xgboost.XGBRanker(), "no reader knows this class|its parent|the link"),
    ],
)
def test_refused_before_training(model: Any, message: str) -> None:
    with pytest.raises(NotCompilable, match=message):
        check_compilable(model)


@pytest.mark.parametrize(
    ("params", "message"),
    [({"booster": "gblinear"}, "linear models"), ({"objective": "binary:hinge"}, "the link")],
)
def test_a_bare_booster_is_refused_when_it_is_read(params: dict[str, Any], message: str) -> None:
    X = table()
    table_of = xgboost.DMatrix(X, label=classes(X, 2))
    booster = xgboost.train({"nthread": 1, **params}, table_of, 2)
    with pytest.raises(NotCompilable, match=message):
        read_member(booster, columns=ALL)

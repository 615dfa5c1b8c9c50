from __future__ import annotations

from typing import Any

import lightgbm
import numpy as np
import pytest

from assay.errors import NotCompilable
from assay.model.plan import TreesMember
from assay.model.readers import check_compilable, read_member
from assay.model.readers.lightgbm import ZERO

from .proof import CODES, COLUMNS, classes, same_answers, signal, table

FEW: dict[str, Any] = {
    "n_estimators": 15,
    "num_leaves": 8,
    "min_child_samples": 5,
    "verbose": -1,
    "n_jobs": 1,
}
ALL = tuple(range(COLUMNS))


@pytest.mark.parametrize("categories", [False, True], ids=["numbers", "categories"])
@pytest.mark.parametrize("missing", [False, True], ids=["whole", "missing"])
@pytest.mark.parametrize("many", [0, 2, 3], ids=["regression", "binary", "multiclass"])
def test_member_graph_and_library_agree(many: int, missing: bool, categories: bool) -> None:
    """Whole tables too are asked about missing cells: LightGBM reads them as 0 then."""
    X = table(missing=missing)
    native = {"categorical_feature": [CODES]} if categories else {}
    if many:
        model = lightgbm.LGBMClassifier(**FEW).fit(X, classes(X, many), **native)
    else:
        model = lightgbm.LGBMRegressor(**FEW).fit(X, signal(X), **native)
    kind = {0: "regression", 2: "binary", 3: "multiclass"}[many]
    member = same_answers(model, kind, missing=True, unseen=categories)  # type: ignore[arg-type]
    assert isinstance(member, TreesMember)
    assert bool(member.sets) == categories


@pytest.mark.parametrize(
    "objective",
    ["poisson", "gamma", "tweedie", "quantile", "huber", "fair", "mape", "regression_l1"],
)
def test_objectives_and_their_links(objective: str) -> None:
    X = table()
    model = lightgbm.LGBMRegressor(objective=objective, **FEW).fit(X, np.abs(signal(X)) + 0.1)
    member = same_answers(model, "regression", missing=True)
    assert (member.link == "exp") == (objective in ("poisson", "gamma", "tweedie"))


def test_shares_by_cross_entropy() -> None:
    X = table()
    share = np.abs(signal(X)) / np.abs(signal(X)).max()
    model = lightgbm.LGBMRegressor(objective="cross_entropy", **FEW).fit(X, share)
    assert same_answers(model, "regression").link == "sigmoid"


@pytest.mark.parametrize("more", [{}, {"sigmoid": 2.5}], ids=["plain", "steeper"])
@pytest.mark.parametrize("boosting", ["gbdt", "rf", "dart"])
def test_boosting_types_and_the_slope_of_the_sigmoid(boosting: str, more: dict[str, Any]) -> None:
    X = table()
    settings = {**FEW, "subsample": 0.7, "subsample_freq": 1, **more}
    model = lightgbm.LGBMClassifier(boosting_type=boosting, **settings).fit(X, classes(X, 2))
    same_answers(model, "binary", missing=True)


def test_a_booster_predicts_with_its_best_iteration() -> None:
    X = table()
    params = {"objective": "regression", "verbosity": -1, "min_data_in_leaf": 5, "num_threads": 1}
    held = lightgbm.Dataset(X, label=np.random.default_rng(0).permutation(signal(X)))
    stop = lightgbm.early_stopping(3, verbose=False)
    booster = lightgbm.train(
        params, lightgbm.Dataset(X, label=signal(X)), 40, valid_sets=[held], callbacks=[stop]
    )
    member = same_answers(booster, "regression", missing=True)
    assert isinstance(member, TreesMember)
    assert len(member.roots) <= booster.best_iteration < 40


def test_thresholds_within_what_it_reads_as_zero_move_to_its_edge() -> None:
    """A value of 1e-40 is 0 to LightGBM, so it goes where 0 goes."""
    X = np.repeat(np.float32([[0.0], [1.0]]), 100, axis=0)
    model = lightgbm.LGBMRegressor(**FEW).fit(X, X[:, 0])
    member = same_answers(model, "regression", missing=True, columns=1)
    assert isinstance(member, TreesMember)
    assert (member.threshold[member.left >= 0] == ZERO).all()


def test_categories_that_were_not_seen_go_right() -> None:
    X = table()
    model = lightgbm.LGBMRegressor(**FEW).fit(X, signal(X), categorical_feature=[CODES])
    member = read_member(model, columns=ALL)
    assert isinstance(member, TreesMember)
    assert member.set_of is not None
    assert member.missing_left is not None
    assert not member.missing_left[member.set_of >= 0].any()
    assert max(float(codes.max()) for codes in member.sets) <= 6


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lightgbm.LGBMRegressor(linear_tree=True), "LGBMRegressor: its leaves are linear models"),
        (lightgbm.LGBMRegressor(zero_as_missing=True), "reads 0 as missing"),
        (lightgbm.LGBMRegressor(reg_sqrt=True), "squares its answers"),
        (lightgbm.LGBMRegressor(objective=lambda y, p: (p - y, y * 0 + 1)), "the link"),
        (lightgbm.LGBMRegressor(objective="lambdarank"), "it ranks"),
        (lightgbm.LGBMClassifier(objective="multiclassova"), "do not add up to 1"),
    ],
)
def test_refused_before_training(model: Any, message: str) -> None:
    with pytest.raises(NotCompilable, match=message):
        check_compilable(model)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"linear_tree": True}, "linear models"),
        ({"zero_as_missing": True}, "0 as missing"),
        ({"objective": "multiclassova", "num_class": 3}, "add up to 1"),
        ({"reg_sqrt": True}, "squares its answers"),
    ],
)
def test_a_booster_read_back_from_text_tells_the_same(params: dict[str, Any], message: str) -> None:
    """Nothing but the model itself is left of the parameters."""
    X = table()
    y = classes(X, 3) if "num_class" in params else np.abs(signal(X))
    every = {"verbosity": -1, "min_data_in_leaf": 5, "num_threads": 1, **params}
    booster = lightgbm.train(every, lightgbm.Dataset(X, label=y, params=every), 3)
    again = lightgbm.Booster(model_str=booster.model_to_string())
    again.params = {}
    with pytest.raises(NotCompilable, match=message if "reg_sqrt" not in params else "the link"):
        read_member(again, columns=ALL)

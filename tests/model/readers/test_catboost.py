from __future__ import annotations

from typing import Any

import catboost
import numpy as np
import pytest

from assay.errors import NotCompilable
from assay.model.plan import TreesMember
from assay.model.readers import check_compilable, predict_native, read_member

from .proof import CODES, COLUMNS, classes, same_answers, signal, table

FEW: dict[str, Any] = {
    "iterations": 15,
    "depth": 4,
    "verbose": 0,
    "allow_writing_files": False,
    "thread_count": 1,
}


@pytest.mark.parametrize("nan_mode", ["Min", "Max"])
@pytest.mark.parametrize("grown", ["SymmetricTree", "Depthwise", "Lossguide"])
@pytest.mark.parametrize("many", [0, 2, 3], ids=["regression", "binary", "multiclass"])
def test_member_graph_and_library_agree(many: int, grown: str, nan_mode: str) -> None:
    X = table(missing=True)
    settings = {**FEW, "grow_policy": grown, "nan_mode": nan_mode}
    if many:
        model = catboost.CatBoostClassifier(**settings).fit(X, classes(X, many))
    else:
        model = catboost.CatBoostRegressor(**settings).fit(X, signal(X))
    kind = {0: "regression", 2: "binary", 3: "multiclass"}[many]
    same_answers(model, kind, missing=True)  # type: ignore[arg-type]


@pytest.mark.parametrize("grown", ["SymmetricTree", "Depthwise"])
def test_missing_cells_in_columns_that_had_none(grown: str) -> None:
    X = table()
    model = catboost.CatBoostRegressor(**FEW, grow_policy=grown).fit(X, signal(X))
    same_answers(model, "regression", missing=True)


@pytest.mark.parametrize(
    "loss",
    [
        "MAE",
        "Quantile:alpha=0.2",
        "Poisson",
        "Tweedie:variance_power=1.4",
        "Huber:delta=1",
        "Expectile:alpha=0.3",
        "LogCosh",
        "MAPE",
        "Lq:q=3",
    ],
)
def test_losses_and_their_links(loss: str) -> None:
    X = table()
    model = catboost.CatBoostRegressor(loss_function=loss, **FEW).fit(X, np.abs(signal(X)) + 0.1)
    member = same_answers(model, "regression", missing=True)
    assert (member.link == "exp") == loss.startswith(("Poisson", "Tweedie"))
    plain = model.predict(table(20)).reshape(-1)
    np.testing.assert_allclose(predict_native(model, table(20))[:, 0], plain, rtol=1e-9)


@pytest.mark.parametrize("loss", ["MultiRMSE", "MultiQuantile:alpha=0.2,0.7"])
def test_several_outputs(loss: str) -> None:
    X = table()
    both = np.stack([signal(X), X[:, 0].astype(float)], axis=1)
    model = catboost.CatBoostRegressor(loss_function=loss, **FEW)
    same_answers(model.fit(X, both if loss == "MultiRMSE" else both[:, 0]), "vector", missing=True)


def test_leaves_that_no_row_reaches_are_left_out() -> None:
    """A symmetric tree of depth 6 over one column has 64 leaves, of which 7 can be reached."""
    X = table()[:, :1]
    model = catboost.CatBoostRegressor(**{**FEW, "depth": 6, "iterations": 3}).fit(X, X[:, 0])
    member = same_answers(model, "regression", missing=True, columns=1)
    assert isinstance(member, TreesMember)
    assert int((member.left < 0).sum()) <= 3 * 7


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (catboost.CatBoostClassifier(cat_features=[4]), "CatBoostClassifier: it reads categories"),
        (catboost.CatBoostClassifier(text_features=[0]), "reads texts"),
        (catboost.CatBoostClassifier(embedding_features=[0]), "reads embeddings"),
        (catboost.CatBoostRegressor(loss_function="RMSEWithUncertainty"), "the link"),
        (catboost.CatBoostClassifier(loss_function="MultiClassOneVsAll"), "add up to 1"),
        (catboost.CatBoostRanker(), "no reader|the link|of its own"),
    ],
)
def test_refused_before_training(model: Any, message: str) -> None:
    with pytest.raises(NotCompilable, match=message) as caught:
        check_compilable(model)
    assert caught.value.hint


def test_categories_given_to_fit_are_found_when_it_is_read() -> None:
    X = table().astype(object)
    X[:, CODES] = X[:, CODES].astype(int)
    model = catboost.CatBoostRegressor(**FEW).fit(X, signal(table()), cat_features=[CODES])
    with pytest.raises(NotCompilable, match="categories") as caught:
        read_member(model, columns=tuple(range(COLUMNS)))
    assert "Encode them as numbers first" in caught.value.hint


def test_trees_that_found_nothing_to_ask() -> None:
    """A draw of columns without a useful one leaves a tree of a single leaf."""
    X = np.zeros((40, COLUMNS), dtype=np.float32)
    X[0, 0] = 1.0
    X[:, 1] = np.arange(40) % 2
    settings = {**FEW, "rsm": 0.3, "bootstrap_type": "Bernoulli", "subsample": 0.5}
    model = catboost.CatBoostRegressor(**settings, random_seed=1).fit(X, X[:, 1])
    assert 1 in model.get_tree_leaf_counts()
    same_answers(model, "regression")

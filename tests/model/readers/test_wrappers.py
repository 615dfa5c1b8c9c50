from __future__ import annotations

from typing import Any

import lightgbm
import numpy as np
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import PoissonRegressor, Ridge
from sklearn.multioutput import MultiOutputRegressor
from sklearn.neighbors import KNeighborsRegressor
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    PowerTransformer,
    RobustScaler,
    StandardScaler,
)
from sklearn.tree import DecisionTreeRegressor

from assay.errors import NotCompilable
from assay.model.readers import check_compilable, read_beside, read_member

from .proof import CODES, COLUMNS, same_answers, signal, table

ALL = tuple(range(COLUMNS))
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.parametrize(
    "scalers",
    [
        [StandardScaler()],
        [StandardScaler(with_mean=False)],
        [StandardScaler(with_std=False)],
        [MinMaxScaler((-1, 1))],
        [RobustScaler()],
        [RobustScaler(with_centering=False)],
        [RobustScaler(with_scaling=False)],
        [MaxAbsScaler()],
        [RobustScaler(), "passthrough", MinMaxScaler()],
    ],
    ids=str,
)
def test_scalers_become_center_and_scale(scalers: list[Any]) -> None:
    X = table()
    same_answers(make_pipeline(*scalers, Ridge()).fit(X, signal(X)), "regression")


def test_a_pipeline_of_trees_without_a_scaler() -> None:
    X = table()
    model = make_pipeline("passthrough", DecisionTreeRegressor()).fit(X, signal(X))
    member = same_answers(model, "regression")
    assert member.family == "DecisionTreeRegressor"


@pytest.mark.parametrize(
    "trees",
    [
        DecisionTreeRegressor(),
        lightgbm.LGBMRegressor(),
        TransformedTargetRegressor(RandomForestRegressor()),
        MultiOutputRegressor(HistGradientBoostingRegressor()),
    ],
    ids=lambda model: type(model).__name__,
)
def test_a_scaler_before_trees_is_refused(trees: Any) -> None:
    with pytest.raises(NotCompilable, match="lie midway between scaled numbers") as caught:
        check_compilable(make_pipeline(StandardScaler(), trees))
    assert caught.value.hint == "Trees need no scaling: leave the scaler out."


@pytest.mark.parametrize("step", [PCA(2), PowerTransformer(), MinMaxScaler(clip=True)])
def test_other_steps_are_refused(step: Any) -> None:
    with pytest.raises(NotCompilable, match=f"its step {type(step).__name__} is no plain scaler"):
        check_compilable(make_pipeline(step, Ridge()))


@pytest.mark.parametrize("scaler", [None, StandardScaler(), MinMaxScaler()], ids=str)
@pytest.mark.parametrize("targets", [1, 2])
def test_scaled_targets(scaler: Any, targets: int) -> None:
    X = table()
    y = 1e4 + 1e3 * signal(X)
    answers = y if targets == 1 else np.stack([y, -y], axis=1)
    for inner in (
        DecisionTreeRegressor(max_depth=4),
        make_pipeline(StandardScaler(), MLPRegressor(hidden_layer_sizes=(5,), max_iter=20)),
    ):
        model = TransformedTargetRegressor(inner, transformer=scaler).fit(X, answers)
        same_answers(model, "regression" if targets == 1 else "vector")


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (TransformedTargetRegressor(Ridge(), func=np.log, inverse_func=np.exp), "by a function"),
        (TransformedTargetRegressor(Ridge(), transformer=PowerTransformer()), "no plain scaler"),
    ],
)
def test_other_transformations_of_the_target_are_refused(model: Any, message: str) -> None:
    with pytest.raises(NotCompilable, match=message):
        check_compilable(model)


def test_a_link_within_a_scaled_target_is_refused() -> None:
    X = table()
    X[:, 3] /= np.float32(1e4)
    model = TransformedTargetRegressor(PoissonRegressor(), transformer=MinMaxScaler())
    with pytest.raises(NotCompilable, match="a link of its own"):
        read_member(model.fit(X, np.abs(signal(X)) + 1), columns=ALL)


@pytest.mark.parametrize(
    "model",
    [
        DecisionTreeRegressor(max_depth=5),
        Ridge(),
        make_pipeline(StandardScaler(), Ridge()),
        MLPRegressor(hidden_layer_sizes=(6, 3), max_iter=20),
        HistGradientBoostingRegressor(max_iter=5, categorical_features=[CODES]),
        KNeighborsRegressor(3),
    ],
    ids=lambda model: type(model).__name__,
)
def test_one_model_a_target(model: Any) -> None:
    X = table()
    both = np.stack([signal(X), X[:, 0].astype(float)], axis=1)
    fitted = MultiOutputRegressor(model).fit(X, both)
    same_answers(fitted, "vector", extremes=not isinstance(model, KNeighborsRegressor))


def test_quantiles_side_by_side_in_ascending_order() -> None:
    X = table()
    models = {
        q: lightgbm.LGBMRegressor(
            objective="quantile", alpha=q, n_estimators=10, verbose=-1, n_jobs=1
        ).fit(X, signal(X), categorical_feature=[CODES])
        for q in (0.9, 0.1, 0.5)
    }
    member = read_beside(models, columns=ALL, family="quantiles")
    assert member.family == "quantiles"
    same_answers(models, "vector", member=member, missing=True, unseen=True)
    alone = read_member(models[0.1], columns=ALL)
    assert member.base[0] == alone.base[0]  # type: ignore[union-attr]

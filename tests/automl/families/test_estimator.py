"""Estimators of one's own take the exam of the built-in families, or are refused at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import lightgbm
import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    AdaBoostRegressor,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import SGDClassifier
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.tree import DecisionTreeRegressor

from assay.automl.families.estimator import EstimatorFamily
from assay.automl.family import Family, Task
from assay.automl.search import search
from assay.automl.spec import SearchSpec
from assay.errors import InputError, NotCompilable
from assay.model.compile import compile_plan
from assay.model.parity import prove_parity
from assay.testing import FamilyExam


class TestForestOfNumbers(FamilyExam):
    family = EstimatorFamily(
        RandomForestRegressor(20), choices={"max_depth": (None, 6), "max_features": (1.0, 0.5)}
    )


class TestForestOfClasses(FamilyExam):
    family = EstimatorFamily(RandomForestClassifier(20))


class TestHistogramsOfNumbers(FamilyExam):
    family = EstimatorFamily(HistGradientBoostingRegressor(max_iter=60, min_samples_leaf=3))


class TestHistogramsOfClasses(FamilyExam):
    family = EstimatorFamily(HistGradientBoostingClassifier(max_iter=30, min_samples_leaf=3))


class TestNeighboursOfNumbers(FamilyExam):
    family = EstimatorFamily(KNeighborsRegressor(5, weights="distance"))


class TestNeighboursOfClasses(FamilyExam):
    family = EstimatorFamily(KNeighborsClassifier(5))


class TestNetworkOfNumbers(FamilyExam):
    family = EstimatorFamily(
        TransformedTargetRegressor(
            MLPRegressor(hidden_layer_sizes=(20,), solver="lbfgs", max_iter=300),
            transformer=StandardScaler(),
        ),
        name="network",
    )


class TestNetworkOfClasses(FamilyExam):
    family = EstimatorFamily(
        MLPClassifier(hidden_layer_sizes=(20,), solver="lbfgs", alpha=0.1, max_iter=300)
    )


class TestItsOwnPipeline(FamilyExam):
    family = EstimatorFamily(make_pipeline(MinMaxScaler(), KNeighborsRegressor(5)))


class TestAWrapperOfLightGBM(FamilyExam):
    family = EstimatorFamily(
        lightgbm.LGBMClassifier(n_estimators=60, min_child_samples=3, verbose=-1)
    )


def test_what_it_says_of_itself() -> None:
    family = EstimatorFamily(make_pipeline(MinMaxScaler(), KNeighborsRegressor(5)), name="near")
    assert isinstance(family, Family)
    assert (family.name, family.needs, family.takes_weights) == ("near", "linear", False)
    assert EstimatorFamily(RandomForestClassifier()).name == "randomforestclassifier"
    assert EstimatorFamily(RandomForestClassifier(), tasks=["binary"]).tasks == {"binary"}


def test_choices_come_one_at_a_time() -> None:
    family = EstimatorFamily(
        RandomForestRegressor(), choices={"max_depth": (None, 4, 8), "max_features": (1.0,)}
    )
    assert family.candidates(Task(kind="regression"), rows=9, columns=2) == (
        {"max_depth": None, "max_features": 1.0},
        {"max_depth": 4, "max_features": 1.0},
    )


def test_seed_and_threads_are_set_wherever_they_are() -> None:
    inner = MLPRegressor(hidden_layer_sizes=(3,), max_iter=5)
    family = EstimatorFamily(TransformedTargetRegressor(inner, transformer=StandardScaler()))
    X = np.arange(20, dtype=np.float32).reshape(10, 2)
    fitted = family.fit(X, X[:, 0], task=Task(kind="regression"), params={}, seed=7)
    assert fitted.model[-1].regressor_.random_state == 7
    assert inner.random_state is None


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (AdaBoostRegressor(), "cannot take AdaBoostRegressor: no reader knows this class"),
        (lightgbm.LGBMRegressor(linear_tree=True), "LGBMRegressor: its leaves are linear models"),
        (KNeighborsRegressor(metric="manhattan"), "its distance is not Euclidean"),
        (make_pipeline(StandardScaler(), DecisionTreeRegressor()), "a scaler stands before trees"),
        (GradientBoostingRegressor(init=DecisionTreeRegressor()), "starts from another model"),
        (KMeans(3), "cannot take KMeans: it does none of the tasks"),
    ],
)
def test_what_cannot_be_compiled_is_refused_before_training(
    estimator: object, message: str
) -> None:
    with pytest.raises(NotCompilable, match=message) as caught:
        EstimatorFamily(estimator)
    assert caught.value.hint


def test_a_task_that_cannot_be_compiled_is_left_out_or_refused_if_asked_for() -> None:
    against_rest = SGDClassifier(loss="log_loss")
    assert EstimatorFamily(against_rest).tasks == {"binary"}
    with pytest.raises(NotCompilable, match="each of several classes against the rest"):
        EstimatorFamily(against_rest, tasks=["multiclass"])


def test_weights_that_would_be_ignored_are_refused() -> None:
    family = EstimatorFamily(KNeighborsRegressor(2))
    X = np.arange(10, dtype=np.float32).reshape(5, 2)
    with pytest.raises(InputError, match="takes no weights"):
        family.fit(X, X[:, 0], task=Task(kind="regression"), params={}, seed=0, weights=np.ones(5))


@pytest.mark.parametrize(
    ("target", "kind", "estimators"),
    [
        ("price", "regression", [KNeighborsRegressor(5), HistGradientBoostingRegressor()]),
        ("band", "multiclass", [KNeighborsClassifier(5), RandomForestClassifier(20)]),
    ],
)
def test_the_search_tries_them_and_the_graph_is_proved_equal(
    houses: Callable[..., Any], target: str, kind: Any, estimators: list[Any]
) -> None:
    frame, contract = houses(target)
    families = {f.name: f for f in map(EstimatorFamily, estimators)}
    result = search(
        frame,
        contract=contract,
        kind=kind,
        target=target,
        folds=np.arange(len(frame)) % 3,
        spec=SearchSpec(max_trials=4, threads=1),
        families=dict(families),
    )
    assert {member.family for member in result.plan.members} <= set(families)
    assert prove_parity(result.plan, compile_plan(result.plan), frame, result.native).ok

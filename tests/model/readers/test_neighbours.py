from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from assay.errors import NotCompilable
from assay.model.readers import check_compilable, predict_native, read_member
from assay.model.readers.neighbours import MOST_ROWS
from assay.model.reference import member_predictions

from .proof import COLUMNS, classes, plan_of, same_answers, signal, table


@pytest.mark.parametrize("algorithm", ["kd_tree", "brute"])
@pytest.mark.parametrize("weights", ["uniform", "distance"])
@pytest.mark.parametrize("many", [2, 3])
def test_classes(many: int, weights: str, algorithm: str) -> None:
    X = table()
    near = KNeighborsClassifier(7, weights=weights, algorithm=algorithm)
    model = make_pipeline(StandardScaler(), near).fit(X, classes(X, many))
    same_answers(model, "binary" if many == 2 else "multiclass", extremes=False)


@pytest.mark.parametrize("weights", ["uniform", "distance"])
@pytest.mark.parametrize("targets", [1, 2])
def test_numbers(targets: int, weights: str) -> None:
    X = table()
    y = signal(X) if targets == 1 else np.stack([signal(X), X[:, 0].astype(float)], axis=1)
    model = KNeighborsRegressor(4, weights=weights).fit(X, y)
    same_answers(model, "regression" if targets == 1 else "vector", extremes=False)


def test_the_librarys_own_answer_where_no_rows_are_equally_near() -> None:
    X = table()
    for weights in ("uniform", "distance"):
        model = KNeighborsRegressor(4, weights=weights).fit(X, signal(X))
        rows = table(100, seed=8)
        np.testing.assert_allclose(
            predict_native(model, rows)[:, 0], model.predict(rows.astype(float)), rtol=1e-9
        )


def test_a_small_distance_between_large_numbers_keeps_its_digits() -> None:
    """scikit-learn's brute force finds a training row at some distance from itself."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(300, 17)).astype(np.float32)
    X[:, 12] = 2.8e6 * rng.random(300)
    y = rng.normal(size=300)
    model = KNeighborsRegressor(3, weights="distance", algorithm="brute").fit(X, y)
    member = read_member(model, columns=tuple(range(17)))
    described = member_predictions(plan_of(member, "regression"), X)[0]
    np.testing.assert_allclose(described[:, 0], y, rtol=1e-12)
    np.testing.assert_allclose(predict_native(model, X)[:, 0], y, rtol=1e-12)
    assert np.abs(model.predict(X.astype(float)) - y).max() > 1e-4


def test_rows_that_are_equally_near_are_taken_in_their_order() -> None:
    """On a grid many rows are equally near; scikit-learn takes any of them."""
    rng = np.random.default_rng(0)
    X = rng.integers(0, 5, size=(400, 2)).astype(np.float32)
    y = rng.normal(size=400)
    model = KNeighborsRegressor(5).fit(X, y)
    member = read_member(model, columns=(0, 1))
    rows = rng.integers(0, 5, size=(100, 2)).astype(np.float32)
    described = member_predictions(plan_of(member, "regression"), rows)[0]
    np.testing.assert_allclose(described, predict_native(model, rows), rtol=0, atol=1e-12)
    assert np.abs(described[:, 0] - model.predict(rows)).max() > 0.1


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (KNeighborsRegressor(metric="manhattan"), "its distance is not Euclidean"),
        (KNeighborsRegressor(p=1), "its distance is not Euclidean"),
        (KNeighborsClassifier(metric=lambda a, b: 0.0), "its distance is not Euclidean"),
        (KNeighborsClassifier(weights=lambda d: 1 / (1 + d)), "its weights are a function"),
    ],
)
def test_refused_before_training(model: Any, message: str) -> None:
    with pytest.raises(NotCompilable, match=message):
        check_compilable(model)


def test_too_many_rows_are_refused() -> None:
    X = np.zeros((MOST_ROWS + 1, COLUMNS), dtype=np.float32)
    model = KNeighborsRegressor(algorithm="brute").fit(X, X[:, 0])
    with pytest.raises(NotCompilable, match=f"stores {MOST_ROWS + 1} training rows") as caught:
        read_member(model, columns=tuple(range(COLUMNS)))
    assert caught.value.hint == "Fit it on a sample of the rows."

from __future__ import annotations

import time

import numpy as np
import pytest

from assay.automl.families.linear import Linear
from assay.automl.family import Task


def test_five_thousand_columns_take_seconds() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1500, 5000)).astype(np.float32)
    y = X[:, 0] * 3.0 + rng.normal(size=1500) * 0.1
    family, task = Linear(), Task(kind="regression")
    for params in family.candidates(task, rows=1500, columns=5000):
        begin = time.monotonic()
        fitted = family.fit(X, y, task=task, params=params, seed=0)
        assert time.monotonic() - begin < 20
        assert np.corrcoef(fitted.predict(X)[:, 0], y)[0, 1] > 0.9


def test_iterated_ridge_is_the_exact_one() -> None:
    """Least squares with a penalty, against the solution by NumPy."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(1300, 1100)).astype(np.float32)
    y = X[:, :3].sum(axis=1) + rng.normal(size=1300)
    task = Task(kind="regression")
    fitted = Linear().fit(X, y, task=task, params={"mix": 0.0, "alpha": 0.05}, seed=0)
    Z = (X - X.mean(axis=0, dtype=float)) / X.std(axis=0, dtype=float)
    exact = np.linalg.solve(Z.T @ Z + 0.05 * 1300 * np.eye(1100), Z.T @ (y - y.mean()))
    assert np.abs(fitted.predict(X)[:, 0] - (Z @ exact + y.mean())).max() < 1e-3


def test_a_hundred_classes() -> None:
    rng = np.random.default_rng(2)
    X = rng.normal(size=(4000, 12)).astype(np.float32)
    y = (X @ rng.normal(size=(12, 100))).argmax(axis=1).astype(np.int64)
    task = Task(kind="multiclass", classes=100)
    params = Linear().candidates(task, rows=4000, columns=12)[0]
    fitted = Linear().fit(X, y, task=task, params=params, seed=0)
    answer = fitted.predict(X)
    assert answer.shape == (4000, 100)
    assert np.mean(answer.argmax(axis=1) == y) > 0.6


@pytest.mark.parametrize("mix", [0.0, 0.5])
def test_an_answer_of_a_trillion_moves_others_no_further_than_its_share(mix: float) -> None:
    rng = np.random.default_rng(3)
    X = rng.normal(size=(500, 4)).astype(np.float32)
    y = X[:, 0].astype(np.float64)
    y[3] = 1e12
    params = {"mix": mix, "alpha": 0.01}
    fitted = Linear().fit(X, y, task=Task(kind="regression"), params=params, seed=0)
    answer = fitted.predict(X)
    assert np.isfinite(answer).all()
    assert np.abs(answer).max() < 1e12

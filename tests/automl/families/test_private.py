"""The private family: it passes the exam, and an attack finds no more than it promises."""

from __future__ import annotations

import numpy as np
import pytest

from assay.assess.membership import Attack, audited_epsilon
from assay.automl.families import private
from assay.automl.families.private import Noise, PrivateLinear, rho_of
from assay.automl.family import Task
from assay.testing.family import FamilyExam

REGRESSION = Task(kind="regression")
BINARY = Task(kind="binary", classes=2)


class TestPrivateLinear(FamilyExam):
    """With a generous promise: the exam is about mechanics, and its tables are small."""

    family = PrivateLinear(epsilon=30.0, secret=1)


def people(rows, *, seed=0):
    """Four columns; numbers and classes that follow them."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, 4)).astype(np.float32)
    signal = X @ np.array([2.0, -1.0, 0.5, 0.0]) + rng.normal(size=rows)
    return X, signal, (signal > 0).astype(np.int64)


def test_many_rows_are_learned_under_a_strong_promise():
    X, number, label = people(20_000)
    fresh, truth, classes = people(5_000, seed=1)
    family = PrivateLinear(epsilon=1.0, secret=2)
    fitted = family.fit(X, number, task=REGRESSION, params=promise(family), seed=0)
    assert np.mean((fitted.predict(fresh)[:, 0] - truth) ** 2) < 0.35 * np.var(truth)
    fitted = family.fit(X, label, task=BINARY, params=promise(family), seed=0)
    assert np.mean((fitted.predict(fresh)[:, 0] > 0.5) == classes) > 0.78


def promise(family):
    return family.candidates(REGRESSION, rows=1, columns=1)[0]


def released(family, X, y, task):
    """What a fit publishes, as one vector."""
    fitted = family.fit(X, y, task=task, params=promise(family), seed=0)
    return np.concatenate(
        [fitted.center, fitted.scale, fitted.weights.ravel(), fitted.intercept.ravel()]
    )


def audit(task, *, epsilon, fits=400):
    """The epsilon that an attack on one extreme row leaves possible, at 95 %."""
    X, number, label = people(40)
    y = number if task.kind == "regression" else label
    odd = np.full((1, 4), 3.0, np.float32)
    more = np.vstack([X, odd])
    longer = np.append(y, -20.0 if task.kind == "regression" else 0).astype(y.dtype)
    with_row, without = (
        np.array([released(PrivateLinear(epsilon, secret=s), *table, task) for s in range(fits)])
        for table in ((more, longer), (X, y))
    )
    half = fits // 2
    way = with_row[:half].mean(axis=0) - without[:half].mean(axis=0)
    way /= np.maximum(with_row[:half].var(axis=0) + without[:half].var(axis=0), 1e-12)
    attack = Attack("canary", with_row[half:] @ way, without[half:] @ way)
    return audited_epsilon(attack, confidence=0.95)


@pytest.mark.parametrize("task", [REGRESSION, BINARY], ids=["regression", "binary"])
def test_an_attack_finds_no_more_than_was_promised(task):
    assert audit(task, epsilon=1.0) <= 1.0


@pytest.mark.parametrize("task", [REGRESSION, BINARY], ids=["regression", "binary"])
def test_the_attack_would_find_too_little_noise(task, monkeypatch):
    """The same attack, on a fit that adds a hundredth of the noise it should."""
    added = Noise.added
    monkeypatch.setattr(
        Noise,
        "added",
        lambda self, value, *, sensitivity, rho: added(
            self, value, sensitivity=0.01 * sensitivity, rho=rho
        ),
    )
    assert audit(task, epsilon=1.0, fits=200) > 1.0


def test_noise_is_as_large_as_it_must_be():
    noise = Noise(np.random.default_rng(0))
    drawn = noise.added(np.zeros(200_000), sensitivity=3.0, rho=0.5)
    assert drawn.std() == pytest.approx(3.0, rel=0.02)
    assert rho_of(3.0, 1e-6) == pytest.approx(0.148, abs=1e-3)
    assert sum(private.SHARES) == pytest.approx(1.0)


def test_one_row_moves_no_statistic_beyond_its_bound():
    rng = np.random.default_rng(1)
    rows = private._bounded(rng.normal(size=(50, 6)) * 10.0 ** rng.integers(-3, 6, (50, 1)))
    assert np.linalg.norm(rows, axis=1).max() <= private._bound(rows) * (1 + 1e-12)
    places = private._magnitudes(np.array([[0.0, 1.5, -1e30], [3.0, 0.0, 1e-30]]))
    assert places.sum(axis=1).tolist() == [1, 1, 2]


def test_the_noise_is_secret_and_never_the_same_for_other_rows():
    X, number, _ = people(100)
    first = released(PrivateLinear(secret=1), X, number, REGRESSION)
    assert np.array_equal(first, released(PrivateLinear(secret=1), X, number, REGRESSION))
    assert not np.allclose(first, released(PrivateLinear(secret=2), X, number, REGRESSION))
    assert not np.allclose(
        released(PrivateLinear(), X, number, REGRESSION),
        released(PrivateLinear(), X, number, REGRESSION),
    )
    more = np.nextafter(number, np.inf)
    moved = released(PrivateLinear(secret=1), X, more, REGRESSION)
    assert not np.allclose(first, moved)

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.automl.ensemble import blend


def squared(truth: np.ndarray):
    return lambda mean: float(np.mean((mean - truth) ** 2))


def test_errors_that_cancel_are_mixed() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=500)
    noise = rng.normal(size=(3, 500))
    answers = [truth + noise[0], truth + noise[1], truth + 3 * noise[2]]
    weights = blend(answers, squared(truth))
    assert np.allclose(weights, [0.48, 0.48, 0.04], atol=0.1)
    mixed = sum(w * a for w, a in zip(weights, answers, strict=True))
    assert squared(truth)(mixed) < 0.6 * squared(truth)(answers[0])


def test_few_members() -> None:
    rng = np.random.default_rng(1)
    truth = rng.normal(size=200)
    answers = [truth + rng.normal(size=200) for _ in range(10)]
    assert np.count_nonzero(blend(answers, squared(truth), members=3)) == 3


@given(st.integers(0, 10_000), st.integers(1, 6))
@settings(max_examples=50, deadline=None)
def test_never_worse_than_the_best_single(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=30)
    answers = [truth * rng.random() + rng.normal(size=30) for _ in range(count)]
    weights = blend(answers, squared(truth), rounds=10)
    mixed = sum(w * a for w, a in zip(weights, answers, strict=True))
    assert weights.sum() == pytest.approx(1)
    assert squared(truth)(mixed) <= min(map(squared(truth), answers)) + 1e-12

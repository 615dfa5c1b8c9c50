"""Explainable boosting keeps its time without a process of its own."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.automl.families.ebm import ExplainableBoosting
from assay.automl.family import Task


def test_a_bound_on_time_forks_nothing_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> Any:
        raise AssertionError("a fit forked a process")

    monkeypatch.setattr(os, "fork", refuse)
    shared = Path("/dev/shm")
    before = set(shared.iterdir()) if shared.exists() else set()
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20_000, 8)).astype(np.float32)
    y = X[:, 0] ** 2 + rng.normal(size=20_000)
    family, task = ExplainableBoosting(), Task(kind="regression")
    params = family.candidates(task, rows=20_000, columns=8)[0] | {"bags": 8}

    def fit(seconds: float) -> float:
        began = time.monotonic()
        fitted = family.fit(X, y, task=task, params=params, seed=0, seconds=seconds)
        assert np.isfinite(fitted.predict(X[:10])).all()
        return time.monotonic() - began

    with ThreadPoolExecutor(2) as pool:
        took = list(pool.map(fit, (0.2, 0.2)))
    assert max(took) < 10
    assert (set(shared.iterdir()) if shared.exists() else set()) <= before

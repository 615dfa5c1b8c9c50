from __future__ import annotations

import numpy as np
import pytest

from assay.automl.families.neighbours import MOST_CELLS, Neighbours
from assay.automl.family import Task
from assay.errors import InputError
from assay.model.plan import NeighboursMember

NUMBERS = Task(kind="regression")


def test_wide_tables_keep_fewer_rows() -> None:
    X = np.random.default_rng(0).normal(size=(2000, 500)).astype(np.float32)
    params = {"k": 5, "by_distance": True}
    fits = [
        Neighbours().fit(X, X[:, 0], task=NUMBERS, params=params, seed=seed).describe(range(500))
        for seed in (0, 0, 1)
    ]
    assert all(isinstance(member, NeighboursMember) for member in fits)
    assert fits[0].rows.shape == (MOST_CELLS // 500, 500)
    assert np.array_equal(fits[0].rows, fits[1].rows)
    assert not np.array_equal(fits[0].rows, fits[2].rows)


def test_more_neighbours_than_rows_are_all_rows() -> None:
    X = np.arange(6, dtype=np.float32).reshape(6, 1)
    params = {"k": 50, "by_distance": False}
    fitted = Neighbours().fit(X, X[:, 0] * 2.0, task=NUMBERS, params=params, seed=0)
    assert fitted.predict(X)[:, 0].tolist() == pytest.approx([5.0] * 6)


def test_weights_are_refused() -> None:
    X = np.ones((4, 1), dtype=np.float32)
    with pytest.raises(InputError, match="takes no weights") as caught:
        Neighbours().fit(X, X[:, 0], task=NUMBERS, params={"k": 1}, seed=0, weights=np.ones(4))
    assert caught.value.hint

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.automl.fairness import gap_between, on_front
from assay.automl.problem import Groups

HALVES = Groups(column="g", names=("a", "b"), of_row=np.repeat([0, 1], 50))


def test_gaps_by_hand() -> None:
    rows = np.arange(100)
    truth = np.zeros(100)
    errors = np.where(rows < 50, 1.0, -2.0)
    assert gap_between(HALVES, rows, truth, truth + errors, "regression") == pytest.approx(3.0)
    chances = np.tile([[0.9, 0.05, 0.05]], (100, 1))
    right = np.where(rows < 80, 0, 1)
    assert gap_between(HALVES, rows, right, chances, "multiclass") == pytest.approx(0.4)


def test_small_groups_and_empty_cells_do_not_count() -> None:
    groups = Groups(column="g", names=("a", "b", "c"), of_row=np.repeat([0, 1, -1], [50, 40, 10]))
    told = np.where(groups.of_row < 0, 100.0, 0.0)
    assert gap_between(groups, np.arange(100), np.zeros(100), told, "regression") == 0.0
    few = Groups(column="g", names=("a", "b"), of_row=np.repeat([0, 1], [80, 20]))
    assert gap_between(few, np.arange(100), np.zeros(100), np.arange(100.0), "regression") == 0.0


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=20))
def test_the_front_is_what_nobody_beats(points: list[tuple[int, int]]) -> None:
    losses, gaps = np.array(points, dtype=float).T
    front = on_front(losses, gaps)
    assert any(front)
    for place, (loss, gap) in enumerate(points):
        beaten = any(a <= loss and b <= gap and (a, b) != (loss, gap) for a, b in points)
        if front[place]:
            assert not beaten
        else:
            assert beaten or (loss, gap) in points[:place] or points.count((loss, gap)) > 1

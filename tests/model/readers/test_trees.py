from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from assay.model.readers.ebm import steps
from assay.model.readers.trees import at_most, below, plant, stump
from assay.model.reference import raw_trees

LIMIT = 2.0**99
doubles = st.floats(min_value=-LIMIT, max_value=LIMIT)
singles = st.floats(width=32, min_value=-LIMIT, max_value=LIMIT)


@given(doubles, singles)
def test_at_most_splits_float32_as_the_double_does(threshold: float, x: float) -> None:
    assert bool(np.float32(x) <= at_most(threshold)) == (x <= threshold)


@given(doubles, singles)
def test_below_splits_float32_as_the_double_does(threshold: float, x: float) -> None:
    assert bool(np.float32(x) <= below(threshold)) == (x < threshold)


@given(singles)
def test_a_threshold_that_is_a_float32(x: float) -> None:
    assert float(at_most(x)) == x
    assert float(below(x)) < x


def test_single_leaves_become_the_base() -> None:
    grown = steps([0], [np.array([0.5])], np.array([[1.0], [2.0]]))
    member = plant(
        [stump([3.0]), grown, stump([4.0])],
        family="test",
        columns=(0,),
        base=np.array([10.0]),
        link="identity",
    )
    assert member.base.tolist() == [17.0]
    assert len(member.roots) == 1
    answers = raw_trees(member, np.array([[0.0], [1.0]], dtype=np.float32))
    assert answers.ravel().tolist() == [18.0, 19.0]


def test_nothing_but_leaves_is_still_a_tree() -> None:
    member = plant(
        [stump([3.0])], family="test", columns=(0,), base=np.array([1.0]), link="identity"
    )
    assert len(member.roots) == 1
    assert raw_trees(member, np.zeros((2, 1), dtype=np.float32)).ravel().tolist() == [4.0, 4.0]


def test_a_pair_of_columns_as_steps() -> None:
    """Every cell of a 3 by 2 table, cut points included."""
    cuts = [np.array([1.0, 2.0]), np.array([0.1])]
    values = np.arange(6, dtype=np.float64).reshape(3, 2, 1)
    member = plant(
        [steps([0, 1], cuts, values)],
        family="test",
        columns=(0, 1),
        base=np.zeros(1),
        link="identity",
    )
    rng = np.random.default_rng(0)
    X = rng.choice([0.5, 1.0, 1.5, 2.0, 3.0, 0.1, 0.0], size=(200, 2)).astype(np.float32)
    cells = [
        np.searchsorted(c, X[:, i].astype(np.float64), side="right") for i, c in enumerate(cuts)
    ]
    assert np.array_equal(raw_trees(member, X)[:, 0], values[cells[0], cells[1], 0])


def test_equal_cells_become_one_leaf() -> None:
    tree = steps([0], [np.arange(50.0)], np.repeat([[1.0], [2.0]], [40, 11], axis=0))
    assert len(tree.left) < 20

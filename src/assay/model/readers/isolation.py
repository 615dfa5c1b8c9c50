"""Isolation forests (Liu, Ting and Zhou 2008) of scikit-learn."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from assay.model.plan import Float32, Float64, Int32, TreesMember
from assay.model.readers.sklearn_trees import nodes_of, takes_missing
from assay.model.readers.trees import Tree, plant, stump


def check(model: Any, *, classes: int) -> None:
    """Every isolation forest can be read."""


def read(model: Any, *, columns: tuple[int, ...], family: str) -> TreesMember:
    """The score ``2 ** (-depth / usual depth)`` as e to the power of a sum of leaves."""
    usual = len(model.estimators_) * float(_usual_depth(np.array([model.max_samples_]))[0])
    if usual == 0:  # one row a tree: every score is a half
        trees, base = [stump([0.0])], np.array([-np.log(2.0)])
    else:
        trees, base = [_tree(*part, usual) for part in _parts(model)], np.zeros(1)
    return plant(trees, family=family, columns=columns, base=base, link="exp")


def answer(model: Any, X: Float32) -> Float64:
    """Scores by scikit-learn, in (0, 1]; larger is stranger."""
    return -np.asarray(model.score_samples(X), dtype=np.float64)[:, None]


def _parts(model: Any) -> list[tuple[Any, Any]]:
    return list(zip(model.estimators_, model.estimators_features_, strict=True))


def _tree(estimator: Any, features: Any, usual: float) -> Tree:
    """One tree; it may have been grown on some of the features."""
    grown = estimator.tree_
    depth = _depths(grown) + _usual_depth(grown.n_node_samples)
    leaves = (-np.log(2.0) / usual * depth)[:, None]
    tree = nodes_of(grown, leaves, missing=takes_missing(estimator))
    return replace(tree, feature=np.asarray(features)[tree.feature].astype(np.int32))


def _depths(grown: Any) -> Float64:
    """Splits above each node; parents come before their children."""
    depth = np.zeros(grown.node_count)
    for node in range(grown.node_count):
        for child in (grown.children_left[node], grown.children_right[node]):
            if child >= 0:
                depth[child] = depth[node] + 1
    return depth


def _usual_depth(rows: Int32) -> Float64:
    """Mean depth of an unsuccessful search in a tree of so many rows (Liu et al., equation 1).

    Examples
    --------
    >>> _usual_depth(np.array([1, 2, 256])).round(3).tolist()
    [0.0, 1.0, 10.245]
    """
    n = np.maximum(np.asarray(rows, dtype=np.float64), 3.0)
    many = 2.0 * (np.log(n - 1.0) + np.euler_gamma) - 2.0 * (n - 1.0) / n
    return np.where(rows <= 1, 0.0, np.where(rows == 2, 1.0, many))

"""Trees and forests of scikit-learn, from their node arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from assay.model.plan import Float32, Float64, TreesMember
from assay.model.readers.settings import chances, require_two_classes, values
from assay.model.readers.trees import Tree, at_most, plant


def check(model: Any, *, classes: int) -> None:  # noqa: ARG001 - any number of them
    """Refuse classifiers that saw one class or answer several questions."""
    require_two_classes(model)


def read(model: Any, *, columns: tuple[int, ...], family: str) -> TreesMember:
    """Every tree, its leaves divided by the number of trees."""
    grown = getattr(model, "estimators_", [model])
    trees = [
        nodes_of(one.tree_, _leaves(one.tree_, one) / len(grown), missing=takes_missing(one))
        for one in grown
    ]
    base = np.zeros(trees[0].values.shape[1])
    return plant(trees, family=family, columns=columns, base=base)


def answer(model: Any, X: Float32) -> Float64:
    """Rows by scikit-learn, which compares in single precision and sums in double."""
    if hasattr(model, "classes_"):
        return chances(model.predict_proba(X))
    return values(model.predict(X))


def nodes_of(grown: Any, leaf_values: Float64, *, missing: bool) -> Tree:
    """Node arrays of one tree of scikit-learn.

    Parameters
    ----------
    grown : sklearn.tree._tree.Tree
    leaf_values : array, shape (n_nodes, n_outputs)
        Values to sum; those off the leaves do not matter.
    missing : bool
        Whether the estimator takes missing features.
    """
    leaf = grown.children_left < 0
    sides = np.asarray(grown.missing_go_to_left, dtype=np.bool_)
    return Tree(
        feature=np.where(leaf, 0, grown.feature).astype(np.int32),
        threshold=np.where(leaf, np.float32(0), at_most(grown.threshold)),
        left=grown.children_left.astype(np.int32),
        right=grown.children_right.astype(np.int32),
        values=np.where(leaf[:, None], leaf_values, 0.0),
        missing_left=sides & ~leaf if missing else None,
    )


def takes_missing(tree: Any) -> bool:
    """Whether one fitted tree of scikit-learn takes missing features."""
    return bool(tree.__sklearn_tags__().input_tags.allow_nan)


def _leaves(grown: Any, tree: Any) -> Float64:
    """Means of a regression, one a target; shares of a classification, of class 1 if two."""
    if not hasattr(tree, "classes_"):
        return np.asarray(grown.value[:, :, 0], dtype=np.float64)
    return chances(grown.value[:, 0, :])

"""Explainable boosting machines (Nori et al. 2019) on continuous columns.

Every effect is a step function of one or two columns, so it is written out as one tree over its
cuts; missing cells have a bin of their own.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from assay.model.plan import Float32, Float64, Link, Member
from assay.model.readers.settings import chances, refuse, require_two_classes, values
from assay.model.readers.trees import Sapling, Tree, below, plant

LINKS: dict[str, Link] = {
    "identity": "identity",
    "log": "exp",
    "logit": "sigmoid",
    "mlogit": "softmax",
}
ALL = np.float32(np.inf)
"""Every number is at most this; a missing one is not."""


def check(model: Any, *, classes: int) -> None:  # noqa: ARG001 - any number of them
    """Refuse columns of categories."""
    require_two_classes(model)
    kinds = getattr(model, "feature_types_in_", None) or getattr(model, "feature_types", None)
    if kinds is not None and any(kind != "continuous" for kind in kinds):
        raise refuse(
            model,
            "some of its columns are categories",
            'Encode them as numbers, and pass feature_types=["continuous", ...].',
        )


def read(model: Any, *, columns: tuple[int, ...], family: str) -> Member:
    """A tree a term: balanced over the cuts of its column, nested for a pair."""
    link = LINKS.get(model.link_)
    if link is None:
        raise refuse(
            model, f"its link {model.link_!r} has no counterpart", f"Links: {', '.join(LINKS)}."
        )
    trees = [
        _tree(model, term, np.asarray(scores, dtype=np.float64))
        for term, scores in zip(model.term_features_, model.term_scores_, strict=True)
    ]
    start = np.atleast_1d(np.asarray(model.intercept_, dtype=np.float64))
    return plant(trees, family=family, columns=columns, base=start, link=link)


def answer(model: Any, X: Float32) -> Float64:
    """Rows by InterpretML."""
    if hasattr(model, "classes_"):
        return chances(model.predict_proba(X))
    return values(model.predict(X))


def _tree(model: Any, term: tuple[int, ...], scores: Float64) -> Tree:
    """The step function of one term; its last bin, of words it does not know, never occurs."""
    known = scores[(slice(None, -1),) * len(term)]
    cells = known.reshape(*known.shape[: len(term)], -1)
    cuts = [_cuts(model, feature, order=len(term)) for feature in term]
    return steps(list(term), cuts, cells, missing=True)


def _cuts(model: Any, feature: int, *, order: int) -> Float64:
    """Cuts of a column: as many levels are kept as there are kinds of terms it is in."""
    levels = model.bins_[feature]
    return np.asarray(levels[min(len(levels), order) - 1], dtype=np.float64)


def steps(
    features: list[int], cuts: list[Float64], values: Float64, *, missing: bool = False
) -> Tree:
    """A step function of one or more columns as a tree, balanced over each column's cuts.

    Parameters
    ----------
    features : list of int
        The columns.
    cuts : list of array
        Ascending cuts of each; ``x < cut`` lies on the left.
    values : array, shape (len(cuts[0]) + 1, ..., n_outputs)
        The value of each cell; with ``missing``, one more along each column, before the others,
        for missing cells.

    Examples
    --------
    >>> tree = steps([0], [np.array([1.0, 2.0])], np.array([[5.0], [6.0], [7.0]]))
    >>> tree.threshold.astype(float).round(3).tolist(), tree.values[:, 0].tolist()
    ([2.0, 1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 5.0, 6.0, 7.0])
    """
    grower = _Grower(features, [below(c) for c in cuts], values, missing=missing)
    grower.grow([(0, n - 1) for n in values.shape[:-1]])
    return grower.sapling.tree()


class _Grower:
    """Grows a tree, depth first; boxes of cells with one value become one leaf."""

    def __init__(
        self, features: list[int], thresholds: list[Float32], values: Float64, *, missing: bool
    ) -> None:
        self.features = features
        self.thresholds = thresholds
        self.values = values
        self.missing = missing
        self.sapling = Sapling(values.shape[-1])

    def grow(self, box: list[tuple[int, int]]) -> int:
        """Grow the tree of the cells ``first..last`` (inclusive) a column; gives its root."""
        cells = self.values[tuple(slice(first, last + 1) for first, last in box)]
        flat = cells.reshape(-1, cells.shape[-1])
        if (flat == flat[0]).all():
            return self.sapling.leaf(flat[0])
        axis = next(i for i, (first, last) in enumerate(box) if last > first)
        first, last = box[axis]
        if self.missing and first == 0:
            node = self.sapling.split(self.features[axis], ALL, missing_left=False)
            lower, upper = (1, last), (0, 0)
        else:
            cut = (first + last) // 2
            threshold = self.thresholds[axis][cut - self.missing]
            node = self.sapling.split(self.features[axis], threshold, missing_left=False)
            lower, upper = (first, cut), (cut + 1, last)
        left = self.grow([*box[:axis], lower, *box[axis + 1 :]])
        right = self.grow([*box[:axis], upper, *box[axis + 1 :]])
        self.sapling.join(node, left, right)
        return node

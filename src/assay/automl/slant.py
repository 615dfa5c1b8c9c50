"""A fit that takes rows otherwise than they are: weights and labels by group and class.

Any family that weighs rows can be slanted; it need not know what for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from assay.automl.family import Answers
from assay.automl.table import Rows
from assay.model.plan import Float64


@dataclass(frozen=True, kw_only=True)
class Slant:
    """What a row counts in a fit, and the class it is learned as.

    Attributes
    ----------
    weights : tuple of tuple of float, shape (n_groups + 1, n_classes)
        By group and true class, at least 0; the last row is for rows of no known group.
    labels : tuple of tuple of int, shape (n_groups + 1, n_classes)
    """

    weights: tuple[tuple[float, ...], ...]
    labels: tuple[tuple[int, ...], ...]

    def apply(self, y: Answers, groups: Rows, weights: Float64 | None) -> tuple[Answers, Float64]:
        """Labels and weights of some rows, the weights they had before included.

        Parameters
        ----------
        y : array of int, shape (n,)
            True classes.
        groups : array of int, shape (n,)
            -1: no known group.
        weights : array, shape (n,), optional

        Examples
        --------
        >>> slant = Slant(weights=((2.0, 1.0), (1.0, 1.0)), labels=((0, 1), (0, 0)))
        >>> y, weights = slant.apply(np.array([0, 1, 1]), np.array([0, 0, -1]), None)
        >>> y.tolist(), weights.tolist()
        ([0, 1, 0], [2.0, 1.0, 1.0])
        """
        classes = np.asarray(y, dtype=np.int64)
        own = np.array(self.weights)[groups, classes]
        labels = np.array(self.labels, dtype=np.int64)[groups, classes]
        return labels, own if weights is None else own * weights


def reweighing(
    y: Answers, groups: Rows, *, count: int, classes: int, weights: Float64 | None = None
) -> Slant:
    """Weights under which class and group are independent (Kamiran and Calders 2012).

    ``w(g, c) = P(g) P(c) / P(g, c)``: rows of a group that seldom has the class count more.
    Labels stay as they are. Rows of no known group are a group of their own.

    Source: F. Kamiran and T. Calders, Data preprocessing techniques for classification without
    discrimination, Knowledge and Information Systems 33 (2012).

    Parameters
    ----------
    y, groups, weights : array, shape (n,)
        See `Slant.apply`.
    count, classes : int
        Of groups, and of classes.

    Examples
    --------
    >>> slant = reweighing(np.array([1, 1, 0, 1, 0, 0]), np.array([0, 0, 0, 1, 1, 1]),
    ...                    count=2, classes=2)
    >>> [[round(w, 2) for w in row] for row in slant.weights]
    [[1.5, 0.75], [0.75, 1.5], [1.0, 1.0]]
    """
    table = cell_sums(y, groups, count=count, classes=classes, weights=weights)
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
    own = np.where(table > 0, expected / np.where(table > 0, table, 1.0), 1.0)
    return Slant(
        weights=tuple(tuple(row) for row in own.tolist()),
        labels=tuple(tuple(range(classes)) for _ in range(count + 1)),
    )


def cost_sensitive(gains: Float64, prices: Float64) -> Slant:
    """The weighted problem whose best answer is the best one at given prices, for two classes.

    Answering 1 brings ``gains[c]`` more than answering 0 where c is the true class, and costs
    ``prices[g, c]``. What is left says which label is better, and by how much. Source: A.
    Agarwal, A. Beygelzimer, M. Dudík, J. Langford and H. Wallach, A reductions approach to fair
    classification, ICML 2018.

    Parameters
    ----------
    gains : array, shape (2,)
    prices : array, shape (n_groups + 1, 2)

    Examples
    --------
    >>> slant = cost_sensitive(np.array([-1.0, 1.0]), np.array([[0.0, 0.0], [-1.5, -1.5]]))
    >>> slant.labels, slant.weights
    (((0, 1), (1, 1)), ((1.0, 1.0), (0.5, 2.5)))
    """
    left = gains - prices
    return Slant(
        weights=tuple(tuple(row) for row in np.abs(left).tolist()),
        labels=tuple(tuple(int(x) for x in row) for row in (left > 0).tolist()),
    )


def cell_sums(
    y: Answers, groups: Rows, *, count: int, classes: int, weights: Float64 | None = None
) -> Float64:
    """Rows, or their weight, by group and class: (count + 1, classes); the last group is none."""
    place = np.where(groups < 0, count, groups) * classes + np.asarray(y, dtype=np.int64)
    sums = np.bincount(place, weights=weights, minlength=(count + 1) * classes)
    return np.asarray(sums.reshape(count + 1, classes), dtype=np.float64)

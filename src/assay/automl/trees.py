"""Trees of any library as one set of node arrays that float32 features walk exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from assay.model.plan import Float32, Float64, Int32, TreesMember


@dataclass(frozen=True, kw_only=True)
class Tree:
    """One tree; node 0 is the root, ``left[i] == -1`` marks a leaf.

    ``values``: (n_nodes, n_outputs), zero off the leaves.
    """

    feature: Int32
    threshold: Float32
    left: Int32
    right: Int32
    values: Float64


def at_most(threshold: npt.ArrayLike) -> Float32:
    """Largest float32 ``t`` with ``t <= threshold``: ``x <= threshold`` is ``x <= t`` in float32.

    Examples
    --------
    >>> bool(at_most(0.1) <= 0.1), float(at_most(0.5))
    (True, 0.5)
    """
    exact = np.asarray(threshold, dtype=np.float64)
    near = exact.astype(np.float32)
    below = np.nextafter(near, np.float32(-np.inf))
    return np.where(near.astype(np.float64) <= exact, near, below)


def below(threshold: npt.ArrayLike) -> Float32:
    """Largest float32 ``t`` with ``t < threshold``: ``x < threshold`` is ``x <= t`` in float32."""
    exact = np.asarray(threshold, dtype=np.float64)
    near = at_most(exact)
    lower = np.nextafter(near, np.float32(-np.inf))
    return np.where(near.astype(np.float64) < exact, near, lower)


def plant(
    trees: Sequence[Tree],
    *,
    family: str,
    columns: tuple[int, ...],
    base: Float64,
    link: Literal["identity", "sigmoid", "softmax"],
) -> TreesMember:
    """Join trees into one member; trees of a single leaf become part of ``base``."""
    alone = [tree.values[0] for tree in trees if len(tree.left) == 1]
    grown = [tree for tree in trees if len(tree.left) > 1] or [stump(np.zeros_like(base))]
    sizes = [len(tree.left) for tree in grown]
    roots = np.cumsum([0, *sizes[:-1]])
    shifts = np.repeat(roots, sizes)
    left = np.concatenate([tree.left for tree in grown])
    right = np.concatenate([tree.right for tree in grown])
    return TreesMember(
        family=family,
        columns=columns,
        roots=roots.astype(np.int32),
        feature=np.concatenate([tree.feature for tree in grown]).astype(np.int32),
        threshold=np.concatenate([tree.threshold for tree in grown]).astype(np.float32),
        left=np.where(left < 0, -1, left + shifts).astype(np.int32),
        right=np.where(right < 0, -1, right + shifts).astype(np.int32),
        values=np.concatenate([tree.values for tree in grown]),
        base=base + np.sum(alone, axis=0) if alone else base,
        link=link,
    )


def stump(values: npt.ArrayLike) -> Tree:
    """A tree of one leaf."""
    leaf = np.atleast_2d(np.asarray(values, dtype=np.float64))
    none = np.full(1, -1, dtype=np.int32)
    return Tree(
        feature=np.zeros(1, dtype=np.int32),
        threshold=np.zeros(1, dtype=np.float32),
        left=none,
        right=none,
        values=leaf,
    )


def spread(scores: Float64, output: int, width: int) -> Float64:
    """Leaf scores of one output as rows of ``width`` outputs."""
    values = np.zeros((len(scores), width))
    values[:, output] = scores
    return values

"""Trees of any library as one set of node arrays that float32 features walk exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from assay.model.plan import Bool, Float32, Float64, Int32, Link, TreesMember


@dataclass(frozen=True, kw_only=True)
class Tree:
    """One tree; node 0 is the root, ``left[i] == -1`` marks a leaf.

    ``values``: (n_nodes, n_outputs), zero off the leaves. ``missing_left`` (n_nodes,) says where
    missing features go; None where the library takes none. ``set_of`` (n_nodes,) counts within
    ``sets``, -1 where a node has a threshold.
    """

    feature: Int32
    threshold: Float32
    left: Int32
    right: Int32
    values: Float64
    missing_left: Bool | None = None
    set_of: Int32 | None = None
    sets: tuple[Float32, ...] = ()


class Sapling:
    """A tree that grows node by node, the root first."""

    def __init__(self, n_outputs: int) -> None:
        self._none = np.zeros(n_outputs)
        self._nodes: list[tuple[int, np.float32, bool]] = []
        self._children: list[tuple[int, int]] = []
        self._values: list[Float64] = []

    def leaf(self, values: Float64) -> int:
        """Add a leaf; gives its number."""
        return self._add((0, np.float32(0), False), values)

    def split(self, feature: int, threshold: np.float32, *, missing_left: bool) -> int:
        """Add a split, whose two sides `join` will tell; gives its number."""
        return self._add((feature, threshold, missing_left), self._none)

    def join(self, node: int, left: int, right: int) -> None:
        """Say which nodes lie below a split."""
        self._children[node] = (left, right)

    def tree(self) -> Tree:
        """The nodes as arrays."""
        feature, threshold, missing_left = zip(*self._nodes, strict=True)
        left, right = zip(*self._children, strict=True)
        return Tree(
            feature=np.array(feature, dtype=np.int32),
            threshold=np.array(threshold, dtype=np.float32),
            left=np.array(left, dtype=np.int32),
            right=np.array(right, dtype=np.int32),
            values=np.array(self._values, dtype=np.float64),
            missing_left=np.array(missing_left, dtype=np.bool_),
        )

    def _add(self, node: tuple[int, np.float32, bool], values: Float64) -> int:
        self._nodes.append(node)
        self._children.append((-1, -1))
        self._values.append(values)
        return len(self._nodes) - 1


def at_most(threshold: npt.ArrayLike) -> Float32:
    """Largest float32 ``t`` with ``t <= threshold``: ``x <= threshold`` is ``x <= t`` in float32.

    Examples
    --------
    >>> bool(at_most(0.1) <= 0.1), float(at_most(0.5))
    (True, 0.5)
    """
    exact = np.asarray(threshold, dtype=np.float64)
    with np.errstate(over="ignore"):
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
    link: Link = "identity",
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
        missing_left=join_missing(grown),
        set_of=join_sets(grown),
        sets=tuple(one for tree in grown for one in tree.sets),
    )


def flat_nodes(
    root: dict[str, Any], left: str, right: str
) -> tuple[list[dict[str, Any]], Int32, Int32]:
    """Nodes of a nested tree in the order they are met, and the numbers of their two children.

    ``left`` and ``right`` are the keys under which a node holds its children; a leaf holds none.
    No recursion: trees that grow leaf by leaf may be thousands of levels deep.
    """
    nodes = [root]
    children: list[tuple[int, int]] = []
    for node in nodes:  # grows while it is walked
        if left in node:
            children.append((len(nodes), len(nodes) + 1))
            nodes += [node[left], node[right]]
        else:
            children.append((-1, -1))
    pairs = np.array(children, dtype=np.int32)
    return nodes, pairs[:, 0], pairs[:, 1]


def stump(values: npt.ArrayLike) -> Tree:
    """A tree of one leaf, which missing features reach as well."""
    leaf = np.atleast_2d(np.asarray(values, dtype=np.float64))
    none = np.full(1, -1, dtype=np.int32)
    return Tree(
        feature=np.zeros(1, dtype=np.int32),
        threshold=np.zeros(1, dtype=np.float32),
        left=none,
        right=none,
        values=leaf,
        missing_left=np.zeros(1, dtype=np.bool_),
    )


def spread(scores: Float64, output: int, width: int) -> Float64:
    """Leaf scores of one output as rows of ``width`` outputs."""
    values = np.zeros((len(scores), width))
    values[:, output] = scores
    return values


def join_missing(parts: Sequence[Tree | TreesMember]) -> Bool | None:
    """Where missing features go, node by node of trees laid end to end; right where untold."""
    if all(part.missing_left is None for part in parts):
        return None
    sides = [
        np.zeros(len(part.left), dtype=np.bool_) if part.missing_left is None else part.missing_left
        for part in parts
    ]
    return np.concatenate(sides)


def join_sets(parts: Sequence[Tree | TreesMember]) -> Int32 | None:
    """Which set each node of trees laid end to end asks, when their sets lie end to end too."""
    if all(part.set_of is None for part in parts):
        return None
    places, first = [], 0
    for part in parts:
        own = np.full(len(part.left), -1) if part.set_of is None else part.set_of
        places.append(np.where(own < 0, -1, own + first))
        first += len(part.sets)
    return np.concatenate(places).astype(np.int32)

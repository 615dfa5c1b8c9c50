"""All trees of all members as one graph node that computes in double.

Measured with ONNX Runtime 1.32, 500 trees of 31 leaves, one thread: float32 nodes and double
nodes are equally fast (1,000 rows: 20 ms; one row: 25 to 40 µs), double sums agree with the
reference to 3e-15 relative instead of 1e-6, and ``TreeEnsemble`` (ai.onnx.ml 5) is half as
large as ``TreeEnsembleRegressor`` (version 3). Its leaves feed one output each, though: where
leaves hold a value for every class (forests), each tree would be copied once a class. Such
plans use ``TreeEnsembleRegressor`` with double tensors, which sums in double and rounds the
sum to float32 once; unless some split asks for a set of categories, which only the newer node
knows: then trees are copied.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, numpy_helper

from assay.model.compile_features import Features
from assay.model.graph import ML, GraphBuilder
from assay.model.plan import Array, Bool, Float64, TreesMember

Ints = npt.NDArray[np.int64]

SINGLE_OUTPUT_OPSET = 5
SEVERAL_OUTPUTS_OPSET = 3
AT_MOST, MEMBER = 0, 6
"""Modes of a split in ``TreeEnsemble``."""
_OF_NODES = (
    *("feature", "threshold", "left", "right", "values"),
    *("first_output", "missing_left", "set_of"),
)


@dataclass(frozen=True)
class _Forest:
    """Trees of all members in one numbering of nodes, features and outputs."""

    roots: Ints
    feature: Ints
    threshold: Float64
    left: Ints
    right: Ints
    values: Float64
    first_output: Ints
    """Of each node: the member's first output."""
    missing_left: Bool
    set_of: Ints
    """The place in ``sets`` of a split by a set of categories, else -1."""
    sets: tuple[Float64, ...]
    n_outputs: int

    @property
    def leaf(self) -> npt.NDArray[np.bool_]:
        return np.asarray(self.left < 0)


def trees_opset(members: Sequence[TreesMember]) -> int:
    """Version of ai.onnx.ml whose tree node fits: 5, or 3 where leaves feed several outputs."""
    several = any(_feed_several(m.values) for m in members)
    with_sets = any(m.set_of is not None for m in members)
    return SEVERAL_OUTPUTS_OPSET if several and not with_sets else SINGLE_OUTPUT_OPSET


def _feed_several(values: Float64) -> bool:
    return bool(np.any((values != 0).sum(axis=1) > 1))


def compile_trees(builder: GraphBuilder, members: Sequence[TreesMember], features: Features) -> str:
    """Add the trees; gives the sums of leaves, less bases, double (N, n_outputs of all members)."""
    forest = _merge(members, features.position)
    name, forest = _whole_for_sets(builder, forest, features)
    if trees_opset(members) == SINGLE_OUTPUT_OPSET:
        return _single_output(builder, forest, name)
    return _several_outputs(builder, forest, name)


def _whole_for_sets(
    builder: GraphBuilder, forest: _Forest, features: Features
) -> tuple[str, _Forest]:
    """Features that are sought in a set though they may be no whole number, once more.

    ONNX Runtime 1.32 takes 1.01 for a member of {1, 3, 70}. In the copies a number that is not
    whole is infinite, and so in no set.
    """
    where = np.zeros(features.width, dtype=bool)
    where[features.position] = features.whole
    asked = (forest.set_of >= 0) & ~where[forest.feature]
    if not asked.any():
        return features.name, forest
    places = np.unique(forest.feature[asked])
    own = builder.pick(features.name, places.tolist(), width=len(where))
    whole = builder.node("Equal", own, builder.node("Floor", own))
    gap = builder.node("IsNaN", own)
    kept = builder.node("Where", builder.node("Or", whole, gap), own, builder.number(np.inf))
    copies = len(where) + np.searchsorted(places, forest.feature)
    return builder.concat([features.name, kept]), replace(
        forest, feature=np.where(asked, copies, forest.feature)
    )


def _merge(members: Sequence[TreesMember], position: Ints) -> _Forest:
    widths = [len(m.base) for m in members]
    first_outputs = np.cumsum([0, *widths])[:-1]
    sizes = [len(m.feature) for m in members]
    shifts = np.cumsum([0, *sizes])[:-1]

    def shifted(arrays: Sequence[Array]) -> Ints:
        pairs = zip(arrays, shifts, strict=True)
        return np.concatenate([np.where(a < 0, -1, a.astype(np.int64) + s) for a, s in pairs])

    def features(member: TreesMember) -> Ints:
        own = position[np.asarray(member.columns)]
        return np.asarray(own[np.where(member.left < 0, 0, member.feature)])

    values = np.zeros((sum(sizes), max(widths)))
    for member, shift in zip(members, shifts, strict=True):
        values[shift : shift + len(member.feature), : len(member.base)] = member.values
    set_shifts = np.cumsum([0, *(len(m.sets) for m in members)])[:-1]
    none = [np.full(len(m.feature), -1) if m.set_of is None else m.set_of for m in members]
    of_sets = zip(none, set_shifts, strict=True)
    return _Forest(
        roots=shifted([m.roots for m in members]),
        feature=np.concatenate([features(m) for m in members]),
        threshold=np.concatenate(
            [np.where(m.left < 0, 0.0, m.threshold).astype(np.float64) for m in members]
        ),
        left=shifted([m.left for m in members]),
        right=shifted([m.right for m in members]),
        values=values,
        first_output=np.repeat(first_outputs, sizes),
        missing_left=np.concatenate(
            [
                np.zeros(len(m.feature), bool) if m.missing_left is None else m.missing_left
                for m in members
            ]
        ),
        set_of=np.concatenate([np.where(a < 0, -1, a.astype(np.int64) + n) for a, n in of_sets]),
        sets=tuple(np.asarray(s, dtype=np.float64) for m in members for s in m.sets),
        n_outputs=sum(widths),
    )


def _single_output(builder: GraphBuilder, forest: _Forest, features: str) -> str:
    """``TreeEnsemble``: inner nodes and leaves are numbered apart."""
    forest = _without_lone_leaves(_one_output_a_tree(forest))
    inner, leaves = np.flatnonzero(~forest.leaf), np.flatnonzero(forest.leaf)
    number = np.empty(len(forest.leaf), dtype=np.int64)
    number[inner], number[leaves] = np.arange(len(inner)), np.arange(len(leaves))
    output = np.abs(forest.values[leaves]).argmax(axis=1)
    weights = forest.values[leaves, output]
    return builder.node(
        "TreeEnsemble",
        features,
        domain=ML,
        n_targets=forest.n_outputs,
        aggregate_function=1,  # sum
        post_transform=0,
        tree_roots=number[forest.roots].tolist(),
        nodes_featureids=forest.feature[inner].tolist(),
        nodes_splits=numpy_helper.from_array(forest.threshold[inner]),
        nodes_modes=numpy_helper.from_array(_modes(forest, inner)),
        nodes_truenodeids=number[forest.left[inner]].tolist(),
        nodes_trueleafs=forest.leaf[forest.left[inner]].astype(int).tolist(),
        nodes_falsenodeids=number[forest.right[inner]].tolist(),
        nodes_falseleafs=forest.leaf[forest.right[inner]].astype(int).tolist(),
        leaf_targetids=(forest.first_output[leaves] + output).tolist(),
        leaf_weights=numpy_helper.from_array(weights),
        **_sets(forest, inner),
        **_missing(forest, inner),
    )


def _modes(forest: _Forest, inner: Ints) -> npt.NDArray[np.uint8]:
    """Of each split: ``<=``, or membership of a set."""
    return np.where(forest.set_of[inner] < 0, AT_MOST, MEMBER).astype(np.uint8)


def _sets(forest: _Forest, inner: Ints) -> dict[str, onnx.TensorProto]:
    """The sets of all splits that have one, in their order, a NaN after each."""
    places = forest.set_of[inner]
    values = [np.append(forest.sets[place], np.nan) for place in places[places >= 0]]
    if not values:
        return {}
    return {"membership_values": numpy_helper.from_array(np.concatenate(values))}


def _missing(forest: _Forest, nodes: Ints) -> dict[str, list[int]]:
    """Which splits send a missing feature left; left out where none does."""
    left = forest.missing_left[nodes]
    return {"nodes_missing_value_tracks_true": left.astype(int).tolist()} if left.any() else {}


def _one_output_a_tree(forest: _Forest) -> _Forest:
    """Trees whose leaves feed several outputs, once for each output that any leaf feeds."""
    if not _feed_several(forest.values):
        return forest
    tree, _ = _tree_order(forest)
    feeds = np.zeros((len(forest.roots), forest.values.shape[1]), dtype=bool)
    np.logical_or.at(feeds, tree, forest.values != 0)
    feeds[~feeds.any(axis=1), 0] = True
    parts = [_select(forest, tree, feeds[:, k], k) for k in range(feeds.shape[1])]
    return _join([part for part in parts if len(part.roots)])


def _select(forest: _Forest, tree: Ints, trees: Bool, output: int) -> _Forest:
    """Some of the trees, their leaves feeding one output alone."""
    kept = np.flatnonzero(trees[tree])
    place = np.full(len(tree) + 1, -1, dtype=np.int64)
    place[kept] = np.arange(len(kept))
    values = np.zeros((len(kept), forest.values.shape[1]))
    values[:, output] = forest.values[kept, output]
    return replace(
        _at(forest, kept),
        roots=place[forest.roots[trees]],
        left=place[forest.left[kept]],
        right=place[forest.right[kept]],
        values=values,
    )


def _at(forest: _Forest, nodes: Ints) -> _Forest:
    """The arrays of some nodes; links to other nodes as they were."""
    own: dict[str, Any] = {name: getattr(forest, name)[nodes] for name in _OF_NODES}
    return replace(forest, **own)


def _join(parts: Sequence[_Forest]) -> _Forest:
    """Forests over the same outputs and sets, side by side."""
    shifts = np.cumsum([0, *(len(part.leaf) for part in parts)])[:-1]
    links: dict[str, Any] = {
        name: np.concatenate(
            [
                np.where(getattr(p, name) < 0, -1, getattr(p, name) + n)
                for p, n in zip(parts, shifts, strict=True)
            ]
        )
        for name in ("roots", "left", "right")
    }
    nodes = {n: np.concatenate([getattr(p, n) for p in parts]) for n in _OF_NODES}
    return replace(parts[0], **{**nodes, **links})


def _without_lone_leaves(forest: _Forest) -> _Forest:
    """Give trees of a single leaf a split with that leaf on both sides: roots must be splits."""
    lone = forest.roots[forest.leaf[forest.roots]]
    if not len(lone):
        return forest
    size = len(forest.leaf)
    copies = np.concatenate([np.arange(size), np.repeat(lone, 2)])
    grown = _at(forest, copies)
    grown.left[size:], grown.right[size:] = -1, -1
    first = size + np.arange(0, 2 * len(lone), 2)
    grown.left[lone], grown.right[lone] = first, first + 1
    return grown


def _several_outputs(builder: GraphBuilder, forest: _Forest, features: str) -> str:
    """``TreeEnsembleRegressor``: a node is named by its tree and its number in the tree."""
    tree, order = _tree_order(forest)
    number = np.empty(len(tree), dtype=np.int64)
    first_of_tree = np.searchsorted(tree[order], np.arange(len(forest.roots)))
    number[order] = np.arange(len(tree)) - first_of_tree[tree[order]]
    leaf = forest.leaf
    node, output = np.nonzero(forest.values * leaf[:, None])
    silent = np.setdiff1d(np.flatnonzero(leaf), node)  # a leaf of zeros must be listed too
    node = np.concatenate([node, silent])
    output = np.concatenate([output, np.zeros(len(silent), dtype=np.int64)])
    sums = builder.node(
        "TreeEnsembleRegressor",
        features,
        domain=ML,
        n_targets=forest.n_outputs,
        aggregate_function="SUM",
        nodes_treeids=tree[order].tolist(),
        nodes_nodeids=number[order].tolist(),
        nodes_featureids=forest.feature[order].tolist(),
        nodes_modes=np.where(leaf, "LEAF", "BRANCH_LEQ")[order].tolist(),
        nodes_values_as_tensor=numpy_helper.from_array(forest.threshold[order]),
        nodes_truenodeids=np.where(leaf, 0, number[forest.left])[order].tolist(),
        nodes_falsenodeids=np.where(leaf, 0, number[forest.right])[order].tolist(),
        target_treeids=tree[node].tolist(),
        target_nodeids=number[node].tolist(),
        target_ids=(forest.first_output[node] + output).tolist(),
        target_weights_as_tensor=numpy_helper.from_array(forest.values[node, output]),
        **_missing(forest, order),
    )
    return builder.cast(sums, TensorProto.DOUBLE)


def _tree_order(forest: _Forest) -> tuple[Ints, Ints]:
    """The tree of each node, and the nodes tree by tree with each root first."""
    tree = np.empty(len(forest.leaf), dtype=np.int64)
    depth = np.empty_like(tree)
    nodes, trees, level = forest.roots, np.arange(len(forest.roots)), 0
    while len(nodes):
        tree[nodes], depth[nodes] = trees, level
        inner = ~forest.leaf[nodes]
        nodes = np.concatenate([forest.left[nodes[inner]], forest.right[nodes[inner]]])
        trees, level = np.tile(trees[inner], 2), level + 1
    return tree, np.lexsort((depth, tree))

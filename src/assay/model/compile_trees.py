"""All trees of all members as one graph node that computes in double.

Measured with ONNX Runtime 1.32, 500 trees of 31 leaves, one thread: float32 nodes and double
nodes are equally fast (1,000 rows: 20 ms; one row: 25 to 40 µs), double sums agree with the
reference to 3e-15 relative instead of 1e-6, and ``TreeEnsemble`` (ai.onnx.ml 5) is half as
large as ``TreeEnsembleRegressor`` (version 3). Its leaves feed one output each, though: where
leaves hold a value for every class (forests), each tree would be copied once a class. Such
plans use ``TreeEnsembleRegressor`` with double tensors, which sums in double and rounds the
sum to float32 once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from onnx import TensorProto, numpy_helper

from assay.model.graph import ML, GraphBuilder
from assay.model.plan import Array, Float64, TreesMember

Ints = npt.NDArray[np.int64]

SINGLE_OUTPUT_OPSET = 5
SEVERAL_OUTPUTS_OPSET = 3


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
    n_outputs: int

    @property
    def leaf(self) -> npt.NDArray[np.bool_]:
        return np.asarray(self.left < 0)


def trees_opset(members: Sequence[TreesMember]) -> int:
    """Version of ai.onnx.ml whose tree node fits: 5, or 3 where leaves feed several outputs."""
    several = any(bool(np.any((m.values != 0).sum(axis=1) > 1)) for m in members)
    return SEVERAL_OUTPUTS_OPSET if several else SINGLE_OUTPUT_OPSET


def compile_trees(
    builder: GraphBuilder, members: Sequence[TreesMember], features: str, position: Ints
) -> str:
    """Add the trees; gives the sums of leaves plus bases, double (N, n_outputs of all members)."""
    forest = _merge(members, position)
    if trees_opset(members) == SINGLE_OUTPUT_OPSET:
        sums = _single_output(builder, forest, features)
    else:
        sums = _several_outputs(builder, forest, features)
    base = np.concatenate([np.asarray(m.base, dtype=np.float64) for m in members])
    return builder.node("Add", sums, builder.constant(base[None, :]))


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
        n_outputs=sum(widths),
    )


def _single_output(builder: GraphBuilder, forest: _Forest, features: str) -> str:
    """``TreeEnsemble``: inner nodes and leaves are numbered apart."""
    forest = _without_lone_leaves(forest)
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
        nodes_modes=numpy_helper.from_array(np.zeros(len(inner), dtype=np.uint8)),  # <=
        nodes_truenodeids=number[forest.left[inner]].tolist(),
        nodes_trueleafs=forest.leaf[forest.left[inner]].astype(int).tolist(),
        nodes_falsenodeids=number[forest.right[inner]].tolist(),
        nodes_falseleafs=forest.leaf[forest.right[inner]].astype(int).tolist(),
        leaf_targetids=(forest.first_output[leaves] + output).tolist(),
        leaf_weights=numpy_helper.from_array(weights),
    )


def _without_lone_leaves(forest: _Forest) -> _Forest:
    """Give trees of a single leaf a split with that leaf on both sides: roots must be splits."""
    lone = forest.roots[forest.leaf[forest.roots]]
    if not len(lone):
        return forest
    copies = np.repeat(lone, 2)
    first = len(forest.leaf) + np.arange(0, 2 * len(lone), 2)
    left, right = forest.left.copy(), forest.right.copy()
    left[lone], right[lone] = first, first + 1
    return _Forest(
        roots=forest.roots,
        feature=np.concatenate([forest.feature, forest.feature[copies]]),
        threshold=np.concatenate([forest.threshold, forest.threshold[copies]]),
        left=np.concatenate([left, np.full(len(copies), -1)]),
        right=np.concatenate([right, np.full(len(copies), -1)]),
        values=np.concatenate([forest.values, forest.values[copies]]),
        first_output=np.concatenate([forest.first_output, forest.first_output[copies]]),
        n_outputs=forest.n_outputs,
    )


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

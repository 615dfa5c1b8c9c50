"""Members as graph nodes: all trees in one node, every other member in a few; links; the mean.

What members give stays in double.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import TensorProto

from assay.model.compile_features import Features
from assay.model.compile_trees import compile_trees
from assay.model.graph import GraphBuilder
from assay.model.plan import (
    Array,
    Float64,
    LinearMember,
    Member,
    ModelPlan,
    NeighboursMember,
    NetworkMember,
    QuadraticMember,
    TreesMember,
)

SPARE_NEIGHBOURS = 16
"""How many rows more than asked for are measured exactly: the quick distance of the first pass
is right to its last digits only, so it may confuse rows that are equally far."""


MOST_SCALES_AWAY = 1e6
"""How many scales a center may lie from 0 and still go into the intercept: 6 of 16 digits."""


def compile_members(
    builder: GraphBuilder, plan: ModelPlan, features: Features, *, width: int
) -> str:
    """The weighted mean of the members after their links, or the stack's answer: (N, width)."""
    raw = _raw(builder, plan.members, features)
    if plan.stack is not None:
        return _stack(builder, plan.stack, raw, width=width)
    weights = np.asarray(plan.weights, dtype=np.float64)[raw.order]
    shares = weights / weights.sum()
    if len(raw.members) == 1:
        return _link(builder, raw, raw.name, axes=(1,) * 1)
    if width == 1:
        linked = _link(builder, raw, raw.name, axes=(1,))
        return builder.node("MatMul", linked, builder.constant(shares[:, None]))
    linked = _link(builder, raw, _cube(builder, raw, width), axes=(1, 1))
    weighted = builder.node("Mul", linked, builder.constant(shares[None, :, None]))
    return builder.node("ReduceSum", weighted, builder.axis(1), keepdims=0)


def compile_cut(builder: GraphBuilder, cut: LinearMember, features: Features) -> str:
    """The threshold of each row: (N, 1)."""
    part = _other(builder, cut, features)
    return builder.node("Add", part.name, builder.constant(part.rest[None, :]))


def widest_step(plan: ModelPlan) -> int:
    """Numbers a row in the widest step of any member."""
    return max(
        (m.rows.shape[0] for m in plan.members if isinstance(m, NeighboursMember)), default=0
    )


@dataclass(frozen=True)
class _Raw:
    """What members give before their links, side by side: double (N, n_members x n_outputs).

    ``order``: the plan's number of each member.
    """

    name: str
    members: list[Member]
    order: list[int]


def _raw(builder: GraphBuilder, members: Sequence[Member], features: Features) -> _Raw:
    """Trees first, all in one node; then the others, linear ones of the same columns in one."""
    numbered = list(enumerate(members))
    trees = [(i, m) for i, m in numbered if isinstance(m, TreesMember)]
    groups = _groups([(i, m) for i, m in numbered if not isinstance(m, TreesMember)])
    own = [m for _, m in trees]
    sums = [_Sum(compile_trees(builder, own, features), _bases(own))] if trees else []
    sums += [_other(builder, _merged([m for _, m in group]), features) for group in groups]
    name = builder.concat([part.name for part in sums])
    rest = np.concatenate([part.rest for part in sums])
    if rest.any():
        name = builder.node("Add", name, builder.constant(rest[None, :]))
    both = [*trees, *(numbered for group in groups for numbered in group)]
    return _Raw(name, [m for _, m in both], [i for i, _ in both])


def _groups(members: Sequence[tuple[int, Member]]) -> list[list[tuple[int, Member]]]:
    """Linear members of the same columns together, every other by itself."""
    groups: dict[object, list[tuple[int, Member]]] = {}
    for number, member in members:
        joins = isinstance(member, LinearMember) and _folds(member)
        groups.setdefault(member.columns if joins else number, []).append((number, member))
    return list(groups.values())


def _merged(members: Sequence[Member]) -> Member:
    """Linear members as one whose outputs lie side by side; a single member as it is."""
    if len(members) == 1:
        return members[0]
    folded = [_folded(member) for member in members if isinstance(member, LinearMember)]
    return replace(
        folded[0],
        weights=np.hstack([member.weights for member in folded]),
        intercept=np.concatenate([member.intercept for member in folded]),
    )


@dataclass(frozen=True)
class _Sum:
    """A member's raw scores up to a constant, which is added for all members at once."""

    name: str
    rest: Float64


def _bases(members: Sequence[TreesMember]) -> Float64:
    return np.concatenate([_double(member.base) for member in members])


def _cube(builder: GraphBuilder, raw: _Raw, width: int) -> str:
    """Members along a second axis: (N, n_members, width)."""
    shape = builder.constant(np.array([-1, len(raw.members), width], dtype=np.int64))
    return builder.node("Reshape", raw.name, shape)


def _link(builder: GraphBuilder, raw: _Raw, name: str, *, axes: tuple[int, ...]) -> str:
    """Apply each member's link; ``axes`` follow the members' own: (outputs,) or nothing."""
    result = name
    for link, op in (("sigmoid", "Sigmoid"), ("softmax", "Softmax"), ("exp", "Exp")):
        chosen = np.array([m.link == link for m in raw.members])
        if not chosen.any():
            continue
        along: dict[str, Any] = {"axis": -1} if link == "softmax" else {}
        linked = builder.node(op, name, **along)
        if chosen.all():
            return linked
        mask = builder.constant(chosen.reshape(1, -1, *axes[1:]))
        result = builder.node("Where", mask, linked, result)
    return result


def _stack(builder: GraphBuilder, stack: LinearMember, raw: _Raw, *, width: int) -> str:
    """The linear member that reads the others' predictions, in the plan's order."""
    count = len(raw.members)
    if width == 1:
        beside = _link(builder, raw, raw.name, axes=(1,))
    else:
        linked = _link(builder, raw, _cube(builder, raw, width), axes=(1, 1))
        flat = builder.constant(np.array([-1, count * width], dtype=np.int64))
        beside = builder.node("Reshape", linked, flat)
    place = np.argsort(raw.order)
    order = (place[:, None] * width + np.arange(width)).ravel()
    beside = builder.pick(beside, order.tolist(), width=count * width)
    beside = builder.pick(beside, list(stack.columns), width=count * width)
    scaled = _scaled(builder, beside, stack.center, stack.scale)
    sums = _linear(builder, stack, scaled)
    raw_score = builder.node("Add", sums.name, builder.constant(sums.rest[None, :]))
    whole = _Raw(raw_score, [stack], [0])
    return _link(builder, whole, whole.name, axes=(1,))


def _other(builder: GraphBuilder, member: Member, features: Features) -> _Sum:
    """Any member but trees."""
    assert not isinstance(member, TreesMember)
    own = features.position[np.asarray(member.columns)]
    if isinstance(member, LinearMember):
        member = _folded(member)
        if _reads_everything(own, features) and not member.center.any():
            return _linear(builder, _spread(member, own, features.width), features.name)
    name = builder.pick(features.name, own.tolist(), width=features.width)
    scaled = _scaled(builder, name, member.center, member.scale)
    return _COMPILE[type(member)](builder, member, scaled)


def _reads_everything(own: npt.NDArray[np.int64], features: Features) -> bool:
    """Whether nothing but columns of zeros is left out, and nothing is read twice."""
    return len(np.unique(own)) == len(own) == len(features.position)


def _spread(member: LinearMember, own: npt.NDArray[np.int64], width: int) -> LinearMember:
    """The same sum over the whole matrix as it lies, which spares the graph a step."""
    weights = np.zeros((width, member.weights.shape[1]))
    weights[own] = member.weights
    return replace(member, weights=weights)


def _folds(member: LinearMember) -> bool:
    """Whether every center lies near enough to 0."""
    return bool(np.abs(member.center / member.scale).max() <= MOST_SCALES_AWAY)


def _folded(member: LinearMember) -> LinearMember:
    """Center and scale within weights and intercept, where that costs few of a double's digits."""
    if not _folds(member):
        return member
    weights = member.weights / member.scale[:, None]
    nothing = np.zeros_like(member.center)
    return replace(
        member,
        center=nothing,
        scale=nothing + 1.0,
        weights=weights,
        intercept=member.intercept - member.center @ weights,
    )


def _scaled(builder: GraphBuilder, name: str, center: Float64, scale: Float64) -> str:
    if center.any():
        name = builder.node("Sub", name, builder.constant(_double(center)[None, :]))
    if (scale != 1.0).any():
        name = builder.node("Div", name, builder.constant(_double(scale)[None, :]))
    return name


def _linear(builder: GraphBuilder, member: LinearMember, z: str) -> _Sum:
    product = builder.node("MatMul", z, builder.constant(_double(member.weights)))
    return _Sum(product, _double(member.intercept))


def _network(builder: GraphBuilder, member: NetworkMember, z: str) -> _Sum:
    activation = {"relu": "Relu", "tanh": "Tanh", "logistic": "Sigmoid"}.get(member.activation)
    for weights, biases in zip(member.weights[:-1], member.biases[:-1], strict=True):
        product = builder.node("MatMul", z, builder.constant(_double(weights)))
        z = builder.node("Add", product, builder.constant(_double(biases)[None, :]))
        z = builder.node(activation, z) if activation else z
    last = builder.node("MatMul", z, builder.constant(_double(member.weights[-1])))
    return _Sum(last, _double(member.biases[-1]))


def _quadratic(builder: GraphBuilder, member: QuadraticMember, z: str) -> _Sum:
    along = builder.node("MatMul", z, builder.constant(_double(member.directions)))
    gap = builder.node("Sub", along, builder.constant(_double(member.offsets)[None, :]))
    squares = builder.node("Mul", gap, gap)
    groups = member.group[:, None] == np.arange(len(member.bias))
    less = builder.node("MatMul", squares, builder.constant(-groups.astype(np.float64)))
    return _Sum(less, _double(member.bias))


def _neighbours(builder: GraphBuilder, member: NeighboursMember, z: str) -> _Sum:
    """A quick pass over all rows by one matrix product, an exact one over the nearest."""
    rows = _double(member.rows)
    candidates = _candidates(builder, member, z)
    near = builder.node("Gather", builder.constant(rows), candidates)
    point = builder.node("Unsqueeze", z, builder.axis(1))
    gap = builder.node("Sub", near, point)
    squares = builder.node("ReduceSumSquare", gap, builder.axis(2), keepdims=0)
    nearest, places = builder.nodes("TopK", [squares, builder.axis(member.k)], 2, largest=0, axis=1)
    chosen = builder.node("GatherElements", candidates, places, axis=1)
    values = builder.node("Gather", builder.constant(_double(member.values)), chosen)
    nothing = np.zeros(member.values.shape[1])
    if not member.by_distance:
        return _Sum(builder.node("ReduceMean", values, builder.axis(1), keepdims=0), nothing)
    shares = builder.node("Unsqueeze", _by_distance(builder, nearest), builder.axis(2))
    weighted = builder.node("Mul", values, shares)
    return _Sum(builder.node("ReduceSum", weighted, builder.axis(1), keepdims=0), nothing)


def _candidates(builder: GraphBuilder, member: NeighboursMember, z: str) -> str:
    """The nearest rows and some more, in the order of rows: int64 (N, k + spare)."""
    rows = _double(member.rows)
    product = builder.node("MatMul", z, builder.constant(-2.0 * rows.T))
    length = builder.constant((rows**2).sum(axis=1)[None, :])
    quick = builder.node("Add", product, length)  # less the point's own square, equal for all
    count = builder.axis(min(member.k + SPARE_NEIGHBOURS, len(rows)))
    _, places = builder.nodes("TopK", [quick, count], 2, largest=0, axis=1)
    return builder.nodes("TopK", [places, count], 2, largest=0, axis=1)[0]


def _by_distance(builder: GraphBuilder, squares: str) -> str:
    """Weights by the inverse of the distance, summing to 1; only the rows at 0 where some are."""
    distance = builder.node("Sqrt", squares)
    zero, one = builder.number(0.0), builder.number(1.0)
    same = builder.node("Equal", distance, zero)
    inverse = builder.node("Div", one, builder.node("Where", same, one, distance))
    alike = builder.cast(same, TensorProto.DOUBLE)
    some = builder.node(
        "Greater", builder.node("ReduceMax", alike, builder.axis(1), keepdims=1), zero
    )
    weights = builder.node("Where", some, alike, inverse)
    total = builder.node("ReduceSum", weights, builder.axis(1), keepdims=1)
    return builder.node("Div", weights, total)


def _double(values: Array) -> Float64:
    return np.asarray(values, dtype=np.float64)


_COMPILE: dict[type, Callable[..., _Sum]] = {
    LinearMember: _linear,
    NetworkMember: _network,
    NeighboursMember: _neighbours,
    QuadraticMember: _quadratic,
}

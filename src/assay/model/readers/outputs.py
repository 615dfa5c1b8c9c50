"""What can be done to a member's outputs: spread over classes, rescaled, laid side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from assay.errors import InputError
from assay.model.plan import (
    Float64,
    Int32,
    LinearMember,
    Member,
    NeighboursMember,
    NetworkMember,
    TreesMember,
)
from assay.model.readers.trees import join_missing, join_sets

ABSENT = -50.0
"""Logit of a class that the rows at hand do not hold: its probability is under 1e-21."""


def spread_classes(member: Member, present: Sequence[int], classes: int) -> Member:
    """A classifier of the classes ``present`` as one of all ``classes``, numbered from 0.

    A member of two classes gives the chance of the second; where there are more classes in all,
    it becomes one that gives a chance for each. Absent classes get a chance near 0.

    Examples
    --------
    >>> member = LinearMember(family="", columns=(0,), center=np.zeros(1), scale=np.ones(1),
    ...                       weights=np.ones((1, 1)), intercept=np.zeros(1), link="sigmoid")
    >>> spread_classes(member, [0, 2], 3).intercept.tolist()
    [0.0, -50.0, 0.0]
    """
    present = [int(k) for k in present]
    if len(present) == classes:
        return member
    if len(present) < 2:
        raise InputError(
            "A classifier that saw a single class has no chances to give.",
            hint="Give it rows of two classes or more.",
        )
    chances = member.link == "identity"
    if len(present) == 2:
        member = _both_classes(member)
    place = np.zeros((len(present), classes))
    place[np.arange(len(present)), present] = 1.0
    absent = np.full(classes, 0.0 if chances else ABSENT)
    absent[present] = 0.0
    return mix_outputs(member, place, absent)


def rescale(member: Member, scale: float, shift: float) -> Member:
    """The member whose raw scores are ``shift + scale`` times those of the member given."""
    width = n_outputs(member)
    return mix_outputs(member, np.eye(width) * scale, np.full(width, shift))


def mix_outputs(member: Member, matrix: Float64, shift: Float64) -> Member:
    """The member whose raw scores are ``scores @ matrix + shift``."""
    if isinstance(member, LinearMember):
        return replace(
            member,
            weights=member.weights @ matrix,
            intercept=member.intercept @ matrix + shift,
        )
    if isinstance(member, TreesMember):
        return replace(member, values=member.values @ matrix, base=member.base @ matrix + shift)
    if isinstance(member, NetworkMember):
        return replace(
            member,
            weights=(*member.weights[:-1], member.weights[-1] @ matrix),
            biases=(*member.biases[:-1], member.biases[-1] @ matrix + shift),
        )
    if isinstance(member, NeighboursMember):
        return replace(member, values=member.values @ matrix + shift)
    raise InputError(
        f"The outputs of member {member.family!r} cannot be rescaled.",
        hint="Sums of squares keep their own scale.",
    )


def n_outputs(member: Member) -> int:
    """How many numbers a member gives a row."""
    if isinstance(member, LinearMember):
        return len(member.intercept)
    if isinstance(member, TreesMember):
        return len(member.base)
    if isinstance(member, NetworkMember):
        return len(member.biases[-1])
    if isinstance(member, NeighboursMember):
        return int(member.values.shape[1])
    return len(member.bias)


def beside(members: Sequence[Member]) -> Member:
    """Members that read the same features as one, their outputs side by side in order.

    Raises
    ------
    InputError
        The members are not of one kind, link and size, or are sums of squares.
    """
    first = members[0]
    alike = all(
        type(m) is type(first) and m.link == first.link and m.columns == first.columns
        for m in members
    )
    if not alike:
        raise _apart("they differ in kind, link or columns")
    if isinstance(first, TreesMember):
        return _trees_beside([m for m in members if isinstance(m, TreesMember)])
    if isinstance(first, LinearMember):
        return _linear_beside([m for m in members if isinstance(m, LinearMember)])
    if isinstance(first, NetworkMember):
        return _networks_beside([m for m in members if isinstance(m, NetworkMember)])
    if isinstance(first, NeighboursMember):
        return _neighbours_beside([m for m in members if isinstance(m, NeighboursMember)])
    raise _apart("sums of squares have one score a cluster already")


def _both_classes(member: Member) -> Member:
    """The chance of the second class as chances of both: softmax of 0 and the logit, or 1 - p."""
    if member.link == "identity":
        return mix_outputs(member, np.array([[-1.0, 1.0]]), np.array([1.0, 0.0]))
    both = mix_outputs(member, np.array([[0.0, 1.0]]), np.zeros(2))
    return replace(both, link="softmax")


def _trees_beside(members: list[TreesMember]) -> TreesMember:
    if len({m.missing_left is None for m in members}) > 1:
        raise _apart("some take missing features and some do not")
    sizes = [len(m.left) for m in members]
    starts = np.cumsum([0, *sizes[:-1]])

    def shifted(parts: list[Int32]) -> Int32:
        moved = [np.where(p < 0, -1, p + s) for p, s in zip(parts, starts, strict=True)]
        return np.concatenate(moved).astype(np.int32)

    return replace(
        members[0],
        roots=shifted([m.roots for m in members]),
        feature=np.concatenate([m.feature for m in members]),
        threshold=np.concatenate([m.threshold for m in members]),
        left=shifted([m.left for m in members]),
        right=shifted([m.right for m in members]),
        values=_diagonal([m.values for m in members]),
        base=np.concatenate([m.base for m in members]),
        missing_left=join_missing(members),
        set_of=join_sets(members),
        sets=tuple(one for m in members for one in m.sets),
    )


def _linear_beside(members: list[LinearMember]) -> LinearMember:
    _same_scaling(members)
    return replace(
        members[0],
        weights=np.hstack([m.weights for m in members]),
        intercept=np.concatenate([m.intercept for m in members]),
    )


def _networks_beside(members: list[NetworkMember]) -> NetworkMember:
    _same_scaling(members)
    first = members[0]
    if any(
        len(m.weights) != len(first.weights) or m.activation != first.activation for m in members
    ):
        raise _apart("they differ in layers or activation")
    inner = [_diagonal([m.weights[i] for m in members]) for i in range(1, len(first.weights))]
    return replace(
        first,
        weights=(np.hstack([m.weights[0] for m in members]), *inner),
        biases=tuple(
            np.concatenate([m.biases[i] for m in members]) for i in range(len(first.biases))
        ),
    )


def _neighbours_beside(members: list[NeighboursMember]) -> NeighboursMember:
    _same_scaling(members)
    first = members[0]
    if any(
        m.k != first.k
        or m.by_distance != first.by_distance
        or not np.array_equal(m.rows, first.rows)
        for m in members
    ):
        raise _apart("they differ in rows, number of neighbours or weights")
    return replace(first, values=np.hstack([m.values for m in members]))


def _same_scaling(members: Sequence[LinearMember | NetworkMember | NeighboursMember]) -> None:
    first = members[0]
    for m in members:
        same = np.array_equal(m.center, first.center) and np.array_equal(m.scale, first.scale)
        if not same:
            raise _apart("they differ in center or scale")


def _diagonal(blocks: list[Float64]) -> Float64:
    """Blocks along the diagonal, zeros elsewhere."""
    widths = [b.shape[1] for b in blocks]
    full = np.zeros((sum(len(b) for b in blocks), sum(widths)))
    row = column = 0
    for block in blocks:
        full[row : row + len(block), column : column + block.shape[1]] = block
        row, column = row + len(block), column + block.shape[1]
    return full


def _apart(why: str) -> InputError:
    return InputError(
        f"These models cannot be laid side by side: {why}.",
        hint="Fit models of one kind, with the same settings, on the same columns.",
    )

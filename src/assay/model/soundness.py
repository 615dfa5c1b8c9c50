"""Whether a plan is whole: shapes fit, names are known, numbers can be computed with."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TypeGuard

import numpy as np

from assay.errors import InputError
from assay.model.encode import feature_width
from assay.model.plan import (
    BetaCalibration,
    CrossEncoder,
    DateEncoder,
    Encoder,
    HashedTextEncoder,
    HashEncoder,
    IsotonicCalibration,
    LevelEncoder,
    LinearMember,
    Member,
    ModelPlan,
    NeighboursMember,
    NetworkMember,
    NumberEncoder,
    OneHotEncoder,
    Output,
    PairEncoder,
    QuadraticMember,
    TextEncoder,
    TreesMember,
    columns_of,
)
from assay.model.text import PAD

LEAST_GAP = 1e-4
"""Between two knots of an isotonic curve."""


def check_plan(plan: ModelPlan) -> None:
    """Refuse a plan that no graph can stand for.

    Raises
    ------
    InputError
        Says which encoder, member or number is at fault.
    """
    kinds = {item.name: item.kind for item in plan.inputs}
    _require(len(kinds) == len(plan.inputs), "Two inputs of the plan have one name.")
    _require(bool(plan.encoders), "The plan has no encoder.")
    _require(bool(plan.members), "The plan has no member.")
    for encoder in plan.encoders:
        _check_encoder(encoder, [kinds.get(name) for name in columns_of(encoder)])
    gaps = [_may_be_missing(e) for e in plan.encoders for _ in range(feature_width(e))]
    _require(
        len(plan.feature_names) in (0, len(gaps)),
        f"The plan names {len(plan.feature_names)} features and makes {len(gaps)}.",
    )
    width = outputs(plan.output)
    _check_output(plan.output, width)
    for number, member in enumerate(plan.members):
        _check_member(member, f"Member {number} ({member.family})", gaps, width)
    if plan.cut is not None:
        _require(plan.output.kind == "binary", "Only two classes have a threshold a row.")
        _require(plan.cut.link == "identity", "A threshold has no link.")
        _check_member(plan.cut, "The threshold", gaps, 1)
    if plan.stack is None:
        _check_weights(plan.weights, len(plan.members))
    else:
        _require(not plan.weights, "A plan with a stack has no weights.")
        read = [False] * (len(plan.members) * width)
        _check_member(plan.stack, "The stack", read, width)


def outputs(output: Output) -> int:
    """How many numbers each member gives a row."""
    if output.kind == "multiclass":
        return len(output.classes)
    return len(output.names) if output.kind in ("vector", "clusters") else 1


def _check_weights(weights: Sequence[float], members: int) -> None:
    _require(len(weights) == members, "The plan needs one weight a member.")
    _require(
        _finite(weights) and min(weights) >= 0 and sum(weights) > 0,
        "The members' weights must be at least 0 and not all 0.",
    )


def _check_encoder(encoder: Encoder, kinds: list[str | None]) -> None:
    spot = f"The {type(encoder).__name__} of column {' and '.join(map(repr, columns_of(encoder)))}"
    _require(None not in kinds, f"{spot} reads a column that is no input.")
    if isinstance(encoder, (NumberEncoder, DateEncoder, PairEncoder)):
        _require(set(kinds) == {"number"}, f"{spot} needs a number.")
        keeps = isinstance(encoder, NumberEncoder) and math.isnan(encoder.fill)
        _require(keeps or math.isfinite(encoder.fill), f"{spot} has no finite fill.")
    elif not isinstance(encoder, (TextEncoder, HashedTextEncoder)) and _has_levels(encoder):
        _require(set(kinds) == {"category"}, f"{spot} needs a category.")
        _require(len(set(encoder.levels)) == len(encoder.levels), f"{spot} holds a level twice.")
    elif isinstance(encoder, (TextEncoder, HashEncoder, HashedTextEncoder)):
        _require(set(kinds) == {"category"}, f"{spot} needs a category.")
        _check_letters(encoder, spot)
    if isinstance(encoder, (NumberEncoder, PairEncoder)):
        _require(encoder.low <= encoder.high, f"{spot} has no low <= high.")
    if isinstance(encoder, NumberEncoder):
        _require(math.isfinite(encoder.offset), f"{spot} has no finite offset.")
    if isinstance(encoder, LevelEncoder):
        _require("" not in encoder.levels, f"{spot} holds the empty level; that is `missing`.")
    if isinstance(encoder, (LevelEncoder, CrossEncoder)):
        _require(len(encoder.values) == len(encoder.levels), f"{spot} needs one value a level.")
        _require(not _infinite(_level_values(encoder)), f"{spot} has a value that is not finite.")
    if isinstance(encoder, CrossEncoder):
        _require(bool(encoder.levels), f"{spot} knows no pair.")
        _require(len(set(encoder.columns)) == 2, f"{spot} crosses a column with itself.")
    if isinstance(encoder, DateEncoder):
        whole = 0 < len(encoder.parts) == len(set(encoder.parts))
        _require(whole, f"{spot} needs some parts, each once.")


def _has_levels(encoder: Encoder) -> TypeGuard[LevelEncoder | OneHotEncoder | CrossEncoder]:
    """Whether an encoder looks categories up."""
    return isinstance(encoder, (LevelEncoder, OneHotEncoder, CrossEncoder))


def _check_letters(encoder: TextEncoder | HashEncoder | HashedTextEncoder, spot: str) -> None:
    if isinstance(encoder, TextEncoder):
        terms = encoder.terms
        _require(bool(terms) and all(terms), f"{spot} needs terms of at least one token.")
        _require(len(set(terms)) == len(terms), f"{spot} holds a term twice.")
        _require(not any(PAD in term for term in terms), f"{spot} has a term that holds a pad.")
        _require(
            len(encoder.weights) == len(terms) and _finite(encoder.weights),
            f"{spot} needs one finite weight a term.",
        )
        return
    _require(encoder.buckets >= 1, f"{spot} needs at least one bucket.")
    if isinstance(encoder, HashedTextEncoder):
        _require(
            1 <= encoder.shortest <= encoder.longest, f"{spot} needs 1 <= shortest <= longest."
        )


def _level_values(encoder: LevelEncoder | CrossEncoder) -> tuple[float, ...]:
    missing = (encoder.missing,) if isinstance(encoder, LevelEncoder) else ()
    return (*encoder.values, *missing, encoder.unseen)


def _may_be_missing(encoder: Encoder) -> bool:
    """Whether a feature of the encoder can be NaN."""
    if isinstance(encoder, NumberEncoder):
        return math.isnan(encoder.fill)
    if isinstance(encoder, (LevelEncoder, CrossEncoder)):
        return any(math.isnan(value) for value in _level_values(encoder))
    return False


def _check_member(member: Member, spot: str, gaps: Sequence[bool], width: int) -> None:
    columns = np.asarray(member.columns)
    _require(
        len(columns) > 0 and columns.min() >= 0 and columns.max() < len(gaps),
        f"{spot} reads features that the encoders do not make.",
    )
    gaps_read = bool(np.asarray(gaps)[columns].any())
    if isinstance(member, TreesMember):
        _require(
            member.missing_left is not None or not gaps_read,
            f"{spot} reads features that may be missing, and does not say where they go.",
        )
        _check_trees(member, spot, width)
        return
    _require(not gaps_read, f"{spot} reads features that may be missing.")
    _check_scaling(member, spot)
    if isinstance(member, LinearMember):
        _check_arrays(spot, [(member.weights, (len(columns), width)), (member.intercept, (width,))])
    elif isinstance(member, NetworkMember):
        _check_network(member, spot, width)
    elif isinstance(member, NeighboursMember):
        _check_neighbours(member, spot, width)
    else:
        _check_quadratic(member, spot, width)


def _check_scaling(
    member: LinearMember | NetworkMember | NeighboursMember | QuadraticMember, spot: str
) -> None:
    n = len(member.columns)
    _check_arrays(spot, [(member.center, (n,)), (member.scale, (n,))])
    _require(bool(np.all(member.scale != 0)), f"{spot} divides by a scale of 0.")


def _check_arrays(spot: str, arrays: Sequence[tuple[np.ndarray, tuple[int, ...]]]) -> None:
    _require(all(a.shape == shape for a, shape in arrays), f"{spot} has arrays of other shapes.")
    _require(all(_finite(a.ravel()) for a, _ in arrays), f"{spot} has a number that is not finite.")


def _check_network(member: NetworkMember, spot: str, width: int) -> None:
    sizes = [len(member.columns), *(len(b) for b in member.biases)]
    _require(
        0 < len(member.weights) == len(member.biases) and sizes[-1] == width,
        f"{spot} has layers that do not fit.",
    )
    _check_arrays(spot, list(zip(member.weights, pairwise(sizes), strict=True)))
    _check_arrays(spot, [(b, (n,)) for b, n in zip(member.biases, sizes[1:], strict=True)])


def _check_neighbours(member: NeighboursMember, spot: str, width: int) -> None:
    n = len(member.rows)
    _check_arrays(spot, [(member.rows, (n, len(member.columns))), (member.values, (n, width))])
    _require(1 <= member.k <= n, f"{spot} asks for {member.k} of {n} rows.")


def _check_quadratic(member: QuadraticMember, spot: str, width: int) -> None:
    n = len(member.offsets)
    shapes = [(member.directions, (len(member.columns), n)), (member.offsets, (n,))]
    _check_arrays(spot, [*shapes, (member.bias, (width,)), (member.group, (n,))])
    _require(
        bool(np.all((member.group >= 0) & (member.group < width))),
        f"{spot} has a square that belongs to no output.",
    )


def _check_trees(member: TreesMember, spot: str, width: int) -> None:
    n = len(member.feature)
    _require(
        member.threshold.shape == member.left.shape == member.right.shape == (n,)
        and member.values.shape == (n, width)
        and member.base.shape == (width,),
        f"{spot} has arrays of other shapes.",
    )
    _require(member.threshold.dtype == np.float32, f"{spot} has thresholds that are not float32.")
    _require(
        _finite(member.values.ravel()) and _finite(member.base),
        f"{spot} has a value that is not finite.",
    )
    _check_ways(member, spot)
    leaf = member.left == -1
    inner = np.flatnonzero(~leaf)
    children = np.concatenate([member.left[inner], member.right[inner]])
    _require(
        len(member.roots) > 0
        and not np.isnan(member.threshold[inner]).any()
        and bool(
            np.all((member.feature[inner] >= 0) & (member.feature[inner] < len(member.columns)))
        ),
        f"{spot} has a split without a feature or a threshold.",
    )
    reached = np.bincount(np.concatenate([children, member.roots]), minlength=n)
    _require(
        len(reached) == n and bool(np.all(reached == 1)),
        f"{spot} has nodes that are not in exactly one tree.",
    )


def _check_ways(member: TreesMember, spot: str) -> None:
    """What sends missing features and categories their way has one entry a node."""
    shape = member.feature.shape
    _require(
        member.missing_left is None or member.missing_left.shape == shape,
        f"{spot} does not say of every node where missing features go.",
    )
    if member.set_of is None:
        _require(not member.sets, f"{spot} has sets that no node asks for.")
        return
    _require(
        member.set_of.shape == shape and bool(np.all(member.set_of < len(member.sets))),
        f"{spot} has a node that asks for a set it does not have.",
    )
    _require(
        all(len(s) > 0 and _finite(s) for s in member.sets),
        f"{spot} has a set that is empty or holds a number that is not finite.",
    )


def _check_output(output: Output, width: int) -> None:
    classes = {"binary": 2, "multiclass": None}.get(output.kind, 0)
    fits = len(output.classes) >= 2 if classes is None else len(output.classes) == classes
    _require(fits, f"A {output.kind} answer cannot have {len(output.classes)} classes.")
    named = output.kind in ("vector", "clusters")
    _require(bool(output.names) == named, f"A {output.kind} answer has names where it should not.")
    _require(len(output.labels) in (0, len(output.classes)), "The output needs one label a class.")
    numbers = (output.power, output.center, output.scale, output.threshold, output.coverage)
    _require(_finite(numbers) and output.scale > 0, "The output has a number that is not finite.")
    _require(
        output.interval is None or output.interval >= 0,
        "The conformal interval must be at least 0.",
    )
    _check_calibration(output, width)
    _check_costs(output)


def _check_costs(output: Output) -> None:
    if not output.costs:
        return
    _require(output.kind == "multiclass", f"The labels of a {output.kind} answer have no costs.")
    n = len(output.classes)
    whole = len(output.costs) == n and all(len(row) == n and _finite(row) for row in output.costs)
    _require(whole, "The costs of labels need one finite number for each pair of classes.")


def _check_calibration(output: Output, width: int) -> None:
    calibration = output.calibration
    if calibration is None:
        return
    _require(bool(output.classes), f"A {output.kind} answer cannot be calibrated.")
    if isinstance(calibration, BetaCalibration):
        parts = (calibration.a, calibration.b, calibration.c)
        whole = all(len(part) == width and _finite(part) for part in parts)
        _require(whole, "The beta calibration needs three finite numbers a class.")
    elif isinstance(calibration, IsotonicCalibration):
        curves = list(zip(calibration.knots, calibration.values, strict=True))
        _require(len(curves) == width, "The isotonic calibration needs one curve a class.")
        for knots, values in curves:
            _check_curve(knots, values)
    else:
        slope = (calibration.slope, calibration.intercept)
        _require(_finite(slope), "The output has a number that is not finite.")


def _check_curve(knots: tuple[float, ...], values: tuple[float, ...]) -> None:
    _require(
        len(knots) == len(values) > 0 and _finite((*knots, *values)),
        "An isotonic curve needs one finite value a knot.",
    )
    apart = all(b - a >= LEAST_GAP * (1 - 1e-9) for a, b in pairwise(knots))
    _require(apart, f"Knots of an isotonic curve must be at least {LEAST_GAP:g} apart.")
    rises = all(a <= b for a, b in pairwise(values))
    _require(
        rises and min(values) >= 0 and max(values) <= 1,
        "Values of an isotonic curve must rise from 0 to 1.",
    )


def _infinite(values: Iterable[float]) -> bool:
    return bool(np.isinf(np.asarray(values, dtype=np.float64)).any())


def _finite(values: Iterable[float]) -> bool:
    return bool(np.all(np.isfinite(np.asarray(values, dtype=np.float64))))


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise InputError(message, hint="The plan is made by the search; report this as a fault.")

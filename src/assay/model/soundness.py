"""Whether a plan is whole: shapes fit, names are known, numbers can be computed with."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from assay.errors import InputError
from assay.model.encode import feature_count
from assay.model.plan import (
    DateEncoder,
    Encoder,
    LevelEncoder,
    LinearMember,
    Member,
    ModelPlan,
    NumberEncoder,
    OneHotEncoder,
    Output,
    TreesMember,
)


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
        _check_encoder(encoder, kinds.get(encoder.column))
    features = feature_count(plan.encoders)
    _require(
        len(plan.feature_names) in (0, features),
        f"The plan names {len(plan.feature_names)} features and makes {features}.",
    )
    _check_output(plan.output)
    for number, member in enumerate(plan.members):
        _check_member(member, f"Member {number} ({member.family})", features, outputs(plan.output))
    _require(len(plan.weights) == len(plan.members), "The plan needs one weight a member.")
    _require(
        _finite(plan.weights) and min(plan.weights) >= 0 and sum(plan.weights) > 0,
        "The members' weights must be at least 0 and not all 0.",
    )


def outputs(output: Output) -> int:
    """How many numbers each member gives a row: 1, or the number of classes if multiclass."""
    return len(output.classes) if output.kind == "multiclass" else 1


def _check_encoder(encoder: Encoder, kind: str | None) -> None:
    spot = f"The {type(encoder).__name__} of column {encoder.column!r}"
    _require(kind is not None, f"{spot} reads a column that is no input.")
    if isinstance(encoder, (NumberEncoder, DateEncoder)):
        _require(kind == "number", f"{spot} needs a number.")
        _require(math.isfinite(encoder.fill), f"{spot} has no finite fill.")
    if isinstance(encoder, (LevelEncoder, OneHotEncoder)):
        _require(kind == "category", f"{spot} needs a category.")
        _require(len(set(encoder.levels)) == len(encoder.levels), f"{spot} holds a level twice.")
    if isinstance(encoder, NumberEncoder):
        _require(encoder.low <= encoder.high, f"{spot} has no low <= high.")
        _require(math.isfinite(encoder.offset), f"{spot} has no finite offset.")
    if isinstance(encoder, LevelEncoder):
        _require("" not in encoder.levels, f"{spot} holds the empty level; that is `missing`.")
        _require(len(encoder.values) == len(encoder.levels), f"{spot} needs one value a level.")
        _require(
            _finite((*encoder.values, encoder.missing, encoder.unseen)),
            f"{spot} has a value that is not finite.",
        )


def _check_member(member: Member, spot: str, features: int, width: int) -> None:
    columns = np.asarray(member.columns)
    _require(
        len(columns) > 0 and columns.min() >= 0 and columns.max() < features,
        f"{spot} reads features that the encoders do not make.",
    )
    if isinstance(member, LinearMember):
        _check_linear(member, spot, width)
    else:
        _check_trees(member, spot, width)


def _check_linear(member: LinearMember, spot: str, width: int) -> None:
    n = len(member.columns)
    shapes = (member.center.shape, member.scale.shape, member.weights.shape, member.intercept.shape)
    _require(shapes == ((n,), (n,), (n, width), (width,)), f"{spot} has arrays of other shapes.")
    arrays = (member.center, member.scale, member.weights, member.intercept)
    _require(all(_finite(a.ravel()) for a in arrays), f"{spot} has a number that is not finite.")
    _require(bool(np.all(member.scale != 0)), f"{spot} divides by a scale of 0.")


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


def _check_output(output: Output) -> None:
    classes = {"regression": 0, "binary": 2}.get(output.kind)
    fits = len(output.classes) >= 2 if classes is None else len(output.classes) == classes
    _require(fits, f"A {output.kind} answer cannot have {len(output.classes)} classes.")
    _require(
        _finite((output.slope, output.intercept, output.threshold, output.coverage)),
        "The output has a number that is not finite.",
    )
    _require(
        output.interval is None or output.interval >= 0,
        "The conformal interval must be at least 0.",
    )


def _finite(values: Iterable[float]) -> bool:
    return bool(np.all(np.isfinite(np.asarray(values, dtype=np.float64))))


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise InputError(message, hint="The plan is made by the search; report this as a fault.")

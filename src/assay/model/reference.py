"""What a plan means, in NumPy: slow, plain, and what the graph is proved equal to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from assay.model.answer import Answer, class_answer, regression_answer
from assay.model.encode import encode
from assay.model.plan import (
    Array,
    Float32,
    Float64,
    LinearMember,
    Member,
    ModelPlan,
    Output,
    TreesMember,
)

SMALLEST_PROBABILITY = 1e-12
"""Probabilities are kept this far from 0 and 1 before a logarithm is taken."""

_CELLS_A_CHUNK = 4_000_000


def predict_plan(plan: ModelPlan, inputs: Mapping[str, Array]) -> Answer:
    """Answer rows by the plan itself.

    Parameters
    ----------
    plan : ModelPlan
    inputs : mapping of str to ndarray, shape (n, 1)
        As `graph_inputs` gives them.
    """
    return combine(plan, member_predictions(plan, encode(plan, inputs)))


def member_predictions(plan: ModelPlan, features: Float32) -> list[Float64]:
    """Each member's prediction after its link, shape (n, n_outputs), in the plan's order."""
    return [_predict_member(member, features) for member in plan.members]


def combine(plan: ModelPlan, predictions: Sequence[Array]) -> Answer:
    """The answer from the members' predictions: weighted mean, then output."""
    weights = np.asarray(plan.weights, dtype=np.float64)
    shares = weights / weights.sum()
    weighted = [
        share * np.asarray(p, dtype=np.float64)
        for share, p in zip(shares, predictions, strict=True)
    ]
    mean = np.sum(weighted, axis=0)
    if plan.output.kind == "regression":
        return _regression(plan.output, mean[:, 0])
    probabilities = calibrate(plan.output, mean)
    if plan.output.kind == "binary":
        label = (probabilities[:, 1] >= plan.output.threshold).astype(np.int64)
    else:
        label = probabilities.argmax(axis=1)
    output = plan.output
    return class_answer(probabilities, label, classes=output.classes, interval=output.interval)


def calibrate(output: Output, mean: Float64) -> Float64:
    """Calibrated probabilities (n, n_classes) from the members' mean, (n, 1) or (n, n_classes).

    Examples
    --------
    >>> output = Output(kind="binary", classes=("no", "yes"), slope=2.0)
    >>> calibrate(output, np.array([[0.8]])).round(3)
    array([[0.059, 0.941]])
    """
    if output.kind == "binary":
        p = np.clip(mean[:, 0], SMALLEST_PROBABILITY, 1.0 - SMALLEST_PROBABILITY)
        positive = sigmoid(output.slope * np.log(p / (1.0 - p)) + output.intercept)
        return np.stack([1.0 - positive, positive], axis=1)
    return softmax(output.slope * np.log(np.maximum(mean, SMALLEST_PROBABILITY)))


def sigmoid(x: Float64) -> Float64:
    """``1 / (1 + exp(-x))``, in (0, 1)."""
    with np.errstate(over="ignore"):
        return np.asarray(1.0 / (1.0 + np.exp(-x)))


def softmax(x: Float64) -> Float64:
    """Softmax along the last axis."""
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def raw_trees(member: TreesMember, features: Float32) -> Float64:
    """Base plus the sum of the leaves that each row reaches, (n, n_outputs), before the link.

    ``features`` are the whole plan's.
    """
    rows = max(1, _CELLS_A_CHUNK // (len(member.roots) * member.values.shape[1]))
    own = features[:, member.columns]
    parts = [_leaf_sums(member, own[i : i + rows]) for i in range(0, len(own), rows)]
    return np.asarray(member.base + np.concatenate([np.zeros((0, len(member.base))), *parts]))


def _leaf_sums(member: TreesMember, own: Float32) -> Float64:
    row = np.arange(len(own))[:, None]
    node = np.broadcast_to(member.roots, (len(own), len(member.roots)))
    while True:
        inner = member.left[node] >= 0
        if not inner.any():
            return np.asarray(member.values[node].sum(axis=1))
        go_left = own[row, member.feature[node] * inner] <= member.threshold[node]
        child = np.where(go_left, member.left[node], member.right[node])
        node = np.where(inner, child, node)


def _predict_member(member: Member, features: Float32) -> Float64:
    if isinstance(member, LinearMember):
        scaled = (features[:, member.columns].astype(np.float64) - member.center) / member.scale
        raw = scaled @ member.weights + member.intercept
    else:
        raw = raw_trees(member, features)
    if member.link == "sigmoid":
        return sigmoid(raw)
    return softmax(raw) if member.link == "softmax" else raw


def _regression(output: Output, mean: Float64) -> Answer:
    def back(x: Float64) -> Float64:
        with np.errstate(over="ignore"):
            return np.exp(x) if output.transform == "log" else x

    if output.interval is None:
        return regression_answer(back(mean))
    low, high = back(mean - output.interval), back(mean + output.interval)
    return regression_answer(back(mean), low, high)

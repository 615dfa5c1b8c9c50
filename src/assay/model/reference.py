"""What a plan means, in NumPy: slow, plain, and what the graph is proved equal to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from assay.model.answer import (
    Answer,
    anomaly_answer,
    class_answer,
    cluster_answer,
    regression_answer,
    vector_answer,
)
from assay.model.encode import encode
from assay.model.plan import (
    Array,
    BetaCalibration,
    Bool,
    Calibration,
    Float32,
    Float64,
    Int32,
    IsotonicCalibration,
    LinearMember,
    Link,
    LogitCalibration,
    Member,
    ModelPlan,
    NeighboursMember,
    NetworkMember,
    Output,
    QuadraticMember,
    TreesMember,
)

SMALLEST_PROBABILITY = 1e-12
"""Probabilities are kept this far from 0 and 1 before a logarithm is taken."""

SMALLEST_BASE = 1e-12
"""What is raised to a power on the way back from a power scale is kept this far above 0."""

CLOSE = 4e-6
"""Relative difference of two squared distances between float32 features that may be rounding."""

_CELLS_A_CHUNK = 4_000_000


def predict_plan(plan: ModelPlan, inputs: Mapping[str, Array]) -> Answer:
    """Answer rows by the plan itself.

    Parameters
    ----------
    plan : ModelPlan
    inputs : mapping of str to ndarray, shape (n, 1)
        As `graph_inputs` gives them.
    """
    features = encode(plan, inputs)
    return combine(plan, member_predictions(plan, features), features)


def member_predictions(plan: ModelPlan, features: Float32) -> list[Float64]:
    """Each member's prediction after its link, shape (n, n_outputs), in the plan's order."""
    return [_predict_member(member, features) for member in plan.members]


def thresholds(plan: ModelPlan, features: Float32 | None = None) -> Float64:
    """Where each row is cut: one threshold for all, shape (), or one a row, shape (n,).

    Parameters
    ----------
    features : ndarray of float32, shape (n, n_features), optional
        The whole plan's; needed where thresholds are the rows' own.
    """
    if plan.cut is None:
        return np.asarray(plan.output.threshold)
    assert features is not None, "this plan's thresholds depend on features"
    own = features[:, plan.cut.columns].astype(np.float64)
    return np.asarray(_linear(plan.cut, own)[:, 0])


def combine(
    plan: ModelPlan, predictions: Sequence[Array], features: Float32 | None = None
) -> Answer:
    """The answer from the members' predictions: weighted mean or stack, then output.

    ``features`` are needed where rows have thresholds of their own.
    """
    output = plan.output
    mean = _stacked(plan.stack, predictions) if plan.stack else _mean(plan.weights, predictions)
    if output.kind == "regression":
        value, low, high = (None if part is None else part[:, 0] for part in _back(output, mean))
        assert value is not None
        return regression_answer(value, low, high)
    if output.kind == "vector":
        return vector_answer(*_back(output, mean), names=output.names)
    if output.kind == "clusters":
        return cluster_answer(mean, mean.argmax(axis=1), names=output.names)
    if output.kind == "anomaly":
        return anomaly_answer(mean[:, 0], (mean[:, 0] >= output.threshold).astype(np.int64))
    probabilities = calibrate(output, mean)
    if output.kind == "binary":
        label = (probabilities[:, 1] >= thresholds(plan, features)).astype(np.int64)
    else:
        label = label_scores(output, probabilities).argmax(axis=1)
    return class_answer(probabilities, label, classes=output.classes, interval=output.interval)


def label_scores(output: Output, probabilities: Float64) -> Float64:
    """What the label of more than two classes is the largest of, (n, n_classes).

    Probabilities; with costs, the expected cost of each label, turned round.

    Examples
    --------
    >>> output = Output(kind="multiclass", classes=("a", "b"), costs=((0.0, 1.0), (5.0, 0.0)))
    >>> label_scores(output, np.array([[0.7, 0.3]])).tolist()
    [[-1.5, -0.7]]
    """
    if not output.costs:
        return probabilities
    return np.asarray(probabilities @ -np.array(output.costs))


def calibrate(output: Output, mean: Float64) -> Float64:
    """Calibrated probabilities (n, n_classes) from the members' mean, (n, 1) or (n, n_classes).

    Examples
    --------
    >>> output = Output(kind="binary", classes=("no", "yes"),
    ...                 calibration=LogitCalibration(slope=2.0))
    >>> calibrate(output, np.array([[0.8]])).round(3)
    array([[0.059, 0.941]])
    """
    if output.calibration is None:
        shares = np.asarray(mean, dtype=np.float64)
    elif isinstance(output.calibration, LogitCalibration):
        shares = _by_logit(output.calibration, mean)
    else:
        shares = _by_class(output.calibration, mean)
    return np.hstack([1.0 - shares, shares]) if output.kind == "binary" else shares


def _by_logit(calibration: LogitCalibration, mean: Float64) -> Float64:
    if mean.shape[1] > 1:
        return softmax(calibration.slope * np.log(np.maximum(mean, SMALLEST_PROBABILITY)))
    p = np.clip(mean, SMALLEST_PROBABILITY, 1.0 - SMALLEST_PROBABILITY)
    return sigmoid(calibration.slope * np.log(p / (1.0 - p)) + calibration.intercept)


def _by_class(calibration: Calibration, mean: Float64) -> Float64:
    """Each class by itself; several are divided by their sum (Zadrozny and Elkan 2002)."""
    if isinstance(calibration, BetaCalibration):
        p = np.clip(mean, SMALLEST_PROBABILITY, 1.0 - SMALLEST_PROBABILITY)
        a, b, c = (np.array(part) for part in (calibration.a, calibration.b, calibration.c))
        shares = sigmoid(a * np.log(p) - b * np.log(1.0 - p) + c)
    else:
        assert isinstance(calibration, IsotonicCalibration)
        curves = zip(calibration.knots, calibration.values, strict=True)
        columns = [np.interp(mean[:, k], x, y) for k, (x, y) in enumerate(curves)]
        shares = np.stack(columns, axis=1)
    if mean.shape[1] == 1:
        return shares
    some = np.maximum(shares, SMALLEST_PROBABILITY)
    return np.asarray(some / some.sum(axis=1, keepdims=True))


def _mean(weights: Sequence[float], predictions: Sequence[Array]) -> Float64:
    shares = np.asarray(weights, dtype=np.float64) / np.sum(weights)
    weighted = [
        share * np.asarray(p, dtype=np.float64)
        for share, p in zip(shares, predictions, strict=True)
    ]
    return np.asarray(np.sum(weighted, axis=0))


def _stacked(stack: LinearMember, predictions: Sequence[Array]) -> Float64:
    beside = np.hstack([np.asarray(p, dtype=np.float64) for p in predictions])
    return apply_link(_linear(stack, beside[:, stack.columns]), stack.link)


def sigmoid(x: Float64) -> Float64:
    """``1 / (1 + exp(-x))``, in (0, 1)."""
    with np.errstate(over="ignore"):
        return np.asarray(1.0 / (1.0 + np.exp(-x)))


def softmax(x: Float64) -> Float64:
    """Softmax along the last axis."""
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def apply_link(raw: Float64, link: Link) -> Float64:
    """A member's prediction from its raw scores."""
    if link == "sigmoid":
        return sigmoid(raw)
    if link == "exp":
        with np.errstate(over="ignore"):
            return np.asarray(np.exp(raw))
    return softmax(raw) if link == "softmax" else raw


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
        go_left = _goes_left(member, node, own[row, member.feature[node] * inner])
        child = np.where(go_left, member.left[node], member.right[node])
        node = np.where(inner, child, node)


def _goes_left(member: TreesMember, node: Int32, x: Float32) -> Bool:
    left = np.asarray(x <= member.threshold[node])
    if member.set_of is not None:
        place = member.set_of[node]
        for number in np.unique(place[place >= 0]):
            here = place == number
            left[here] = np.isin(x[here], member.sets[number])
    if member.missing_left is not None:
        left = np.where(np.isnan(x), member.missing_left[node], left)
    return left


def _predict_member(member: Member, features: Float32) -> Float64:
    if isinstance(member, TreesMember):
        return apply_link(raw_trees(member, features), member.link)
    own = features[:, member.columns].astype(np.float64)
    return apply_link(_RAW[type(member)](member, own), member.link)


def _standardised(
    member: LinearMember | NetworkMember | NeighboursMember | QuadraticMember, own: Float64
) -> Float64:
    return np.asarray((own - member.center) / member.scale)


def _linear(member: LinearMember, own: Float64) -> Float64:
    return np.asarray(_standardised(member, own) @ member.weights + member.intercept)


def _network(member: NetworkMember, own: Float64) -> Float64:
    hidden = _standardised(member, own)
    for weights, biases in zip(member.weights[:-1], member.biases[:-1], strict=True):
        hidden = _ACTIVATIONS[member.activation](hidden @ weights + biases)
    return np.asarray(hidden @ member.weights[-1] + member.biases[-1])


def _neighbours(member: NeighboursMember, own: Float64) -> Float64:
    points = _standardised(member, own)
    size = max(1, _CELLS_A_CHUNK // member.rows.size)
    parts = [_nearest(member, points[i : i + size]) for i in range(0, len(points), size)]
    return np.concatenate([np.zeros((0, member.values.shape[1])), *parts])


def _nearest(member: NeighboursMember, points: Float64) -> Float64:
    squares = ((points[:, None, :] - member.rows) ** 2).sum(axis=2)
    order = np.argsort(squares, axis=1, kind="stable")[:, : member.k]
    values = member.values[order]
    if not member.by_distance:
        return np.asarray(values.mean(axis=1))
    nearest = np.sqrt(np.take_along_axis(squares, order, axis=1))
    same = nearest == 0
    weights = np.where(same.any(axis=1, keepdims=True), same, 1.0 / np.where(same, 1.0, nearest))
    shares = weights / weights.sum(axis=1, keepdims=True)
    return np.asarray((shares[:, :, None] * values).sum(axis=1))


def neighbour_ties(member: NeighboursMember, features: Float32) -> Bool:
    """Rows for which it is left to rounding which training row counts as the last of the k.

    Parameters
    ----------
    features : ndarray of float32, shape (n, n_features)
        The whole plan's.

    Returns
    -------
    ndarray of bool, shape (n,)
        Where the k-th and the next squared distance differ by less than `CLOSE`.
    """
    points = _standardised(member, features[:, member.columns].astype(np.float64))
    if member.k >= len(member.rows):
        return np.zeros(len(points), dtype=bool)
    size = max(1, _CELLS_A_CHUNK // member.rows.size)
    parts = [_tied(member, points[i : i + size]) for i in range(0, len(points), size)]
    return np.concatenate([np.zeros(0, dtype=bool), *parts])


def _tied(member: NeighboursMember, points: Float64) -> Bool:
    squares = ((points[:, None, :] - member.rows) ** 2).sum(axis=2)
    pair = np.argsort(squares, axis=1, kind="stable")[:, member.k - 1 : member.k + 1]
    last, following = np.take_along_axis(squares, pair, axis=1).T
    return np.asarray(following - last <= CLOSE * np.maximum(following, CLOSE))


def _quadratic(member: QuadraticMember, own: Float64) -> Float64:
    squares = (_standardised(member, own) @ member.directions - member.offsets) ** 2
    groups = member.group[:, None] == np.arange(len(member.bias))
    return np.asarray(member.bias - squares @ groups.astype(np.float64))


_RAW: dict[type, Callable[..., Float64]] = {
    LinearMember: _linear,
    NetworkMember: _network,
    NeighboursMember: _neighbours,
    QuadraticMember: _quadratic,
}

_ACTIVATIONS: dict[str, Callable[[Float64], Float64]] = {
    "identity": lambda x: x,
    "relu": lambda x: np.maximum(x, 0.0),
    "tanh": np.tanh,
    "logistic": sigmoid,
}


def _back(output: Output, mean: Float64) -> tuple[Float64, Float64 | None, Float64 | None]:
    """The mean and, with an interval, its two sides, in the target's own unit."""
    value = np.sort(mean, axis=1) if output.sorted_names else mean
    if output.interval is None:
        return from_scale(output, value), None, None
    low, high = value - output.interval, value + output.interval
    return from_scale(output, value), from_scale(output, low), from_scale(output, high)


def from_scale(output: Output, x: Float64) -> Float64:
    """What a number on the members' scale is in the target's own unit.

    Sources: G. Box and D. Cox, An analysis of transformations, JRSS B 26 (1964); I.-K. Yeo and
    R. Johnson, A new family of power transformations, Biometrika 87 (2000).
    """
    moved = output.center + output.scale * x
    power = output.power
    with np.errstate(over="ignore"):
        if output.transform == "log":
            return np.asarray(np.exp(moved))
        if output.transform == "log1p":
            return np.asarray(np.exp(moved) - 1.0)
        if output.transform == "box-cox":
            return _root(moved, power)
        if output.transform == "yeo-johnson":
            below = 1.0 - _root(-np.minimum(moved, 0.0), 2.0 - power)
            return np.where(moved < 0, below, _root(np.maximum(moved, 0.0), power) - 1.0)
    return moved


def _root(x: Float64, power: float) -> Float64:
    """``(power * x + 1) ** (1 / power)``; the limit of that, exp(x), at 0."""
    if power == 0:
        return np.asarray(np.exp(x))
    return np.asarray(np.maximum(power * x + 1.0, SMALLEST_BASE) ** (1.0 / power))

"""From the members' mean to the graph's outputs: calibration, label, scale, interval."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import onnx
from onnx import TensorProto

from assay.model.graph import GraphBuilder, matrix_value, vector_value
from assay.model.plan import (
    BetaCalibration,
    ClassLabel,
    IsotonicCalibration,
    LogitCalibration,
    Output,
)
from assay.model.reference import SMALLEST_BASE, SMALLEST_PROBABILITY

Outputs = list[onnx.ValueInfoProto]
NAMES = (
    *("prediction", "lower", "upper", "probabilities", "label", "class"),
    *("values", "scores", "score"),
)
"""What the graph's outputs are called."""


def compile_output(
    builder: GraphBuilder, output: Output, mean: str, *, with_class: bool, cut: str | None = None
) -> Outputs:
    """Add the outputs; ``with_class`` names the class itself beside its position.

    ``cut``: thresholds of the rows, (N, 1), which stand for the output's own.
    """
    if output.kind in ("binary", "multiclass"):
        return _classes(builder, output, mean, with_class=with_class, cut=cut)
    return _KINDS[output.kind](builder, output, mean)


def _regression(builder: GraphBuilder, output: Output, mean: str) -> Outputs:
    parts = _sides(builder, output, builder.node("Squeeze", mean, builder.axis(1)), "prediction")
    return [vector_value(name, TensorProto.DOUBLE) for name in parts]


def _vector(builder: GraphBuilder, output: Output, mean: str) -> Outputs:
    width = len(output.names)
    if output.sorted_names:
        mean = builder.nodes("TopK", [mean, builder.axis(width)], 2, largest=0, axis=1)[0]
    parts = _sides(builder, output, mean, "values")
    return [matrix_value(name, TensorProto.DOUBLE, width) for name in parts]


def _clusters(builder: GraphBuilder, output: Output, mean: str) -> Outputs:
    builder.name_result(mean, "scores")
    builder.name_result(builder.node("ArgMax", mean, axis=1, keepdims=0), "label")
    return [
        matrix_value("scores", TensorProto.DOUBLE, len(output.names)),
        vector_value("label", TensorProto.INT64),
    ]


def _anomaly(builder: GraphBuilder, output: Output, mean: str) -> Outputs:
    score = builder.node("Squeeze", mean, builder.axis(1))
    strange = builder.node("GreaterOrEqual", score, builder.number(output.threshold))
    builder.name_result(score, "score")
    builder.name_result(builder.cast(strange, TensorProto.INT64), "label")
    return [vector_value("score", TensorProto.DOUBLE), vector_value("label", TensorProto.INT64)]


def _sides(builder: GraphBuilder, output: Output, value: str, name: str) -> list[str]:
    """The value and, with an interval, its two sides, brought back to the target's unit."""
    parts = {name: value}
    if output.interval is not None:
        q = builder.number(output.interval)
        parts["lower"] = builder.node("Sub", value, q)
        parts["upper"] = builder.node("Add", value, q)
    for part, result in parts.items():
        builder.name_result(_from_scale(builder, output, result), part)
    return list(parts)


def _from_scale(builder: GraphBuilder, output: Output, x: str) -> str:
    """See `assay.model.reference.from_scale`."""
    number = builder.number
    if output.scale != 1.0:
        x = builder.node("Mul", x, number(output.scale))
    if output.center != 0.0:
        x = builder.node("Add", x, number(output.center))
    if output.transform == "log":
        return builder.node("Exp", x)
    if output.transform == "log1p":
        return builder.node("Sub", builder.node("Exp", x), number(1.0))
    if output.transform == "box-cox":
        return _root(builder, x, output.power)
    if output.transform == "yeo-johnson":
        zero, one = number(0.0), number(1.0)
        above = _root(builder, builder.node("Max", x, zero), output.power)
        turned = builder.node("Neg", builder.node("Min", x, zero))
        below = builder.node("Sub", one, _root(builder, turned, 2.0 - output.power))
        negative = builder.node("Less", x, zero)
        return builder.node("Where", negative, below, builder.node("Sub", above, one))
    return x


def _root(builder: GraphBuilder, x: str, power: float) -> str:
    if power == 0:
        return builder.node("Exp", x)
    scaled = builder.node("Mul", x, builder.number(power))
    base = builder.node("Add", scaled, builder.number(1.0))
    kept = builder.node("Max", base, builder.number(SMALLEST_BASE))
    return builder.node("Pow", kept, builder.number(1.0 / power))


def _classes(
    builder: GraphBuilder, output: Output, mean: str, *, with_class: bool, cut: str | None
) -> Outputs:
    shares = _calibrated(builder, output, mean)
    if output.kind == "binary":
        probabilities, label = _binary(builder, output, shares, cut)
    else:
        probabilities = shares
        label = builder.node("ArgMax", _label_scores(builder, output, shares), axis=1, keepdims=0)
    builder.name_result(probabilities, "probabilities")
    results = [
        matrix_value("probabilities", TensorProto.DOUBLE, len(output.classes)),
        vector_value("label", TensorProto.INT64),
    ]
    if with_class:
        classes, element = _class_values(output.labels or output.classes)
        builder.name_result(builder.node("Gather", builder.constant(classes), label), "class")
        results.append(vector_value("class", element))
    builder.name_result(label, "label")
    return results


def _label_scores(builder: GraphBuilder, output: Output, shares: str) -> str:
    """See `assay.model.reference.label_scores`."""
    if not output.costs:
        return shares
    return builder.node("MatMul", shares, builder.constant(-np.array(output.costs, np.float64)))


def _binary(
    builder: GraphBuilder, output: Output, positive: str, cut: str | None
) -> tuple[str, str]:
    negative = builder.node("Sub", builder.number(1.0), positive)
    both = builder.concat([negative, positive])
    if cut is None and output.threshold == 0.5:
        # 1 - p is exact from 0.5 on, so a tie is p = 0.5 and nothing else.
        return both, builder.node("ArgMax", both, axis=1, keepdims=0, select_last_index=1)
    least = builder.number(output.threshold) if cut is None else cut
    chosen = builder.node("GreaterOrEqual", positive, least)
    flat = builder.node("Reshape", chosen, builder.axis(-1))
    return both, builder.cast(flat, TensorProto.INT64)


def _class_values(labels: Sequence[ClassLabel]) -> tuple[np.ndarray, int]:
    """The classes as a constant of the narrowest type that holds them all."""
    if all(isinstance(label, bool) for label in labels):
        return np.array(labels, dtype=np.bool_), TensorProto.BOOL
    if all(isinstance(label, int) and not isinstance(label, bool) for label in labels):
        return np.array(labels, dtype=np.int64), TensorProto.INT64
    if all(isinstance(label, (int, float)) and not isinstance(label, bool) for label in labels):
        return np.array(labels, dtype=np.float64), TensorProto.DOUBLE
    return np.array([str(label) for label in labels], dtype=object), TensorProto.STRING


def _calibrated(builder: GraphBuilder, output: Output, mean: str) -> str:
    """Calibrated shares: (N, 1) of the second of two classes, or (N, n_classes)."""
    calibration, binary = output.calibration, output.kind == "binary"
    if calibration is None:
        return mean
    if isinstance(calibration, LogitCalibration):
        return _by_logit(builder, calibration, mean, binary=binary)
    if isinstance(calibration, BetaCalibration):
        shares = _by_beta(builder, calibration, mean)
    else:
        shares = _by_steps(builder, calibration, mean)
    if binary:
        return shares
    some = builder.node("Max", shares, builder.number(SMALLEST_PROBABILITY))
    total = builder.node("ReduceSum", some, builder.axis(1), keepdims=1)
    return builder.node("Div", some, total)


def _by_logit(
    builder: GraphBuilder, calibration: LogitCalibration, mean: str, *, binary: bool
) -> str:
    slope = builder.number(calibration.slope)
    if not binary:
        some = builder.node("Max", mean, builder.number(SMALLEST_PROBABILITY))
        sloped = builder.node("Mul", builder.node("Log", some), slope)
        return builder.node("Softmax", sloped, axis=-1)
    p = _inside(builder, mean)
    odds = builder.node("Div", p, builder.node("Sub", builder.number(1.0), p))
    sloped = builder.node("Mul", builder.node("Log", odds), slope)
    moved = builder.node("Add", sloped, builder.number(calibration.intercept))
    return builder.node("Sigmoid", moved)


def _by_beta(builder: GraphBuilder, calibration: BetaCalibration, mean: str) -> str:
    a, b, c = (
        builder.constant(np.array([part], dtype=np.float64))
        for part in (calibration.a, calibration.b, calibration.c)
    )
    p = _inside(builder, mean)
    rest = builder.node("Sub", builder.number(1.0), p)
    rising = builder.node("Mul", builder.node("Log", p), a)
    falling = builder.node("Mul", builder.node("Log", rest), b)
    moved = builder.node("Add", builder.node("Sub", rising, falling), c)
    return builder.node("Sigmoid", moved)


def _by_steps(builder: GraphBuilder, calibration: IsotonicCalibration, mean: str) -> str:
    """Straight lines between knots: a start, and what each stretch adds."""
    curves = list(zip(calibration.knots, calibration.values, strict=True))
    parts = []
    for place, (knots, values) in enumerate(curves):
        share = builder.pick(mean, [place], width=len(curves))
        widths = np.array([b - a for a, b in pairwise(knots)])
        rises = np.array([b - a for a, b in pairwise(values)])
        if not len(widths):
            zeros = builder.node("Mul", share, builder.number(0.0))
            parts.append(builder.node("Add", zeros, builder.number(values[0])))
            continue
        gone = builder.node("Sub", share, builder.constant(np.array([knots[:-1]])))
        kept = builder.node("Max", gone, builder.number(0.0))
        inside = builder.node("Min", kept, builder.constant(widths[None, :]))
        added = builder.node("MatMul", inside, builder.constant((rises / widths)[:, None]))
        parts.append(builder.node("Add", added, builder.number(values[0])))
    return builder.concat(parts)


def _inside(builder: GraphBuilder, mean: str) -> str:
    """Probabilities kept a little away from 0 and 1."""
    least = builder.number(SMALLEST_PROBABILITY)
    return builder.node("Clip", mean, least, builder.number(1.0 - SMALLEST_PROBABILITY))


_KINDS: dict[str, Callable[[GraphBuilder, Output, str], Outputs]] = {
    "regression": _regression,
    "vector": _vector,
    "clusters": _clusters,
    "anomaly": _anomaly,
}

"""From the neutral plan to one ONNX graph.

The graph takes one input per column of the user's table, ``(N, 1)``, double or string, and
gives ``prediction`` (and ``lower``, ``upper``) or ``probabilities`` and ``label``. What a
scorer must know besides lies in the model's metadata.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto

from assay.model.compile_features import Features, compile_features
from assay.model.compile_trees import SINGLE_OUTPUT_OPSET, compile_trees, trees_opset
from assay.model.encode import name_features
from assay.model.facts import GraphColumn, GraphFacts
from assay.model.graph import INTERNAL, GraphBuilder, column_value, matrix_value, vector_value
from assay.model.plan import Float64, LinearMember, Member, ModelPlan, Output, TreesMember
from assay.model.reference import SMALLEST_PROBABILITY
from assay.model.soundness import check_plan, outputs

OUTPUTS = ("prediction", "lower", "upper", "probabilities", "label")


def compile_plan(plan: ModelPlan) -> bytes:
    """Compile a plan.

    Parameters
    ----------
    plan : ModelPlan

    Returns
    -------
    bytes
        An ONNX model that `onnx.checker` accepts. The same plan gives the same bytes.

    Raises
    ------
    InputError
        The plan is not sound; see `check_plan`.
    """
    check_plan(plan)
    builder = GraphBuilder()
    names = graph_names([item.name for item in plan.inputs])
    features = compile_features(builder, plan, names)
    mean = _mean(builder, plan, features)
    results = _results(builder, plan.output, mean)
    trees = _trees(plan.members)
    return builder.serialise(
        [column_value(names[item.name], item.kind) for item in plan.inputs],
        results,
        ml_opset=trees_opset(trees) if trees else SINGLE_OUTPUT_OPSET,
        metadata=_metadata(plan, names),
        description="Compiled by assay: one input per column, preparation included.",
    )


def graph_names(columns: Sequence[str]) -> dict[str, str]:
    """The graph's name of each column: its own, unless the graph needs that name itself.

    Examples
    --------
    >>> graph_names(["make", "label", ""])
    {'make': 'make', 'label': 'label (column 1)', '': ' (column 2)'}
    """
    names: dict[str, str] = {}
    for number, column in enumerate(columns):
        taken = column in OUTPUTS or column == "" or column.startswith(INTERNAL)
        name = f"{column.lstrip(INTERNAL)} (column {number})" if taken else column
        while taken and (name in columns or name in names.values()):
            name += "'"
        names[column] = name
    return names


def _trees(members: Sequence[Member]) -> list[TreesMember]:
    return [m for m in members if isinstance(m, TreesMember)]


@dataclass(frozen=True)
class _Raw:
    """What members give before their links, side by side: double (N, n_members x n_outputs)."""

    name: str
    members: list[Member]
    shares: Float64


def _mean(builder: GraphBuilder, plan: ModelPlan, features: Features) -> str:
    """The members' weighted mean after their links, double (N, n_outputs)."""
    raw = _raw(builder, plan, features)
    width = outputs(plan.output)
    if width == 1:
        linked = _link(builder, raw, raw.name, axes=(1,))
        return builder.node("MatMul", linked, builder.constant(raw.shares[:, None]))
    shape = builder.constant(np.array([-1, len(raw.members), width], dtype=np.int64))
    cube = builder.node("Reshape", raw.name, shape)
    linked = _link(builder, raw, cube, axes=(1, 1))
    weighted = builder.node("Mul", linked, builder.constant(raw.shares[None, :, None]))
    axis = builder.axis(1)
    return builder.node("ReduceSum", weighted, axis, keepdims=0)


def _raw(builder: GraphBuilder, plan: ModelPlan, features: Features) -> _Raw:
    """Trees first, all in one node; then the linear members."""
    linear = [m for m in plan.members if isinstance(m, LinearMember)]
    trees = _trees(plan.members)
    parts = [compile_trees(builder, trees, features.name, features.position)] if trees else []
    parts += [_linear(builder, member, features) for member in linear]
    weights = np.asarray(plan.weights, dtype=np.float64)
    first = np.argsort([isinstance(m, LinearMember) for m in plan.members], kind="stable")
    return _Raw(builder.concat(parts), [*trees, *linear], (weights / weights.sum())[first])


def _linear(builder: GraphBuilder, member: LinearMember, features: Features) -> str:
    own = features.position[np.asarray(member.columns)]
    name = features.name
    if not np.array_equal(own, np.arange(len(features.position))):
        name = builder.node("Gather", name, builder.constant(own), axis=1)
    centered = builder.node("Sub", name, builder.constant(_double(member.center)[None, :]))
    scaled = builder.node("Div", centered, builder.constant(_double(member.scale)[None, :]))
    product = builder.node("MatMul", scaled, builder.constant(_double(member.weights)))
    return builder.node("Add", product, builder.constant(_double(member.intercept)[None, :]))


def _double(values: Float64) -> Float64:
    return np.asarray(values, dtype=np.float64)


def _link(builder: GraphBuilder, raw: _Raw, name: str, *, axes: tuple[int, ...]) -> str:
    """Apply each member's link; ``axes`` follow the members' own: (outputs,) or nothing."""
    result = name
    for link in ("sigmoid", "softmax"):
        chosen = np.array([m.link == link for m in raw.members])
        if not chosen.any():
            continue
        linked = (
            builder.node("Sigmoid", name)
            if link == "sigmoid"
            else builder.node("Softmax", name, axis=-1)
        )
        mask = builder.constant(chosen.reshape(1, -1, *axes[1:]))
        result = linked if chosen.all() else builder.node("Where", mask, linked, result)
    return result


def _results(builder: GraphBuilder, output: Output, mean: str) -> list[onnx.ValueInfoProto]:
    if output.kind == "regression":
        return _regression(builder, output, mean)
    calibrate = _binary if output.kind == "binary" else _multiclass
    probabilities, label = calibrate(builder, output, mean)
    builder.name_result(probabilities, "probabilities")
    builder.name_result(label, "label")
    return [
        matrix_value("probabilities", TensorProto.DOUBLE, len(output.classes)),
        vector_value("label", TensorProto.INT64),
    ]


def _regression(builder: GraphBuilder, output: Output, mean: str) -> list[onnx.ValueInfoProto]:
    """The mean and, with an interval, its two sides, brought back to the target's unit."""
    parts = {"prediction": builder.node("Squeeze", mean, builder.axis(1))}
    if output.interval is not None:
        q = builder.number(output.interval)
        parts["lower"] = builder.node("Sub", parts["prediction"], q)
        parts["upper"] = builder.node("Add", parts["prediction"], q)
    for name, part in parts.items():
        back = builder.node("Exp", part) if output.transform == "log" else part
        builder.name_result(back, name)
    return [vector_value(name, TensorProto.DOUBLE) for name in parts]


def _binary(builder: GraphBuilder, output: Output, mean: str) -> tuple[str, str]:
    one = builder.number(1.0)
    least = builder.number(SMALLEST_PROBABILITY)
    most = builder.number(1.0 - SMALLEST_PROBABILITY)
    p = builder.node("Min", builder.node("Max", mean, least), most)
    logit = builder.node("Log", builder.node("Div", p, builder.node("Sub", one, p)))
    sloped = builder.node("Mul", logit, builder.number(output.slope))
    moved = builder.node("Add", sloped, builder.number(output.intercept))
    positive = builder.node("Sigmoid", moved)
    negative = builder.node("Sub", one, positive)
    threshold = builder.number(output.threshold)
    chosen = builder.node("GreaterOrEqual", positive, threshold)
    axis = builder.axis(1)
    label = builder.cast(builder.node("Squeeze", chosen, axis), TensorProto.INT64)
    return builder.concat([negative, positive]), label


def _multiclass(builder: GraphBuilder, output: Output, mean: str) -> tuple[str, str]:
    least = builder.number(SMALLEST_PROBABILITY)
    logs = builder.node("Log", builder.node("Max", mean, least))
    sloped = builder.node("Mul", logs, builder.number(output.slope))
    probabilities = builder.node("Softmax", sloped, axis=-1)
    return probabilities, builder.node("ArgMax", probabilities, axis=1, keepdims=0)


def _metadata(plan: ModelPlan, names: dict[str, str]) -> dict[str, str]:
    output = plan.output
    facts = GraphFacts(
        kind=output.kind,
        classes=tuple(output.classes),
        coverage=output.coverage,
        interval=output.interval,
        threshold=output.threshold,
        inputs=tuple(
            GraphColumn(name=i.name, kind=i.kind, input=names[i.name]) for i in plan.inputs
        ),
        features=tuple(plan.feature_names) or name_features(plan.encoders),
        families=tuple(sorted({m.family for m in plan.members})),
    )
    return facts.to_metadata()

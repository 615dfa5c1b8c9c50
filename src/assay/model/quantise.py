"""Weights of matrix products as whole numbers of eight bits, where that is measured harmless.

Only what is stored shrinks: each column of a matrix is kept as int8 and one float32 scale, and
is turned back to doubles as the graph is opened. The result is another graph than the one that
was proved and hallmarked, so it is measured on rows, and refused where answers change.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from assay.errors import NotApplicable, ParityFailed
from assay.model.answer import Answer
from assay.model.inputs import row_count
from assay.model.plan import Array, Float64
from assay.model.scorer import Scorer
from assay.records import Record, digest

if TYPE_CHECKING:
    import onnx

LEAST_GAIN = 0.1
"""Share of the file that must be saved."""
SMALLEST_MATRIX = 256
"""Numbers in a matrix below which its scales and nodes cost what eight bits save."""

_STEPS = 127


class Limits(Record, frozen=True, kw_only=True):
    """How much answers may change."""

    change: float = 1e-2
    """Of a probability as it is, of a value relative to its size."""
    labels: float = 1e-3
    """Share of rows whose label is another one."""


class Int8Report(Record, frozen=True, kw_only=True):
    """What eight bits save, and what they change, measured."""

    rows: int
    """Rows that both graphs answered."""
    measure: Literal["probability", "value"]
    change: float
    """The largest change: of a probability as it is, of a value relative to its size."""
    mean_change: float
    label_changes: int
    """Rows whose label is another one."""
    limits: Limits
    matrices: int
    bytes_before: int
    bytes_after: int
    graph_before: str
    """Digest of the hallmarked graph."""
    graph_after: str


@dataclass(frozen=True, kw_only=True)
class Quantised:
    """A graph with int8 weights, and what was measured about it."""

    graph: bytes
    report: Int8Report


def quantise(
    graph: bytes,
    inputs: Mapping[str, Array],
    *,
    limits: Limits = Limits(),  # noqa: B008 - a frozen value
) -> Quantised:
    """Store the weights of matrix products as int8, if the answers stay.

    Parameters
    ----------
    graph : bytes
        From `compile_plan`.
    inputs : mapping of str to ndarray, shape (n, 1)
        Rows to measure on, as `graph_inputs` gives them.
    limits : Limits
        How much answers may change.

    Raises
    ------
    NotApplicable
        There is nothing to gain: trees hold thresholds and leaves, not weights.
    ParityFailed
        An answer changes by more than is allowed; the message has the figures.
    """
    import onnx

    model = onnx.load_from_string(graph)
    matrices = _matrices(model.graph)
    for matrix in matrices:
        _store_as_int8(model.graph, matrix)
    small = bytes(model.SerializeToString(deterministic=True))
    if len(small) > (1 - LEAST_GAIN) * len(graph):
        raise NotApplicable(
            f"int8 would save {max(0, len(graph) - len(small)):,} of {len(graph):,} bytes: "
            "there is nothing to gain. Trees, encoders and small matrices stay as they are.",
            hint="Export without int8.",
        )
    report = Int8Report(
        **_compare(Scorer(graph).score(inputs), Scorer(small).score(inputs)),
        rows=row_count(dict(inputs)),
        limits=limits,
        matrices=len(matrices),
        bytes_before=len(graph),
        bytes_after=len(small),
        graph_before=digest(graph),
        graph_after=digest(small),
    )
    if report.change > limits.change or report.label_changes > limits.labels * report.rows:
        raise ParityFailed(
            f"int8 changes a {report.measure} by up to {report.change:.2g} (allowed: "
            f"{limits.change:.2g}), and the label of {report.label_changes} of {report.rows:,} "
            f"rows (allowed: {limits.labels:.1%}).",
            hint="Export without int8: the hallmarked graph changes nothing.",
        )
    return Quantised(graph=small, report=report)


def _matrices(graph: onnx.GraphProto) -> list[onnx.TensorProto]:
    """Constant matrices of doubles that rows are multiplied with, or looked up in whole."""
    import onnx

    places = {"MatMul": 1, "Gather": 0}
    read = {n.input[places[n.op_type]] for n in graph.node if n.op_type in places}
    return [
        tensor
        for tensor in graph.initializer
        if tensor.name in read
        and tensor.data_type == onnx.TensorProto.DOUBLE
        and len(tensor.dims) == 2
        and tensor.dims[0] * tensor.dims[1] >= SMALLEST_MATRIX
    ]


def _store_as_int8(graph: onnx.GraphProto, matrix: onnx.TensorProto) -> None:
    """Put int8, scales and two nodes in the place of a constant; its readers stay as they are."""
    from onnx import TensorProto, helper, numpy_helper

    name = matrix.name
    whole, scale = quantise_columns(numpy_helper.to_array(matrix))
    parts = {f"{name}.int8": whole, f"{name}.scale": scale}
    graph.initializer.remove(matrix)
    graph.initializer.extend(numpy_helper.from_array(v, key) for key, v in parts.items())
    nodes = [
        helper.make_node("DequantizeLinear", list(parts), [f"{name}.float"], axis=1),
        helper.make_node("Cast", [f"{name}.float"], [name], to=TensorProto.DOUBLE),
    ]
    for place, node in enumerate(nodes):
        graph.node.insert(place, node)


def quantise_columns(matrix: Float64) -> tuple[Array, Array]:
    """Each column as whole numbers from -127 to 127 times one scale.

    Returns
    -------
    whole : ndarray of int8, the shape of ``matrix``
    scale : ndarray of float32, shape (n_columns,)

    Examples
    --------
    >>> whole, scale = quantise_columns(np.array([[0.5, 0.0], [-1.27, 0.0]]))
    >>> whole.tolist(), [round(float(s), 4) for s in scale]
    ([[50, 0], [-127, 0]], [0.01, 1.0])
    """
    scale = (np.abs(matrix).max(axis=0) / _STEPS).astype(np.float32)
    scale[scale == 0.0] = 1.0  # nothing there, or nothing that a float32 can tell from it
    whole = np.rint(matrix / scale.astype(np.float64))
    return np.clip(whole, -_STEPS, _STEPS).astype(np.int8), scale


def _compare(before: Answer, after: Answer) -> dict[str, Any]:
    """What changed, as fields of the report."""
    change = _change(before, after)
    labels = before.label
    return {
        "measure": "value" if before.probabilities is None else "probability",
        "change": float(change.max(initial=0.0)),
        "mean_change": float(change.mean()) if change.size else 0.0,
        "label_changes": 0 if labels is None else int(np.sum(labels != after.label)),
    }


def _change(before: Answer, after: Answer) -> Float64:
    """How far each number of the answers moved: probabilities as they are, values relatively."""
    if before.probabilities is not None and after.probabilities is not None:
        return _gap(before.probabilities, after.probabilities)
    pairs = [
        (getattr(before, name), getattr(after, name))
        for name in ("values", "lower", "upper")
        if getattr(before, name) is not None
    ]
    pairs = pairs if before.values is not None else [(before.prediction, after.prediction), *pairs]
    return np.concatenate([_relative(old, new).ravel() for old, new in pairs])


def _relative(old: Float64, new: Float64) -> Float64:
    """Relative to the size of the value itself, and to no less than a typical one's."""
    typical = float(np.median(np.abs(old))) if old.size else 0.0
    size = np.maximum(np.abs(old), max(typical, np.finfo(np.float64).tiny))
    return _gap(old, new) / size


def _gap(old: Float64, new: Float64) -> Float64:
    """Distances; infinite where an answer is no number any more."""
    with np.errstate(invalid="ignore"):
        gap = np.where(old == new, 0.0, np.abs(new - old))
    return np.asarray(np.nan_to_num(gap, nan=np.inf, posinf=np.inf), dtype=np.float64)

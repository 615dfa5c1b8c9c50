"""What a graph asks of the runtime that opens it, read from the graph itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from assay.records import Record

if TYPE_CHECKING:
    import onnx


_LEAST_BY_OPSET = {21: "1.19"}
_LEAST_BY_OPERATOR = {("ai.onnx.ml", "TreeEnsemble", 5): "1.24"}
"""The oldest releases of ONNX Runtime that gave the answers of 1.32 on random plans. Tried were
1.19.2, 1.20.1, 1.21.1, 1.22.1, 1.23.2, 1.24.4, 1.25.1, 1.26.0 and 1.28.0. `TreeEnsemble` has no
kernel before 1.21, and from 1.21 to 1.23 some of the ensembles were summed wrongly."""


class Value(Record, frozen=True, kw_only=True):
    """An input or output of a graph."""

    name: str
    element: str
    """``double``, ``string``, ``int64`` …"""
    shape: tuple[str, ...]


class Operator(Record, frozen=True, kw_only=True):
    """An operator that a graph uses."""

    name: str
    domain: str
    """``ai.onnx`` for the standard's own."""
    version: int
    """The operator set in which it got its present meaning."""
    nodes: int


class Needs(Record, frozen=True, kw_only=True):
    """What must be there for a graph to run."""

    ir_version: int
    opsets: dict[str, int]
    """Version of each operator set, by domain."""
    operators: tuple[Operator, ...]
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    least_runtime: str
    """The least version of ONNX Runtime, as far as it was tried."""


def read_needs(graph: bytes) -> Needs:
    """What a graph needs.

    Parameters
    ----------
    graph : bytes
        An ONNX model.
    """
    from collections import Counter

    import onnx

    model = onnx.load_from_string(graph)
    opsets = {entry.domain or "ai.onnx": entry.version for entry in model.opset_import}
    counts = Counter((node.domain or "ai.onnx", node.op_type) for node in _nodes(model.graph))
    operators = tuple(
        Operator(name=name, domain=domain, version=_since(name, domain, opsets), nodes=count)
        for (domain, name), count in sorted(counts.items())
    )
    used = {operator.domain for operator in operators} | {"ai.onnx"}
    return Needs(
        ir_version=model.ir_version,
        opsets={domain: version for domain, version in opsets.items() if domain in used},
        operators=operators,
        inputs=tuple(_value(value) for value in model.graph.input),
        outputs=tuple(_value(value) for value in model.graph.output),
        least_runtime=_least_runtime(opsets["ai.onnx"], operators),
    )


def _nodes(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """All nodes, those of inner graphs too."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                yield from _nodes(inner)


def _since(name: str, domain: str, opsets: dict[str, int]) -> int:
    import onnx

    short = "" if domain == "ai.onnx" else domain
    if not onnx.defs.has(name, short):  # an operator of the runtime's own
        return opsets[domain]
    return int(onnx.defs.get_schema(name, opsets[domain], short).since_version)


def _value(value: onnx.ValueInfoProto) -> Value:
    import onnx

    kind = value.type.tensor_type
    element: str = onnx.TensorProto.DataType.Name(kind.elem_type)
    return Value(
        name=value.name,
        element=element.lower(),
        shape=tuple(d.dim_param or str(d.dim_value) for d in kind.shape.dim),
    )


def _least_runtime(opset: int, operators: tuple[Operator, ...]) -> str:
    """By what was tried; of an operator set that was not, the version at hand is known to do."""
    import onnxruntime

    known = [_LEAST_BY_OPSET.get(opset, str(onnxruntime.__version__))]
    known += [_LEAST_BY_OPERATOR.get((o.domain, o.name, o.version), known[0]) for o in operators]
    return max(known, key=_release)


def _release(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())

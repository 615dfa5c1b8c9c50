"""A small builder of ONNX graphs: nodes and constants with names that are always the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from assay.errors import InputError
from assay.model.plan import Array

ML = "ai.onnx.ml"
MICROSOFT = "com.microsoft"
"""Operators that ONNX Runtime adds, in its browser build too: tokens and hashes of texts."""
OPSET = 21
IR_VERSION = 10
INTERNAL = "/"
"""First character of every name that the builder makes; no graph input begins with it."""


class GraphBuilder:
    """Collects nodes in order; each gives its result's name to the next."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._results: dict[str, str] = {}
        self._declared: list[onnx.ValueInfoProto] = []

    def constant(self, values: Array) -> str:
        """Name of a constant."""
        name = f"{INTERNAL}c{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(values, name))
        return name

    def pick(self, name: str, places: Sequence[int], *, width: int) -> str:
        """Some columns of a matrix of ``width``; all of them in order is the matrix itself."""
        first, count = places[0], len(places)
        if list(places) != list(range(first, first + count)):
            return self.node("Gather", name, self.constant(np.array(places, np.int64)), axis=1)
        if count == width:
            return name
        ends = (self.axis(first), self.axis(first + count), self.axis(1))
        return self.node("Slice", name, *ends)

    def number(self, value: float) -> str:
        """Name of a constant double."""
        return self.constant(np.array(value, dtype=np.float64))

    def axis(self, number: int) -> str:
        """Name of a constant list of one axis."""
        return self.constant(np.array([number], dtype=np.int64))

    def node(self, op: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """Name of the result of one operation."""
        return self.nodes(op, inputs, 1, domain=domain, **attributes)[0]

    def nodes(
        self, op: str, inputs: Sequence[str], results: int, *, domain: str = "", **attributes: Any
    ) -> list[str]:
        """Names of the results of one operation."""
        number = len(self._nodes)
        names = [f"{INTERNAL}{op}{number}.{i}" for i in range(results)]
        self._nodes.append(
            helper.make_node(op, inputs, names, name=f"{op}{number}", domain=domain, **attributes)
        )
        return names

    def foreign(self, op: str, name: str, element: int, shape: Sequence[str], **how: Any) -> str:
        """Name of the result of an operator of ONNX Runtime's own.

        The checker does not know such operators, so what they give is declared.
        """
        result = self.node(op, name, domain=MICROSOFT, **how)
        self._declared.append(helper.make_tensor_value_info(result, element, shape))
        return result

    def concat(self, parts: Sequence[str], *, axis: int = 1) -> str:
        """Parts side by side; a single part as it is."""
        return parts[0] if len(parts) == 1 else self.node("Concat", *parts, axis=axis)

    def cast(self, name: str, to: int) -> str:
        """A value in another type, a member of ``TensorProto.DataType``."""
        return self.node("Cast", name, to=to)

    def name_result(self, result: str, name: str) -> None:
        """Make the result of a node an output of the graph, under its own name."""
        self._results[result] = name

    def serialise(
        self,
        inputs: Sequence[onnx.ValueInfoProto],
        outputs: Sequence[onnx.ValueInfoProto],
        *,
        ml_opset: int,
        metadata: Mapping[str, str],
        description: str,
    ) -> bytes:
        """The checked model as bytes; the same calls give the same bytes."""
        for node in self._nodes:
            node.input[:] = [self._results.get(name, name) for name in node.input]
            node.output[:] = [self._results.get(name, name) for name in node.output]
        read = {name for node in self._nodes for name in node.input}
        graph = helper.make_graph(
            self._nodes,
            "assay",
            inputs,
            outputs,
            initializer=[c for c in self._constants if c.name in read],
            value_info=self._declared,
        )
        opsets = {"": OPSET, ML: ml_opset}
        if any(node.domain == MICROSOFT for node in self._nodes):
            opsets[MICROSOFT] = 1
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid(*opset) for opset in opsets.items()],
            ir_version=IR_VERSION,
            producer_name="assay",
            doc_string=description,
        )
        helper.set_model_props(model, dict(sorted(metadata.items())))
        _check(model)
        return bytes(model.SerializeToString(deterministic=True))


def column_value(name: str, kind: str) -> onnx.ValueInfoProto:
    """Declares a column: ``number`` double [N, 1], ``category`` string [N, 1]."""
    element = TensorProto.STRING if kind == "category" else TensorProto.DOUBLE
    return helper.make_tensor_value_info(name, element, ["N", 1])


def codes_value(name: str, width: int) -> onnx.ValueInfoProto:
    """Declares the matrix of codes: double [N, width]."""
    return helper.make_tensor_value_info(name, TensorProto.DOUBLE, ["N", width])


def vector_value(name: str, element: int) -> onnx.ValueInfoProto:
    """Declares an output of one number a row."""
    return helper.make_tensor_value_info(name, element, ["N"])


def matrix_value(name: str, element: int, width: int) -> onnx.ValueInfoProto:
    """Declares an output of ``width`` numbers a row."""
    return helper.make_tensor_value_info(name, element, ["N", width])


def _check(model: onnx.ModelProto) -> None:
    if model.ByteSize() >= onnx.checker.MAXIMUM_PROTOBUF:
        raise InputError(
            "The model is larger than 2 GB, the most that one ONNX file holds.",
            hint="Search with fewer or smaller trees.",
        )
    onnx.checker.check_model(model, full_check=True)

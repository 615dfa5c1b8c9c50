"""What a graph says of itself: the facts that a scorer needs besides the numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from assay.errors import InvalidFile
from assay.model.plan import ClassLabel, OutputKind
from assay.records import Record, canonical

FORMAT = 2
"""Of the graph's inputs, outputs and facts; raised when a scorer must read them otherwise."""

Form = Literal["columns", "codes"]

_PREFIX = "assay."


class GraphColumn(Record, frozen=True, kw_only=True):
    """One column the model reads, and the graph's own name for it (empty in coded form)."""

    name: str
    kind: Literal["number", "category"]
    input: str


class GraphFacts(Record, frozen=True, kw_only=True):
    """Stored in the ONNX model's metadata, one entry per field, each as JSON."""

    kind: OutputKind
    classes: tuple[str, ...]
    coverage: float
    interval: float | None
    threshold: float
    inputs: tuple[GraphColumn, ...]
    features: tuple[str, ...]
    families: tuple[str, ...]
    labels: tuple[ClassLabel, ...] = ()
    """The classes as the user's own values, where they are no strings."""
    names: tuple[str, ...] = ()
    """Of a vector's numbers, or of the clusters."""
    cut_by: tuple[str, ...] = ()
    """Columns that the threshold depends on; ``threshold`` is then that of rows of no known
    group."""
    form: Form = "columns"
    coding: dict[str, Any] = {}
    """Coded form: how columns become codes; see `assay.model.coding`."""
    cells_a_row: int = 0
    """Numbers a row in the widest step, where a step is wider than the features."""
    format: int = FORMAT

    def to_metadata(self) -> dict[str, str]:
        """As the entries ``assay.kind``, ``assay.inputs`` and so on."""
        fields = msgspec.to_builtins(self)
        return {_PREFIX + name: canonical(value).decode() for name, value in fields.items()}


def read_facts(metadata: Mapping[str, str]) -> GraphFacts:
    """Read what `GraphFacts.to_metadata` wrote.

    Raises
    ------
    InvalidFile
        There are no such entries, or they are of a later format.
    """
    try:
        fields = {
            name.removeprefix(_PREFIX): json.loads(text)
            for name, text in metadata.items()
            if name.startswith(_PREFIX)
        }
        if fields.get("format", 0) > FORMAT:
            raise InvalidFile(
                f"The graph has format {fields['format']}; this version reads up to {FORMAT}.",
                hint="Upgrade assay.",
            )
        return msgspec.convert(fields, GraphFacts)
    except (msgspec.ValidationError, json.JSONDecodeError, TypeError) as error:
        raise InvalidFile(
            "This ONNX graph was not compiled by assay.", hint="Pass the file model.onnx."
        ) from error


def graph_facts(graph: bytes) -> GraphFacts:
    """What a graph says of itself, read without opening it for scoring.

    Raises
    ------
    InvalidFile
        The bytes are no graph that `compile_plan` made, or of a later format.
    """
    import onnx

    try:
        model = onnx.load_model_from_string(graph)
    except Exception as error:  # protobuf's errors share no public base
        raise InvalidFile("These bytes are no ONNX graph.", hint="Pass model.onnx.") from error
    return read_facts({entry.key: entry.value for entry in model.metadata_props})

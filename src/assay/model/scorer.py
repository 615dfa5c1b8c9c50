"""Scoring with the graph alone."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime as ort

from assay.errors import InvalidFile, UnknownColumn
from assay.model.answer import Answer, class_answer, regression_answer
from assay.model.facts import read_facts
from assay.model.inputs import graph_inputs, row_count
from assay.model.plan import Array, Input

if TYPE_CHECKING:
    import polars as pl

BATCH_ROWS = 65_536
"""Rows that go through the graph at once; bounds memory."""


class Scorer:
    """Answers rows with a compiled graph. Holds no lock and may be shared by threads.

    Parameters
    ----------
    graph : bytes
        From `compile_plan`.
    threads : int
        Threads for one call; 0 means all cores. One is best where calls come side by side.

    Attributes
    ----------
    kind : str
        ``regression``, ``binary`` or ``multiclass``.
    classes : tuple of str
    inputs : tuple of Input
        The columns to send.
    features : tuple of str
        Names of what the members read.
    families : tuple of str
        Model families of the members.
    coverage : float
        Of the prediction intervals or sets.
    interval : float or None
        The conformal quantile; None where there were too few rows to calibrate one.
    threshold : float
        Binary: the probability from which the label is ``classes[1]``.

    Raises
    ------
    InvalidFile
        The bytes are no graph that `compile_plan` made, or of a later format.
    """

    def __init__(self, graph: bytes, threads: int = 1) -> None:
        self._session = _open(graph, threads)
        facts = read_facts(self._session.get_modelmeta().custom_metadata_map)
        self.kind = facts.kind
        self.classes = facts.classes
        self.coverage = facts.coverage
        self.interval = facts.interval
        self.threshold = facts.threshold
        self.features = facts.features
        self.families = facts.families
        self.inputs = tuple(Input(name=i.name, kind=i.kind) for i in facts.inputs)
        self._names = {i.name: i.input for i in facts.inputs}
        self._results = [result.name for result in self._session.get_outputs()]

    def score(self, inputs: Mapping[str, Array]) -> Answer:
        """Answer rows.

        Parameters
        ----------
        inputs : mapping of str to ndarray, shape (n, 1)
            As `graph_inputs` gives them; further columns are left out.

        Raises
        ------
        UnknownColumn
            A column of the model is absent.
        InputError
            The columns differ in their number of rows.
        """
        for name in self._names:
            if name not in inputs:
                raise UnknownColumn(name, inputs)
        arrays = {self._names[name]: inputs[name] for name in self._names}
        rows = row_count(arrays)
        if rows <= BATCH_ROWS:
            return self._answer(self._run(arrays) if rows else self._nothing())
        parts = [
            self._run({k: v[i : i + BATCH_ROWS] for k, v in arrays.items()})
            for i in range(0, rows, BATCH_ROWS)
        ]
        return self._answer({k: np.concatenate([p[k] for p in parts]) for k in self._results})

    def score_frame(self, frame: pl.DataFrame) -> Answer:
        """Answer the rows of a table; see `graph_inputs` for its types."""
        return self.score(graph_inputs(self.inputs, frame))

    def _run(self, arrays: dict[str, Array]) -> dict[str, Array]:
        values = self._session.run(self._results, arrays)
        return dict(zip(self._results, values, strict=True))

    def _nothing(self) -> dict[str, Array]:
        empty: dict[str, Array] = {name: np.zeros(0) for name in self._results}
        if self.classes:
            empty["probabilities"] = np.zeros((0, len(self.classes)))
            empty["label"] = np.zeros(0, dtype=np.int64)
        return empty

    def _answer(self, results: dict[str, Array]) -> Answer:
        if self.kind == "regression":
            return regression_answer(
                results["prediction"], results.get("lower"), results.get("upper")
            )
        return class_answer(
            results["probabilities"],
            results["label"],
            classes=self.classes,
            interval=self.interval,
        )


def _open(graph: bytes, threads: int) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads or os.cpu_count() or 1
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    # The arena keeps the memory of the largest batch for ever, and a plan of memory reuse
    # helps only where every batch has the same number of rows.
    options.enable_cpu_mem_arena = False
    options.enable_mem_pattern = False
    options.log_severity_level = 3
    try:
        return ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's errors share no narrower base
        raise InvalidFile(
            "These bytes are no ONNX graph that this ONNX Runtime can open.",
            hint="Read the model artifact again, or upgrade onnxruntime.",
        ) from error

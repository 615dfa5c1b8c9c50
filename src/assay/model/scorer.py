"""Scoring with the graph alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime as ort

from assay.errors import InputError, InvalidFile, UnknownColumn
from assay.model.answer import (
    Answer,
    anomaly_answer,
    class_answer,
    cluster_answer,
    regression_answer,
    vector_answer,
)
from assay.model.coding import Coding
from assay.model.facts import GraphFacts, read_facts
from assay.model.inputs import graph_inputs, row_count
from assay.model.plan import Array, Input, Output

if TYPE_CHECKING:
    import polars as pl

BATCH_ROWS = 65_536
"""Rows that go through the graph at once; bounds memory."""
BATCH_CELLS = 32_000_000
"""Numbers that the widest step of a graph may hold at once."""
PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


class Scorer:
    """Answers rows with a compiled graph. Holds no lock and may be shared by threads.

    Parameters
    ----------
    graph : bytes
        From `compile_plan`, in either form; a coded graph is given the same columns.
    threads : int
        Threads for one call; 0 means all cores. One is best where calls come side by side.
    provider : {"cpu", "cuda"}
        Where the graph runs. ``cuda`` needs onnxruntime-gpu; operators without a GPU kernel
        (trees, look-ups of strings) run on the CPU all the same.

    Attributes
    ----------
    kind : str
        ``regression``, ``binary``, ``multiclass``, ``vector``, ``clusters`` or ``anomaly``.
    classes : tuple of str
    names : tuple of str
        Of a vector's numbers, or of the clusters.
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
        Binary: the probability from which the label is ``classes[1]``. Anomaly: the score from
        which a row is strange.
    cut_by : tuple of str
        Binary: columns that the threshold depends on; ``threshold`` is then that of rows of no
        known group.
    form : str
        ``columns`` or ``codes``.
    batch_rows : int
        Rows that go through the graph at once.

    Raises
    ------
    InvalidFile
        The bytes are no graph that `compile_plan` made, or of a later format.
    InputError
        The provider is not installed.
    """

    def __init__(self, graph: bytes, threads: int = 1, *, provider: str = "cpu") -> None:
        self._session = _open(graph, threads, provider)
        facts = read_facts(self._session.get_modelmeta().custom_metadata_map)
        self._facts = facts
        self.kind = facts.kind
        self.classes = facts.classes
        self.names = facts.names
        self.coverage = facts.coverage
        self.interval = facts.interval
        self.threshold = facts.threshold
        self.cut_by = facts.cut_by
        self.features = facts.features
        self.families = facts.families
        self.form = facts.form
        self.batch_rows = max(1, min(BATCH_ROWS, BATCH_CELLS // max(1, facts.cells_a_row)))
        self.inputs = tuple(Input(name=i.name, kind=i.kind) for i in facts.inputs)
        self._feed = _coded(facts, self._session) if facts.form == "codes" else _columns(facts)
        self._results = [result.name for result in self._session.get_outputs()]
        self._asked = [name for name in self._results if name != "class"]

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
        feed = self._feed(inputs)
        rows = row_count(feed)
        if rows <= self.batch_rows:
            return answer_of(self._facts, self._run(feed) if rows else self._nothing())
        parts = [
            self._run({k: v[i : i + self.batch_rows] for k, v in feed.items()})
            for i in range(0, rows, self.batch_rows)
        ]
        return answer_of(
            self._facts, {k: np.concatenate([p[k] for p in parts]) for k in self._asked}
        )

    def score_frame(self, frame: pl.DataFrame) -> Answer:
        """Answer the rows of a table; see `graph_inputs` for its types."""
        return self.score(graph_inputs(self.inputs, frame))

    def _run(self, feed: dict[str, Array]) -> dict[str, Array]:
        return dict(zip(self._asked, self._session.run(self._asked, feed), strict=True))

    def _nothing(self) -> dict[str, Array]:
        empty: dict[str, Array] = {name: np.zeros(0) for name in self._asked}
        empty["label"] = np.zeros(0, dtype=np.int64)
        wide = {"probabilities": self.classes, "values": self.names, "scores": self.names}
        if self.kind == "vector":
            wide |= {"lower": self.names, "upper": self.names}
        named = {name: np.zeros((0, len(of))) for name, of in wide.items() if name in empty}
        return empty | named


def answer_of(facts: GraphFacts | Output, results: Mapping[str, Array]) -> Answer:
    """What outputs mean, by their names in the graph, whichever engine gave them."""
    low, high = results.get("lower"), results.get("upper")
    if facts.kind == "regression":
        return regression_answer(results["prediction"], low, high)
    if facts.kind == "vector":
        return vector_answer(results["values"], low, high, names=facts.names)
    if facts.kind == "clusters":
        return cluster_answer(results["scores"], results["label"], names=facts.names)
    if facts.kind == "anomaly":
        return anomaly_answer(results["score"], results["label"])
    return class_answer(
        results["probabilities"],
        results["label"],
        classes=facts.classes,
        interval=facts.interval,
    )


def _columns(facts: GraphFacts) -> Callable[[Mapping[str, Array]], dict[str, Array]]:
    """What feeds one input a column."""
    names = {column.name: column.input for column in facts.inputs}

    def feed(inputs: Mapping[str, Array]) -> dict[str, Array]:
        for name in names:
            if name not in inputs:
                raise UnknownColumn(name, inputs)
        return {names[name]: inputs[name] for name in names}

    return feed


def _coded(
    facts: GraphFacts, session: ort.InferenceSession
) -> Callable[[Mapping[str, Array]], dict[str, Array]]:
    """What feeds the one matrix of codes."""
    coding, name = Coding.from_plain(facts.coding), session.get_inputs()[0].name
    return lambda inputs: {name: coding.codes(inputs)}


def _open(graph: bytes, threads: int, provider: str) -> ort.InferenceSession:
    wanted = PROVIDERS.get(provider, provider)
    if wanted not in ort.get_available_providers():
        raise InputError(
            f"This ONNX Runtime cannot run on {provider!r}.",
            hint="Install onnxruntime-gpu in place of onnxruntime for cuda, or use cpu.",
        )
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
        return ort.InferenceSession(
            graph, options, providers=[*dict.fromkeys((wanted, PROVIDERS["cpu"]))]
        )
    except Exception as error:  # ONNX Runtime's errors share no narrower base
        raise InvalidFile(
            "These bytes are no ONNX graph that this ONNX Runtime can open.",
            hint="Read the model artifact again, or upgrade onnxruntime.",
        ) from error

"""Further engines that answer with a graph, where they are installed: the proof asks them too."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from assay.model.answer import Answer
from assay.model.facts import graph_facts
from assay.model.inputs import row_count
from assay.model.plan import Array, Bool
from assay.model.scorer import answer_of
from assay.model.wasm import WasmSession, installed_runtime, readable_in_wasm

WASM = "wasm"
_ABSENT = (
    "wasm: the browser's engine is not installed here; `assay export --target browser` "
    "installs it, and proves the graph in it"
)


def every_row(inputs: Mapping[str, Array]) -> Bool:
    """What an engine reads that reads everything."""
    return np.ones(row_count(dict(inputs)), dtype=bool)


@dataclass(frozen=True)
class Engine:
    """Something that answers rows of columns; ``reads`` says which rows it can be given."""

    score: Callable[[Mapping[str, Array]], Answer]
    reads: Callable[[Mapping[str, Array]], Bool] = every_row


@contextmanager
def installed_engines(
    graph: bytes, home: Path
) -> Iterator[tuple[dict[str, Engine], tuple[str, ...]]]:
    """Engines at hand by name, and what is not at hand, and why.

    Parameters
    ----------
    graph : bytes
        In columns.
    home : Path
        The user's Assay home, where the browser's engine is kept once it was fetched.
    """
    runtime = installed_runtime(home)
    if runtime is None or shutil.which("node") is None:
        yield {}, (_ABSENT,)
        return
    with wasm_engine(graph, runtime) as engine:
        yield {WASM: engine}, ()


@contextmanager
def wasm_engine(graph: bytes, runtime: Path) -> Iterator[Engine]:
    """ONNX Runtime's WebAssembly build, in a node process that lives as long as the context."""
    facts = graph_facts(graph)
    with WasmSession(graph, runtime=runtime) as session:
        yield Engine(lambda inputs: answer_of(facts, session.run(inputs)), readable_in_wasm)

"""How long one row takes in WebAssembly, in node: the browser page's engine, one thread.

Run from the repository root, for a graph and a row as it takes it (missing cells where no row is
given), or for the plan of ``latency.py``::

    python benchmarks/model/wasm_latency.py
    python benchmarks/model/wasm_latency.py model.onnx --row row.json
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from latency import make_plan, rows

from assay.model.compile import compile_plan
from assay.model.scorer import Scorer
from assay.model.wasm import WasmSession, browser_runtime, engine
from assay.settings import Settings


@dataclass(frozen=True)
class Latency:
    """Milliseconds of one row's run."""

    median: float
    low: float
    """The tenth percentile."""
    high: float
    """The ninetieth percentile."""


def measure(graph: bytes, row: Mapping[str, Any], *, runtime: Path, calls: int = 2_000) -> Latency:
    """Latency of one row: the first of ``row``, an array (n, 1) a column."""
    with WasmSession(graph, runtime=runtime) as session:
        taken = session.latencies(row, calls=calls)
    low, median, high = np.quantile(taken, [0.1, 0.5, 0.9])
    return Latency(median=float(median), low=float(low), high=float(high))


def read_row(graph: bytes, cells: Mapping[str, Any]) -> dict[str, Any]:
    """A row as the graph takes it: doubles (NaN missing) and strings ('' missing)."""
    row = {}
    for item in Scorer(graph).inputs:
        cell = cells.get(item.name)
        if item.kind == "number":
            row[item.name] = np.array([[np.nan if cell is None else cell]], dtype=np.float64)
        else:
            row[item.name] = np.array([[cell or ""]], dtype=object)
    return row


def node_version() -> str:
    told = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True)
    return told.stdout.strip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("graph", type=Path, nargs="?")
    parser.add_argument("--row", type=Path)
    parser.add_argument("--runtime", type=Path, help="folder of onnxruntime-web's files")
    parser.add_argument("--calls", type=int, default=2_000)
    given = parser.parse_args()
    runtime = given.runtime or browser_runtime(Settings.load().home)
    if given.graph:
        graph = given.graph.read_bytes()
        row = read_row(graph, json.loads(given.row.read_bytes()) if given.row else {})
    else:
        graph, row = compile_plan(make_plan(500)), rows(1)
    found = measure(graph, row, runtime=runtime, calls=given.calls)
    print(f"date      {datetime.now(UTC):%Y-%m-%d %H:%M} UTC")
    print(f"command   python {' '.join(sys.argv)}")
    print(f"machine   {platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(f"versions  node {node_version()}, {engine().package} {engine().version}")
    print(f"graph     {len(graph) / 1e6:.2f} MB; {given.calls} calls after a warm-up; one thread")
    print("          median          (10 % to 90 % of calls)")
    print(f"1 row     {found.median:9.3f} ms   ({found.low:.3f} to {found.high:.3f})")


if __name__ == "__main__":
    main()

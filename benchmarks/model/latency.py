"""How long one row and 1,000 rows take through the graph.

A plan of 500 trees of 32 leaves, in two members, with a linear member, over 12 columns: eight
numbers, three categories and a date. Run from the repository root::

    python benchmarks/model/latency.py
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from datetime import UTC, datetime
from typing import Any

import numpy as np
import onnxruntime

from assay.model.compile import compile_plan
from assay.model.encode import feature_count
from assay.model.explain import explain_row
from assay.model.plan import (
    DateEncoder,
    Encoder,
    Input,
    LevelEncoder,
    LinearMember,
    MissingEncoder,
    ModelPlan,
    NumberEncoder,
    OneHotEncoder,
    Output,
    TreesMember,
)
from assay.model.reference import predict_plan
from assay.model.scorer import Scorer

NUMBERS = tuple(f"number {k}" for k in range(8))
CATEGORIES = tuple(f"category {k}" for k in range(3))
LEVELS = tuple(f"level {k}" for k in range(20))


def encoders(rng: np.random.Generator) -> tuple[Encoder, ...]:
    made: list[Encoder] = []
    for column in NUMBERS:
        made.append(NumberEncoder(column=column, fill=0.0, low=-9.0, high=9.0))
        made.append(MissingEncoder(column=column))
    for column in CATEGORIES:
        values = tuple(float(v) for v in rng.normal(size=len(LEVELS)))
        made.append(
            LevelEncoder(column=column, levels=LEVELS, values=values, missing=0.0, unseen=0.0)
        )
        made.append(OneHotEncoder(column=column, levels=LEVELS[:5]))
    made.append(DateEncoder(column="date", fill=0.0))
    return tuple(made)


def trees(rng: np.random.Generator, features: int, count: int, depth: int) -> TreesMember:
    """Complete trees of ``2**depth`` leaves, nodes in heap order."""
    inner, size = 2**depth - 1, 2 ** (depth + 1) - 1
    heap = np.arange(size)
    shift = np.repeat(np.arange(count) * size, size)
    is_inner = np.tile(heap < inner, count)
    return TreesMember(
        family="trees",
        columns=tuple(range(features)),
        roots=(np.arange(count) * size).astype(np.int32),
        feature=rng.integers(features, size=count * size).astype(np.int32),
        threshold=rng.normal(size=count * size).astype(np.float32),
        left=np.where(is_inner, np.tile(2 * heap + 1, count) + shift, -1).astype(np.int32),
        right=np.where(is_inner, np.tile(2 * heap + 2, count) + shift, -1).astype(np.int32),
        values=np.where(is_inner, 0.0, rng.normal(size=count * size))[:, None] / count,
        base=np.zeros(1),
    )


def make_plan(count: int) -> ModelPlan:
    rng = np.random.default_rng(0)
    made = encoders(rng)
    n = feature_count(made)
    linear = LinearMember(
        family="linear",
        columns=tuple(range(n)),
        center=np.zeros(n),
        scale=np.ones(n),
        weights=rng.normal(size=(n, 1)),
        intercept=np.zeros(1),
    )
    half = count // 2
    return ModelPlan(
        inputs=(
            *(Input(name=c, kind="number") for c in (*NUMBERS, "date")),
            *(Input(name=c, kind="category") for c in CATEGORIES),
        ),
        encoders=made,
        members=(trees(rng, n, half, 5), trees(rng, n, count - half, 5), linear),
        weights=(0.4, 0.4, 0.2),
        output=Output(kind="regression", interval=1.0),
    )


def rows(count: int) -> dict[str, Any]:
    rng = np.random.default_rng(1)
    numbers: dict[str, Any] = {c: rng.normal(size=(count, 1)) for c in NUMBERS}
    numbers["date"] = rng.integers(0, 20_000, size=(count, 1)).astype(np.float64)
    levels = np.array(LEVELS, dtype=object)
    return numbers | {c: rng.choice(levels, size=(count, 1)) for c in CATEGORIES}


def measure(work: Any, repeats: int) -> str:
    """Median and the tenth to ninetieth percentile, in milliseconds."""
    work()
    took = []
    for _ in range(repeats):
        began = time.perf_counter_ns()
        work()
        took.append((time.perf_counter_ns() - began) / 1e6)
    low, middle, high = np.quantile(took, [0.1, 0.5, 0.9])
    return f"{middle:9.3f} ms   ({low:.3f} to {high:.3f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trees", type=int, default=500)
    count = parser.parse_args().trees
    plan = make_plan(count)
    began = time.perf_counter()
    graph = compile_plan(plan)
    compiled_s = time.perf_counter() - began
    began = time.perf_counter()
    scorer = Scorer(graph)
    opened_s = time.perf_counter() - began
    one, many = rows(1), rows(1_000)
    reference = dict.fromkeys((*NUMBERS, "date"), 0.0) | dict.fromkeys(CATEGORIES, "")
    print(f"date      {datetime.now(UTC):%Y-%m-%d %H:%M} UTC")
    print(f"command   python {' '.join(sys.argv)}")
    print(f"machine   {platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(
        f"versions  python {platform.python_version()}, numpy {np.__version__}, "
        f"onnxruntime {onnxruntime.__version__}"
    )
    print(f"graph     {count} trees, {len(graph) / 1e6:.2f} MB; compiled in {compiled_s:.2f} s, "
          f"opened in {opened_s * 1e3:.0f} ms; one thread")  # fmt: skip
    print("          median          (10 % to 90 % of calls)")
    print(f"1 row     {measure(lambda: scorer.score(one), 2_000)}")
    print(f"1k rows   {measure(lambda: scorer.score(many), 50)}")
    print(f"reasons   {measure(lambda: explain_row(scorer, one, reference), 50)}")
    print(f"numpy 1k  {measure(lambda: predict_plan(plan, many), 5)}")


if __name__ == "__main__":
    main()

"""How long 100,000 rows take through trees: each library's own, ONNX nodes, and compiled C.

Three models over 12 numbers: CatBoost (200 oblivious trees of depth 6), LightGBM (150 trees of 31
leaves) and extremely randomised trees (100 trees of about 700 leaves). Then the ensemble of all
three with a linear member, calibrated, over 12 mixed columns. Run from the repository root::

    python benchmarks/model/batches.py
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import catboost
import lightgbm
import numpy as np
import onnx
import onnxruntime
import sklearn
from onnx import TensorProto, helper, numpy_helper
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor
from sklearn.linear_model import LogisticRegression

from assay.model.c import layout
from assay.model.compile import compile_plan
from assay.model.encode import encode, feature_count
from assay.model.native import NativeScorer, _version_of
from assay.model.plan import (
    Array,
    Encoder,
    Input,
    LevelEncoder,
    LogitCalibration,
    MissingEncoder,
    ModelPlan,
    NumberEncoder,
    OneHotEncoder,
    Output,
    TreesMember,
)
from assay.model.readers.read import read_member
from assay.model.reference import predict_plan
from assay.model.scorer import Scorer

COLUMNS, FITTED, FOREST_ROWS, BLOCK = 12, 20_000, 5_000, 1_024
NUMBERS = tuple(f"number {k}" for k in range(9))
TEXTS = tuple(f"text {k}" for k in range(3))
LEVELS = tuple(f"level {k}" for k in range(20))


@dataclass(frozen=True)
class Case:
    """One model: its description, its library's own prediction, and a batch."""

    name: str
    member: TreesMember
    own: Callable[[int], Array]
    """The library's prediction of the batch with some threads."""


def table(rows: int, seed: int) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, COLUMNS)).astype(np.float32)
    y = X[:, 0] + np.sin(2 * X[:, 1]) + X[:, 2] * X[:, 3] + rng.normal(size=rows) / 10
    return X, y


def cases(batch: Array) -> Iterator[Case]:
    X, y = table(FITTED, 1)
    places = tuple(range(COLUMNS))
    cat = catboost.CatBoostRegressor(
        iterations=200, depth=6, verbose=0, thread_count=1, allow_writing_files=False
    ).fit(X, y)
    yield Case(
        "CatBoost, 200 trees of depth 6",
        read_member(cat, columns=places, family="catboost"),  # type: ignore[arg-type]
        lambda threads: cat.predict(batch, thread_count=threads),
    )
    light = lightgbm.LGBMRegressor(n_estimators=150, num_leaves=31, n_jobs=1, verbose=-1).fit(X, y)
    yield Case(
        "LightGBM, 150 trees of 31 leaves",
        read_member(light, columns=places, family="lightgbm"),  # type: ignore[arg-type]
        lambda threads: light.predict(batch, num_threads=threads),
    )
    forest = ExtraTreesRegressor(100, min_samples_leaf=5, max_features=0.6, random_state=0)
    forest.fit(X[:FOREST_ROWS], y[:FOREST_ROWS])

    def grove(threads: int) -> Array:
        return forest.set_params(n_jobs=threads).predict(batch)

    member = read_member(forest, columns=places, family="forest")
    assert isinstance(member, TreesMember)
    leaves = int((member.left < 0).sum() / 100)
    yield Case(f"extra trees, 100 trees of {leaves} leaves", member, grove)


def number_plan(member: TreesMember) -> ModelPlan:
    names = [f"x{k}" for k in range(COLUMNS)]
    return ModelPlan(
        inputs=tuple(Input(name=name, kind="number") for name in names),
        encoders=tuple(NumberEncoder(column=n, fill=0.0, low=-1e9, high=1e9) for n in names),
        members=(member,),
        weights=(1.0,),
        output=Output(kind="regression"),
    )


def node(member: TreesMember, kind: type[np.floating[Any]]) -> bytes:
    """A graph that holds the trees as one ``TreeEnsemble`` and nothing else."""
    inner = np.flatnonzero(member.left >= 0)
    leaf = np.flatnonzero(member.left < 0)
    place = np.zeros(len(member.left), dtype=np.int64)
    place[inner], place[leaf] = np.arange(len(inner)), np.arange(len(leaf))
    left, right = member.left[inner], member.right[inner]
    tensor = TensorProto.DOUBLE if kind is np.float64 else TensorProto.FLOAT
    trees = helper.make_node(
        "TreeEnsemble",
        ["X"],
        ["Y"],
        domain="ai.onnx.ml",
        n_targets=1,
        post_transform=0,
        aggregate_function=1,
        tree_roots=place[member.roots],
        nodes_featureids=member.feature[inner],
        nodes_modes=numpy_helper.from_array(np.zeros(len(inner), dtype=np.uint8)),
        nodes_splits=numpy_helper.from_array(member.threshold[inner].astype(kind)),
        nodes_truenodeids=place[left],
        nodes_trueleafs=(member.left[left] < 0).astype(np.int64),
        nodes_falsenodeids=place[right],
        nodes_falseleafs=(member.left[right] < 0).astype(np.int64),
        leaf_targetids=np.zeros(len(leaf), dtype=np.int64),
        leaf_weights=numpy_helper.from_array(member.values[leaf, 0].astype(kind)),
    )
    return _model([trees], [], tensor, tensor)


def matrices(member: TreesMember) -> bytes:
    """Trees of few questions in standard operators: compare all, sum bits, look leaves up."""
    groups = _tables(member)
    depth = max(group.questions for group, _ in groups)
    features, cuts, leaves = [], [], []
    for group, ranked in groups:
        asked = np.reshape(group.columns, (-1, group.questions))
        cut = np.reshape(group.cuts, (-1, group.questions))
        missing = depth - group.questions  # further highest bits, always 0
        for columns, places, values in zip(asked, cut, group.leaves, strict=True):
            features.append([0] * missing + [ranked[c].feature for c in columns])
            own = [ranked[c].cuts[p] for c, p in zip(columns, places, strict=True)]
            cuts.append([np.inf] * missing + own)
            leaves.append(np.pad(values[0], (0, 2**depth - 2**group.questions)))
    count = len(features)
    constants = {
        "features": np.array(features, dtype=np.int64).ravel(),
        "cuts": np.array(cuts, dtype=np.float32).ravel(),
        "shape": np.array([-1, count, depth], dtype=np.int64),
        "bits": (2.0 ** np.arange(depth)[::-1]).astype(np.float32),
        "starts": np.arange(count, dtype=np.int32) * 2**depth,
        "leaves": np.concatenate(leaves),
        "axis": np.array([1], dtype=np.int64),
    }
    nodes = [
        helper.make_node("Gather", ["X", "features"], ["asked"], axis=1),
        helper.make_node("Greater", ["asked", "cuts"], ["right"]),
        helper.make_node("Cast", ["right"], ["ones"], to=TensorProto.FLOAT),
        helper.make_node("Reshape", ["ones", "shape"], ["by tree"]),
        helper.make_node("MatMul", ["by tree", "bits"], ["sums"]),
        helper.make_node("Cast", ["sums"], ["places"], to=TensorProto.INT32),
        helper.make_node("Add", ["places", "starts"], ["leaf"]),
        helper.make_node("Gather", ["leaves", "leaf"], ["found"]),
        helper.make_node("ReduceSum", ["found", "axis"], ["Y"]),
    ]
    held = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    return _model(nodes, held, TensorProto.FLOAT, TensorProto.DOUBLE)


def _tables(member: TreesMember) -> list[tuple[layout.TableTrees, tuple[layout.RankedColumn, ...]]]:
    most, layout.MOST_PLACES = layout.MOST_PLACES, 2**layout.MOST_QUESTIONS
    found = layout.lay_out(member)
    layout.MOST_PLACES = most
    groups = [group for _, _, group in found.groups if isinstance(group, layout.TableTrees)]
    assert len(groups) == len(found.groups), "some trees have too many questions"
    return [(group, found.ranked) for group in groups if group.questions]


def _model(nodes: list[Any], held: list[Any], x: int, y: int) -> bytes:
    graph = helper.make_graph(
        nodes,
        "trees",
        [helper.make_tensor_value_info("X", x, ["N", COLUMNS])],
        [helper.make_tensor_value_info("Y", y, ["N", 1])],
        held,
    )
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("ai.onnx.ml", 5)]
    return onnx.ModelProto.SerializeToString(
        helper.make_model(graph, opset_imports=opsets, ir_version=10)
    )


def session(graph: bytes, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def by_blocks(graph: bytes, batch: Array, threads: int) -> Array:
    opened = session(graph, threads)
    parts = [batch[i : i + BLOCK] for i in range(0, len(batch), BLOCK)]
    return np.concatenate([opened.run(None, {"X": part})[0] for part in parts])


def engines(case: Case, batch: Array, threads: int) -> dict[str, Callable[[], Array]]:
    """Every way to score the batch; the first is what the others are compared with."""
    plan = number_plan(case.member)
    columns = {f"x{k}": batch[:, k : k + 1].astype(np.float64) for k in range(COLUMNS)}
    doubles, native = batch.astype(np.float64), NativeScorer(plan, threads)
    whole = Scorer(compile_plan(plan), threads)
    in_double = session(node(case.member, np.float64), threads)
    in_single = session(node(case.member, np.float32), threads)
    base = case.member.base
    found: dict[str, Callable[[], Array]] = {
        "the library itself": lambda: case.own(threads),
        "TreeEnsemble, double": lambda: in_double.run(None, {"X": doubles})[0] + base,
        "TreeEnsemble, float32": lambda: in_single.run(None, {"X": batch})[0] + base,
        "whole model, the graph": lambda: whole.score(columns).prediction,
        "whole model, compiled C": lambda: native.score(columns).prediction,
    }
    if "CatBoost" in case.name:
        graph = matrices(case.member)
        found["matrices, blocks of 1,024"] = lambda: by_blocks(graph, batch, threads) + base
    return found


def ensemble(rows: int) -> tuple[ModelPlan, dict[str, Array], Callable[[int], None]]:
    """Three kinds of trees and a linear member, calibrated, over 12 mixed columns."""
    rng = np.random.default_rng(3)
    inputs = mixed(FITTED, rng)
    encoders: list[Encoder] = [
        NumberEncoder(column=c, fill=0.0, low=-9.0, high=9.0) for c in NUMBERS
    ]
    encoders += [MissingEncoder(column=c) for c in NUMBERS[:3]]
    for column in TEXTS:
        values = tuple(float(v) for v in rng.normal(size=len(LEVELS)))
        encoders.append(
            LevelEncoder(column=column, levels=LEVELS, values=values, missing=0.0, unseen=0.0)
        )
        encoders.append(OneHotEncoder(column=column, levels=LEVELS[:5]))
    X = encode(encoders, inputs)
    y = (X[:, 0] + X[:, 12] + X[:, 1] * X[:, 2] + rng.normal(size=FITTED) > 0).astype(int)
    light = lightgbm.LGBMClassifier(n_estimators=150, n_jobs=1, verbose=-1).fit(X, y)
    forest = ExtraTreesClassifier(100, min_samples_leaf=5, random_state=0)
    forest.fit(X[:FOREST_ROWS], y[:FOREST_ROWS])
    cat = catboost.CatBoostClassifier(
        iterations=200, verbose=0, thread_count=1, allow_writing_files=False
    ).fit(X, y)
    logistic = LogisticRegression(max_iter=300).fit(X, y)
    places = tuple(range(feature_count(encoders)))
    members = tuple(
        read_member(model, columns=places, family="member")
        for model in (light, forest, cat, logistic)
    )
    plan = ModelPlan(
        inputs=tuple(Input(name=c, kind="number") for c in NUMBERS)
        + tuple(Input(name=c, kind="category") for c in TEXTS),
        encoders=tuple(encoders),
        members=members,
        weights=(2.0, 1.0, 2.0, 1.0),
        output=Output(
            kind="binary",
            classes=("no", "yes"),
            calibration=LogitCalibration(slope=1.2, intercept=-0.1),
            interval=0.7,
        ),
    )
    batch = mixed(rows, rng)
    features = encode(encoders, batch)

    def own(threads: int) -> None:
        light.predict_proba(features, num_threads=threads)
        forest.set_params(n_jobs=threads).predict_proba(features)
        cat.predict_proba(features, thread_count=threads)
        logistic.predict_proba(features)

    return plan, batch, own


def mixed(rows: int, rng: np.random.Generator) -> dict[str, Array]:
    cells: dict[str, Array] = {}
    for column in NUMBERS:
        values = rng.normal(size=(rows, 1))
        cells[column] = np.where(rng.random((rows, 1)) < 0.05, np.nan, values)
    words = np.array([*LEVELS, "", "never seen"], dtype=object)
    return cells | {column: rng.choice(words, size=(rows, 1)) for column in TEXTS}


def measure(work: Callable[[], Any], repeats: int) -> Array:
    """Least, median and most, in milliseconds."""
    work()
    took = []
    for _ in range(repeats):
        began = time.perf_counter_ns()
        work()
        took.append((time.perf_counter_ns() - began) / 1e6)
    return np.quantile(took, [0.0, 0.5, 1.0])


def report(found: dict[str, Callable[[], Any]], repeats: int) -> None:
    first = 0.0
    for name, work in found.items():
        least, median, most = measure(work, repeats)
        first = first or median
        print(
            f"  {name:26} {median:9.1f} ms   ({least:.1f} to {most:.1f})"
            f"   {median / first:6.2f} of the first"
        )


def check(found: dict[str, Callable[[], Array]]) -> None:
    """All ways must answer alike before any is timed."""
    expected = next(iter(found.values()))().reshape(-1)
    for name, work in found.items():
        off = np.abs(work().reshape(-1) - expected).max()
        assert off < 1e-4, f"{name} is off by {off}"


def report_models(rows: int, repeats: int) -> None:
    batch, _ = table(rows, 2)
    for case in cases(batch):
        for threads in (1, 2):
            print(f"\n{case.name}; threads: {threads}")
            found = engines(case, batch, threads)
            check(found)
            report(found, repeats)


def report_ensemble(rows: int, repeats: int) -> None:
    plan, inputs, own = ensemble(rows)
    sample = {name: column[:2_000] for name, column in inputs.items()}
    expected = predict_plan(plan, sample).prediction
    for threads in (1, 2):
        native = NativeScorer(plan, threads)
        graph = Scorer(compile_plan(plan), threads)
        coded = Scorer(compile_plan(plan, "codes"), threads)
        off = np.abs(native.score(sample).prediction - expected).max()
        nodes = sum(len(m.left) for m in plan.members if isinstance(m, TreesMember))
        print(f"\nensemble of {nodes:,} nodes, 12 mixed columns; threads: {threads}; C is off the "
              f"reference by {off:.1e}")  # fmt: skip
        report(
            {
                "libraries, ready features": partial(own, threads),
                "the graph": partial(graph.score, inputs),
                "the coded graph": partial(coded.score, inputs),
                "compiled C": partial(native.score, inputs),
                "of it, texts to codes": partial(texts, native, inputs),
            },
            repeats,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--part", choices=("models", "ensemble", "both"), default="both")
    given = parser.parse_args()
    print(f"date      {datetime.now(UTC):%Y-%m-%d %H:%M} UTC")
    print(f"command   python {' '.join(sys.argv)}")
    print(f"machine   {processor()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(
        f"versions  python {platform.python_version()}, numpy {np.__version__}, onnxruntime "
        f"{onnxruntime.__version__}, catboost {catboost.__version__}, lightgbm "
        f"{lightgbm.__version__}, scikit-learn {sklearn.__version__}"
    )
    print(f"compiler  {_version_of('cc').splitlines()[0]}")
    print(f"rows      {given.rows:,}; median of {given.repeats} (least to most)")
    if given.part != "ensemble":
        report_models(given.rows, given.repeats)
    if given.part != "models":
        report_ensemble(given.rows, given.repeats)


def texts(native: NativeScorer, inputs: dict[str, Array]) -> None:
    for name in TEXTS:
        native._column(name, inputs[name])


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(x.split(":")[1].strip() for x in lines if x.startswith("model name"))
    except (OSError, StopIteration):
        return platform.machine()


if __name__ == "__main__":
    main()

"""The reach of the compiler: a whole ensemble as one graph, against the libraries that fitted it.

LightGBM 150 trees + ExtraTrees 100 + CatBoost 200 + logistic regression, averaged and calibrated,
over 12 mixed columns of the churn table (3 numbers with missing cells, 9 categories). The native
side is what a user would write: pandas in, scikit-learn's encoders, four libraries' own
``predict_proba``, the mean, Platt scaling. Both sides in one run, one thread. From the repository
root, with catboost installed::

    python benchmarks/model/ensemble.py
"""

from __future__ import annotations

import os
import platform
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import lightgbm as lgb
import numpy as np
import pandas as pd
import polars as pl
from catboost import CatBoostClassifier
from scipy.special import logit
from sklearn.compose import make_column_transformer
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from assay.model import predict_native, prove_parity, read_member
from assay.model.calibration import read_calibration
from assay.model.compile import compile_plan
from assay.model.encode import feature_count, feature_width
from assay.model.inputs import graph_inputs
from assay.model.plan import (
    Encoder,
    Input,
    LevelEncoder,
    ModelPlan,
    NumberEncoder,
    Output,
)
from assay.model.plan import OneHotEncoder as OneHot
from assay.model.scorer import Scorer

TABLE = Path("examples/churn/telco_churn.csv")
NUMBERS = ("tenure", "monthly_charges", "total_charges")
CATEGORIES = (
    *("contract", "internet_service", "payment_method", "online_security", "tech_support"),
    *("multiple_lines", "streaming_tv", "partner", "paperless_billing"),
)


@dataclass(frozen=True)
class Ensemble:
    """The fitted libraries, the chain a user would write, and the same as a plan."""

    prepare: Any
    members: list[Any]
    calibrator: LogisticRegression
    plan: ModelPlan

    def native(self, rows: pd.DataFrame) -> Any:
        """Pandas in, probability of churn out."""
        trees, linear = (part.transform(rows).astype(np.float32) for part in self.prepare)
        views = (trees, trees, trees, linear)
        chances = [m.predict_proba(v)[:, 1] for m, v in zip(self.members, views, strict=True)]
        mean = np.clip(np.mean(chances, axis=0), 1e-12, 1 - 1e-12)
        return self.calibrator.predict_proba(logit(mean)[:, None])[:, 1]

    def by_library(self, features: Any) -> list[Any]:
        """Each member's own answer on the plan's features, for the proof."""
        return [
            predict_native(model, np.ascontiguousarray(features[:, list(member.columns)]))
            for model, member in zip(self.members, self.plan.members, strict=True)
        ]


def read_table() -> tuple[pl.DataFrame, Any]:
    """The 12 columns, and whether the customer left."""
    frame = pl.read_csv(TABLE)
    columns = [pl.col(n).cast(pl.Float64) for n in NUMBERS]
    columns += [pl.col(c).cast(pl.String) for c in CATEGORIES]
    return frame.select(columns), (frame["churn"] == "Yes").to_numpy().astype(int)


def fit(frame: pl.DataFrame, y: Any) -> Ensemble:
    """Fit on four rows of five; calibrate on the fifth."""
    table, held = pd.DataFrame(frame.to_dict(as_series=False)), np.arange(len(y)) % 5 == 0
    prepare = _prepare(table[~held])
    trees, linear = (part.transform(table).astype(np.float32) for part in prepare)
    views = (trees, trees, trees, linear)
    members = _members()
    for model, view in zip(members, views, strict=True):
        model.fit(view[~held], y[~held])
    chances = np.mean(
        [m.predict_proba(v[held])[:, 1] for m, v in zip(members, views, strict=True)], axis=0
    )
    calibrator = LogisticRegression(C=1e6).fit(logit(chances)[:, None], y[held])
    return Ensemble(prepare, members, calibrator, _plan(prepare, members, calibrator))


def _prepare(table: pd.DataFrame) -> tuple[Any, Any]:
    """What trees read, and what the linear model reads."""
    ordinal = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    fill = SimpleImputer(strategy="median")
    trees = make_column_transformer((fill, list(NUMBERS)), (ordinal, list(CATEGORIES)))
    linear = make_column_transformer((fill, list(NUMBERS)), (one_hot, list(CATEGORIES)))
    return trees.fit(table), linear.fit(table)


def _members() -> list[Any]:
    return [
        lgb.LGBMClassifier(
            n_estimators=150, num_leaves=24, learning_rate=0.05, n_jobs=1, verbose=-1
        ),
        ExtraTreesClassifier(100, min_samples_leaf=3, random_state=0, n_jobs=1),
        CatBoostClassifier(
            iterations=200, depth=6, thread_count=1, verbose=0, allow_writing_files=False
        ),
        make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)),
    ]


def _plan(prepare: tuple[Any, Any], members: list[Any], calibrator: Any) -> ModelPlan:
    trees, _ = prepare
    fills = trees.named_transformers_["simpleimputer"].statistics_
    numbers: tuple[Encoder, ...] = tuple(
        NumberEncoder(column=name, fill=float(fill), low=0.0, high=1e6)
        for name, fill in zip(NUMBERS, fills, strict=True)
    )
    levels = trees.named_transformers_["ordinalencoder"].categories_
    codes: tuple[Encoder, ...] = tuple(
        LevelEncoder(
            column=name, levels=tuple(own), values=tuple(map(float, range(len(own)))),
            missing=-1.0, unseen=-1.0,
        )
        for name, own in zip(CATEGORIES, levels, strict=True)
    )  # fmt: skip
    hot: tuple[Encoder, ...] = tuple(
        OneHot(column=name, levels=tuple(own)) for name, own in zip(CATEGORIES, levels, strict=True)
    )
    encoders = (*numbers, *codes, *hot)
    tree_columns = tuple(range(feature_count((*numbers, *codes))))
    return ModelPlan(
        inputs=(
            *(Input(name=name, kind="number") for name in NUMBERS),
            *(Input(name=name, kind="category") for name in CATEGORIES),
        ),
        encoders=encoders,
        members=(
            *(read_member(model, columns=tree_columns) for model in members[:3]),
            read_member(members[3], columns=_known_levels(encoders)),
        ),
        weights=(1.0, 1.0, 1.0, 1.0),
        output=Output(
            kind="binary", classes=("No", "Yes"), calibration=read_calibration(calibrator)
        ),
    )


def _known_levels(encoders: tuple[Encoder, ...]) -> tuple[int, ...]:
    """Numbers, and one-hot features but the last of each column: scikit-learn has none for it."""
    columns: list[int] = []
    start = 0
    for encoder in encoders:
        width = feature_width(encoder)
        if isinstance(encoder, NumberEncoder):
            columns.append(start)
        elif isinstance(encoder, OneHot):
            columns += range(start, start + width - 1)
        start += width
    return tuple(columns)


def milliseconds(work: Callable[[], object], repeats: int) -> Any:
    """Of each call, after some that do not count: the tenth percentile, median, ninetieth."""
    for _ in range(max(3, repeats // 20)):
        work()
    took = []
    for _ in range(repeats):
        began = time.perf_counter_ns()
        work()
        took.append((time.perf_counter_ns() - began) / 1e6)
    return np.quantile(took, [0.1, 0.5, 0.9])


def show(what: str, quantiles: Any, reach: str = "") -> None:
    low, middle, high = quantiles
    print(f"{what:34}{middle:9.3f} ms   ({low:.3f} to {high:.3f})   {reach}")


def main() -> None:
    warnings.simplefilter("ignore")
    frame, y = read_table()
    made = fit(frame, y)
    began = time.perf_counter()
    graph = compile_plan(made.plan)
    compiled_s = time.perf_counter() - began
    coded = compile_plan(made.plan, "codes")
    report = prove_parity(made.plan, graph, frame, made.by_library, coded=coded)
    by_columns, by_codes = Scorer(graph), Scorer(coded)
    table = pd.DataFrame(frame.to_dict(as_series=False))
    inputs = graph_inputs(made.plan.inputs, frame)
    gap = np.abs(by_columns.score(inputs).prediction - made.native(table)).max()
    print(f"date      {datetime.now(UTC):%Y-%m-%d %H:%M} UTC")
    print(f"command   python {' '.join(sys.argv)}")
    print(f"machine   {platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    packages = ("numpy", "onnxruntime", "lightgbm", "catboost", "scikit-learn", "pandas")
    print("versions  " + ", ".join(f"{name} {version(name)}" for name in packages))
    nodes = sum(getattr(m, "feature", np.zeros(0)).size for m in made.plan.members)
    print(f"model     {nodes:,} tree nodes; graph {len(graph) / 1e6:.2f} MB (reach: 5 MB)")
    print(f"compiled  {compiled_s:.2f} s (reach: 2 s)")
    worst = max(case.worst for case in report.cases)
    print(f"proof     {report.rows:,} rows, largest difference {worst:.1e}; native chain {gap:.1e}")
    one_table, one = table.iloc[:1], {k: v[:1] for k, v in inputs.items()}
    some_table, some = table.iloc[:1000], {k: v[:1000] for k, v in inputs.items()}
    print(f"{'':34}   median         (10 % to 90 % of calls)")
    show("1 row, native chain", milliseconds(lambda: made.native(one_table), 100))
    show("1 row, graph of columns, run", _run(by_columns, one), "reach: 0.035 ms")
    show("1 row, graph of codes, run", _run(by_codes, one), "reach: 0.035 ms")
    show("1 row, Scorer on codes", milliseconds(lambda: by_codes.score(one), 3000))
    _show_wasm(graph, one)
    show("1,000 rows, native chain", milliseconds(lambda: made.native(some_table), 20))
    show("1,000 rows, graph of columns", milliseconds(lambda: by_columns.score(some), 20))
    show("1,000 rows, graph of codes", milliseconds(lambda: by_codes.score(some), 20))


def _run(scorer: Scorer, inputs: dict[str, Any]) -> Any:
    """ONNX Runtime's own call, the columns already laid out."""
    feed, session = scorer._feed(inputs), scorer._session
    return milliseconds(lambda: session.run(["probabilities", "label"], feed), 5000)


def _show_wasm(graph: bytes, one: dict[str, Any]) -> None:
    from assay.errors import AssayError
    from assay.model.wasm import WasmSession, browser_runtime
    from assay.settings import Settings

    try:
        with WasmSession(graph, runtime=browser_runtime(Settings.load().home)) as session:
            taken = session.latencies(one)
    except AssayError as error:
        print(f"1 row, wasm in node: not measured: {error}")
        return
    show("1 row, graph of columns, wasm", np.quantile(taken, [0.1, 0.5, 0.9]), "reach: 0.2 ms")


if __name__ == "__main__":
    main()

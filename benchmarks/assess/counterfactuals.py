"""Counterfactuals, ten each for 100 Adult test rows, through the user's columns.

LightGBM of 100 trees as one ONNX graph that takes the table's own columns. CPU seconds of one
thread, least of the repeats; beside it dice-ml (random), where it is installed, through the same
graph on fewer rows, for it takes long. Run from the repository root::

    OMP_NUM_THREADS=1 python benchmarks/assess/counterfactuals.py --data adult_income.csv.gz
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import polars as pl

from assay.assess.counterfactuals import counterfactuals
from assay.model.compile import compile_plan
from assay.model.encode import encode
from assay.model.inputs import graph_inputs
from assay.model.plan import Encoder, Input, LevelEncoder, ModelPlan, NumberEncoder, Output
from assay.model.readers.lightgbm import read
from assay.model.scorer import Scorer
from assay.question import Actions

ACTIONS = Actions(
    immutable=("race", "sex", "native_country"),
    only_up=("age", "education_num"),
    ranges={"hours_per_week": (1.0, 70.0)},
    linked=(("education", "education_num"),),
)


def encoders_of(table: pl.DataFrame) -> tuple[Encoder, ...]:
    """Numbers as they are, categories as codes."""
    made: list[Encoder] = []
    for name, kind in table.schema.items():
        if kind != pl.String:
            made.append(NumberEncoder(column=name, fill=np.nan, low=-1e9, high=1e9))
            continue
        levels = tuple(table[name].drop_nulls().unique().sort())
        codes = tuple(float(i) for i in range(len(levels)))
        made.append(
            LevelEncoder(column=name, levels=levels, values=codes, missing=np.nan, unseen=np.nan)
        )
    return tuple(made)


def model_of(train: pl.DataFrame, answers: np.ndarray, trees: int) -> Scorer:
    """A graph of LightGBM on all columns."""
    inputs = tuple(
        Input(name=n, kind="category" if t == pl.String else "number")
        for n, t in train.schema.items()
    )
    encoders = encoders_of(train)
    x = encode(encoders, graph_inputs(inputs, train))
    params = {"objective": "binary", "num_leaves": 31, "num_threads": 1, "verbosity": -1}
    booster = lgb.train(params, lgb.Dataset(x, label=answers), trees)
    plan = ModelPlan(
        inputs=inputs,
        encoders=encoders,
        members=(read(booster, columns=tuple(range(x.shape[1])), family="lightgbm"),),
        weights=(1.0,),
        output=Output(kind="binary", classes=("<=50K", ">50K")),
    )
    return Scorer(compile_plan(plan))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--rows", type=int, default=100)
    parser.add_argument("--peer-rows", type=int, default=5)
    told = parser.parse_args()
    table = pl.read_csv(told.data, infer_schema_length=None)
    names = [n for n in table.columns if n not in ("income", "part", "fnlwgt")]
    train, test = (table.filter(pl.col("part") == part) for part in ("train", "test"))
    answers = (train["income"] == ">50K").to_numpy()
    scorer = model_of(train.select(names), answers, 100)
    rows = test.select(names).head(told.rows)

    print(f"date      {datetime.now(UTC):%Y-%m-%d %H:%M} UTC")
    print(f"command   python {' '.join(sys.argv)}")
    print(f"machine   {platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(f"rows      {rows.height}, ten each, the likeliest other class; CPU seconds")
    for what, actions in (("anything may change", None), ("with actions", ACTIONS)):
        took = []
        for _ in range(told.repeats):
            began = time.process_time()
            found = counterfactuals(scorer.score_frame, rows, train, actions=actions)
            took.append(time.process_time() - began)
        print(
            f"{what:20s} {min(took):6.3f} (to {max(took):.3f})  "
            f"{found.found.mean():.1f} a row, valid {found.validity:.3f}, "
            f"changed {found.sparsity:.2f}, cost {found.proximity:.2f}, "
            f"diversity {found.diversity:.2f}, plausibility {found.plausibility:.2f}"
        )
    peer(scorer, train.select(names), rows.head(told.peer_rows))


def peer(scorer: Scorer, train: pl.DataFrame, rows: pl.DataFrame) -> None:
    """The same with dice-ml; missing categories are a level, for it takes no gaps."""
    try:
        import dice_ml  # type: ignore[import-not-found]
        import pandas as pd
    except ImportError:
        print("dice-ml              not installed")
        return
    numbers = [n for n, t in train.schema.items() if t != pl.String]

    class Model:
        def predict_proba(self, frame: Any) -> Any:
            cells = {n: pl.Series(frame[n].tolist(), strict=False) for n in train.columns}
            table = pl.DataFrame(cells).with_columns(
                pl.col(numbers).cast(pl.Int64), pl.col(pl.String).replace("?", None)
            )
            return scorer.score_frame(table).probabilities

        def predict(self, frame: Any) -> Any:
            return self.predict_proba(frame).argmax(axis=1)

    known, query = (
        pd.DataFrame(t.with_columns(pl.col(pl.String).fill_null("?")).to_dict(as_series=False))
        for t in (train, rows)
    )
    known["wanted"] = Model().predict(known)
    data = dice_ml.Data(dataframe=known, continuous_features=numbers, outcome_name="wanted")
    began = time.process_time()
    explainer = dice_ml.Dice(data, dice_ml.Model(model=Model(), backend="sklearn"), method="random")
    theirs = explainer.generate_counterfactuals(
        query, 10, desired_class="opposite", random_seed=0, verbose=False
    )
    took = time.process_time() - began
    found = sum(len(e.final_cfs_df) for e in theirs.cf_examples_list)
    a_row = took / rows.height
    print(f"dice-ml, {rows.height} rows      {took:6.3f}, {100 * a_row:.1f} for 100 rows; "
          f"{found / rows.height:.1f} a row")  # fmt: skip


if __name__ == "__main__":
    main()

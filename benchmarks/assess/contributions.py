"""Contributions of all Adult test rows: ours, LightGBM's own, and shap's where it is installed.

LightGBM of 100 trees of 31 leaves on 32,561 rows. CPU seconds of one thread, in one process,
each method on the same rows in turn; least of the repeats. Run from the repository root::

    OMP_NUM_THREADS=1 python benchmarks/assess/contributions.py --data adult_income.csv.gz
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import polars as pl

from assay.model.plan import TreesMember
from assay.model.readers.lightgbm import read
from assay.model.tree_contributions import (
    background_score,
    shares_of_rows,
    sides_of_row,
    tree_contributions,
)


def adult(path: Path) -> tuple[Any, Any, Any]:
    """Training features and answers, test features; categories as codes."""
    table = pl.read_csv(path, infer_schema_length=None).drop("fnlwgt")
    names = [n for n in table.columns if n not in ("income", "part")]
    coded = table.with_columns(
        pl.col(n).cast(pl.Categorical).to_physical() for n in names if table.schema[n] == pl.String
    )
    x = coded.select(pl.col(names).cast(pl.Float32)).fill_null(float("nan")).to_numpy()
    train = (table["part"] == "train").to_numpy()
    return x[train], (table["income"] == ">50K").to_numpy()[train], x[~train]


def cpu(work: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    """Least CPU seconds of the repeats, and the result."""
    took, result = [], None
    for _ in range(repeats):
        began = time.process_time()
        result = work()
        took.append(time.process_time() - began)
    return min(took), result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--trees", type=int, default=100)
    told = parser.parse_args()
    train, answers, test = adult(told.data)
    params = {"objective": "binary", "num_leaves": 31, "num_threads": 1, "verbosity": -1}
    booster = lgb.train(params, lgb.Dataset(train, label=answers), told.trees)
    columns = np.arange(train.shape[1])
    member = read(booster, columns=tuple(columns.tolist()), family="lightgbm")
    assert isinstance(member, TreesMember)

    def ours(share: Any) -> Any:
        return tree_contributions(
            member, test, left_share=share, players=columns, count=columns.size
        )[:, :, 0]

    counting_s, share = cpu(lambda: shares_of_rows(member, train), told.repeats)
    ours_s, found = cpu(lambda: ours(share), told.repeats)
    reference_s, _ = cpu(lambda: ours(sides_of_row(member, test[:1])), told.repeats)
    theirs_s, expected = cpu(lambda: booster.predict(test, pred_contrib=True), told.repeats)
    gap = np.abs(found - expected[:, :-1]).max()
    start = abs(background_score(member, share)[0] - expected[0, -1])

    print(f"date      {datetime.now(UTC):%Y-%m-%d %H:%M} UTC")
    print(f"command   python {' '.join(sys.argv)}")
    print(f"machine   {platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(f"versions  numpy {np.__version__}, lightgbm {lgb.__version__}")
    print(f"rows      {len(test):,}, {told.trees} trees; CPU seconds")
    print(f"ours, over the training rows    {ours_s:8.2f}   (shares at splits: {counting_s:.2f})")
    print(f"ours, against a reference row   {reference_s:8.2f}")
    print(f"LightGBM pred_contrib           {theirs_s:8.2f}   largest gap {max(gap, start):.1e}")
    try:
        import shap  # type: ignore[import-untyped]
    except ImportError:
        print("shap                            not installed")
        return
    shap_s, values = cpu(
        lambda: shap.TreeExplainer(booster).shap_values(test.astype(np.float64)), 1
    )
    gap = np.abs(found - np.asarray(values).reshape(found.shape)).max()
    print(f"shap {shap.__version__:<10}                 {shap_s:8.2f}   largest gap {gap:.1e}")


if __name__ == "__main__":
    main()

"""Random tables, random preparation, random fitted ensembles: each is compiled and proved."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import lightgbm as lgb
import numpy as np
import polars as pl
import pytest
import xgboost as xgb
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import ensemble, linear_model, neighbors, neural_network, tree

from assay.model.compile import compile_plan
from assay.model.encode import encode, feature_count, feature_width
from assay.model.inputs import graph_inputs
from assay.model.parity import ParityReport, prove_parity
from assay.model.plan import (
    BetaCalibration,
    Calibration,
    CrossEncoder,
    DateEncoder,
    Encoder,
    HashedTextEncoder,
    HashEncoder,
    Input,
    LevelEncoder,
    LogitCalibration,
    MissingEncoder,
    ModelPlan,
    NumberEncoder,
    OneHotEncoder,
    Output,
    PairEncoder,
    TextEncoder,
)
from assay.model.readers import predict_native, read_member

EXAMPLES = int(os.environ.get("ASSAY_RANDOM_PIPELINES", "100"))
"""Random pipelines that are fitted, compiled and proved; a nightly run may ask for thousands."""

KINDS = ("regression", "binary", "multiclass")
WORDS = ("red", "Green", "blue", "ünï", "no 5")
NOTES = ("a", "bad", "Good", "é", "day")
INPUTS = (
    Input(name="size", kind="number"),
    Input(name="seconds", kind="number"),
    Input(name="day", kind="number"),
    Input(name="colour", kind="category"),
    Input(name="shop", kind="category"),
    Input(name="note", kind="category"),
)


def random_table(rng: np.random.Generator, rows: int) -> pl.DataFrame:
    """Columns of awkward scales, with missing cells in most of them."""
    columns = {
        "size": rng.normal(size=rows) * 10.0 ** rng.integers(-4, 7),
        "seconds": 1.7e9 + rng.integers(0, 5_000_000, rows),
        "day": rng.integers(0, 20_000, rows) + rng.random(rows) * rng.integers(0, 2),
        "colour": rng.choice([*WORDS, ""], rows),
        "shop": np.array([f"shop {i}" for i in rng.integers(0, 30, rows)]),
        "note": np.array([" ".join(rng.choice(NOTES, 4)) for _ in range(rows)]),
    }  # fmt: skip
    frame = pl.DataFrame({n: pl.Series(c.tolist()) for n, c in columns.items()})
    gaps = rng.random((rows, 2)) < rng.choice([0.0, 0.15])
    return frame.with_columns(
        size=pl.when(pl.Series(gaps[:, 0])).then(None).otherwise(pl.col("size")),
        day=pl.when(pl.Series(gaps[:, 1])).then(None).otherwise(pl.col("day")),
    )


def random_encoders(rng: np.random.Generator, frame: pl.DataFrame, *, gaps: bool) -> list[Encoder]:
    """Some of each kind; with ``gaps``, missing cells and codes that trees send their own way."""
    spread = float(frame["size"].std() or 1.0)  # type: ignore[arg-type]
    fill = np.nan if gaps else 0.0
    shops = tuple(sorted(set(frame["shop"])))[:20]
    pool: list[Encoder] = [
        NumberEncoder(column="size", fill=fill, low=-5 * spread, high=5 * spread),
        NumberEncoder(column="seconds", fill=1.7e9, low=1.6e9, high=1.8e9, offset=1.7e9),
        DateEncoder(column="day", fill=100.0, parts=("year", "month", "weekday", "hour")),
        MissingEncoder(column="size"),
        LevelEncoder(
            column="shop", levels=shops, values=tuple(float(i) for i in range(len(shops))),
            missing=fill, unseen=fill,
        ),
        OneHotEncoder(column="colour", levels=WORDS[:3]),
        HashEncoder(column="shop", buckets=4),
        CrossEncoder(
            columns=("colour", "shop"),
            levels=tuple((w, s) for w in ("", *WORDS[:2]) for s in shops[:4]),
            values=tuple(rng.normal(size=3 * len(shops[:4])).tolist()),
            unseen=0.0,
        ),
        PairEncoder(
            columns=("size", "day"), operation="divide", fill=0.0, low=-spread, high=spread
        ),
        TextEncoder(
            column="note", analyzer="word", terms=(("bad",), ("good",), ("bad", "good")),
            weights=(1.0, 1.5, 2.0),
        ),
        HashedTextEncoder(column="note", analyzer="char", buckets=5, shortest=2, longest=3),
    ]  # fmt: skip
    kept = rng.permutation(len(pool))[: rng.integers(2, len(pool) + 1)]
    return [pool[i] for i in kept]


def pool_of(kind: str, *, gaps: bool, codes: list[int]) -> list[Callable[[int], Any]]:
    """Makers of small models by seed; with ``gaps`` those that know what to do with missing."""
    small: dict[str, Any] = {"n_estimators": 6}
    hist = {"max_iter": 5, "max_leaf_nodes": 6, "min_samples_leaf": 5}
    if kind == "regression":
        makers: list[Callable[[int], Any]] = [
            lambda s: lgb.LGBMRegressor(
                **small, num_leaves=6, verbose=-1, n_jobs=1, random_state=s
            ),
            lambda s: xgb.XGBRegressor(**small, max_depth=3, n_jobs=1, random_state=s),
            lambda s: ensemble.HistGradientBoostingRegressor(
                **hist, categorical_features=codes or None, random_state=s
            ),
        ]
        filled: list[Callable[[int], Any]] = [
            lambda s: ensemble.RandomForestRegressor(**small, max_depth=4, random_state=s),
            lambda s: ensemble.ExtraTreesRegressor(**small, max_depth=5, random_state=s),
            lambda s: ensemble.GradientBoostingRegressor(**small, random_state=s),
            lambda s: tree.DecisionTreeRegressor(max_depth=4, random_state=s),
            lambda _: linear_model.Ridge(),
            lambda s: neural_network.MLPRegressor(
                hidden_layer_sizes=(5, 3), max_iter=15, random_state=s
            ),
            lambda s: neighbors.KNeighborsRegressor(3 + s % 5, weights="distance"),
        ]
    else:
        makers = [
            lambda s: lgb.LGBMClassifier(
                **small, num_leaves=6, verbose=-1, n_jobs=1, random_state=s
            ),
            lambda s: xgb.XGBClassifier(**small, max_depth=3, n_jobs=1, random_state=s),
            lambda s: ensemble.HistGradientBoostingClassifier(
                **hist, categorical_features=codes or None, random_state=s
            ),
        ]
        filled = [
            lambda s: ensemble.RandomForestClassifier(**small, max_depth=4, random_state=s),
            lambda s: ensemble.ExtraTreesClassifier(**small, max_depth=5, random_state=s),
            lambda s: ensemble.GradientBoostingClassifier(**small, random_state=s),
            lambda s: tree.DecisionTreeClassifier(max_depth=4, random_state=s),
            lambda _: linear_model.LogisticRegression(max_iter=50),
            lambda s: neural_network.MLPClassifier(
                hidden_layer_sizes=(5, 3), max_iter=15, random_state=s
            ),
            lambda s: neighbors.KNeighborsClassifier(3 + s % 5),
        ]
    return makers if gaps else makers + filled


def random_calibration(rng: np.random.Generator, curves: int) -> Calibration | None:
    kind = rng.integers(3)
    if kind == 0:
        return None
    if kind == 1:
        return LogitCalibration(slope=float(rng.random() + 0.5))
    a, b, c = (tuple(row) for row in (rng.random((3, curves)) + 0.3).tolist())
    return BetaCalibration(a=a, b=b, c=c)


def make_and_prove(seed: int, kind: str) -> tuple[ModelPlan, ParityReport]:
    """Fit one to three models on a random table, compile them together, prove both graphs."""
    rng = np.random.default_rng(seed)
    frame = random_table(rng, rows=int(rng.integers(60, 160)))
    gaps = bool(rng.random() < 0.4)
    encoders = random_encoders(rng, frame, gaps=gaps)
    X = encode(encoders, graph_inputs(INPUTS, frame))
    score = np.nan_to_num(X.astype(float)) @ rng.normal(size=X.shape[1])
    score = score / (np.std(score) or 1.0) + 0.3 * rng.normal(size=len(X))
    classes = {"regression": 0, "binary": 2, "multiclass": 3}[kind]
    y = 50 + 10 * score
    if classes:
        y = np.argsort(np.argsort(score)) * classes // len(score)
    starts = np.cumsum([0, *map(feature_width, encoders)])
    codes = [
        int(s)
        for s, e in zip(starts, encoders, strict=False)
        if isinstance(e, LevelEncoder) and rng.random() < 0.5
    ]
    pool = pool_of(kind, gaps=gaps, codes=codes)
    chosen = rng.permutation(len(pool))[: rng.integers(1, 4)]
    models = [pool[i](int(rng.integers(100))).fit(X, y) for i in chosen]
    columns = tuple(range(feature_count(encoders)))
    names = ("a", "b", "c")[:classes]
    calibration = random_calibration(rng, 1 if classes == 2 else 3) if classes else None
    plan = ModelPlan(
        inputs=INPUTS,
        encoders=tuple(encoders),
        members=tuple(read_member(model, columns=columns) for model in models),
        weights=tuple((rng.random(len(models)) + 0.1).tolist()),
        output=Output(
            kind=kind,  # type: ignore[arg-type]
            classes=names,
            calibration=calibration,
            interval=0.5,
        ),
    )
    graph, coded = (compile_plan(plan, form) for form in ("columns", "codes"))

    def native(features: Any) -> list[Any]:
        return [predict_native(model, features) for model in models]

    return plan, prove_parity(plan, graph, frame, native, coded=coded, seed=seed)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@given(seed=st.integers(0, 1_000_000), kind=st.sampled_from(KINDS))
@settings(max_examples=EXAMPLES, deadline=None)
def test_random_pipelines_are_proved(seed: int, kind: str) -> None:
    plan, report = make_and_prove(seed, kind)
    assert report.ok
    assert report.engines == ("coded graph",)
    assert report.rows > 500
    assert max(case.worst for case in report.cases) <= 1e-5
    assert len(plan.members) >= 1

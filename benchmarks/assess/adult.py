"""The Adult table with a fixed model, as a subject: LightGBM of 100 trees, compiled to one graph.

The table's own split: 32,561 rows to learn from, 16,281 held out.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import lightgbm as lgb
import numpy as np
import polars as pl

from assay.assess.subject import Scored, Subject, explainer_of, truth_of
from assay.data.derivation import derive_contract
from assay.data.profile import profile_table
from assay.data.source import read_table
from assay.model import read_member
from assay.model.compile import compile_plan
from assay.model.explain import reference_row
from assay.model.inputs import plan_inputs
from assay.model.plan import Encoder, LevelEncoder, ModelPlan, NumberEncoder, Output
from assay.model.scorer import Scorer
from assay.question import Groups, Question, SuccessMeasure

TABLE = Path(__file__).parents[3] / "shared" / "data" / "adult_income.csv.gz"
TARGET = "income"
FOLDS = 5
_DIGEST = "sha256:" + "0" * 64


def adult_subject(table: Path = TABLE) -> Subject:
    """Everything that checks look at; fitted and scored, which is not part of an assessment."""
    asked = _question()
    whole = read_table(table)
    part = whole["part"]
    profile = profile_table(whole, target=TARGET)
    contract = derive_contract(whole, asked, profile)
    frame = contract.conform(whole, require_target=True)
    train, test = frame.filter(part == "train"), frame.filter(part == "test")
    classes = contract.target.categories
    y = truth_of(train[TARGET], classes)
    names = [column.name for column in contract.features]
    graph, reference = _graph(train.select(names), y, contract, classes)
    scorer = Scorer(graph, threads=1)
    baseline = float(y.mean())
    return Subject(
        kind="binary",
        question=asked,
        contract=contract,
        profile=profile,
        held_out=Scored.of(
            test,
            scorer.score_frame(test),
            truth=truth_of(test[TARGET], classes),
            baseline=np.full(test.height, baseline),
        ),
        cross_fitted=_cross_fitted(train, names, y, baseline),
        train=train,
        score=scorer.score_frame,
        record=_record(),
        classes=classes,
        explain=explainer_of(scorer, reference),
        graph=_DIGEST,
    )


def _question() -> Question:
    return Question(
        name="adult",
        question="Does this person earn more than 50,000 dollars?",
        data=str(TABLE),
        target=TARGET,
        decision="Whom to offer a credit card.",
        owner="owner@firm.example",
        positive=">50K",
        affected_groups=(
            Groups(column="sex", sensitive=True),
            Groups(column="race", sensitive=True),
            Groups(column="age", sensitive=True),
        ),
        success=SuccessMeasure(metric="roc_auc"),
        intended_use="A benchmark.",
        out_of_scope="People.",
        data_source="UCI",
        data_licence="CC BY 4.0",
        ignore=("part", "fnlwgt"),
    )


def _record() -> dict[str, Any]:
    names = ("dataset", "contract", "split", "policy", "code", "environment", "parity")
    case = {"name": "real rows", "rows": 10, "worst": 1e-7, "limit": 1e-5, "label_changes": 0}
    return {
        "policy_entry": 3,
        "training_entry": 5,
        "lineage": dict.fromkeys(names, _DIGEST),
        "parity": {"rows": 10, "ok": True, "cases": [case]},
    }


def _encoders(train: pl.DataFrame) -> tuple[Encoder, ...]:
    """Numbers as they are, categories as the place of their name in the alphabet."""
    found: list[Encoder] = []
    for series in train.iter_columns():
        if series.dtype == pl.String:
            levels = tuple(sorted(series.drop_nulls().unique()))
            values = tuple(map(float, range(len(levels))))
            found.append(
                LevelEncoder(
                    column=series.name, levels=levels, values=values, missing=-1.0, unseen=-1.0
                )
            )
        else:
            middle = float(series.cast(pl.Float64).median() or 0.0)
            found.append(NumberEncoder(column=series.name, fill=middle, low=-1e9, high=1e9))
    return tuple(found)


def _matrix(frame: pl.DataFrame, encoders: tuple[Encoder, ...]) -> Any:
    """What the encoders make of the rows."""
    columns = []
    for encoder in encoders:
        series = frame[encoder.column]
        if isinstance(encoder, LevelEncoder):
            codes = dict(zip(encoder.levels, encoder.values, strict=True))
            series = series.replace_strict(codes, default=-1.0, return_dtype=pl.Float64)
            columns.append(series.fill_null(-1.0))
        else:
            columns.append(series.cast(pl.Float64).fill_null(encoder.fill))
    return np.stack([c.to_numpy() for c in columns], axis=1).astype(np.float32)


def _fit(x: Any, y: Any) -> lgb.LGBMClassifier:
    return lgb.LGBMClassifier(n_estimators=100, n_jobs=1, random_state=0, verbose=-1).fit(x, y)


def _graph(train: pl.DataFrame, y: Any, contract: Any, classes: Any) -> tuple[bytes, Any]:
    encoders = _encoders(train)
    model = _fit(_matrix(train, encoders), y)
    plan = ModelPlan(
        inputs=plan_inputs(contract),
        encoders=encoders,
        members=(read_member(model, columns=tuple(range(len(encoders)))),),
        weights=(1.0,),
        output=Output(kind="binary", classes=classes, interval=0.62, coverage=0.9),
    )
    return compile_plan(plan), reference_row(plan.inputs, train)


def _cross_fitted(train: pl.DataFrame, names: list[str], y: Any, baseline: float) -> Scored:
    encoders = _encoders(train.select(names))
    x = _matrix(train, encoders)
    fold = np.random.default_rng(0).integers(0, FOLDS, len(y))
    chance = np.zeros(len(y))
    for k in range(FOLDS):
        chance[fold == k] = _fit(x[fold != k], y[fold != k]).predict_proba(x[fold == k])[:, 1]
    return Scored(
        frame=train,
        truth=y,
        prediction=chance,
        baseline=np.full(len(y), baseline),
        probabilities=np.stack([1 - chance, chance], axis=1),
        label=(chance >= 0.5).astype(np.int64),
    )

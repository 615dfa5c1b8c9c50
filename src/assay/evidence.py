"""Gather what the checks look at: scored rows, the training rows, the graph, the record."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from assay.bench import Bench, Searched, split_parts
from assay.question import Question

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import polars as pl

    from assay.assess.subject import Scored, Subject
    from assay.model.scorer import Scorer


def gather_subject(bench: Bench, searched: Searched) -> Subject:
    """What checks look at, for the compiled model of a search."""
    from assay.assess.subject import Subject, explainer_of
    from assay.data.contract import Contract
    from assay.data.profile import Profile
    from assay.data.split import Split
    from assay.model.scorer import Scorer

    acquired = searched.acquired
    question = bench.load(Question, searched.asked.question)
    split = bench.load(Split, acquired.split)
    train, test = split_parts(bench, acquired, question, split)
    scorer = Scorer(bench.store.artifacts.read(searched.graph), threads=bench.threads)
    reference = msgspec.json.decode(bench.store.artifacts.read(searched.reference))
    baseline = _out_of_fold(bench, searched)["baseline"].to_numpy()
    return Subject(
        kind=acquired.kind,
        question=question,
        contract=bench.load(Contract, acquired.contract),
        profile=bench.load(Profile, acquired.profile),
        held_out=_held_out(test, scorer, question, _constant(baseline)),
        cross_fitted=_cross_fitted(train, _out_of_fold(bench, searched), scorer),
        train=train,
        score=scorer.score_frame,
        record=_record(bench, searched),
        classes=scorer.classes,
        explain=explainer_of(scorer, reference),
        coverage=scorer.coverage,
        graph=searched.graph,
    )


def _out_of_fold(bench: Bench, searched: Searched) -> pl.DataFrame:
    import polars as pl

    return pl.read_parquet(io.BytesIO(bench.store.artifacts.read(searched.out_of_fold)))


def _constant(baseline: npt.NDArray[np.float64]) -> float:
    """The constant answer for rows outside training: the middle of the folds' constants."""
    import numpy as np

    return float(np.median(baseline))


def _held_out(test: pl.DataFrame, scorer: Scorer, question: Question, constant: float) -> Scored:
    import numpy as np

    from assay.assess.subject import Scored, truth_of

    truth = truth_of(test[question.target], scorer.classes)
    return Scored.of(
        test, scorer.score_frame(test), truth=truth, baseline=np.full(test.height, constant)
    )


def _cross_fitted(train: pl.DataFrame, answers: pl.DataFrame, scorer: Scorer) -> Scored:
    """Training rows, each answered by a model that was fitted without it."""
    from assay.assess.subject import Scored

    classes = scorer.classes
    ranges = {
        name: answers[name].to_numpy()
        for name in ("lower", "upper")
        if not classes and not answers[name].null_count()
    }
    return Scored(
        frame=train[answers["row"].to_list()],
        truth=answers["truth"].to_numpy(),
        prediction=answers["prediction"].to_numpy(),
        baseline=answers["baseline"].to_numpy(),
        probabilities=answers.select([f"p_{c}" for c in classes]).to_numpy() if classes else None,
        label=answers["label"].to_numpy() if classes else None,
        **ranges,
    )


def _record(bench: Bench, searched: Searched) -> Mapping[str, Any]:
    """Facts of the project's record, for the checks of accountability."""
    from assay.model.parity import ParityReport
    from assay.registry.lineage import describe_environment, read_code

    parity = bench.load(ParityReport, searched.parity)
    return {
        "policy_entry": searched.asked.policy_entry,
        "training_entry": searched.started_entry,
        "parity": msgspec.to_builtins(parity),
        "lineage": {
            "question": searched.asked.question,
            "policy": searched.asked.policy,
            "dataset": searched.acquired.dataset,
            "contract": searched.acquired.contract,
            "split": searched.acquired.split,
            "leaderboard": searched.leaderboard,
            "parity": searched.parity,
            "model": searched.graph,
            "code": read_code().sources,
            "environment": bench.store.artifacts.put(describe_environment().encode()),
        },
    }

"""Gather what the checks look at of a searched model: scored rows, the graph, the record."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec

from assay.bench import Bench, Searched, split_parts
from assay.errors import AssayError, InvalidTable
from assay.question import Question

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import polars as pl

    from assay.assess.subject import Candidate, Explain, Score, Scored, Subject
    from assay.data.contract import Contract
    from assay.model.answer import Answer
    from assay.model.scorer import Scorer
    from assay.registry.registry import Registry


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
    answers = _parquet(bench, searched.out_of_fold)
    constant = _constant(answers["baseline"].to_numpy())
    cross_fitted = _cross_fitted(train, answers, scorer, question)
    return Subject(
        kind=acquired.kind,
        question=question,
        contract=bench.load(Contract, acquired.contract),
        profile=bench.load(Profile, acquired.profile),
        held_out=_scored(test, scorer, question, constant),
        cross_fitted=cross_fitted,
        train=train,
        score=scorer.score_frame,
        record=_record(bench, searched),
        classes=scorer.classes,
        explain=explainer_of(scorer, reference),
        explain_exactly=_exactly(bench, searched, scorer, reference),
        coverage=scorer.coverage,
        graph=searched.graph,
        candidates=_candidates(bench, searched, cross_fitted, scorer),
        champion=_champion(bench, searched.graph, scorer),
    )


def _exactly(
    bench: Bench, searched: Searched, scorer: Scorer, reference: dict[str, Any]
) -> Explain | None:
    """Explanations from the model's parts, where it is of trees and linear members."""
    from assay.assess.subject import explainer_of
    from assay.model.plan_contributions import taken_apart_exactly
    from assay.model.plan_file import plan_from_bytes

    plan = plan_from_bytes(bench.store.artifacts.read(searched.plan))
    return explainer_of(scorer, reference, plan) if taken_apart_exactly(plan) else None


def gather_subject_on(bench: Bench, searched: Searched, table: pl.DataFrame) -> Subject:
    """The same model on the rows of another table, which hold the truth.

    Rows without a truth are set aside and counted; rows that the model was trained on are
    counted too, since of them it knows the answer.

    Raises
    ------
    UnknownColumn, ContractViolation
        The table lacks a column, or breaks the contract.
    InvalidTable
        No row has a truth, or some have a class that the model does not know.
    """
    from assay.model.scorer import Scorer

    subject = gather_subject(bench, searched)
    rows, notes = _usable(table, subject.contract)
    scorer = Scorer(bench.store.artifacts.read(searched.graph), threads=bench.threads)
    constant = _constant(_parquet(bench, searched.out_of_fold)["baseline"].to_numpy())
    known = _seen(rows, subject.train)
    if known:
        notes += (f"Of the {rows.height:,} rows, the model learned from {known:,}.",)
    return replace(subject, held_out=_scored(rows, scorer, subject.question, constant), notes=notes)


def _usable(table: pl.DataFrame, contract: Contract) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """The rows with a truth, typed as the contract says, and a sentence about the others."""
    from assay.data.suitability import answered
    from assay.errors import UnknownColumn

    target = contract.target.name
    if target not in table.columns:
        raise UnknownColumn(target, table.columns)
    kept = table.filter(answered(table[target]))
    if kept.is_empty():
        raise InvalidTable(f"The truth {target!r} is missing in every row.")
    aside = table.height - kept.height
    words = f"{aside:,} {'row was' if aside == 1 else 'rows were'} set aside: without a truth."
    return contract.conform(kept, require_target=True), (words,) if aside else ()


def _seen(rows: pl.DataFrame, train: pl.DataFrame) -> int:
    """Rows that stand in the training part, cell by cell."""
    columns = [name for name in rows.columns if name in train.columns]
    known = train.select(columns).unique()
    return rows.select(columns).join(known, on=columns, how="semi", nulls_equal=True).height


def _parquet(bench: Bench, digest: str) -> pl.DataFrame:
    import polars as pl

    return pl.read_parquet(io.BytesIO(bench.store.artifacts.read(digest)))


def _constant(baseline: npt.NDArray[np.float64]) -> float:
    """The constant answer for rows outside training: the middle of the folds' constants."""
    import numpy as np

    return float(np.median(baseline))


def _scored(rows: pl.DataFrame, scorer: Scorer, question: Question, constant: float) -> Scored:
    import numpy as np

    from assay.assess.subject import Scored, truth_of

    return Scored.of(
        rows,
        scorer.score_frame(rows),
        truth=truth_of(rows[question.target], scorer.classes),
        baseline=np.full(rows.height, constant),
        weight=_weight(rows, question),
    )


def _weight(rows: pl.DataFrame, question: Question) -> npt.NDArray[np.float64] | None:
    """What each row counts, where the question says so."""
    if question.weight_column is None:
        return None
    return rows[question.weight_column].cast(float).to_numpy()


def _cross_fitted(
    train: pl.DataFrame, answers: pl.DataFrame, scorer: Scorer, question: Question
) -> Scored:
    """Training rows, each answered by a model that was fitted without it."""
    from assay.assess.subject import Scored

    classes = scorer.classes
    rows = train[answers["row"].to_list()]
    ranges = {
        name: answers[name].to_numpy()
        for name in ("lower", "upper")
        if not classes and not answers[name].null_count()
    }
    return Scored(
        frame=rows,
        truth=answers["truth"].to_numpy(),
        prediction=answers["prediction"].to_numpy(),
        baseline=answers["baseline"].to_numpy(),
        probabilities=answers.select([f"p_{c}" for c in classes]).to_numpy() if classes else None,
        label=answers["label"].to_numpy() if classes else None,
        weight=_weight(rows, question),
        **ranges,
    )


def _candidates(
    bench: Bench, searched: Searched, cross_fitted: Scored, scorer: Scorer
) -> tuple[Candidate, ...]:
    """The finished trials, best first, with their out-of-fold answers."""
    from assay.assess.subject import Candidate
    from assay.automl.leaderboard import Leaderboard

    if not searched.trial_answers:  # a run from before they were kept
        return ()
    told = _parquet(bench, searched.trial_answers)
    board = bench.load(Leaderboard, searched.leaderboard)
    return tuple(
        Candidate(
            number=trial.number,
            family=trial.family,
            transparent=trial.transparent,
            weight=trial.weight,
            answers=_trial_scored(cross_fitted, _trial_answer(told, trial.number, scorer)),
        )
        for trial in board.trials
        if trial.status == "finished" and _columns(told, trial.number)
    )


def _columns(told: pl.DataFrame, number: int) -> list[str]:
    """Columns of the table of answers that are one trial's."""
    return [c for c in told.columns if c == str(number) or c.startswith(f"{number}_")]


def _trial_answer(told: pl.DataFrame, number: int, scorer: Scorer) -> Answer:
    """One trial's answers in the form of the model's."""
    import numpy as np

    from assay.model.answer import class_answer, regression_answer

    values = told.select(_columns(told, number)).to_numpy().astype(np.float64)
    if scorer.kind == "regression":
        return regression_answer(values[:, 0])
    if scorer.kind == "multiclass":
        shares = np.clip(values, 0.0, None)
        shares = shares / shares.sum(axis=1, keepdims=True)
        label = shares.argmax(axis=1).astype(np.int64)
        return class_answer(shares, label, classes=scorer.classes, interval=None)
    chance = np.clip(values[:, 0], 0.0, 1.0)  # a linear model may step outside before calibration
    label = (chance >= scorer.threshold).astype(np.int64)
    both = np.stack([1 - chance, chance], axis=1)
    return class_answer(both, label, classes=scorer.classes, interval=None)


def _trial_scored(cross_fitted: Scored, answer: Answer) -> Scored:
    """The rows of the procedure, answered by one trial."""
    return replace(
        cross_fitted,
        prediction=answer.prediction,
        probabilities=answer.probabilities,
        label=answer.label,
        lower=None,
        upper=None,
        sets=None,
    )


def _champion(bench: Bench, graph: str, scorer: Scorer) -> Score | None:
    """The newest hallmarked version, where it is another model that answers the same question."""
    from assay.model.scorer import Scorer

    try:
        version = _registry(bench).get("hallmarked")
        body = bench.store.artifacts.read(version.model)
    except AssayError:  # there is none yet, or its graph was removed from the store
        return None
    if version.model == graph:
        return None
    other = Scorer(body, threads=bench.threads)
    same = (other.kind, other.classes) == (scorer.kind, scorer.classes)
    return other.score_frame if same else None


def _registry(bench: Bench) -> Registry:
    from assay.registry.registry import Registry

    return Registry(bench.store, bench.project, actor=bench.actor)


def _record(bench: Bench, searched: Searched) -> Mapping[str, Any]:
    """Facts of the project's record; `assay.assess.accountability` says what each is."""
    from assay.assess.components import installed_components
    from assay.model.parity import ParityReport
    from assay.registry.lineage import describe_environment, read_code

    parity = bench.load(ParityReport, searched.parity)
    return {
        "policy_entry": searched.asked.policy_entry,
        "training_entry": searched.started_entry,
        "trained_by": _trained_by(bench, searched),
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
        "components": msgspec.to_builtins(installed_components()),
        **_approvals(bench, searched.graph),
        **_reproduced(bench, searched.graph),
        **_promise(bench, searched),
        **_advisories(bench),
    }


def _trained_by(bench: Bench, searched: Searched) -> str:
    """Who started the training, as the ledger has it."""
    entries = bench.store.ledger.entries(bench.project)
    return next((e.actor for e in entries if e.seq == searched.started_entry), "")


def _approvals(bench: Bench, graph: str) -> dict[str, Any]:
    """What people said of this very model, once it is registered."""
    registry = _registry(bench)
    versions = [v for v in registry.versions() if v.model == graph]
    if not versions:
        return {}
    given = [a for v in versions for a in registry.approvals(v)]
    return {"approvals": [{"by": a.by, "at": a.at} for a in given]}


def _reproduced(bench: Bench, graph: str) -> dict[str, Any]:
    """What came out when this very model was last made again from the record."""
    entries = bench.store.ledger.entries(bench.project)
    made = [e for e in entries if e.action == "model reproduced" and e.subject == graph]
    return {"reproduced": made[-1].body["reproduced"]} if made else {}


def _promise(bench: Bench, searched: Searched) -> dict[str, Any]:
    """What the training promised about each row, where it did."""
    from assay.automl.leaderboard import Leaderboard

    promise = bench.load(Leaderboard, searched.leaderboard).privacy
    return {} if promise is None else {"differential_privacy": msgspec.to_builtins(promise)}


def _advisories(bench: Bench) -> dict[str, str]:
    """The file of known vulnerabilities that lies beside ``assay.yaml``, if one does."""
    path = bench.folder / "advisories.json"
    return {"advisories": str(path)} if path.is_file() else {}

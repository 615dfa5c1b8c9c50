"""What each stage of the lifecycle does: from records to records, through the store.

Every stage takes a `Bench` (where it works) and what the stage before it left, and leaves
digests. Doing a stage twice leaves the same records.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import structs

from assay.bench import (
    Acquired,
    Asked,
    Assessed,
    Bench,
    Decided,
    Registered,
    Searched,
    read_rows,
    split_parts,
    unlabelled_rows,
)
from assay.errors import InputError
from assay.question import Kind, Question
from assay.records import canonical, now

if TYPE_CHECKING:
    import polars as pl

    from assay.assess.subject import Scored, Subject
    from assay.automl.leaderboard import Leaderboard
    from assay.automl.search import SearchResult
    from assay.automl.spec import SearchSpec
    from assay.data.contract import Contract
    from assay.data.profile import Profile
    from assay.data.split import Split
    from assay.policy.policy import Rule


RETRAINS = "REL021"
"""The check that searches again, which is only done where a rule asks for it."""


def ask(bench: Bench, question: str, policy: str) -> Asked:
    """Record the question and the policy before anything is computed.

    Parameters
    ----------
    question, policy : str
        Digests of the records as they stood when the run began.
    """
    from assay.policy.policy import Policy
    from assay.policy.record import record_policy

    asked = bench.load(Question, question)
    rules = bench.load(Policy, policy)
    record_policy(bench.store, bench.project, rules, actor=bench.actor, run=bench.run)
    entry = bench.note("question asked", subject=question, body={"policy": policy})
    return Asked(
        question=question,
        policy=policy,
        policy_entry=entry,
        summary=f"{len(rules.rules)} rules in the ledger before training: {asked.question}",
    )


def acquire(bench: Bench, asked: Asked) -> Acquired:
    """Read the table that the question names; see `acquire_from`."""
    return structs.replace(acquire_from(bench, bench.load(Question, asked.question)), asked=asked)


def acquire_from(bench: Bench, question: Question, source: Any = None) -> Acquired:
    """Read a table into a version, profile it, derive its contract, and split its rows.

    Parameters
    ----------
    source : path or table, optional
        By default what the question names, relative to the project's folder.
    """
    from assay.data.dataset import add_dataset
    from assay.data.kinds import infer_kind
    from assay.data.suitability import check_table

    base = bench.folder if source is None else None
    dataset = add_dataset(
        bench.store.artifacts, question.data if source is None else source, base=base
    )
    checked = check_table(read_rows(bench, dataset.digest), question)
    frame = checked.frame
    kind, why = infer_kind(frame, question)
    profile, contract, split = understood(frame, question, kind)
    left = Acquired(
        dataset=bench.keep(dataset),
        content=dataset.digest,
        profile=bench.keep(profile),
        contract=bench.keep(contract),
        split=bench.keep(split),
        kind=kind,
        summary=f"{frame.height:,} rows x {frame.width} columns, {len(contract.features)} of them "
        f"features, {profile.missing_cells:,} cells missing{_set_aside(checked.dropped)}; "
        f"{kind}: {why} {split.how}",
    )
    bench.store.records.add_numbered("dataset", bench.project, dataset, left.dataset)
    bench.store.records.add_numbered("acquired", bench.project, left, left.digest)
    bench.note("dataset version added", subject=left.dataset, body={"rows": frame.height})
    return left


def understood(
    frame: pl.DataFrame, question: Question, kind: Kind
) -> tuple[Profile, Contract, Split]:
    """What follows from a table and a question alone, the same each time."""
    from assay.data.derivation import derive_contract
    from assay.data.profile import profile_table
    from assay.data.split import split_rows

    profile = profile_table(frame, target=question.target)
    contract = derive_contract(frame, question, profile)
    split = split_rows(frame, question, kind=kind, seed=question.budget.seed, contract=contract)
    return profile, contract, split


def _set_aside(rows: int) -> str:
    return f", {rows:,} more {'row' if rows == 1 else 'rows'} without a target" if rows else ""


def search(bench: Bench, acquired: Acquired) -> Searched:
    """Search on the training rows, compile the winner, and prove the graph equal to it.

    Raises
    ------
    ParityFailed
        Graph and Python model disagree; nothing is published.
    """
    from assay.automl.out_of_fold import trial_table
    from assay.data.split import Split
    from assay.model.compile import compile_plan
    from assay.model.engines import installed_engines
    from assay.model.explain import reference_row
    from assay.model.parity import prove_parity
    from assay.model.plan_file import plan_to_bytes

    asked = required(acquired.asked)
    question = bench.load(Question, asked.question)
    split = bench.load(Split, acquired.split)
    entry = bench.note("training started", subject=acquired.dataset, body={"policy": asked.policy})
    train, held_out = split_parts(bench, acquired, question, split)
    found = find_model(bench, acquired, question, train, journal=searches_of(bench))
    board = _with_split(found.leaderboard, split)
    graph, coded = (compile_plan(found.plan, form) for form in ("columns", "codes"))
    with installed_engines(graph, bench.home) as (engines, absent):
        parity = prove_parity(
            found.plan,
            graph,
            train,
            found.native,
            held_out=held_out,  # compared, never scored: no answer is looked at
            coded=coded,
            engines=engines,
            not_examined=absent,
            seed=question.budget.seed,
        )
    put = bench.store.artifacts.put
    left = Searched(
        asked=asked,
        acquired=acquired,
        plan=put(plan_to_bytes(found.plan)),
        graph=put(graph),
        coded=put(coded),
        leaderboard=bench.keep(board),
        parity=bench.keep(parity),
        out_of_fold=put(_parquet(found.out_of_fold)),
        trial_answers=put(_parquet(trial_table(found))),
        reference=put(canonical(reference_row(found.plan.inputs, train))),
        notes=found.notes,
        started_entry=entry,
        summary=_searched(board, graph, parity.rows),
    )
    bench.note("model compiled", subject=left.graph, body={"parity": left.parity})
    return left


def _with_split(board: Leaderboard, split: Split) -> Leaderboard:
    """Who reads the leaderboard is told where the split left rows out."""
    import msgspec

    if not split.not_drawn:
        return board
    return msgspec.structs.replace(board, notes=(split.how, *board.notes))


def find_model(
    bench: Bench,
    acquired: Acquired,
    question: Question,
    train: pl.DataFrame,
    *,
    journal: Path | None = None,
) -> SearchResult:
    """Search on the training rows as the question asks."""
    from assay.automl.search import search as search_models
    from assay.data.contract import Contract
    from assay.data.split import Split

    contract, split = bench.load(Contract, acquired.contract), bench.load(Split, acquired.split)
    return search_models(
        train,
        contract=contract,
        kind=acquired.kind,
        target=question.target,
        folds=split.folds,
        positive=contract.target.categories[-1] if acquired.kind == "binary" else None,
        spec=_spec(question, bench.threads),
        progress=bench.progress,
        journal=journal,
        **_asides(bench, acquired, question, train),
    )


def searches_of(bench: Bench) -> Path:
    """Where the run's finished trials are kept until the search has left its record."""
    return bench.home / "searches" / bench.run


def _spec(question: Question, threads: int) -> SearchSpec:
    """What the question asks of the search."""
    from assay.automl.spec import SearchSpec

    budget = question.budget
    return SearchSpec(
        metric=question.success.metric,
        budget_s=budget.seconds - min(max(1.0, 0.05 * budget.seconds), 0.25 * budget.seconds),
        families=budget.families,
        max_trials=budget.trials,
        seed=budget.seed,
        threads=threads,
        compute=budget.compute,
        parallel=budget.parallel,
        transparent=budget.transparent,
        max_megabytes=budget.max_megabytes,
        max_row_ms=budget.max_row_ms,
        fairness=budget.fairness,
        mitigate=budget.mitigate,
        epsilon=budget.epsilon,
        parity=budget.parity,
        learning_curve=budget.learning_curve,
        costs=question.costs,
        monotone=question.monotone,
        ordered=question.ordered,
    )


def _asides(
    bench: Bench, acquired: Acquired, question: Question, train: pl.DataFrame
) -> dict[str, Any]:
    """What a search is given beside its training rows, where the question asks for it."""
    given: dict[str, Any] = {}
    if question.weight_column is not None:
        given["weights"] = train[question.weight_column].cast(float).to_numpy()
    if question.unlabelled:
        given["unlabelled"] = unlabelled_rows(bench, acquired, question)
    if question.budget.warm_start:
        given["warm_start"] = _latest_leaderboard(bench)
    return given


def _latest_leaderboard(bench: Bench) -> Leaderboard | None:
    """Of the latest search of the project that finished, before this run."""
    import msgspec

    from assay.automl.leaderboard import Leaderboard

    for found in reversed(bench.store.records.find("step", bench.project)):
        step = found.body
        if step["name"] == "search" and step["run"] != bench.run:
            searched = msgspec.convert(step["result"], Searched)
            return bench.load(Leaderboard, searched.leaderboard)
    return None


def _searched(board: Leaderboard, graph: bytes, proved: int) -> str:
    finished = sum(t.status == "finished" for t in board.trials)
    return (
        f"{finished} trials; {board.metric} {board.ensemble_score:,.4g} cross-validated, the same "
        f"answer for everyone {board.baseline:,.4g}; {_mitigated(board)}one graph of "
        f"{len(graph) / 1e6:.1f} MB, proved equal on {proved:,} rows"
    )


def _mitigated(board: Leaderboard) -> str:
    """What making groups more alike changed, where that was asked for."""
    found = board.mitigation
    if found is None:
        return ""
    return (
        f"{found.method} by {found.column}: gap {found.gap_before.value:.3f} before, "
        f"{found.gap_after.value:.3f} after, right labels {100 * found.right_change.value:+.2f} "
        "points; "
    )


def assess(bench: Bench, searched: Searched) -> Assessed:
    """Measure the graph on the rows that the search never saw."""
    from assay.assess.assess import assess as assess_subject
    from assay.assess.request import requests_of
    from assay.evidence import gather_subject
    from assay.policy.policy import Policy

    shutil.rmtree(searches_of(bench), ignore_errors=True)
    policy = bench.load(Policy, searched.asked.policy)
    look = _look(bench, searched)
    rules = [_surer(rule, look, policy.looks) for rule in policy.rules]
    subject = gather_subject(bench, searched)
    if any(rule.check == RETRAINS for rule in policy.rules):
        subject = replace(subject, retrain=_retraining(bench, searched, subject.held_out))
    found = assess_subject(subject, requests_of(rules), progress=bench.progress)
    assessment = structs.replace(found, look=look)
    digest = bench.keep(assessment)
    told = {"assessment": digest, "table": searched.acquired.content, "look": look}
    bench.note("model assessed", subject=searched.graph, body=told)
    applies = sum(f.applies for f in assessment.findings)
    return Assessed(
        searched=searched,
        assessment=digest,
        novelty=_novelty(bench, subject),
        summary=f"{applies} findings on {assessment.examined.get('held-out', 0):,} held-out rows; "
        f"{len(assessment.findings) - applies} checks do not apply",
    )


def _novelty(bench: Bench, subject: Subject) -> str:
    """Keep what tells rows that are unlike the training rows; nothing where it cannot be had."""
    from assay.assess.outsiders import novelty_of
    from assay.errors import NotApplicable

    try:
        return bench.keep(novelty_of(subject))
    except NotApplicable:
        return ""


def _retraining(bench: Bench, searched: Searched, held_out: Scored) -> Callable[[int], Scored]:
    """Search again under another seed: as long as the first time, so only where a rule asks."""

    def retrain(seed: int) -> Scored:
        from assay.assess.subject import Scored
        from assay.data.split import Split
        from assay.model.compile import compile_plan
        from assay.model.scorer import Scorer

        question = bench.load(Question, searched.asked.question)
        other = structs.replace(question.budget, seed=question.budget.seed + seed)
        split = bench.load(Split, searched.acquired.split)
        train, _ = split_parts(bench, searched.acquired, question, split)
        asked = structs.replace(question, budget=other)
        found = find_model(bench, searched.acquired, asked, train)
        scorer = Scorer(compile_plan(found.plan, "columns"), threads=bench.threads)
        answer = scorer.score_frame(held_out.frame)
        return Scored.of(held_out.frame, answer, truth=held_out.truth, baseline=held_out.baseline)

    return retrain


def _look(bench: Bench, searched: Searched) -> int:
    """Which model this is of those that the project judged on held-out rows of this table.

    Another seed draws other held-out rows, but of the same table: it is a look all the same.
    """
    from assay.policy.looks import look_of

    table = searched.acquired.content
    judged = [
        entry.subject
        for entry in bench.store.ledger.entries(bench.project)
        if entry.action == "model assessed"
        and entry.body.get("table") == table
        and entry.body.get("run") != bench.run
    ]
    return look_of(searched.graph, judged)


def _surer(rule: Rule, look: int, planned: int | None) -> Rule:
    """The rule at the confidence that it needs at this look."""
    from assay.policy.looks import confidence_at

    return structs.replace(rule, confidence=confidence_at(rule.confidence, look, planned))


def decide(bench: Bench, assessed: Assessed) -> Decided:
    """Hold the evidence against the policy that was recorded before training."""
    from assay.assess.finding import Assessment
    from assay.policy.gate import decide as decide_release
    from assay.policy.policy import Policy

    policy = bench.load(Policy, assessed.searched.asked.policy)
    assessment = bench.load(Assessment, assessed.assessment)
    decision = decide_release(policy, assessment, today=now()[:10])
    digest = bench.keep(decision)
    bench.note("gate decided", subject=digest, body={"allowed": decision.allowed})
    counts = Counter(o.status for o in decision.outcomes)
    told = ", ".join(f"{n} {status}" for status, n in counts.most_common())
    return Decided(
        assessed=assessed,
        decision=digest,
        allowed=decision.allowed,
        summary=f"{'allowed' if decision.allowed else 'refused'}: {told}",
    )


def register(bench: Bench, decided: Decided) -> Registered:
    """Register the version, or record the refusal."""
    from assay.errors import GateRefused
    from assay.policy.gate import Decision
    from assay.registry.lineage import describe_environment, read_code
    from assay.registry.registry import Registry
    from assay.registry.version import Candidate

    searched = decided.assessed.searched
    candidate = Candidate(
        name=bench.project,
        run=bench.run,
        model=searched.graph,
        contract=searched.acquired.contract,
        dataset=searched.acquired.dataset,
        split=searched.acquired.split,
        policy=searched.asked.policy,
        assessment=decided.assessed.assessment,
        leaderboard=searched.leaderboard,
        parity=searched.parity,
        code=bench.keep(read_code()),
        environment=bench.store.artifacts.put(describe_environment().encode()),
        question=searched.asked.question,
        reference=searched.reference,
        plan=searched.plan,
        coded=searched.coded,
        novelty=decided.assessed.novelty,
    )
    registry = Registry(bench.store, bench.project, actor=bench.actor)
    decision = bench.load(Decision, decided.decision)
    try:
        version = registry.register(candidate, decision)
    except GateRefused as refusal:
        return Registered(decided=decided, version="", summary=refusal.message)
    status = registry.status(version)
    return Registered(decided=decided, version=version.label, summary=f"{version.label}, {status}")


def expected_seconds(bench: Bench, step: str, question: str) -> float | None:
    """About how long a step takes, where that is known before it starts."""
    if step != "search":
        return None
    budget = bench.load(Question, question).budget
    return budget.seconds if budget.trials is None else None


def required(asked: Asked | None) -> Asked:
    """The question, which a model cannot be searched for without."""
    if asked is None:
        raise InputError("A search needs the question to be recorded first.", hint="Use Project.")
    return asked


def _parquet(frame: pl.DataFrame) -> bytes:
    from assay.data.dataset import canonical_parquet

    return canonical_parquet(frame)

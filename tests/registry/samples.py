"""A small whole candidate, with real artifacts in a real store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from assay.assess.finding import Assessment, Finding
from assay.data.contract import Column, Contract
from assay.policy.gate import Decision, decide
from assay.policy.policy import Approvals, Policy, Rule, Waiver
from assay.policy.record import record_policy
from assay.records import canonical, digest
from assay.registry.registry import Registry
from assay.registry.version import Candidate
from assay.store.store import Store

TODAY = "2026-03-01"
GRAPH = b"a compiled graph"

RULE = Rule(check="REL001", at_most=0.6)
OPEN_RULE = Rule(check="FAI001", column="make", at_most=2.0, undecided="approve")
BROKEN_RULE = Rule(check="REL001", at_most=0.1)


def findings() -> tuple[Finding, ...]:
    error = Finding(
        check="REL001", title="Error against the baseline", principle="reliability-safety",
        measure="error divided by the baseline's", value=0.21, lower=0.16, upper=0.27, rows=51,
    )  # fmt: skip
    by_make = Finding(
        check="FAI001", title="Error by group", principle="fairness", column="make",
        measure="largest error of a make divided by the overall error",
        value=1.5, lower=1.1, upper=2.6, rows=51,
    )  # fmt: skip
    return error, by_make


def policy(*rules: Rule, waivers: tuple[Waiver, ...] = (), **approvals: Any) -> Policy:
    return Policy(
        name="release", rules=rules or (RULE,), waivers=waivers, approvals=Approvals(**approvals)
    )


@dataclass(frozen=True)
class Offer:
    """What a run hands to the registry."""

    candidate: Candidate
    decision: Decision


def offer(
    store: Store,
    rules: Policy | None = None,
    *,
    run: str = "run-1",
    graph: bytes = GRAPH,
    today: str = TODAY,
    **changes: Any,
) -> Offer:
    rules = rules or policy()
    put = store.artifacts.put
    subject = digest(graph)
    assessment = Assessment(subject=subject, findings=findings())
    contract = Contract(columns=(Column(name="make", kind="category"),))
    facts = {
        "name": "car-price",
        "run": run,
        "model": put(graph),
        "contract": put(contract.to_json()),
        "dataset": put(canonical({"digest": "sha256:rows", "rows": 201})),
        "split": put(canonical({"train": [0, 1], "test": [2]})),
        "policy": record_policy(store, "car-price", rules, actor="ana", run=run),
        "assessment": put(assessment.to_json()),
        "leaderboard": put(canonical({"trials": []})),
        "parity": put(canonical({"ok": True, "graph": subject, "cases": []})),
        "code": put(canonical({"version": "0.1.0", "sources": "sha256:cc"})),
        "environment": put(b"# CPython 3.11\nmsgspec==0.22.0\n"),
        "question": put(canonical({"name": "car-price"})),
        "reference": put(canonical({"make": "audi"})),
    }
    return Offer(Candidate(**{**facts, **changes}), decide(rules, assessment, today=today))


def registered(store: Store, rules: Policy | None = None, *, by: str = "ana", **facts: Any) -> Any:
    """A registry of ``by`` and the version that the offer became."""
    registry = Registry(store, "car-price", actor=by)
    made = offer(store, rules, **facts)
    return registry, registry.register(made.candidate, made.decision)


def hallmarked(store: Store, rules: Policy | None = None, **facts: Any) -> Any:
    """As `registered`, approved by the same person."""
    registry, version = registered(store, rules, **facts)
    accept = [outcome.key for outcome in registry.decision(version).to_accept]
    registry.approve(version, note="read it", how="in a test", accept=accept, today=TODAY)
    return registry, version

"""The lifecycle board: each stage's deliverables and checkpoints, worked out from the record.

The stages and what each owes follow the Team Data Science Process. Nothing is ticked by hand:
an item is done when the record holds what it asks for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from assay.question import Question
from assay.records import Record

Stage = Literal[
    "business understanding",
    "data acquisition and understanding",
    "modelling",
    "deployment",
    "customer acceptance",
]


class Item(Record, frozen=True, kw_only=True):
    """One deliverable or checkpoint."""

    stage: Stage
    kind: Literal["deliverable", "checkpoint"]
    name: str
    state: Literal["done", "missing", "open"]
    """``open``: begun, but a person must still decide."""
    evidence: str
    """Where the record holds it, or what would bring it."""


class Board(Record, frozen=True, kw_only=True):
    """Where a project stands."""

    project: str
    items: tuple[Item, ...]

    @property
    def summary(self) -> str:
        """How many items are done, in one line."""
        done = sum(i.state == "done" for i in self.items)
        return f"{done} of {len(self.items)} done"

    @property
    def next_step(self) -> str:
        """What to do about the first item that is not done; empty when all are."""
        return next((i.evidence for i in self.items if i.state != "done"), "")


class Facts(Record, frozen=True, kw_only=True):
    """What the record holds about a project's newest run, by digest or entry number."""

    policy_entry: int = 0
    started_entry: int = 0
    dataset: str = ""
    profile: str = ""
    contract: str = ""
    split: str = ""
    leaderboard: str = ""
    parity: str = ""
    assessment: str = ""
    decision: str = ""
    allowed: bool = False
    version: str = ""
    version_status: str = ""
    approvals: tuple[str, ...] = ()
    documents: Mapping[str, str] = {}
    """Name of each document written, with its path."""
    deployed: str = ""
    """The version an endpoint was last started with."""
    predictions: int = 0


def draw_board(question: Question, facts: Facts) -> Board:
    """Hold the record against what each stage owes."""
    return Board(
        project=question.name,
        items=(
            *_business(question, facts),
            *_data(question, facts),
            *_modelling(question, facts),
            *_deployment(question, facts),
            *_acceptance(question, facts),
        ),
    )


def _business(question: Question, facts: Facts) -> list[Item]:
    stage: Stage = "business understanding"
    run = f"assay run {question.name}"
    metric = question.success.metric
    return [
        _item(stage, "deliverable", "charter: question, decision, owner", "assay.yaml", ""),
        _item(
            stage,
            "deliverable",
            "success measure with its baseline",
            f"{metric} against {question.success.baseline}" if metric else "",
            "name success.metric in assay.yaml",
        ),
        _item(
            stage,
            "deliverable",
            "affected groups named",
            ", ".join(g.key for g in question.affected_groups),
            "name affected_groups in assay.yaml",
        ),
        _item(
            stage,
            "deliverable",
            "data source and licence",
            question.data_source
            and question.data_licence
            and f"{question.data_source}; {question.data_licence}",
            "name data_source and data_licence in assay.yaml",
        ),
        _item(stage, "checkpoint", "policy recorded before training", _policy_evidence(facts), run),
    ]


def _policy_evidence(facts: Facts) -> str:
    if not facts.policy_entry:
        return ""
    if facts.started_entry and facts.started_entry < facts.policy_entry:
        return ""
    return f"ledger entry {facts.policy_entry}"


def _data(question: Question, facts: Facts) -> list[Item]:
    stage: Stage = "data acquisition and understanding"
    add = f"assay data add {question.name}"
    return [
        _item(stage, "deliverable", "dataset version", facts.dataset, add),
        _item(stage, "deliverable", "data quality report", facts.profile, add),
        _item(stage, "deliverable", "data dictionary (contract)", facts.contract, add),
        _item(stage, "checkpoint", "rows set aside that the search never sees", facts.split, add),
    ]


def _modelling(question: Question, facts: Facts) -> list[Item]:
    stage: Stage = "modelling"
    run = f"assay run {question.name}"
    decision = _item(stage, "checkpoint", "the gate decided", facts.decision, run)
    if facts.decision and not facts.allowed:
        decision = Item(
            stage=stage,
            kind="checkpoint",
            name="the gate allows release",
            state="open",
            evidence=f"refused; see `assay policy check {question.name}`",
        )
    return [
        _item(stage, "deliverable", "leaderboard", facts.leaderboard, run),
        _item(stage, "deliverable", "one graph, proved equal", facts.parity, run),
        _item(stage, "deliverable", "assessment", facts.assessment, run),
        decision,
    ]


def _deployment(question: Question, facts: Facts) -> list[Item]:
    stage: Stage = "deployment"
    serve = f"assay serve {question.name}"
    struck = facts.version if facts.version_status == "hallmarked" else ""
    return [
        _item(
            stage,
            "deliverable",
            "model version registered",
            facts.version,
            f"assay run {question.name}",
        ),
        _item(stage, "deliverable", "hallmark", struck, f"assay approve {question.name} --note …"),
        _item(stage, "deliverable", "endpoint started", facts.deployed, serve),
        _item(
            stage,
            "checkpoint",
            "predictions recorded",
            f"{facts.predictions:,} predictions" if facts.predictions else "",
            f"{serve}, then assay predict {question.name} …",
        ),
    ]


def _acceptance(question: Question, facts: Facts) -> list[Item]:
    stage: Stage = "customer acceptance"
    run = f"assay run {question.name}"
    return [
        _item(stage, "deliverable", "report", facts.documents.get("report.html", ""), run),
        _item(stage, "deliverable", "scorecard", facts.documents.get("scorecard.pdf", ""), run),
        _item(stage, "deliverable", "model card", facts.documents.get("model-card.md", ""), run),
        _item(stage, "deliverable", "exit report", facts.documents.get("exit-report.md", ""), run),
        _item(
            stage,
            "checkpoint",
            "accepted by a named person",
            "; ".join(facts.approvals),
            f"assay approve {question.name} --note …",
        ),
    ]


def _item(
    stage: Stage,
    kind: Literal["deliverable", "checkpoint"],
    name: str,
    evidence: str,
    how: str,
) -> Item:
    """Done where there is evidence; otherwise missing, with what would bring it."""
    short = f"{evidence[:19]}" if evidence.startswith("sha256:") else evidence
    return Item(
        stage=stage,
        kind=kind,
        name=name,
        state="done" if evidence else "missing",
        evidence=short or how,
    )

"""Accountability: whether the record says who, what, when, and from what.

Facts of the record
    ``policy_entry``, ``training_entry``: numbers of the ledger's entries that hold the policy
    and the start of training.

    ``lineage``: name of each thing the model came from -> its digest.

    ``parity``: the `assay.model.ParityReport` as a mapping.

    ``reproduced``: name of each thing that was made again from the record (``model``, say) ->
    ``{"digest": the recorded one, "again": that of the second time}``. Absent where nobody
    tried.

    ``trained_by``: who started the training. ``approvals``: what people said of this very
    model, each with ``by`` and ``at`` (and more, which is ignored). Absent where the question
    has not come up yet.

    ``incidents``: each with ``opened`` (ISO 8601), ``closed`` (empty while open) and
    ``severity``. Absent where nobody keeps count; empty where there were none.

    ``documents``: name of each of `DOCUMENTS` that was written -> its digest.

    ``components``: the packages the model runs on, each an `assay.assess.components.Component`
    as a mapping. ``advisories``: path of a file of known vulnerabilities, if one was given.

    ``differential_privacy``: see `assay.assess.privacy.PrivateTraining`; absent without it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median
from typing import Any, ClassVar

import numpy as np

from assay.assess.check import BaseCheck
from assay.assess.finding import Evidence, Finding, Principle
from assay.assess.subject import Subject
from assay.errors import NotApplicable
from assay.question import Question

LINEAGE = ("dataset", "contract", "split", "policy", "code", "environment", "parity")
"""What a model version must be traceable to."""

DOCUMENTS = ("question", "policy", "datasheet", "model card", "report")
"""What somebody must be able to read about a model."""

_DAY_S = 86_400


@dataclass(frozen=True, kw_only=True)
class RecordCheck(BaseCheck):
    """What checks of the record share: facts, without uncertainty."""

    evidence: Evidence = "record"

    sources: ClassVar[tuple[Evidence, ...]] = ("record",)
    principle: ClassVar[Principle] = "accountability"

    def share_present(self, items: Mapping[str, bool], *, measure: str, method: str) -> Finding:
        """Share of the items that the record holds, with what is missing."""
        return self.finding(
            float(np.mean(list(items.values()))),
            measure=measure,
            method=method,
            unit="share",
            higher_is_better=True,
            details={
                "present": [name for name, there in items.items() if there],
                "missing": [name for name, there in items.items() if not there],
            },
        )


@dataclass(frozen=True, kw_only=True)
class RecordComplete(RecordCheck):
    """Does the record say who answers for the model, what it is for, and where its data is from?"""

    code: ClassVar[str] = "ACC001"
    title: ClassVar[str] = "Completeness of the record"

    def run(self, subject: Subject) -> Finding:
        """Share of the items that are filled in."""
        return self.share_present(
            _charter(subject.question),
            measure="share of the question's items that are filled in",
            method="Read from the recorded question; whether the words are true is for people.",
        )


@dataclass(frozen=True, kw_only=True)
class PolicyFirst(RecordCheck):
    """Were the limits written down before training started?"""

    code: ClassVar[str] = "ACC002"
    title: ClassVar[str] = "Policy recorded before training"

    def run(self, subject: Subject) -> Finding:
        """1 where the policy's entry in the ledger precedes that of training, else 0."""
        policy = subject.record.get("policy_entry")
        training = subject.record.get("training_entry")
        return self.finding(
            float(bool(policy and training and int(policy) < int(training))),
            measure="whether the policy was recorded before training",
            method="Order of entries in the hash-chained ledger; 0 also where one is missing.",
            higher_is_better=True,
            details={"policy_entry": policy, "training_entry": training},
        )


@dataclass(frozen=True, kw_only=True)
class LineageComplete(RecordCheck):
    """Can the model be traced to its data, code, environment, policy and proof?"""

    code: ClassVar[str] = "ACC003"
    title: ClassVar[str] = "Completeness of the lineage"

    def run(self, subject: Subject) -> Finding:
        """Share of the things the model came from whose digest is on record."""
        lineage: Mapping[str, str] = subject.record.get("lineage", {})
        return self.share_present(
            {name: _is_digest(lineage.get(name)) for name in LINEAGE},
            measure="share of the model's origins with a digest on record",
            method=f"SHA-256 digests of {', '.join(LINEAGE)}.",
        )


@dataclass(frozen=True, kw_only=True)
class GraphProved(RecordCheck):
    """Is what is assessed and served equal to what was trained?"""

    code: ClassVar[str] = "ACC004"
    title: ClassVar[str] = "Graph proved equal to the trained model"

    def run(self, subject: Subject) -> Finding:
        """Largest difference found, divided by its limit; at most 1 where proved equal.

        Without a proof there is no value, and no reason that would excuse it: the evidence is
        missing.
        """
        parity: Mapping[str, Any] = subject.record.get("parity") or {}
        cases: Sequence[Mapping[str, Any]] = parity.get("cases", ())
        changes = sum(int(case.get("label_changes", 0)) for case in cases)
        return self.finding(
            max(map(_against_limit, cases)) if cases else float("nan"),
            measure="largest difference between graph and trained model, divided by its limit",
            method="Both answered the same rows, real ones and ones with missing, unseen and "
            "extreme values, before the graph was kept. A changed label counts as one limit "
            "more than allowed.",
            rows=int(parity.get("rows", 0)),
            details={
                "label_changes": changes,
                "cases": [dict(case) for case in cases],
                **({} if cases else {"missing": ["the proof"]}),
            },
        )


@dataclass(frozen=True, kw_only=True)
class Reproduced(RecordCheck):
    """Does doing it again from the record give the same model?"""

    code: ClassVar[str] = "ACC005"
    title: ClassVar[str] = "Reproduced from the record"

    def run(self, subject: Subject) -> Finding:
        """Share of the things made again that have the digest on record."""
        again: Mapping[str, Mapping[str, str]] = subject.record.get("reproduced") or {}
        if not again:
            raise NotApplicable("Nobody has made the model again from its record.")
        return self.share_present(
            {name: _same_digest(pair) for name, pair in again.items()},
            measure="share of what was made again that has the recorded digest",
            method="SHA-256 digests of both; bit for bit, so that a different library or "
            "processor may already differ.",
        )


@dataclass(frozen=True, kw_only=True)
class Approvals(RecordCheck):
    """How many people other than its maker have said yes to the model?"""

    code: ClassVar[str] = "ACC006"
    title: ClassVar[str] = "Approvals of the model"

    def run(self, subject: Subject) -> Finding:
        """Number of people on record who approved this model and did not train it."""
        given: Sequence[Mapping[str, Any]] | None = subject.record.get("approvals")
        if given is None:
            raise NotApplicable("The record does not speak of approvals yet.")
        maker = str(subject.record.get("trained_by") or "")
        people = {str(approval["by"]) for approval in given}
        return self.finding(
            float(len(people - {maker})),
            measure="people who approved the model and did not train it",
            method="Counted in the record, each person once; whoever started the training does "
            "not count (four eyes).",
            unit="people",
            higher_is_better=True,
            details={
                "approvals": len(given),
                "by_maker": sum(str(approval["by"]) == maker for approval in given),
                "maker_known": bool(maker),
                "latest": max((str(a.get("at", "")) for a in given), default=""),
            },
        )


@dataclass(frozen=True, kw_only=True)
class OpenIncidents(RecordCheck):
    """Are there reports of harm or failure that nobody has settled?"""

    code: ClassVar[str] = "ACC007"
    title: ClassVar[str] = "Open incidents"

    def run(self, subject: Subject) -> Finding:
        """Number of incidents on record that are not closed."""
        incidents: Sequence[Mapping[str, Any]] | None = subject.record.get("incidents")
        if incidents is None:
            raise NotApplicable("Nobody keeps a record of incidents.")
        still_open = [i for i in incidents if not i.get("closed")]
        days = [_days(i) for i in incidents if i.get("closed")]
        return self.finding(
            float(len(still_open)),
            measure="incidents that are open",
            method="Counted in the record of incidents; what nobody reported is not in it.",
            unit="incidents",
            details={
                "on_record": len(incidents),
                "open_by_severity": _tally(still_open),
                "by_severity": _tally(incidents),
                "median_days_to_close": median(days) if days else None,
            },
        )


@dataclass(frozen=True, kw_only=True)
class DocumentsComplete(RecordCheck):
    """Can somebody read what the model is, what it was made from, and how it was judged?"""

    code: ClassVar[str] = "ACC008"
    title: ClassVar[str] = "Completeness of the documents"

    def run(self, subject: Subject) -> Finding:
        """Share of the documents that were written, by their digests on record."""
        documents: Mapping[str, str] | None = subject.record.get("documents")
        if documents is None:
            raise NotApplicable("The record does not speak of documents yet.")
        return self.share_present(
            {name: _is_digest(documents.get(name)) for name in DOCUMENTS},
            measure="share of the documents that are on record",
            method=f"SHA-256 digests of {', '.join(DOCUMENTS)}; whether they are read and true "
            "is for people.",
        )


def _same_digest(pair: Mapping[str, str]) -> bool:
    return _is_digest(pair.get("digest")) and pair.get("digest") == pair.get("again")


def _days(incident: Mapping[str, Any]) -> float:
    """Days from opening to closing."""
    opened, closed = (_moment(str(incident[key])) for key in ("opened", "closed"))
    return (closed - opened).total_seconds() / _DAY_S


def _moment(text: str) -> datetime:
    """A moment in ISO 8601; in UTC where it names no zone."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _tally(incidents: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Incidents by severity, in the order of the words."""
    words = [str(incident.get("severity") or "not stated") for incident in incidents]
    return {word: words.count(word) for word in sorted(set(words))}


def _charter(question: Question) -> dict[str, bool]:
    """Which items of the question are filled in."""
    items = {
        "owner": question.owner,
        "decision": question.decision,
        "intended use": question.intended_use,
        "uses out of scope": question.out_of_scope,
        "affected groups": question.affected_groups,
        "success measure": question.success.metric,
        "data source": question.data_source,
        "data licence": question.data_licence,
    }
    return {name: bool(content) for name, content in items.items()}


def _is_digest(value: object) -> bool:
    return isinstance(value, str) and value.startswith("sha256:") and len(value) == 71


def _against_limit(case: Mapping[str, Any]) -> float:
    """A case's largest difference in units of its limit; more than 1 where a label changed."""
    worst, limit = float(case["worst"]), float(case["limit"])
    if worst > 0 and limit == 0:
        return float(np.finfo(np.float64).max)
    difference = worst / limit if worst > 0 else 0.0
    return max(difference, 2.0) if case.get("label_changes") else difference

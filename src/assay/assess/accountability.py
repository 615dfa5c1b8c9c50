"""Accountability: whether the record says who, what, when, and from what.

Facts of the record
    ``policy_entry``, ``training_entry``: numbers of the ledger's entries that hold the policy
    and the start of training. ``lineage``: name of each thing the model came from -> its
    digest. ``parity``: the `assay.model.ParityReport` as a mapping.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from assay.assess.check import BaseCheck
from assay.assess.finding import Evidence, Finding, Principle
from assay.assess.subject import Subject
from assay.question import Question

LINEAGE = ("dataset", "contract", "split", "policy", "code", "environment", "parity")
"""What a model version must be traceable to."""


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
            details={"label_changes": changes, "cases": [dict(case) for case in cases]},
        )


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

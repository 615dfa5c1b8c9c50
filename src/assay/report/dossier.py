"""The dossier: everything that a document about one run is rendered from.

It holds stored evidence and nothing else, so that the same dossier gives the same documents
today and in ten years.
"""

from __future__ import annotations

from typing import Protocol, Self

import msgspec

from assay.assess.finding import Assessment, Finding
from assay.automl.leaderboard import Leaderboard
from assay.data.contract import Contract
from assay.data.dataset import Dataset
from assay.data.profile import Profile
from assay.data.split import Split
from assay.model.parity import ParityReport
from assay.policy.gate import Decision
from assay.policy.policy import Policy
from assay.question import Kind, Question
from assay.records import Record
from assay.registry.approval import Approval
from assay.registry.hallmark import Hallmark
from assay.registry.version import ModelVersion


class SplitSummary(Record, frozen=True, kw_only=True):
    """How the rows were divided, without the row numbers."""

    train: int
    """Rows the search saw."""
    test: int
    """Rows held out."""
    folds: int
    """Folds of the cross-validation on the training rows."""
    how: str
    """One sentence."""
    seed: int

    @classmethod
    def of(cls, split: Split) -> Self:
        """Summarise a split."""
        return cls(
            train=len(split.train),
            test=len(split.test),
            folds=len({fold for fold in split.folds if fold >= 0}),
            how=split.how,
            seed=split.seed,
        )


class StepFacts(Record, frozen=True, kw_only=True):
    """One step of a run and how long it took."""

    name: str
    title: str = ""
    seconds: float | None = None


class RunFacts(Record, frozen=True, kw_only=True):
    """When, by whom, on what machine."""

    id: str
    started: str
    """UTC, ISO 8601."""
    by: str = ""
    steps: tuple[StepFacts, ...] = ()
    machine: dict[str, str] = msgspec.field(default_factory=dict)
    """Facts in words: ``{"system": "Linux 6.1", "cores": "2", "python": "3.11.9"}``."""
    packages: dict[str, str] = msgspec.field(default_factory=dict)
    """Version of each package that took part."""


class LedgerPosition(Record, frozen=True, kw_only=True):
    """The latest ledger entry that this dossier rests on."""

    entry: int
    hash: str


class Judgement(Protocol):
    """Findings and how the rules ended: what rules and principles are printed from.

    A `Dossier` is one; so is what is known of a model that was made elsewhere.
    """

    @property
    def assessment(self) -> Assessment:
        """All findings."""

    @property
    def decision(self) -> Decision:
        """Every rule's outcome."""

    @property
    def approvals(self) -> tuple[Approval, ...]:
        """Who said yes."""


class Dossier(Record, frozen=True, kw_only=True):
    """All evidence about one run of one question.

    ``version`` is None where the gate refused before registration; ``hallmark`` is the DSSE
    envelope, or None while nobody has struck it.
    """

    question: Question
    kind: Kind
    """As asked, or as inferred from the target."""
    dataset: Dataset
    profile: Profile
    contract: Contract
    split: SplitSummary
    policy: Policy
    leaderboard: Leaderboard
    parity: ParityReport
    assessment: Assessment
    decision: Decision
    run: RunFacts
    version: ModelVersion | None = None
    approvals: tuple[Approval, ...] = ()
    hallmark: Hallmark | None = None
    ledger: LedgerPosition | None = None

    @property
    def title(self) -> str:
        """``name@number`` once registered, else the name."""
        if self.version is None:
            return self.question.name
        return self.version.label

    @property
    def struck(self) -> bool:
        """Whether a hallmark exists."""
        return self.hallmark is not None

    def finding(self, check: str, column: str = "", evidence: str = "") -> Finding | None:
        """The first finding of a check, for a column and a kind of evidence where given."""
        return first_finding(self.assessment, check, column, evidence)


def first_finding(
    assessment: Assessment, check: str, column: str = "", evidence: str = ""
) -> Finding | None:
    """The first finding of a check, for a column and a kind of evidence where given."""
    for found in assessment.findings:
        if (
            found.check == check
            and column in ("", found.column)
            and evidence in ("", found.evidence)
        ):
            return found
    return None

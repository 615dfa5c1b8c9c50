"""What each stage of the lifecycle does: from records to records, through the store.

Every stage takes a `Bench` (where it works) and the digests that earlier stages left, and
leaves digests. Doing a stage twice leaves the same records.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from assay.progress import Progress
from assay.question import Kind
from assay.records import Record

if TYPE_CHECKING:
    from assay.store.store import Store

Stored = TypeVar("Stored", bound=Record)


@dataclass(frozen=True, kw_only=True)
class Bench:
    """Where a stage works: the store, the project, who works, and who is told."""

    store: Store
    project: str
    folder: Path
    run: str
    actor: str
    threads: int
    progress: Progress

    def keep(self, record: Record) -> str:
        """Store a record under its digest."""
        return self.store.artifacts.put(record.to_json())

    def load(self, kind: type[Stored], digest: str) -> Stored:
        """Read a stored record."""
        return kind.from_json(self.store.artifacts.read(digest))

    def note(self, action: str, *, subject: str = "", body: Mapping[str, Any] | None = None) -> int:
        """Append to the ledger, once a run; the number of the entry."""
        entry = self.store.ledger.append(
            self.project,
            action,
            actor=self.actor,
            subject=subject,
            body={"run": self.run, **(body or {})},
            key=f"{self.run}:{action}",
        )
        return entry.seq


class Asked(Record, frozen=True, kw_only=True):
    """The question and the policy, recorded before anything is computed."""

    question: str
    policy: str
    policy_entry: int
    """Number of the ledger entry that holds the policy."""
    summary: str


class Acquired(Record, frozen=True, kw_only=True):
    """A version of the table, understood."""

    dataset: str
    """Digest of the `Dataset` record."""
    profile: str
    contract: str
    split: str
    kind: Kind
    classes: tuple[str, ...]
    summary: str


class Searched(Record, frozen=True, kw_only=True):
    """The winner of the search, compiled and proved equal to the Python model."""

    asked: Asked
    acquired: Acquired
    plan: str
    graph: str
    leaderboard: str
    parity: str
    out_of_fold: str
    reference: str
    started_entry: int
    """Number of the ledger entry written when training started."""
    summary: str


class Assessed(Record, frozen=True, kw_only=True):
    """What was measured about the graph."""

    searched: Searched
    assessment: str
    summary: str


class Decided(Record, frozen=True, kw_only=True):
    """What the policy says of the evidence."""

    assessed: Assessed
    decision: str
    allowed: bool
    summary: str


class Registered(Record, frozen=True, kw_only=True):
    """The model version, or the refusal."""

    decided: Decided
    version: str
    """``name@number``; empty where the gate refused."""
    summary: str

"""Where stages work, and what each leaves for the next: digests, never objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from assay.progress import Progress
from assay.question import Kind, Question
from assay.records import Record

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import polars as pl

    from assay.data.split import Split
    from assay.store.store import Store

Stored = TypeVar("Stored", bound=Record)


@dataclass(frozen=True, kw_only=True)
class Bench:
    """Where a stage works: the store, the project, who works, and who is told."""

    store: Store
    project: str
    folder: Path
    home: Path
    """The user's Assay home."""
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
    """Number of the ledger entry by which question and policy are on record."""
    summary: str


class Acquired(Record, frozen=True, kw_only=True):
    """A version of the table, understood."""

    asked: Asked | None = None
    """The question it was read for; None where it was read by hand."""
    dataset: str
    """Digest of the `Dataset` record."""
    content: str
    """Digest of its rows."""
    profile: str
    contract: str
    split: str
    kind: Kind
    summary: str


class Searched(Record, frozen=True, kw_only=True):
    """The winner of the search, compiled and proved equal to the Python model."""

    asked: Asked
    acquired: Acquired
    plan: str
    graph: str
    coded: str = ""
    leaderboard: str
    parity: str
    out_of_fold: str
    trial_answers: str = ""
    """Out-of-fold answers of every finished trial, a column a trial (and class)."""
    reference: str
    notes: tuple[str, ...] = ()
    """What to know when reading the out-of-fold answers."""
    started_entry: int
    """Number of the ledger entry written when training started."""
    summary: str


class Assessed(Record, frozen=True, kw_only=True):
    """What was measured about the graph."""

    searched: Searched
    assessment: str
    novelty: str = ""
    """The model of the training rows that serving tells strange rows by, where there is one."""
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


def usable_rows(
    bench: Bench,
    acquired: Acquired,
    question: Question,
    rows: npt.NDArray[np.int64] | None = None,
) -> pl.DataFrame:
    """Rows with a target, typed as the contract says.

    Parameters
    ----------
    rows : ndarray of int, shape (n_rows,), optional
        Which of them, as the split numbers them, ascending; all by default. Only these are held.
    """
    import numpy as np

    from assay.data.contract import Contract
    from assay.data.dataset import scan_dataset, take_rows
    from assay.data.suitability import answered

    table = scan_dataset(bench.store.artifacts, acquired.content)
    kept = answered(table.select(question.target).collect().to_series())
    if rows is None:
        frame = table.collect().filter(kept)
    else:
        frame = take_rows(table, np.flatnonzero(kept.to_numpy())[rows])
    return bench.load(Contract, acquired.contract).conform(frame, require_target=True)


def unlabelled_rows(bench: Bench, acquired: Acquired, question: Question) -> pl.DataFrame:
    """The rows without a target, typed as the contract says."""
    import numpy as np

    from assay.data.contract import Contract
    from assay.data.dataset import scan_dataset, take_rows
    from assay.data.suitability import answered

    table = scan_dataset(bench.store.artifacts, acquired.content)
    empty = ~answered(table.select(question.target).collect().to_series())
    frame = take_rows(table, np.flatnonzero(empty.to_numpy())).drop(question.target)
    return bench.load(Contract, acquired.contract).conform(frame)


def split_parts(
    bench: Bench, acquired: Acquired, question: Question, split: Split
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The training rows and the held-out rows, typed as the contract says, read in one go."""
    import numpy as np

    train, test = np.asarray(split.train), np.asarray(split.test)
    rows = np.union1d(train, test)
    frame = usable_rows(bench, acquired, question, rows)
    return frame[np.searchsorted(rows, train)], frame[np.searchsorted(rows, test)]


def read_rows(bench: Bench, digest: str) -> pl.DataFrame:
    """The exact rows of a dataset version."""
    from assay.data.dataset import load_dataset

    return load_dataset(bench.store.artifacts, digest)

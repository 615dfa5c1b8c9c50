"""Reads a chain from end to end and says what was done to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from assay.errors import VerificationFailed
from assay.store.keys import key_id_of, load_public
from assay.store.ledger import (
    GENESIS,
    Checkpoint,
    LedgerReport,
    checkpoint_bytes,
    entry_hash,
    signed_bytes,
)

SHOWN = 50
"""Problems written out; beyond them, only their number."""

_REACH = 1000
"""How far from its place an entry that was moved is looked for."""

_SEARCHES = 20
"""How many broken entries are looked for in vain, so that the time stays linear."""


class Row(Protocol):
    """An entry as the database holds it."""

    seq: int
    at: str
    project: str
    action: str
    actor: str
    subject: str
    body: str
    key: str | None
    previous: str
    hash: str
    key_id: str
    signature: str


def audit(
    rows: Iterable[Any],
    *,
    keys: Sequence[Any],
    checkpoints: Sequence[Checkpoint],
    memory: tuple[int, str],
    trusted: frozenset[str] | None,
) -> LedgerReport:
    """Verify a chain; see `assay.store.ledger.Ledger.verify`.

    Parameters
    ----------
    rows : iterable of rows
        Entries by rising ``seq``.
    keys : sequence of rows
        ``key_id`` and ``public_pem`` of every writer.
    checkpoints : sequence of Checkpoint
        Signed memories, in any order.
    memory : tuple of int and str
        ``seq`` and hash that this home remembers.
    """
    walk = _Walk(_public_keys(keys), trusted, _remembered(checkpoints, memory))
    for row in rows:
        walk.visit(row)
    forged = [
        f"The checkpoint at entry {c.seq} carries no valid signature."
        for c in checkpoints
        if not walk.signed(c.key_id, checkpoint_bytes(c.seq, c.hash, c.at), c.signature)
    ]
    problems = [*walk.problems(), *forged]
    if len(problems) > SHOWN:
        problems = [*problems[:SHOWN], f"And {len(problems) - SHOWN} more problems."]
    return LedgerReport(
        ok=not problems,
        entries=walk.count,
        checkpoints=len(checkpoints),
        problems=tuple(problems),
        signers=tuple(sorted(walk.signers)),
    )


class _Walk:
    """One pass over the chain, remembering only what is wrong."""

    def __init__(
        self,
        keys: dict[str, Ed25519PublicKey],
        trusted: frozenset[str] | None,
        remembered: dict[int, set[str]],
    ) -> None:
        self.keys = keys
        self.trusted = trusted
        self.remembered = remembered
        self.signers: set[str] = set()
        self.count = 0
        self.last = 0
        self.end = GENESIS
        self.end_is_sound = True
        self.broken: dict[int, str] = {}
        self.altered: set[int] = set()
        self.moved: dict[int, int] = {}
        self.shift = 0
        self.searches = 0
        self.gaps: list[tuple[int, int]] = []
        self.mismatches: list[int] = []

    def visit(self, row: Row) -> None:
        """Hold one entry against its own hash, its signature, and the entry before."""
        self.count += 1
        self.signers.add(row.key_id)
        follows = row.seq == self.last + 1
        if follows and row.previous == self.end:
            self._was_there(self.last)
        if row.seq > self.last + 1:
            self.gaps.append((self.last + 1, row.seq - 1))
        sound = self._is_sound(row)
        if sound and follows and self.end_is_sound and row.previous != self.end:
            self.broken[row.seq] = (
                f"Entry {row.seq} does not follow from entry {row.seq - 1}: one of the two was "
                "exchanged for an entry of another ledger."
            )
        remembered = self.remembered.pop(row.seq, set())
        if row.hash in remembered:
            self._was_there(row.seq)
        elif remembered and sound:
            self.mismatches.append(row.seq)
        self.last, self.end, self.end_is_sound = row.seq, row.hash, sound

    def _is_sound(self, row: Row) -> bool:
        if _hash_at(row, row.seq) != row.hash:
            self._explain(row)
            return False
        if not self.signed(row.key_id, signed_bytes(row.hash), row.signature):
            self.broken[row.seq] = (
                f"Entry {row.seq} was rewritten or inserted: it carries no valid signature."
            )
            return False
        if self.trusted is not None and row.key_id not in self.trusted:
            self.broken[row.seq] = f"Entry {row.seq} was signed by a key that is not trusted."
            return False
        return True

    def _explain(self, row: Row) -> None:
        """Find out whether a broken entry is a whole one that stands in another's place."""
        true = next((s for s in self._elsewhere(row.seq) if _hash_at(row, s) == row.hash), 0)
        if true:
            self.moved[row.seq] = true
            self.shift = true - row.seq
            self.broken[row.seq] = f"Entry {true} stands in the place of entry {row.seq}."
        else:
            self.searches += 1
            self.altered.add(row.seq)
            self.broken[row.seq] = f"Entry {row.seq} was changed or inserted."

    def _was_there(self, place: int) -> None:
        """Another witness knows the hash at this place: what stands there was not inserted."""
        if place in self.altered:
            self.broken[place] = f"Entry {place} was changed."

    def _elsewhere(self, place: int) -> Iterator[int]:
        """Places to try for a broken entry: shifted like the one before it, then nearby."""
        if place + self.shift > 0:
            yield place + self.shift
        if self.searches < _SEARCHES:
            yield from range(place + 1, place + _REACH + 1)
            yield from range(place - 1, max(place - _REACH, 1) - 1, -1)

    def signed(self, key_id: str, body: bytes, signature: str) -> bool:
        """Whether the key that the ledger knows under this id signed ``body``."""
        key = self.keys.get(key_id)
        if key is None:
            return False
        try:
            key.verify(bytes.fromhex(signature), body)
        except (InvalidSignature, ValueError):
            return False
        return True

    def problems(self) -> list[str]:
        """Everything found, in the order of the chain."""
        elsewhere = set(self.moved.values())
        found = dict(self.broken)
        for place in found.keys() & elsewhere - self.moved.keys():
            found[place] = f"An entry was inserted at place {place}."
        top = max([*elsewhere, *self.moved], default=0)
        lost = sorted(p for p in self.moved if p not in elsewhere and p < top)
        at = list(found.items())
        at += [(p, f"Entry {p} was removed.") for p in lost]
        at += [(first, _removed(first, final)) for first, final in self.gaps]
        at += [
            (p, f"A signed memory of entry {p} names another entry than the one that stands there.")
            for p in self.mismatches
        ]
        cut = max(self.remembered, default=0)
        if cut > self.last:
            at.append((self.last + 1, f"{_removed(self.last + 1, cut)[:-1]} from the end."))
        return [sentence for _, sentence in sorted(at)]


def _hash_at(row: Row, seq: int) -> str:
    """The hash that this row would have at another place."""
    return entry_hash(
        seq=seq,
        at=row.at,
        project=row.project,
        action=row.action,
        actor=row.actor,
        subject=row.subject,
        body=row.body,
        key=row.key or "",
        previous=row.previous,
    )


def _removed(first: int, final: int) -> str:
    return (
        f"Entry {first} was removed."
        if first == final
        else f"Entries {first} to {final} were removed."
    )


def _public_keys(rows: Sequence[Any]) -> dict[str, Ed25519PublicKey]:
    """The keys that are what their ids say."""
    known = {}
    for row in rows:
        try:
            key = load_public(row.public_pem)
        except VerificationFailed:
            continue  # its entries then have no valid signature, and are reported
        if key_id_of(key) == row.key_id:
            known[row.key_id] = key
    return known


def _remembered(checkpoints: Sequence[Checkpoint], memory: tuple[int, str]) -> dict[int, set[str]]:
    """Hashes that the chain must have, by place."""
    remembered: dict[int, set[str]] = {}
    for seq, reached in [*((c.seq, c.hash) for c in checkpoints), memory]:
        if seq > 0:
            remembered.setdefault(seq, set()).add(reached)
    return remembered

"""The ledger: who did what, when; hash-chained, signed, append-only.

Each entry's hash is the SHA-256 of the canonical JSON array ``[seq, at, project, action,
actor, subject, body, key, previous]``, where ``body`` is itself canonical JSON text and
``previous`` the hash of the entry before. The writer's Ed25519 key signs the hash. The scheme
is that of a hash-linked time-stamping chain (Haber and Stornetta, 1991), with a signature an
entry.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import sqlalchemy as sa

from assay.records import Record, canonical, digest, now
from assay.store import schema
from assay.store.database import Database
from assay.store.keys import Keys

GENESIS = f"sha256:{'0' * 64}"
"""What the first entry names as its previous one."""

CHECKPOINT_EVERY = 64
"""A checkpoint is kept beside the chain after every so many entries."""

_BATCH = 1000
_LOCK = "ledger"


class Entry(Record, frozen=True, kw_only=True):
    """One line of the ledger."""

    seq: int
    """1, 2, 3, … without gaps."""
    at: str
    project: str
    action: str
    actor: str
    subject: str
    body: dict[str, Any]
    key: str
    previous: str
    hash: str
    key_id: str
    """Which key signed it."""
    signature: str
    """Ed25519 over `signed_bytes`, 128 hexadecimal digits."""


class Checkpoint(Record, frozen=True, kw_only=True):
    """A signed memory of how far the ledger reached. Kept elsewhere, it proves a later cut."""

    seq: int
    hash: str
    at: str
    key_id: str
    signature: str


class LedgerReport(Record, frozen=True, kw_only=True):
    """What `Ledger.verify` found."""

    ok: bool
    entries: int
    checkpoints: int
    problems: tuple[str, ...]
    """One sentence each: which entry was changed, removed, inserted or moved."""
    signers: tuple[str, ...] = ()
    """Ids of the keys that signed entries."""


class Ledger:
    """The chain of everything that was decided and done, over all projects of a store.

    Parameters
    ----------
    database : Database
        Where the chain lies.
    keys : Keys
        Signs what this process appends.
    """

    def __init__(self, database: Database, keys: Keys) -> None:
        self._database = database
        self._keys = keys
        self._introduced = False

    def append(
        self,
        project: str,
        action: str,
        *,
        actor: str,
        subject: str = "",
        body: Mapping[str, Any] | Record | None = None,
        key: str = "",
    ) -> Entry:
        """Add an entry to the end of the chain.

        Parameters
        ----------
        project, action, actor, subject : str
            Where, what, who, and to what it was done (a digest or a name).
        body : mapping or Record, optional
            Anything else worth keeping; JSON values.
        key : str, optional
            Idempotency key within the project: the same key twice is one entry, the first.

        Returns
        -------
        Entry
            The entry as it stands in the chain.
        """
        text = canonical({} if body is None else body).decode()
        with self._database.write(_LOCK) as connection:
            kept = _by_key(connection, project, key)
            if kept is not None:
                return _entry(kept)
            self._introduce(connection)
            seq, previous = _end(connection)
            row = self._signed(
                seq=seq + 1,
                at=now(),
                project=project,
                action=action,
                actor=actor,
                subject=subject,
                body=text,
                key=key or None,
                previous=previous,
            )
            connection.execute(sa.insert(schema.ledger_entry).values(**row))
            if row["seq"] % CHECKPOINT_EVERY == 0:
                self._keep_checkpoint(connection, row["seq"], row["hash"])
        self._introduced = True
        self._remember(row["seq"], row["hash"])
        return _entry_from(row)

    def checkpoint(self) -> Checkpoint | None:
        """Sign and keep how far the ledger reaches now; None while it is empty.

        Keep the answer somewhere else (a hallmark, a mail, a print): with it, `verify` and
        anyone with the public key can show that later entries were cut off.
        """
        with self._database.write(_LOCK) as connection:
            seq, reached = _end(connection)
            if seq == 0:
                return None
            self._introduce(connection)
            kept = self._keep_checkpoint(connection, seq, reached)
        self._introduced = True
        return kept

    def entries(
        self, project: str | None = None, *, after: int = 0, limit: int | None = None
    ) -> list[Entry]:
        """Entries in order, of one project or of all.

        Parameters
        ----------
        after : int
            Only entries with a higher ``seq``: the last one of the page before.
        limit : int, optional
            Entries on this page; all by default.
        """
        table = schema.ledger_entry
        query = sa.select(table).where(table.c.seq > after).order_by(table.c.seq).limit(limit)
        if project is not None:
            query = query.where(table.c.project == project)
        with self._database.read() as connection:
            return [_entry(row) for row in connection.execute(query)]

    def verify(
        self, *, trusted: frozenset[str] | None = None, since: Checkpoint | None = None
    ) -> LedgerReport:
        """Walk the whole chain, and hold it against every checkpoint that is remembered.

        Parameters
        ----------
        trusted : frozenset of str, optional
            Ids of the keys that may sign; an entry of another key is then a problem. By
            default every key that the ledger knows may sign, and the report names them.
        since : Checkpoint, optional
            A checkpoint that was kept elsewhere.

        Returns
        -------
        LedgerReport
            Time is linear in entries; memory is constant while nothing is wrong.
        """
        from assay.store.audit import audit

        with self._database.read() as connection:
            return audit(
                self._batches(connection),
                keys=_rows(connection, schema.ledger_key),
                checkpoints=[
                    *_checkpoints(connection),
                    *([since] if since else []),
                ],
                memory=self._memory(),
                trusted=trusted,
            )

    def _batches(self, connection: sa.Connection) -> Iterator[sa.Row[Any]]:
        """Every row in order, a batch at a time."""
        table = schema.ledger_entry
        last = None
        while True:
            query = sa.select(table).order_by(table.c.seq).limit(_BATCH)
            rows = connection.execute(
                query if last is None else query.where(table.c.seq > last)
            ).all()
            yield from rows
            if len(rows) < _BATCH:
                return
            last = rows[-1].seq

    def _signed(self, **fields: Any) -> dict[str, Any]:
        reached = entry_hash(**{**fields, "key": fields["key"] or ""})
        signature = self._keys.sign(signed_bytes(reached)).hex()
        return {**fields, "hash": reached, "key_id": self._keys.key_id, "signature": signature}

    def _introduce(self, connection: sa.Connection) -> None:
        """Leave this writer's public key in the ledger, once."""
        table = schema.ledger_key
        if self._introduced:
            return
        known = sa.select(table.c.key_id).where(table.c.key_id == self._keys.key_id)
        if connection.execute(known).one_or_none() is None:
            connection.execute(
                sa.insert(table).values(
                    key_id=self._keys.key_id,
                    public_pem=self._keys.public_pem(),
                    first_used_at=now(),
                )
            )

    def _keep_checkpoint(self, connection: sa.Connection, seq: int, reached: str) -> Checkpoint:
        table = schema.ledger_checkpoint
        kept = connection.execute(sa.select(table).where(table.c.seq == seq)).one_or_none()
        if kept is not None:
            return Checkpoint(**kept._mapping)
        at = now()
        new = Checkpoint(
            seq=seq,
            hash=reached,
            at=at,
            key_id=self._keys.key_id,
            signature=self._keys.sign(checkpoint_bytes(seq, reached, at)).hex(),
        )
        connection.execute(sa.insert(table).values(**msgspec.structs.asdict(new)))
        return new

    def _memory_file(self) -> Path:
        address = self._database.address
        if self._database.is_sqlite:
            address = str(Path(str(self._database.url.database)).resolve())
        return self._keys.folder / f"ledger-{sha256(address.encode()).hexdigest()[:16]}.json"

    def _memory(self) -> tuple[int, str]:
        """How far the ledger reached when this home last wrote to it."""
        try:
            kept = msgspec.json.decode(self._memory_file().read_bytes())
            return int(kept["seq"]), str(kept["hash"])
        except FileNotFoundError:
            return 0, GENESIS
        except (OSError, msgspec.DecodeError, KeyError, TypeError, ValueError):
            return 0, GENESIS

    def _remember(self, seq: int, reached: str) -> None:
        """Note the end of the chain outside the database, so that a cut is found.

        Where the folder of keys cannot be written (a mounted secret), nothing is remembered
        there and the checkpoints in the database remain.
        """
        if seq <= self._memory()[0]:
            return
        file = self._memory_file()
        with suppress(OSError):
            partial = file.with_name(f".{uuid4().hex}.partial")
            partial.write_bytes(canonical({"seq": seq, "hash": reached}))
            os.replace(partial, file)  # noqa: PTH105


def entry_hash(
    *,
    seq: int,
    at: str,
    project: str,
    action: str,
    actor: str,
    subject: str,
    body: str,
    key: str,
    previous: str,
) -> str:
    """The hash of an entry; ``body`` is canonical JSON text.

    Examples
    --------
    >>> entry_hash(seq=1, at="2026-01-01T00:00:00.000Z", project="p", action="a", actor="me",
    ...            subject="", body="{}", key="", previous=GENESIS)[:15]
    'sha256:6b069b39'
    """
    return digest(canonical([seq, at, project, action, actor, subject, body, key, previous]))


def signed_bytes(reached: str) -> bytes:
    """What the signature of an entry covers: a fixed line, then the entry's hash."""
    return f"assay ledger entry\n{reached}".encode()


def checkpoint_bytes(seq: int, reached: str, at: str) -> bytes:
    """What the signature of a checkpoint covers."""
    return b"assay ledger checkpoint\n" + canonical([seq, reached, at])


def _by_key(connection: sa.Connection, project: str, key: str) -> sa.Row[Any] | None:
    table = schema.ledger_entry
    if not key:
        return None
    query = sa.select(table).where(table.c.project == project, table.c.key == key)
    return connection.execute(query).one_or_none()


def _end(connection: sa.Connection) -> tuple[int, str]:
    """Number and hash of the last entry."""
    table = schema.ledger_entry
    query = sa.select(table.c.seq, table.c.hash).order_by(table.c.seq.desc()).limit(1)
    row = connection.execute(query).one_or_none()
    return (int(row.seq), str(row.hash)) if row else (0, GENESIS)


def _rows(connection: sa.Connection, table: sa.Table) -> list[sa.Row[Any]]:
    return list(connection.execute(sa.select(table)).all())


def _checkpoints(connection: sa.Connection) -> list[Checkpoint]:
    return [Checkpoint(**row._mapping) for row in _rows(connection, schema.ledger_checkpoint)]


def _entry(row: sa.Row[Any]) -> Entry:
    return _entry_from(dict(row._mapping))


def _entry_from(fields: dict[str, Any]) -> Entry:
    body = msgspec.json.decode(fields["body"])
    return Entry(**{**fields, "body": body, "key": fields["key"] or ""})

"""Records: small JSON documents, added once and never changed, numbered as they come."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import sqlalchemy as sa

from assay.errors import UnknownName, VerificationFailed
from assay.records import Record, canonical, digest, now
from assay.store import schema
from assay.store.database import Database

Body = Record | dict[str, Any]


class StoredRecord(Record, frozen=True, kw_only=True):
    """A record as the store keeps it."""

    kind: str
    project: str
    id: str
    number: int
    """1, 2, 3, … within its kind and project, without gaps."""
    created_at: str
    body: dict[str, Any]


class Records:
    """The append-only table of records.

    Kinds are words such as ``run`` or ``model-version``. Every record gets the next number of
    its kind and project, whichever process adds it.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, kind: str, project: str, id: str, record: Body) -> None:  # noqa: A002
        """Keep a record under an id.

        The same id with the same content again changes nothing.

        Raises
        ------
        VerificationFailed
            Another content is kept under this id.
        """
        body = canonical(record)
        with self._database.write(f"record/{kind}/{project}") as connection:
            kept = _by_id(connection, kind, project, id)
            if kept is None:
                number = _next_number(connection, kind, project)
                _insert(connection, body, kind=kind, project=project, id=id, number=number)
            elif kept.digest != digest(body):
                raise VerificationFailed(
                    f"The {kind} {id!r} is already on record with another content.",
                    hint="Records never change; add a new one under a new id.",
                    where=f"project {project}",
                )

    def add_numbered(
        self, kind: str, project: str, record: Body | Callable[[int], Body], key: str
    ) -> int:
        """Keep a record under the next number of its kind and project.

        Parameters
        ----------
        record : Record, dict, or function from the number to one of these
            The content. A function receives the number, so that the content may hold it.
        key : str
            Idempotency key, and the record's id. A second call with the same key adds
            nothing and answers the number of the first, whatever its content.

        Returns
        -------
        int
            The number, from 1, without gaps.
        """
        with self._database.write(f"record/{kind}/{project}") as connection:
            kept = _by_id(connection, kind, project, key)
            if kept is not None:
                return int(kept.number)
            number = _next_number(connection, kind, project)
            body = canonical(record(number) if callable(record) else record)
            _insert(connection, body, kind=kind, project=project, id=key, number=number)
            return number

    def get(self, kind: str, project: str, id: str) -> dict[str, Any]:  # noqa: A002
        """The content kept under an id.

        Raises
        ------
        UnknownName
            There is none.
        VerificationFailed
            The row was changed behind the store's back.
        """
        with self._database.read() as connection:
            row = _by_id(connection, kind, project, id)
            if row is None:
                raise UnknownName(kind, id, _ids(connection, kind, project))
        return _stored(row).body

    def get_numbered(self, kind: str, project: str, number: int) -> StoredRecord:
        """The record with this number; `UnknownName` if there is none."""
        table = schema.record
        with self._database.read() as connection:
            row = connection.execute(
                sa.select(table).where(
                    table.c.kind == kind, table.c.project == project, table.c.number == number
                )
            ).one_or_none()
            if row is None:
                top = _next_number(connection, kind, project) - 1
                raise UnknownName(kind, str(number), [str(n) for n in range(1, top + 1)])
        return _stored(row)

    def find(self, kind: str, project: str) -> list[StoredRecord]:
        """All records of a kind in a project, oldest first."""
        table = schema.record
        with self._database.read() as connection:
            rows = connection.execute(
                sa.select(table)
                .where(table.c.kind == kind, table.c.project == project)
                .order_by(table.c.number)
            ).all()
        return [_stored(row) for row in rows]

    def latest(self, kind: str, project: str) -> StoredRecord | None:
        """The newest record of a kind in a project, or None."""
        table = schema.record
        with self._database.read() as connection:
            row = connection.execute(
                sa.select(table)
                .where(table.c.kind == kind, table.c.project == project)
                .order_by(table.c.number.desc())
                .limit(1)
            ).one_or_none()
        return None if row is None else _stored(row)

    def kinds(self, project: str) -> list[str]:
        """Kinds that have records in a project, in alphabetical order."""
        column = schema.record.c.kind
        return self._words(
            sa.select(column).where(schema.record.c.project == project).distinct().order_by(column)
        )

    def projects(self) -> list[str]:
        """Projects that have records, in alphabetical order."""
        column = schema.record.c.project
        return self._words(sa.select(column).distinct().order_by(column))

    def _words(self, query: sa.Select[str]) -> list[str]:
        with self._database.read() as connection:
            return sorted(connection.scalars(query))


def _by_id(connection: sa.Connection, kind: str, project: str, key: str) -> sa.Row[Any] | None:
    table = schema.record
    return connection.execute(
        sa.select(table).where(table.c.kind == kind, table.c.project == project, table.c.id == key)
    ).one_or_none()


def _ids(connection: sa.Connection, kind: str, project: str) -> list[str]:
    table = schema.record
    query = sa.select(table.c.id).where(table.c.kind == kind, table.c.project == project)
    return sorted(connection.scalars(query))


def _next_number(connection: sa.Connection, kind: str, project: str) -> int:
    table = schema.record
    query = sa.select(sa.func.coalesce(sa.func.max(table.c.number), 0)).where(
        table.c.kind == kind, table.c.project == project
    )
    return int(connection.execute(query).scalar_one()) + 1


def _insert(connection: sa.Connection, body: bytes, **place: str | int) -> None:
    connection.execute(
        sa.insert(schema.record).values(
            **place, created_at=now(), digest=digest(body), body=body.decode()
        )
    )


def _stored(row: sa.Row[Any]) -> StoredRecord:
    """A row as a record, after its digest was found to match."""
    body = row.body.encode()
    if digest(body) != row.digest:
        raise VerificationFailed(
            f"The {row.kind} {row.id!r} was changed in the database.",
            hint="Restore the database from a backup.",
            where=f"project {row.project}",
        )
    return StoredRecord(
        kind=row.kind,
        project=row.project,
        id=row.id,
        number=row.number,
        created_at=row.created_at,
        body=msgspec.json.decode(body),
    )

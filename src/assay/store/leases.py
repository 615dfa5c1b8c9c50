"""Leases: at most one live process works on a thing."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from assay.records import Record
from assay.store import schema
from assay.store.database import Database

TTL_S = 60.0
"""How long a lease of another host stays valid without being renewed."""


class Lease(Record, frozen=True, kw_only=True):
    """Who holds a name."""

    name: str
    holder: str
    host: str
    pid: int


class Leases:
    """Named leases with an owner each.

    A lease of this machine is free again the moment its process is gone (the process id and
    the start time of the process are compared, so a reused id does not mislead). A lease of
    another machine is free again when it was not renewed for ``ttl_s`` seconds, by the
    database's clock.

    Parameters
    ----------
    database : Database
        Where the leases lie.
    ttl_s : float
        Seconds until a lease that is not renewed counts as abandoned.
    """

    def __init__(self, database: Database, *, ttl_s: float = TTL_S) -> None:
        self._database = database
        self.ttl_s = ttl_s

    def acquire(self, name: str, holder: str) -> bool:
        """Take the lease if it is free; True if ``holder`` now has it.

        ``holder`` is an id of one piece of work in one process, e.g. a random one.
        """
        table = schema.lease
        with self._database.write(f"lease/{name}") as connection:
            row = connection.execute(sa.select(table).where(table.c.name == name)).one_or_none()
            at = self._database.now(connection)
            if row is not None and row.holder != holder and _is_held(row, at):
                return False
            connection.execute(sa.delete(table).where(table.c.name == name))
            connection.execute(
                sa.insert(table).values(
                    name=name,
                    holder=holder,
                    host=socket.gethostname(),
                    machine=machine(),
                    pid=os.getpid(),
                    started=started(os.getpid()),
                    expires_at=at + self.ttl_s,
                )
            )
        return True

    def renew(self, name: str, holder: str) -> bool:
        """Hold on to it for another ``ttl_s``; False if another holder has it by now."""
        table = schema.lease
        with self._database.write(f"lease/{name}") as connection:
            renewed = connection.execute(
                sa.update(table)
                .where(table.c.name == name, table.c.holder == holder)
                .values(expires_at=self._database.now(connection) + self.ttl_s)
            )
            return renewed.rowcount == 1

    def release(self, name: str, holder: str) -> None:
        """Give it back; nothing happens if another holder has it."""
        table = schema.lease
        with self._database.write(f"lease/{name}") as connection:
            connection.execute(
                sa.delete(table).where(table.c.name == name, table.c.holder == holder)
            )

    def holder(self, name: str) -> Lease | None:
        """Who holds it now, or None."""
        table = schema.lease
        with self._database.read() as connection:
            row = connection.execute(sa.select(table).where(table.c.name == name)).one_or_none()
            if row is None or not _is_held(row, self._database.now(connection)):
                return None
        return Lease(name=row.name, holder=row.holder, host=row.host, pid=row.pid)


def _is_held(row: sa.Row[Any], at: float) -> bool:
    """Whether the process that took the lease may still be at work."""
    if row.machine == machine():
        begun = started(row.pid)
        return begun != "" and begun == row.started
    return bool(row.expires_at > at)


@cache
def machine() -> str:
    """An id of this running system: two processes with the same one see each other's ids.

    Host name, boot and process namespace, where the system tells: containers with the same
    host name are then different machines.
    """
    boot = _told(lambda: Path("/proc/sys/kernel/random/boot_id").read_text().strip())
    namespace = _told(lambda: str(Path("/proc/self/ns/pid").readlink()))
    return f"{socket.gethostname()}/{boot}/{namespace}"


def _told(ask: Callable[[], str]) -> str:
    """The system's answer, or nothing where it does not know the question."""
    try:
        return ask()
    except OSError:
        return ""


def started(pid: int) -> str:
    """When a process of this machine started, in the system's own words; empty if it is gone."""
    stat = Path(f"/proc/{pid}/stat")
    try:
        fields = stat.read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return "" if Path("/proc/self/stat").exists() else _started_by_ps(pid)
    return "" if fields[0] in "ZX" else fields[19]


def _started_by_ps(pid: int) -> str:
    """The same where there is no /proc (macOS, BSD)."""
    answer = subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return answer.stdout.strip()

"""One door to SQLite and PostgreSQL: transactions, locks, and errors in our own words."""

from __future__ import annotations

import hashlib
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event, exc

from assay.errors import AssayError, InvalidConfig, MissingExtra, StoreUnavailable

BUSY_TIMEOUT_S = 30.0
"""How long a writer waits for another process before the store counts as unavailable."""


class Database:
    """A SQLite file or a PostgreSQL database.

    Parameters
    ----------
    url : str
        ``sqlite:///path/to/file.db`` or ``postgresql://user:password@host:port/name``.

    Raises
    ------
    InvalidConfig
        The URL is of neither kind.
    MissingExtra
        PostgreSQL is asked for and its driver is not installed.
    StoreUnavailable
        The database does not answer.
    """

    def __init__(self, url: str) -> None:
        self.url = _parse(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.engine = _sqlite_engine(self.url) if self.is_sqlite else _postgres_engine(self.url)

    @property
    def address(self) -> str:
        """The URL without its password, fit for messages."""
        return self.url.render_as_string(hide_password=True)

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """One transaction that sees one state of the database throughout."""
        with self.translated(), self.engine.connect() as raw:
            options = {} if self.is_sqlite else {"isolation_level": "REPEATABLE READ"}
            connection = raw.execution_options(**options)
            with connection.begin():
                yield connection

    @contextmanager
    def write(self, lock: str) -> Iterator[sa.Connection]:
        """One transaction that writes, alone among all processes that name the same ``lock``.

        SQLite has one writer at a time whatever the name; PostgreSQL takes an advisory lock
        until the end of the transaction.
        """
        with self.translated(), self.engine.connect() as raw:
            connection = raw.execution_options(assay_write=True)
            with connection.begin():
                if not self.is_sqlite:
                    take = sa.select(sa.func.pg_advisory_xact_lock(_lock_number(lock)))
                    connection.execute(take)
                yield connection

    def now(self, connection: sa.Connection) -> float:
        """Seconds since 1970: the server's clock where hosts may disagree, else this one's."""
        if self.is_sqlite:
            return time.time()
        clock = sa.select(sa.cast(sa.extract("epoch", sa.func.clock_timestamp()), sa.Float(53)))
        return float(connection.execute(clock).scalar_one())

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Turn the driver's complaints about the database into `StoreUnavailable`."""
        try:
            yield
        except exc.DBAPIError as error:
            if not _is_about_the_server(error):
                raise
            raise self.unavailable(error) from error
        except exc.TimeoutError as error:
            raise self.unavailable(error) from error

    def unavailable(self, error: Exception) -> AssayError:
        """The error to raise when the database does not answer."""
        cause = str(getattr(error, "orig", None) or error).strip().splitlines()
        said = cause[0] if cause else type(error).__name__
        if self.url.password:
            said = said.replace(str(self.url.password), "***")
        return StoreUnavailable(
            f"The store does not answer: {said}.",
            hint="Is the file writable, or the server up? Then try again.",
            where=self.address,
        )

    def close(self) -> None:
        """Give every connection back."""
        self.engine.dispose()


def _parse(url: str) -> sa.URL:
    """The URL with the driver that we use."""
    try:
        parsed = sa.make_url(url)
        backend = parsed.get_backend_name()
    except exc.ArgumentError:
        backend = ""
    if backend == "sqlite" and parsed.database not in (None, "", ":memory:"):
        return parsed.set(drivername="sqlite")
    if backend in ("postgresql", "postgres"):
        if find_spec("psycopg") is None:
            raise MissingExtra("psycopg", extra="postgres", purpose="A store on PostgreSQL")
        return parsed.set(drivername="postgresql+psycopg")
    raise InvalidConfig(
        "The address of the store names neither a SQLite file nor a PostgreSQL database.",
        hint="Use sqlite:///path/to/assay.db or postgresql://user@host/name.",
        where="store_url",
    )


def _sqlite_engine(url: sa.URL) -> sa.Engine:
    """An engine whose writers queue up instead of failing, and whose commits are durable."""
    try:
        Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreUnavailable(
            f"The folder of the store cannot be made: {error.strerror}.",
            hint="Choose another `store_url` or `home`.",
            where=str(url.database),
        ) from None
    engine = sa.create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_S})

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # our own BEGIN, below, says which kind
        connection.execute(f"PRAGMA busy_timeout={int(BUSY_TIMEOUT_S * 1000)}")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA synchronous=FULL")
        _turn_wal_on(connection)

    @event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        writes = connection.get_execution_options().get("assay_write")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _turn_wal_on(connection: Any) -> None:
    """Switch to write-ahead logging; SQLite's busy timeout does not cover this one statement."""
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


def _postgres_engine(url: sa.URL) -> sa.Engine:
    """A small pool that notices a restarted server."""
    connect = {"application_name": "assay"}
    if "connect_timeout" not in url.query:
        connect["connect_timeout"] = "10"
    return sa.create_engine(
        url, pool_size=2, max_overflow=8, pool_pre_ping=True, connect_args=connect
    )


def _is_about_the_server(error: exc.DBAPIError) -> bool:
    """Whether the database itself is at fault, rather than a statement of ours."""
    return isinstance(error, (exc.OperationalError, exc.InterfaceError)) or (
        type(error) is exc.DatabaseError  # SQLite: "file is not a database"
    )


def _lock_number(name: str) -> int:
    """A signed 64-bit number for a lock's name."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)

"""Fixtures that every room may use: stores on SQLite and on a real PostgreSQL server."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import settings

from assay.store.store import Store

# Time is measured in benchmarks. In continuous integration the same examples come every time;
# elsewhere new ones are sought.
settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")


def _postgres_program(name: str) -> str | None:
    """Where a program of the PostgreSQL server lies, or None."""
    folders = ["/usr/local/bin", *map(str, Path("/usr/lib/postgresql").glob("*/bin"))]
    config = shutil.which("pg_config")
    if config:
        told = subprocess.run([config, "--bindir"], capture_output=True, text=True, check=False)
        folders.insert(0, told.stdout.strip())
    return shutil.which(name) or shutil.which(name, path=os.pathsep.join(folders))


def _server_user() -> str | None:
    """Who may run the server: PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid()).pw_name
    names = {entry.pw_name for entry in pwd.getpwall()}
    return next((name for name in ("postgres", "nobody") if name in names), None)


@pytest.fixture(scope="session")
def postgres_socket() -> Iterator[str]:
    """Folder of the socket of a throw-away PostgreSQL server; skips where there is none."""
    initdb, pg_ctl = _postgres_program("initdb"), _postgres_program("pg_ctl")
    if not initdb or not pg_ctl:
        pytest.skip("no PostgreSQL server on this machine (initdb and pg_ctl not found)")
    user = _server_user()
    if user is None:
        pytest.skip("PostgreSQL refuses to run as root, and there is no other user to run it")
    folder = Path(tempfile.mkdtemp(prefix="assay-pg-"))
    as_user: dict[str, object] = {"cwd": folder, "stdout": subprocess.DEVNULL}
    if os.geteuid() == 0:
        shutil.chown(folder, user)
        as_user |= {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}
    data, options = (
        folder / "data",
        f"-k {folder} -c listen_addresses= -c fsync=off -c autovacuum=off",
    )
    subprocess.run(
        [initdb, "-D", data, "-U", "assay", "-A", "trust", "-E", "UTF8", "--locale=C"],
        **as_user,
        check=True,
    )
    start = [pg_ctl, "-D", data, "-w", "-l", folder / "log", "-o", options, "start"]
    subprocess.run(start, **as_user, check=True)
    try:
        yield str(folder)
    finally:
        subprocess.run([pg_ctl, "-D", data, "-m", "immediate", "stop"], **as_user, check=True)
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def new_postgres(postgres_socket: str) -> Callable[..., str]:
    """Make a PostgreSQL database, empty or a copy of another; returns its URL."""
    import psycopg

    def make(template: str = "template0") -> str:
        name = f"t{uuid4().hex}"
        with psycopg.connect(
            f"postgresql://assay@/postgres?host={postgres_socket}", autocommit=True
        ) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return f"postgresql://assay@/{name}?host={postgres_socket}"

    return make


@pytest.fixture
def postgres_url(new_postgres: Callable[..., str]) -> str:
    """URL of a new, empty PostgreSQL database."""
    return new_postgres()


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """URL of a SQLite file that does not exist yet."""
    return f"sqlite:///{tmp_path / 'home' / 'assay.db'}"


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def store_url(request: pytest.FixtureRequest) -> str:
    """URL of an empty database, of each kind in turn."""
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture
def open_store(tmp_path: Path) -> Iterator[Callable[[str], Store]]:
    """Open a store by URL, with its folders in the test's own folder; closed at the end."""
    opened: list[Store] = []

    def open_at(url: str) -> Store:
        opened.append(Store.open(url, tmp_path / "artifacts", tmp_path / "keys"))
        return opened[-1]

    yield open_at
    for store in opened:
        store.close()


@pytest.fixture
def store(open_store: Callable[[str], Store], store_url: str) -> Store:
    """An empty store, on each kind of database in turn."""
    return open_store(store_url)

from __future__ import annotations

import subprocess
import sys

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from assay.errors import InvalidConfig, MissingExtra, StoreUnavailable
from assay.store import database, schema
from assay.store.database import Database
from assay.store.store import Store, alembic_config

from .processes import append_and_add, join, start


def test_migrations_make_the_tables_that_the_code_expects(store):
    with store.database.write("migrations") as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table": schema.VERSION_TABLE, "compare_type": True}
        )
        assert compare_metadata(context, schema.metadata) == []


def test_revision_is_the_newest_migration(store):
    with store.database.read() as connection:
        script = ScriptDirectory.from_config(alembic_config(connection))
    assert script.get_current_head() == schema.REVISION


def test_opening_again_keeps_everything(open_store, store_url):
    first = open_store(store_url)
    first.records.add("run", "p", "1", {"a": 1})
    digest = first.artifacts.put(b"x")
    first.close()
    second = open_store(store_url)
    assert second.records.get("run", "p", "1") == {"a": 1}
    assert second.artifacts.read(digest) == b"x"
    assert second.keys.key_id == first.keys.key_id


def test_processes_that_open_a_new_store_at_once_make_one(store_url, tmp_path, open_store):
    join([start(append_and_add, store_url, str(tmp_path), n, 2) for n in range(5)])
    assert open_store(store_url).ledger.verify().entries == 10


def test_store_of_a_newer_version_is_refused(open_store, store_url):
    with open_store(store_url).database.write("x") as connection:
        connection.execute(sa.text(f"UPDATE {schema.VERSION_TABLE} SET version_num = '9999'"))
    with pytest.raises(StoreUnavailable, match="A newer Assay wrote this store") as caught:
        open_store(store_url)
    assert caught.value.hint == "Upgrade Assay on this machine."


@pytest.mark.parametrize(
    "url", ["", "nonsense", "sqlite://", "sqlite:///:memory:", "mysql://u:secret@h/d"]
)
def test_addresses_of_no_use_are_refused(url):
    with pytest.raises(InvalidConfig) as caught:
        Database(url)
    assert "secret" not in str(caught.value.to_dict())


def test_missing_driver_is_named(monkeypatch):
    monkeypatch.setattr(database, "find_spec", lambda _: None)
    with pytest.raises(MissingExtra, match="psycopg"):
        Database("postgresql://u@h/d")


def test_server_that_does_not_answer_keeps_the_password_to_itself(tmp_path):
    url = "postgresql://ana:hunter2@127.0.0.1:1/assay"
    with pytest.raises(StoreUnavailable) as caught:
        Store.open(url, tmp_path, tmp_path)
    assert "hunter2" not in str(caught.value.to_dict())
    assert "127.0.0.1" in caught.value.where


@pytest.mark.postgres
def test_unknown_database_of_a_live_server(postgres_socket, tmp_path):
    with pytest.raises(StoreUnavailable, match="does not exist"):
        Store.open(f"postgresql://assay@/nowhere?host={postgres_socket}", tmp_path, tmp_path)


def test_file_that_is_no_database(tmp_path):
    (tmp_path / "assay.db").write_text("Dear diary, " * 200)
    with pytest.raises(StoreUnavailable, match="not a database"):
        Store.open(f"sqlite:///{tmp_path / 'assay.db'}", tmp_path, tmp_path)


def test_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailable):
        Store.open(f"sqlite:///{tmp_path / 'file' / 'assay.db'}", tmp_path, tmp_path)


def test_sqlite_is_set_up_for_several_durable_writers(open_store, sqlite_url):
    with open_store(sqlite_url).database.read() as connection:
        ask = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "foreign_keys", "synchronous", "busy_timeout")
        }
    assert ask == {
        "journal_mode": "wal",
        "foreign_keys": 1,
        "synchronous": 2,
        "busy_timeout": 30_000,
    }


def test_importing_the_room_is_light():
    probe = "import sys, assay.store, assay.compute, assay.settings; print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    heavy = {"sqlalchemy", "alembic", "cryptography", "dbos", "psycopg"}
    assert heavy.isdisjoint(out.stdout.split())

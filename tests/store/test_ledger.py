from __future__ import annotations

import hashlib
import json

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from sqlalchemy import exc

from assay.store import schema
from assay.store.keys import Keys
from assay.store.ledger import CHECKPOINT_EVERY, GENESIS, Ledger, entry_hash, signed_bytes

from .intruder import behind
from .processes import append_and_add, join, start


def fill(store, entries=8):
    for i in range(1, entries + 1):
        store.ledger.append("cars", "did", actor="ana", subject=f"thing {i}", body={"i": i})
    assert store.ledger.verify().ok


def swap(a, b):
    """Exchange everything but the numbers of two entries."""
    return (
        "UPDATE ledger_entry SET seq = -seq",
        f"UPDATE ledger_entry SET seq = {b} WHERE seq = -{a}",
        f"UPDATE ledger_entry SET seq = {a} WHERE seq = -{b}",
        "UPDATE ledger_entry SET seq = -seq WHERE seq < 0",
    )


def renumber(first, by):
    """Shift the numbers of all entries from ``first`` on."""
    return (
        f"UPDATE ledger_entry SET seq = -(seq + ({by})) WHERE seq >= {first}",
        "UPDATE ledger_entry SET seq = -seq WHERE seq < 0",
    )


def forge(seq, source):
    """An entry at ``seq``, otherwise a copy of ``source``."""
    return (
        "INSERT INTO ledger_entry SELECT "
        f"{seq}, at, project, action, 'mallory', subject, body, NULL, previous, hash, key_id, "
        f"signature FROM ledger_entry WHERE seq = {source}"
    )


TAMPERING = {
    "actor changed": (
        ("UPDATE ledger_entry SET actor = 'eve' WHERE seq = 3",),
        ["Entry 3 was changed."],
    ),
    "body changed": (
        ("UPDATE ledger_entry SET body = '{\"i\":9}' WHERE seq = 4",),
        ["Entry 4 was changed."],
    ),
    "time changed": (
        ("UPDATE ledger_entry SET at = '2020-01-01T00:00:00.000Z' WHERE seq = 1",),
        ["Entry 1 was changed."],
    ),
    "key set": (("UPDATE ledger_entry SET key = 'k' WHERE seq = 8",), ["Entry 8 was changed."]),
    "link changed": (
        (f"UPDATE ledger_entry SET previous = '{GENESIS}' WHERE seq = 5",),
        ["Entry 5 was changed."],
    ),
    "hash changed": (
        (f"UPDATE ledger_entry SET hash = '{GENESIS}' WHERE seq = 5",),
        ["Entry 5 was changed or inserted."],
    ),
    "signature changed": (
        ("UPDATE ledger_entry SET signature = 'zz' WHERE seq = 5",),
        ["Entry 5 was rewritten or inserted: it carries no valid signature."],
    ),
    "one removed": (("DELETE FROM ledger_entry WHERE seq = 5",), ["Entry 5 was removed."]),
    "first removed": (
        ("DELETE FROM ledger_entry WHERE seq <= 2",),
        ["Entries 1 to 2 were removed."],
    ),
    "one removed, gap closed": (
        ("DELETE FROM ledger_entry WHERE seq = 6", *renumber(7, -1)),
        [
            "Entry 6 was removed.",
            "Entry 7 stands in the place of entry 6.",
            "Entry 8 stands in the place of entry 7.",
            "Entry 8 was removed from the end.",
        ],
    ),
    "two swapped": (
        swap(3, 4),
        ["Entry 4 stands in the place of entry 3.", "Entry 3 stands in the place of entry 4."],
    ),
    "two swapped far apart": (
        swap(2, 7),
        ["Entry 7 stands in the place of entry 2.", "Entry 2 stands in the place of entry 7."],
    ),
    "one inserted": (
        (*renumber(7, 1), forge(7, 6)),
        [
            "An entry was inserted at place 7.",
            "Entry 7 stands in the place of entry 8.",
            "Entry 8 stands in the place of entry 9.",
        ],
    ),
    "one appended": ((forge(9, 8),), ["Entry 9 was changed or inserted."]),
    "tail cut": (
        ("DELETE FROM ledger_entry WHERE seq > 6",),
        ["Entries 7 to 8 were removed from the end."],
    ),
    "all removed": (
        ("DELETE FROM ledger_entry", "DELETE FROM ledger_checkpoint", "DELETE FROM ledger_key"),
        ["Entries 1 to 8 were removed from the end."],
    ),
    "writer's key removed": (
        ("DELETE FROM ledger_key", "DELETE FROM ledger_entry WHERE seq > 1"),
        [
            "Entry 1 was rewritten or inserted: it carries no valid signature.",
            "Entries 2 to 8 were removed from the end.",
        ],
    ),
}


@pytest.mark.parametrize("name", TAMPERING)
def test_verify_says_what_was_done(store, name):
    statements, expected = TAMPERING[name]
    fill(store)
    behind(store, *statements)
    report = store.ledger.verify()
    assert not report.ok
    assert list(report.problems) == expected


def test_rewriting_the_rest_of_the_chain_without_the_key_is_found(store):
    fill(store)
    previous, statements = store.ledger.entries()[3].hash, []
    for e in store.ledger.entries(after=4):
        body = json.dumps({**e.body, "i": 0}, separators=(",", ":"))
        at = {"seq": e.seq, "at": e.at, "project": e.project, "action": e.action}
        forged = entry_hash(
            **at, actor=e.actor, subject=e.subject, body=body, key=e.key, previous=previous
        )
        statements.append(
            f"UPDATE ledger_entry SET body = '{body}', previous = '{previous}', "
            f"hash = '{forged}' WHERE seq = {e.seq}"
        )
        previous = forged
    behind(store, *statements)
    problems = store.ledger.verify().problems
    assert [p.split()[1] for p in problems] == ["5", "6", "7", "8"]
    assert all("carries no valid signature" in p for p in problems)


def test_rewriting_with_a_key_of_ones_own_is_found_by_naming_the_trusted(store, tmp_path):
    fill(store)
    mallory = Ledger(store.database, Keys(tmp_path / "mallory"))
    mallory.append("cars", "approved", actor="ana")
    report = store.ledger.verify()
    assert report.ok
    assert len(report.signers) == 2
    trusting = store.ledger.verify(trusted=frozenset({store.keys.key_id}))
    assert trusting.problems == ("Entry 9 was signed by a key that is not trusted.",)


def test_cut_is_found_through_checkpoints_where_this_home_remembers_nothing(store, tmp_path):
    fill(store, CHECKPOINT_EVERY + 3)
    stranger = Ledger(store.database, Keys(tmp_path / "another host"))
    behind(store, f"DELETE FROM ledger_entry WHERE seq > {CHECKPOINT_EVERY - 4}")
    assert stranger.verify().problems == (
        f"Entries {CHECKPOINT_EVERY - 3} to {CHECKPOINT_EVERY} were removed from the end.",
    )


def test_checkpoint_kept_elsewhere_finds_a_cut_without_trace(store, tmp_path):
    fill(store, 5)
    kept = store.ledger.checkpoint()
    assert (kept.seq, kept.hash) == (5, store.ledger.entries()[-1].hash)
    assert store.ledger.checkpoint() == kept
    behind(store, "DELETE FROM ledger_entry WHERE seq = 5", "DELETE FROM ledger_checkpoint")
    stranger = Ledger(store.database, Keys(tmp_path / "another host"))
    assert stranger.verify().ok
    assert stranger.verify(since=kept).problems == ("Entry 5 was removed from the end.",)


def test_forged_checkpoint_is_found(store):
    fill(store, 3)
    store.ledger.checkpoint()
    behind(store, "UPDATE ledger_checkpoint SET at = 'never'")
    assert store.ledger.verify().problems == (
        "The checkpoint at entry 3 carries no valid signature.",
    )


def test_replaced_ledger_is_found(store, tmp_path):
    fill(store, 3)
    behind(store, "DELETE FROM ledger_entry")
    Ledger(store.database, Keys(tmp_path / "mallory")).append("cars", "did", actor="a")
    Ledger(store.database, Keys(tmp_path / "mallory")).append("cars", "did", actor="a")
    Ledger(store.database, Keys(tmp_path / "mallory")).append("cars", "did", actor="a")
    assert store.ledger.verify().problems == (
        "A signed memory of entry 3 names another entry than the one that stands there.",
    )


def test_many_problems_are_summed_up_in_linear_time(store):
    fill(store, 120)
    behind(store, "UPDATE ledger_entry SET actor = 'eve'")
    report = store.ledger.verify()
    assert report.entries == 120
    assert report.problems[-1] == "And 70 more problems."


def test_database_itself_refuses_changes(store):
    fill(store, 1)
    store.ledger.checkpoint()
    for table in schema.APPEND_ONLY[1:]:
        for statement in (f"DELETE FROM {table}", f"UPDATE {table} SET key_id = 'x'"):
            with pytest.raises(exc.DBAPIError, match="append-only"), store.database.write("") as c:
                c.execute(sa.text(statement))
    assert store.ledger.verify().ok


def test_same_key_twice_is_the_first_entry(store):
    first = store.ledger.append("cars", "ran", actor="ana", key="r1")
    assert store.ledger.append("cars", "ran", actor="bob", body={"x": 1}, key="r1") == first
    other = store.ledger.append("bikes", "ran", actor="ana", key="r1")
    assert [e.seq for e in store.ledger.entries()] == [1, 2]
    assert other.seq == 2


def test_pages_and_projects(store):
    for i in range(6):
        store.ledger.append("even" if i % 2 == 0 else "odd", "did", actor="a")
    assert [e.seq for e in store.ledger.entries("odd")] == [2, 4, 6]
    assert [e.seq for e in store.ledger.entries(limit=2)] == [1, 2]
    assert [e.seq for e in store.ledger.entries("even", after=1, limit=1)] == [3]
    assert store.ledger.entries(after=6) == []


def test_empty_ledger(store):
    report = store.ledger.verify()
    assert (report.ok, report.entries, report.checkpoints) == (True, 0, 0)
    assert store.ledger.checkpoint() is None


def test_chain_can_be_recomputed_without_our_code(store):
    fill(store, 4)
    with store.database.read() as connection:
        rows = connection.execute(sa.text("SELECT * FROM ledger_entry ORDER BY seq")).all()
        pem = connection.execute(sa.text("SELECT public_pem FROM ledger_key")).scalar_one()
    previous = f"sha256:{'0' * 64}"
    for row in rows:
        array = [row.seq, row.at, row.project, row.action, row.actor, row.subject, row.body]
        text = json.dumps([*array, row.key or "", previous], separators=(",", ":"))
        assert row.hash == f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
        load_pem_public_key(pem.encode()).verify(
            bytes.fromhex(row.signature), f"assay ledger entry\n{row.hash}".encode()
        )
        assert signed_bytes(row.hash) == f"assay ledger entry\n{row.hash}".encode()
        previous = row.hash


@pytest.mark.parametrize(("processes", "times"), [(2, 40), (8, 12)])
def test_processes_that_write_at_once_make_one_chain(store, store_url, tmp_path, processes, times):
    join([start(append_and_add, store_url, str(tmp_path), n, times) for n in range(processes)])
    report = store.ledger.verify()
    assert report.ok
    assert report.entries == processes * times
    numbers = [r.number for r in store.records.find("run", "p")]
    assert numbers == list(range(1, processes * times + 1))
    for n in range(processes):
        mine = [e.body["i"] for e in store.ledger.entries() if e.actor == f"process {n}"]
        assert mine == list(range(times))

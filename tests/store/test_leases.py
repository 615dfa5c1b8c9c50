from __future__ import annotations

import os

import pytest
import sqlalchemy as sa

from assay.store.leases import Leases, machine, started

from .processes import CONTEXT, start, take_and_wait


def _elsewhere(store, name, expires_in):
    """Make a lease look as if another host held it."""
    with store.database.write("test") as connection:
        at = store.database.now(connection)
        connection.execute(
            sa.text("UPDATE lease SET machine = 'far', host = 'far', expires_at = :at"),
            {"at": at + expires_in},
        )


def test_one_holder_at_a_time(store):
    assert store.leases.acquire("run/1", "a")
    assert not store.leases.acquire("run/1", "b")
    assert store.leases.acquire("run/2", "b")
    store.leases.release("run/1", "a")
    assert store.leases.holder("run/1") is None
    assert store.leases.acquire("run/1", "b")


def test_holder_is_named(store):
    store.leases.acquire("run/1", "a")
    held = store.leases.holder("run/1")
    assert (held.holder, held.pid) == ("a", os.getpid())


def test_taking_again_keeps_it(store):
    assert store.leases.acquire("x", "a")
    assert store.leases.acquire("x", "a")
    assert store.leases.renew("x", "a")
    assert not store.leases.renew("x", "b")
    store.leases.release("x", "b")
    assert store.leases.holder("x").holder == "a"


def test_live_process_of_this_machine_keeps_an_overdue_lease(store):
    leases = Leases(store.database, ttl_s=-1)
    assert leases.acquire("x", "a")
    assert not leases.acquire("x", "b")


def test_killed_process_frees_its_lease_at_once(store, store_url, tmp_path):
    taken = CONTEXT.Event()
    child = start(take_and_wait, store_url, str(tmp_path), "x", taken)
    assert taken.wait(60)
    assert not store.leases.acquire("x", "a")
    assert store.leases.holder("x").pid == child.pid
    child.kill()
    child.join()
    assert store.leases.holder("x") is None
    assert store.leases.acquire("x", "a")


def test_reused_process_id_does_not_mislead(store):
    store.leases.acquire("x", "a")
    with store.database.write("test") as connection:
        connection.execute(sa.text("UPDATE lease SET started = '1'"))
    assert store.leases.acquire("x", "b")


@pytest.mark.parametrize(("expires_in", "free"), [(30.0, False), (-0.001, True)])
def test_lease_of_another_host_lasts_until_it_expires(store, expires_in, free):
    store.leases.acquire("x", "a")
    _elsewhere(store, "x", expires_in)
    assert (store.leases.holder("x") is None) == free
    assert store.leases.acquire("x", "b") == free
    assert store.leases.renew("x", "a") != free


def test_start_time_of_processes():
    assert started(os.getpid()) == started(os.getpid()) != ""
    assert started(2**22 + 1) == ""
    assert machine() == machine()

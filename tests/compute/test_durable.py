from __future__ import annotations

import json
import os
import random
import threading
import time

import pytest
import sqlalchemy as sa
from sqlalchemy import exc

from assay.compute.durable import Step, run_durably
from assay.compute.engine import History
from assay.errors import (
    AssayError,
    GateRefused,
    InputError,
    RunBusy,
    StoreUnavailable,
    VerificationFailed,
)
from assay.store.store import Store

from .durable_work import NAMES, start, work_on


@pytest.fixture(scope="session")
def prepared_database(new_postgres, tmp_path_factory):
    """Name of a database in which a store and the engine have made their tables already."""
    url, folder = new_postgres(), tmp_path_factory.mktemp("prepared")
    with Store.open(url, folder, folder) as store:
        run_durably(store, "nothing", [])
    return sa.make_url(url).database


@pytest.fixture
def postgres_url(new_postgres, prepared_database):
    """A copy of the prepared database: the engine's first start on PostgreSQL takes a second."""
    return new_postgres(prepared_database)


def constant(name, value):
    return Step(name, name, lambda _: value)


class News(list):
    def __call__(self, name, what):
        self.append(f"{name} {what}")


def test_runs_in_order_and_hands_results_on(store):
    news = News()
    steps = [
        constant("one", 1),
        Step("two", "", lambda earlier: {"sum": earlier["one"] + 1}),
        Step("three", "", lambda earlier: [earlier["two"]["sum"], None, "é", 0.5]),
    ]
    assert run_durably(store, "r", steps, on_step=news) == {
        "one": 1,
        "two": {"sum": 2},
        "three": [2, None, "é", 0.5],
    }
    assert news == [f"{n} {w}" for n in ("one", "two", "three") for w in ("start", "done")]


def test_finished_steps_are_not_run_again(store):
    first = run_durably(store, "r", [constant("one", {"a": (1, 2)})])
    news = News()
    again = run_durably(store, "r", [constant("one", "other")], on_step=news)
    assert first == again == {"one": {"a": [1, 2]}}
    assert news == ["one recovered"]
    assert run_durably(store, "other", [constant("one", "other")]) == {"one": "other"}


def test_leaves_no_thread_and_no_lease(store):
    before = set(threading.enumerate())
    run_durably(store, "r", [constant("one", 1)])
    assert set(threading.enumerate()) == before
    assert store.leases.holder("run/r") is None


def test_is_quiet(store, capfd):
    with pytest.raises(RuntimeError):
        run_durably(
            store, "r", [Step("one", "", lambda _: 1 / 0 if False else _raise(RuntimeError()))]
        )
    assert capfd.readouterr() == ("", "")


def _raise(error):
    raise error


def test_upgrade_may_add_move_and_drop_steps(store):
    run_durably(store, "r", [constant("one", 1), constant("gone", 0), constant("three", 3)])
    news = News()
    upgraded = [
        constant("zero", 0),
        constant("three", "new"),
        Step("two", "", sorted),
        constant("one", "new"),
    ]
    assert run_durably(store, "r", upgraded, on_step=news) == {
        "zero": 0,
        "three": 3,
        "two": ["three", "zero"],
        "one": 1,
    }
    assert news == [
        "zero start",
        "zero done",
        "three recovered",
        "two start",
        "two done",
        "one recovered",
    ]


def test_error_of_a_step_comes_out_unchanged_and_the_step_may_be_tried_again(store):
    error = GateRefused("No rule was met.", hint="Change the policy.", where="policy.yaml:3")
    for _ in range(3):
        with pytest.raises(GateRefused) as caught:
            run_durably(store, "r", [constant("one", 1), Step("two", "", lambda _: _raise(error))])
        assert caught.value is error
        assert (caught.value.hint, caught.value.where) == (error.hint, error.where)
    news = News()
    assert run_durably(store, "r", [constant("one", 1), constant("two", 2)], on_step=news) == {
        "one": 1,
        "two": 2,
    }
    assert news == ["one recovered", "two start", "two done"]


def test_database_error_of_a_step_is_not_taken_for_the_stores(store):
    error = exc.OperationalError("select", {}, Exception("a source of the user's"))
    with pytest.raises(exc.OperationalError) as caught:
        run_durably(store, "r", [Step("one", "", lambda _: _raise(error))])
    assert caught.value is error


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_interrupt_leaves_a_run_that_can_be_continued(store, stop):
    with pytest.raises(stop):
        run_durably(store, "r", [constant("one", 1), Step("two", "", lambda _: _raise(stop()))])
    news = News()
    run_durably(store, "r", [constant("one", 1), constant("two", 2)], on_step=news)
    assert news == ["one recovered", "two start", "two done"]


def test_nothing_but_json_is_stored(store):
    with pytest.raises(InputError, match="not JSON"):
        run_durably(store, "r", [constant("one", object())])
    with pytest.raises(AssayError):
        run_durably(store, "r", [Step("one", "", lambda _: _raise(GateRefused("no")))])
    run_durably(store, "r", [constant("one", {"x": 1})])
    schema = None if store.database.is_sqlite else "dbos"
    tables = sa.MetaData()
    tables.reflect(store.database.engine, schema=schema)
    columns = [c for t in tables.tables.values() for c in t.columns]
    stored = [c for c in columns if c.name in ("inputs", "output", "error")]
    with store.database.read() as connection:
        texts = [t for c in stored for t in connection.scalars(sa.select(c)) if t]
    assert len(texts) >= 6
    for text in texts:
        json.loads(text)


@pytest.mark.parametrize("names", [["a", "a"], [""], ["a/b"], ["a#2"]])
def test_names_that_could_be_confused_are_refused(store, names):
    with pytest.raises(InputError):
        run_durably(store, "r", [constant(name, 1) for name in names])


def test_run_without_an_id_is_refused(store):
    with pytest.raises(InputError):
        run_durably(store, "", [constant("one", 1)])


def test_ids_that_begin_alike_are_different_runs(store):
    run_durably(store, "a", [constant("one", 1)])
    run_durably(store, "a/b", [constant("one", 2)])
    run_durably(store, "A", [constant("one", 3)])
    run_durably(store, "a%", [constant("one", 4)])
    got = [run_durably(store, r, [constant("one", 0)])["one"] for r in ("a", "a/b", "A", "a%")]
    assert got == [1, 2, 3, 4]


def test_same_run_in_two_threads_is_refused_and_other_runs_are_not(store):
    inside, leave = threading.Event(), threading.Event()
    results = {}

    def wait(_):
        inside.set()
        leave.wait(30)
        return "waited"

    thread = threading.Thread(
        target=lambda: results.update(run_durably(store, "r", [Step("one", "", wait)]))
    )
    thread.start()
    assert inside.wait(30)
    with pytest.raises(RunBusy) as caught:
        run_durably(store, "r", [constant("one", 1)])
    assert caught.value.pid == os.getpid()
    assert str(os.getpid()) in caught.value.message
    assert run_durably(store, "other", [constant("one", 1)]) == {"one": 1}
    leave.set()
    thread.join()
    assert results == {"one": "waited"}


def test_a_process_whose_run_was_taken_over_cannot_record_a_result(store):
    """This one slept beyond its lease; meanwhile another host finished the step."""

    def overtaken(_):
        with store.database.write("test") as connection:
            connection.execute(
                sa.text("UPDATE lease SET machine = 'far', expires_at = 0, holder = 'gone'")
            )
        assert run_durably(store, "r", [constant("one", "theirs")]) == {"one": "theirs"}
        return "mine"

    with pytest.raises(RunBusy):
        run_durably(store, "r", [Step("one", "", overtaken), constant("two", 2)])
    assert run_durably(store, "r", [constant("one", "new")]) == {"one": "theirs"}


def test_lost_lease_stops_the_run_before_the_next_step(store):
    store.leases.ttl_s = 0.2

    def sleep_long(_):
        with store.database.write("test") as connection:
            connection.execute(sa.text("UPDATE lease SET holder = 'another', machine = 'far'"))
            connection.execute(sa.text("UPDATE lease SET host = 'far-host', expires_at = 1e12"))
        time.sleep(0.3)
        return 1

    with pytest.raises(RunBusy, match="far-host"):
        run_durably(store, "r", [Step("one", "", sleep_long), constant("two", 2)])


def test_damaged_result_is_refused(store):
    run_durably(store, "r", [constant("one", 1)])
    schema = "" if store.database.is_sqlite else "dbos."
    with store.database.write("test") as connection:
        connection.execute(sa.text(f"UPDATE {schema}workflow_output SET output = 'gA=='"))
    with pytest.raises(VerificationFailed, match="cannot be read"):
        run_durably(store, "r", [constant("one", 1)])


def test_history_counts_attempts_by_name():
    history = History(
        "r", {"r/a": "ERROR", "r/a#2": "CANCELLED", "r/a#3": "SUCCESS", "r/b": "PENDING"}
    )
    assert history.attempts("a") == ["r/a", "r/a#2", "r/a#3"]
    assert history.finished("a")
    assert not history.finished("b")
    assert not history.finished("c")
    assert history.cut_off("b") == ["r/b"]
    assert (history.next("b"), history.next("c")) == ("r/b#2", "r/c")


def test_server_that_does_not_answer(store, monkeypatch):
    nowhere = {"database": "/nowhere/at/all/x.db"}
    if not store.database.is_sqlite:
        nowhere = {"query": {"host": "/nowhere"}}
    unreachable = store.database.url.set(**nowhere)
    monkeypatch.setattr(type(store), "url", unreachable.render_as_string(hide_password=False))
    with pytest.raises(StoreUnavailable):
        run_durably(store, "r", [constant("one", 1)])
    monkeypatch.undo()
    assert run_durably(store, "r", [constant("one", 1)]) == {"one": 1}


def _lines(tmp_path, kind):
    split = [line.split() for line in (tmp_path / "log").read_text().splitlines()]
    return [line for line in split if line[0] == kind]


def _check_run(store, tmp_path, run_id):
    """What must hold after a run has come to its end, whatever happened on the way."""
    lines = [line.split() for line in (tmp_path / "log").read_text().splitlines()]
    mine = [(what, name) for what, run, name, _ in lines if run == run_id]
    for name in NAMES:
        of_step = [what for what, step in mine if step == name]
        finished = next(i for i, what in enumerate(of_step) if what in ("done", "recovered"))
        assert "begin" not in of_step[finished:], f"{name} ran again after it had finished"
        keyed = [e for e in store.ledger.entries("p") if e.key == f"{run_id}/{name}"]
        assert len(keyed) == 1
        assert store.artifacts.read(keyed[0].subject) == f"{run_id} {name}".encode()
    results = run_durably(store, run_id, [constant(name, "not run") for name in NAMES])
    assert results == {
        name: {
            "artifact": store.records.get("thing", "p", f"{run_id}/{name}")["artifact"],
            "before": sorted(NAMES[:i]),
            "first": True,
        }
        for i, name in enumerate(NAMES)
    }


def _kill_until(store, url, tmp_path, *, kills, seed):
    """Kill processes at random moments until the given number was hit while at work."""
    pick, hits, run = random.Random(seed), 0, 0
    for warm in ("first", "uninterrupted"):
        begun = time.monotonic()
        start(work_on, url, str(tmp_path), warm).join()
        length = time.monotonic() - begun
        _check_run(store, tmp_path, warm)
    while hits < kills:
        run += 1
        run_id = f"run-{run}"
        while True:
            child = start(work_on, url, str(tmp_path), run_id)
            child.join(pick.uniform(0, 1.2) * length)
            if child.exitcode is None:
                child.kill()
                child.join()
                hits += child.exitcode == -9
                if hits < kills:
                    continue
                child = start(work_on, url, str(tmp_path), run_id)
            child.join(60)
            assert child.exitcode == 0
            break
        _check_run(store, tmp_path, run_id)
    assert store.ledger.verify().ok
    assert len(store.ledger.entries("p")) == len(NAMES) * (run + 2)
    numbers = [r.number for r in store.records.find("thing", "p")]
    assert numbers == list(range(1, len(NAMES) * (run + 2) + 1))


@pytest.mark.slow
def test_killed_at_random_moments_nothing_is_done_twice_on_sqlite(open_store, sqlite_url, tmp_path):
    _kill_until(open_store(sqlite_url), sqlite_url, tmp_path, kills=40, seed=1)


@pytest.mark.slow
@pytest.mark.postgres
def test_killed_at_random_moments_nothing_is_done_twice_on_postgres(
    open_store, postgres_url, tmp_path
):
    _kill_until(open_store(postgres_url), postgres_url, tmp_path, kills=15, seed=2)


def test_two_processes_on_one_run_one_wins(store, store_url, tmp_path):
    children = [start(work_on, store_url, str(tmp_path), "r", 0.15) for _ in range(2)]
    for child in children:
        child.join(60)
        assert child.exitcode == 0
    busy = _lines(tmp_path, "busy")
    winner = {line[3] for line in _lines(tmp_path, "begin")}
    assert len(busy) == len(winner) == 1
    assert busy[0][2] in winner
    _check_run(store, tmp_path, "r")


def test_two_processes_on_two_runs_keep_to_their_own(store, store_url, tmp_path):
    children = {
        run: start(work_on, store_url, str(tmp_path), run, 0.1) for run in ("left", "right")
    }
    for child in children.values():
        child.join(60)
        assert child.exitcode == 0
    for _, run, _, pid in _lines(tmp_path, "begin"):
        assert pid == str(children[run].pid)
    for run in children:
        _check_run(store, tmp_path, run)
    assert len(_lines(tmp_path, "begin")) == 2 * len(NAMES)
    assert store.ledger.verify().ok


def test_a_live_process_does_not_touch_the_steps_of_a_killed_one(store, store_url, tmp_path):
    """Only continuing the run brings its step back; another run's process leaves it alone."""
    child = start(work_on, store_url, str(tmp_path), "killed", 0.5)
    while not (tmp_path / "log").exists() or not _lines(tmp_path, "begin"):
        time.sleep(0.02)
    child.kill()
    child.join()
    bystander = start(work_on, store_url, str(tmp_path), "bystander", 0.2)
    bystander.join(60)
    assert len([line for line in _lines(tmp_path, "begin") if line[1] == "killed"]) == 1
    work_on(store_url, str(tmp_path), "killed", 0)
    _check_run(store, tmp_path, "killed")
    _check_run(store, tmp_path, "bystander")

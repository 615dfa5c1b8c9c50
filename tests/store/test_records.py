from __future__ import annotations

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import exc

from assay.errors import UnknownName, VerificationFailed
from assay.records import Record
from assay.store.store import Store

from .intruder import behind
from .processes import append_one_key, join, start


class Small(Record, frozen=True, kw_only=True):
    name: str
    number: int = 0


def test_get_what_was_added(store):
    store.records.add("run", "cars", "r1", Small(name="é\u0000", number=2))
    assert store.records.get("run", "cars", "r1") == {"name": "é\u0000", "number": 2}


def test_same_again_is_no_news_and_other_content_is_refused(store):
    store.records.add("run", "cars", "r1", {"a": 1, "b": 2})
    store.records.add("run", "cars", "r1", {"b": 2, "a": 1})
    with pytest.raises(VerificationFailed, match="already on record"):
        store.records.add("run", "cars", "r1", {"a": 2})
    assert store.records.get("run", "cars", "r1") == {"a": 1, "b": 2}
    assert len(store.records.find("run", "cars")) == 1


def test_unknown_id_names_the_nearest(store):
    store.records.add("run", "cars", "tuesday", {})
    with pytest.raises(UnknownName) as caught:
        store.records.get("run", "cars", "tuesda")
    assert caught.value.hint == "Closest match: 'tuesday'."
    with pytest.raises(UnknownName):
        store.records.get("run", "bikes", "tuesday")


def test_oldest_first_and_latest(store):
    assert store.records.latest("run", "cars") is None
    for name in "zay":
        store.records.add("run", "cars", name, {"name": name})
    store.records.add("run", "bikes", "other", {})
    assert [r.id for r in store.records.find("run", "cars")] == ["z", "a", "y"]
    assert store.records.latest("run", "cars").id == "y"
    assert [r.number for r in store.records.find("run", "cars")] == [1, 2, 3]


def test_numbers_are_idempotent_and_known_to_the_content(store):
    records = store.records
    one = records.add_numbered("version", "cars", lambda n: Small(name="m", number=n), "run-1")
    two = records.add_numbered("version", "cars", lambda n: Small(name="m", number=n), "run-2")
    again = records.add_numbered("version", "cars", {"anything": "else"}, "run-1")
    assert (one, two, again) == (1, 2, 1)
    assert records.get_numbered("version", "cars", 2).body == {"name": "m", "number": 2}
    with pytest.raises(UnknownName) as caught:
        records.get_numbered("version", "cars", 3)
    assert "1, 2" in caught.value.hint


def test_kinds_and_projects(store):
    store.records.add("run", "cars", "1", {})
    store.records.add("waiver", "cars", "1", {})
    store.records.add("run", "bikes", "1", {})
    assert store.records.kinds("cars") == ["run", "waiver"]
    assert store.records.projects() == ["bikes", "cars"]


def test_database_itself_refuses_changes(store):
    store.records.add("run", "cars", "1", {})
    for statement in ("UPDATE record SET body = '{}'", "DELETE FROM record"):
        with pytest.raises(exc.DBAPIError, match="append-only"), store.database.write("x") as c:
            c.execute(sa.text(statement))


def test_a_change_behind_the_store_is_found_on_reading(store):
    store.records.add("run", "cars", "1", {"price": 1})
    behind(store, "UPDATE record SET body = '{\"price\":2}'")
    for read in (store.records.get, store.records.find, store.records.latest):
        with pytest.raises(VerificationFailed, match="was changed in the database"):
            read(*("run", "cars", "1")[: 3 if read == store.records.get else 2])


def test_processes_with_the_same_keys_get_one_number_each(store, store_url, tmp_path):
    join([start(append_one_key, store_url, str(tmp_path), 15) for _ in range(3)])
    assert sorted(r.number for r in store.records.find("run", "p")) == list(range(1, 16))
    assert len(store.ledger.entries()) == 15
    assert store.ledger.verify().ok


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    body=st.dictionaries(
        st.text(),
        st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    )
)
def test_any_json_comes_back_with_its_digest(sqlite_url, tmp_path, body):
    with Store.open(sqlite_url, tmp_path / "a", tmp_path / "k") as store:
        key = str(sorted(body.items(), key=repr))
        store.records.add("any", "p", key, body)
        assert store.records.get("any", "p", key) == body

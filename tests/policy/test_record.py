from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.policy.policy import Policy, Rule
from assay.policy.record import record_policy
from assay.store.store import Store

POLICY = Policy(name="release", rules=(Rule(check="REL001", at_most=0.6),))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(
        f"sqlite:///{tmp_path / 'assay.db'}", tmp_path / "artifacts", tmp_path / "keys"
    ) as opened:
        yield opened


def test_a_policy_is_kept_and_entered_once_a_run(store: Store) -> None:
    first = record_policy(store, "cars", POLICY, actor="ana", run="run-1")
    assert record_policy(store, "cars", POLICY, actor="ana", run="run-1") == first
    assert record_policy(store, "cars", POLICY, actor="ana", run="run-2") == first
    assert first == POLICY.digest
    assert Policy.from_json(store.artifacts.read(first)) == POLICY
    entries = store.ledger.entries("cars")
    assert [(e.action, e.actor, e.subject, e.body["run"]) for e in entries] == [
        ("policy recorded", "ana", first, "run-1"),
        ("policy recorded", "ana", first, "run-2"),
    ]


def test_a_changed_policy_is_another_entry(store: Store) -> None:
    loose = Policy(name="release", rules=(Rule(check="REL001", at_most=0.9),))
    record_policy(store, "cars", POLICY, actor="ana", run="run-1")
    record_policy(store, "cars", loose, actor="ana", run="run-1")
    assert len(store.ledger.entries("cars")) == 2
    assert store.ledger.verify().ok

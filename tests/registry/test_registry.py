from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from assay.errors import (
    ApprovalRefused,
    GateRefused,
    InputError,
    StoreUnavailable,
    UnknownName,
    VerificationFailed,
)
from assay.policy.policy import Policy, Waiver
from assay.records import canonical
from assay.registry.registry import Registry
from assay.store.store import Store

from .samples import BROKEN_RULE, OPEN_RULE, RULE, TODAY, hallmarked, offer, policy, registered


def actions(store: Store) -> list[tuple[str, str]]:
    return [(e.action, e.actor) for e in store.ledger.entries("car-price")]


# Registering


def test_an_allowed_candidate_gets_the_next_number(store: Store) -> None:
    registry, first = registered(store)
    _, second = registered(store, run="run-2", graph=b"another graph")
    assert (first.label, second.label) == ("car-price@1", "car-price@2")
    assert first.created_by == "ana"
    assert first.files["model.onnx"] == first.model
    assert store.artifacts.read(first.decision) == offer(store).decision.to_json()
    assert registry.versions() == [first, second]
    assert registry.status(first) == "awaiting approval"


def test_registering_twice_gives_the_same_version(store: Store) -> None:
    registry, version = registered(store)
    made = offer(store)
    assert Registry(store, "car-price", actor="luis").register(made.candidate, made.decision) == (
        version
    )
    assert registry.versions() == [version]
    assert [a for a, _ in actions(store)].count("version registered") == 1


def test_a_refused_candidate_stays_on_record_without_a_number(store: Store) -> None:
    registry = Registry(store, "car-price", actor="ana")
    made = offer(store, policy(BROKEN_RULE))
    for _ in range(2):
        with pytest.raises(GateRefused, match="REL001/held-out") as caught:
            registry.register(made.candidate, made.decision)
    assert "with 95 % confidence at least 0.16; the limit is 0.1" in caught.value.hint
    assert registry.versions() == []
    (refusal,) = registry.refusals()
    assert refusal.candidate == made.candidate
    assert refusal.blocking == ("REL001/held-out",)
    assert store.artifacts.read(refusal.decision) == made.decision.to_json()
    assert [a for a, _ in actions(store)] == ["policy recorded", "version refused"]
    _, allowed = registered(store, run="run-2")
    assert allowed.number == 1


def test_a_policy_without_rules_permits_nothing(store: Store) -> None:
    made = offer(store, Policy(name="empty"))
    with pytest.raises(GateRefused, match="permits nothing"):
        Registry(store, "car-price", actor="ana").register(made.candidate, made.decision)


def test_a_decision_is_replayed_not_believed(store: Store) -> None:
    strict, lax = offer(store, policy(BROKEN_RULE)), offer(store, policy(RULE))
    with pytest.raises(VerificationFailed, match="does not follow"):
        Registry(store, "car-price", actor="ana").register(strict.candidate, lax.decision)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": "another"}, "not proved equal"),
        ({"parity": "failed"}, "not proved equal"),
        ({"parity": "not a proof"}, "not a record of its kind"),
        ({"assessment": "another"}, "of another model"),
        ({"reference": "absent"}, "The reference of run run-1 is not in the store"),
    ],
)
def test_the_evidence_must_be_of_this_model(
    store: Store, changes: dict[str, str], message: str
) -> None:
    made = offer(store)
    put = store.artifacts.put
    bodies = {
        "another": put(b"another graph"),
        "failed": put(canonical({"ok": False, "graph": made.candidate.model})),
        "not a proof": put(b"[]"),
        "absent": f"sha256:{'0' * 64}",
    }
    if changes == {"assessment": "another"}:
        bodies["another"] = offer(store, graph=b"another graph").candidate.assessment
    field, name = next(iter(changes.items()))
    wrong = offer(store, **{field: bodies[name]})
    with pytest.raises(VerificationFailed, match=message):
        Registry(store, "car-price", actor="ana").register(wrong.candidate, wrong.decision)


def test_a_model_has_its_projects_name(store: Store) -> None:
    made = offer(store, name="churn")
    with pytest.raises(InputError, match="cannot be called 'churn'"):
        Registry(store, "car-price", actor="ana").register(made.candidate, made.decision)


@pytest.mark.parametrize("reference", ["car-price@1", "1", 1, "latest", "car-price"])
def test_a_version_can_be_named_in_several_ways(store: Store, reference: str | int) -> None:
    registry, version = registered(store)
    assert registry.get(reference) == version
    assert registry.get(version) is version


@pytest.mark.parametrize("reference", ["car-price@7", 7, "churn@1", "halmarked", ""])
def test_an_unknown_version_is_refused_with_the_nearest(store: Store, reference: str | int) -> None:
    registry, _ = registered(store)
    with pytest.raises(UnknownName):
        registry.get(reference)


def test_there_is_no_latest_of_nothing(store: Store) -> None:
    with pytest.raises(UnknownName, match="latest") as caught:
        Registry(store, "car-price", actor="ana").get("latest")
    assert caught.value.hint == "There are none yet."


def test_the_newest_hallmarked_version_is_found(store: Store) -> None:
    registry, first = hallmarked(store)
    registered(store, run="run-2", graph=b"newer")
    assert registry.get("hallmarked") == first
    assert registry.get("latest").number == 2


# Approving


def test_one_approval_strikes_the_hallmark(store: Store) -> None:
    registry, version = registered(store)
    approval = registry.approve(version, note=" read it ", how="at the keyboard on host X")
    assert (approval.version, approval.by, approval.note) == ("car-price@1", "ana", "read it")
    assert registry.status(version) == "hallmarked"
    assert registry.approvals(version) == (approval,)
    assert actions(store) == [
        ("policy recorded", "ana"),
        ("version registered", "ana"),
        ("version approved", "ana"),
        ("hallmark struck", "ana"),
    ]
    assert store.ledger.verify().ok


def test_an_approval_stands_for_its_version(store: Store) -> None:
    registry, version = registered(store)
    approval = registry.approve(version, note="checked")
    assert approval.how.startswith("from Python on host ")
    assert registry.get(approval) == version
    assert registry.require_hallmarked(approval) == version
    assert version in {version}


def test_no_approval_may_be_needed(store: Store) -> None:
    registry, version = registered(store, policy(RULE, required=0))
    assert registry.status(version) == "hallmarked"


def test_what_is_undecided_needs_a_person_even_where_none_is_required(store: Store) -> None:
    registry, version = registered(store, policy(RULE, OPEN_RULE, required=0))
    assert registry.status(version) == "awaiting approval"
    registry.approve(version, note="few makes", how="test", accept=["FAI001"], today=TODAY)
    assert registry.status(version) == "hallmarked"


def test_two_approvals_need_two_people(store: Store) -> None:
    registry, version = registered(store, policy(RULE, required=2))
    registry.approve(version, note="", how="test")
    assert registry.status(version) == "awaiting approval"
    with pytest.raises(ApprovalRefused, match=r"ana has approved car-price@1 already \(1 of 2\)"):
        registry.approve(version, note="again", how="test")
    Registry(store, "car-price", actor="luis").approve(version, note="", how="test")
    assert registry.status(version) == "hallmarked"


def test_four_eyes_refuse_the_person_who_ran_it(store: Store) -> None:
    registry, version = registered(store, policy(RULE, four_eyes=True))
    with pytest.raises(ApprovalRefused, match="four eyes") as caught:
        registry.approve(version, note="fine", how="test")
    assert caught.value.exit_code == 4
    assert registry.approvals(version) == ()
    Registry(store, "car-price", actor="luis").approve(version, note="fine", how="test")
    assert registry.status(version) == "hallmarked"


def test_undecided_rules_are_accepted_by_name_and_with_a_note(store: Store) -> None:
    registry, version = registered(store, policy(RULE, OPEN_RULE))
    with pytest.raises(ApprovalRefused, match="FAI001/make/held-out") as caught:
        registry.approve(version, note="fine", how="test", today=TODAY)
    assert caught.value.hint == "Accept each by name: --accept FAI001/make/held-out"
    with pytest.raises(ApprovalRefused, match="needs a note"):
        registry.approve(version, note="  ", how="test", accept=["FAI001/make"], today=TODAY)
    approval = registry.approve(
        version, note="seen", how="test", accept=["FAI001", "FAI001/make"], today=TODAY
    )
    assert approval.accepted == ("FAI001/make/held-out",)


@pytest.mark.parametrize("name", ["REL001", "FAI002", "FAI", "ALL", ""])
def test_only_what_is_open_can_be_accepted(store: Store, name: str) -> None:
    registry, version = registered(store, policy(RULE, OPEN_RULE))
    with pytest.raises(UnknownName, match="rule to accept"):
        registry.approve(version, note="seen", how="test", accept=[name], today=TODAY)


def test_without_a_version_that_may_be_served_the_gate_says_so(store: Store) -> None:
    registry, version = registered(store, policy(RULE))
    with pytest.raises(GateRefused, match="carries a hallmark"):
        registry.get("hallmarked")
    registry.approve(version, note="seen", how="test", today=TODAY)
    assert registry.get("hallmarked") == version
    registry.retire(version, reason="old")
    with pytest.raises(GateRefused, match="carries a hallmark"):
        registry.get("hallmarked")


def test_the_word_all_accepts_every_open_rule_and_lists_them(store: Store) -> None:
    registry, version = registered(store, policy(RULE, OPEN_RULE))
    approval = registry.approve(version, note="seen", how="test", accept=["all"], today=TODAY)
    assert approval.accepted == ("FAI001/make/held-out",)


def test_whoever_asked_is_told_of_an_approval(store: Store) -> None:
    registry, version = registered(store, policy(RULE))
    told: list[str] = []
    listening = Registry(store, registry.project, actor="ben", on_change=told.append)
    listening.approve(version, note="seen", how="test", today=TODAY)
    assert told == [version.label]


def test_a_settled_version_takes_no_more_approvals(store: Store) -> None:
    _, version = hallmarked(store)
    with pytest.raises(ApprovalRefused, match="car-price@1 is hallmarked"):
        Registry(store, "car-price", actor="luis").approve(version, note="me too", how="test")


def test_an_approval_with_a_key_can_be_repeated(store: Store) -> None:
    registry, version = registered(store)
    first = registry.approve(version, note="ok", how="test", key="step-9")
    assert registry.approve(version, note="ok", how="test", key="step-9") == first
    assert [a for a, _ in actions(store)].count("version approved") == 1


def test_a_waiver_that_ended_since_the_decision_stops_the_approval(store: Store) -> None:
    waived = policy(
        BROKEN_RULE, waivers=(Waiver(check="REL001", by="eva", reason="pilot", until=TODAY),)
    )
    registry, version = registered(store, waived)
    with pytest.raises(ApprovalRefused, match="does not allow car-price@1 any more") as caught:
        registry.approve(version, note="ok", how="test", today="2026-03-02")
    assert "ended on 2026-03-01" in caught.value.hint
    registry.approve(version, note="ok", how="test", today=TODAY)
    assert registry.status(version) == "hallmarked"


# Interrupted and concurrent work


def test_an_approval_that_was_cut_off_is_completed(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry, version = registered(store)

    def cut_off(*_: object, **__: object) -> None:
        raise StoreUnavailable("gone")

    with monkeypatch.context() as broken:
        broken.setattr(store.ledger, "append", cut_off)
        with pytest.raises(StoreUnavailable):
            registry.approve(version, note="ok", how="test", key="k")
    assert registry.status(version) == "awaiting approval"
    registry.approve(version, note="ok", how="test", key="k")
    assert registry.status(version) == "hallmarked"
    assert [a for a, _ in actions(store)][-2:] == ["version approved", "hallmark struck"]


def test_a_registration_that_was_cut_off_is_completed(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry, made = Registry(store, "car-price", actor="ana"), offer(store)

    def cut_off(*_: object, **__: object) -> None:
        raise StoreUnavailable("gone")

    with monkeypatch.context() as broken:
        broken.setattr(store.ledger, "append", cut_off)
        with pytest.raises(StoreUnavailable):
            registry.register(made.candidate, made.decision)
    version = registry.register(made.candidate, made.decision)
    assert version.number == 1
    assert actions(store)[-1] == ("version registered", "ana")


def test_many_people_at_once_strike_one_hallmark(any_store: Store) -> None:
    store = any_store
    registry, version = registered(store, policy(RULE, required=2))

    def approve(person: str) -> None:
        try:
            Registry(store, "car-price", actor=person).approve(version, note="ok", how="test")
        except ApprovalRefused:
            assert registry.status(version) == "hallmarked"

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(approve, ["eva", "luis", "mia", "tom"]))
    assert registry.status(version) == "hallmarked"
    assert len(store.records.find("hallmark", "car-price")) == 1
    assert [a for a, _ in actions(store)].count("hallmark struck") == 1


def test_versions_registered_at_once_are_numbered_without_gaps(any_store: Store) -> None:
    def register(number: int) -> int:
        _, version = registered(any_store, run=f"run-{number}", graph=b"graph %d" % number)
        return int(version.number)

    with ThreadPoolExecutor(4) as pool:
        numbers = sorted(pool.map(register, range(6)))
    assert numbers == [1, 2, 3, 4, 5, 6]


# Rejecting and retiring


def test_a_rejected_version_is_never_hallmarked(store: Store) -> None:
    registry, version = registered(store)
    with pytest.raises(ApprovalRefused, match="needs a note"):
        registry.reject(version, note="")
    rejection = registry.reject(version, note="not for this market")
    assert registry.reject(version, note="again") == rejection
    assert registry.status(version) == "rejected"
    with pytest.raises(ApprovalRefused, match="is rejected"):
        registry.approve(version, note="ok", how="test")
    assert registry.settle(version) is None
    with pytest.raises(GateRefused, match="is rejected"):
        registry.require_hallmarked(version)
    assert actions(store)[-1] == ("version rejected", "ana")


def test_a_hallmarked_version_is_retired_not_rejected(store: Store, tmp_path: Path) -> None:
    registry, version = hallmarked(store)
    with pytest.raises(ApprovalRefused, match="hallmarked already"):
        registry.reject(version, note="no")
    with pytest.raises(ApprovalRefused, match="needs a reason"):
        registry.retire(version, reason=" ")
    retirement = registry.retire(version, reason="prices have changed")
    assert registry.retire(version, reason="again") == retirement
    assert registry.status(version) == "retired"
    assert registry.hallmark(version) is not None
    with pytest.raises(GateRefused, match="is retired"):
        registry.export(version, tmp_path / "bundle")
    with pytest.raises(ApprovalRefused, match="car-price@1 is retired"):
        registry.reject(version, note="no")
    assert [a for a, _ in actions(store)].count("version retired") == 1


def test_a_version_that_waits_may_not_be_served(store: Store) -> None:
    registry, version = registered(store)
    with pytest.raises(GateRefused, match="awaits approval") as caught:
        registry.require_hallmarked(version)
    assert caught.value.hint == 'assay approve car-price@1 --note "…"'

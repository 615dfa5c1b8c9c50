import msgspec

from assay.report import verdict

from .samples import car_price


def test_a_refusal_says_how_many_rules_block_and_how() -> None:
    told = verdict.verdict(car_price(refused=True))
    assert told.state == "refused"
    assert told.reason == "1 rule of 7 blocks the release: 1 not met."


def test_an_empty_policy_refuses() -> None:
    dossier = car_price()
    empty = msgspec.structs.replace(dossier.decision, outcomes=())
    told = verdict.verdict(msgspec.structs.replace(dossier, decision=empty))
    assert told.state == "refused"
    assert "permits nothing" in told.reason


def test_waiting_names_what_must_be_accepted() -> None:
    told = verdict.verdict(car_price())
    assert told.state == "waiting"
    assert "1 approval to go" in told.next_step
    assert "FAI001/make/held-out" in told.next_step


def test_once_struck_it_names_the_approver() -> None:
    told = verdict.verdict(car_price(struck=True))
    assert told.state == "struck"
    assert "1 was accepted by name. Approved by luis." in told.reason


def test_success_compares_with_what_is_needed() -> None:
    assert "needed is 2,000 USD, which the estimate meets" in verdict.success(car_price())

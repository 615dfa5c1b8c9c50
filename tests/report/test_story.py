import msgspec
import pytest

from assay.report import story
from assay.report.wording import PRINCIPLES

from .samples import car_price


def test_a_refusal_says_how_many_rules_block_and_how() -> None:
    verdict = story.verdict(car_price(refused=True))
    assert verdict.state == "refused"
    assert verdict.reason == "1 rule of 7 blocks the release: 1 not met."


def test_an_empty_policy_refuses() -> None:
    dossier = car_price()
    empty = msgspec.structs.replace(dossier.decision, outcomes=())
    verdict = story.verdict(msgspec.structs.replace(dossier, decision=empty))
    assert verdict.state == "refused"
    assert "permits nothing" in verdict.reason


def test_waiting_names_what_must_be_accepted() -> None:
    verdict = story.verdict(car_price())
    assert verdict.state == "waiting"
    assert "1 approval to go" in verdict.next_step
    assert "FAI001/make/held-out" in verdict.next_step


def test_once_struck_it_names_the_approver() -> None:
    verdict = story.verdict(car_price(struck=True))
    assert verdict.state == "struck"
    assert "1 was accepted by name. Approved by luis." in verdict.reason


def test_what_blocks_comes_first() -> None:
    ended = [rule.consequence for rule in story.rules(car_price(refused=True))]
    assert ended[0] == "This blocks the release."
    assert ended[1].startswith("An approver must accept this by name")
    assert not any(ended[2:])


def test_figures_of_a_rule_carry_the_unit_of_their_finding() -> None:
    rules = {rule.check: rule for rule in story.rules(car_price())}
    assert rules["REL004"].measured == "90%"
    assert rules["REL004"].limit == "at least 85%"
    assert rules["TRA001"].limit == "0% to 10%"
    assert rules["INC001"].strip == ""


def test_all_six_principles_are_told_even_without_evidence() -> None:
    dossier = car_price()
    bare = msgspec.structs.replace(dossier.assessment, findings=())
    views = story.principles(msgspec.structs.replace(dossier, assessment=bare))
    assert [view.key for view in views] == list(PRINCIPLES)
    assert all("Evidence missing" in view.summary for view in views)


def test_a_check_that_does_not_apply_is_no_evidence() -> None:
    view = next(v for v in story.principles(car_price()) if v.key == "inclusiveness")
    assert view.summary.startswith("Evidence missing: none of 1 check applies")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("at most 1e-05", (None, 1e-05)),
        ("at least -0.2", (-0.2, None)),
        ("between 0 and 1.5e+20", (0.0, 1.5e20)),
        ("none", (None, None)),
    ],
)
def test_limits_are_read_back_from_their_words(words: str, expected: tuple) -> None:
    assert tuple(story.limits(words)) == expected


def test_success_compares_with_what_is_needed() -> None:
    assert "needed is 2,000 USD, which the estimate meets" in story.success(car_price())

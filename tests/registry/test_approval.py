from __future__ import annotations

from typing import Any

import pytest

from assay.assess.finding import Assessment
from assay.errors import ApprovalRefused
from assay.policy.gate import Decision, decide
from assay.policy.policy import Policy, Rule
from assay.registry.approval import (
    Approval,
    approvals_required,
    find_shortcoming,
    resolve_accepted,
)
from assay.registry.version import ModelVersion

from .samples import OPEN_RULE, TODAY, findings, policy

VERSION = ModelVersion(
    name="car-price", number=1, run="r", created_at="", created_by="ana", files={},
    **dict.fromkeys(
        ["model", "contract", "dataset", "split", "policy", "assessment", "decision",
         "leaderboard", "parity", "code", "environment", "question", "reference"], "sha256:00"),
)  # fmt: skip


def decision(rules: Policy) -> Decision:
    return decide(rules, Assessment(subject="sha256:00", findings=findings()), today=TODAY)


def approval(**facts: Any) -> Approval:
    given = {"version": "car-price@1", "by": "luis", "at": "", "note": "ok", "how": "test"}
    return Approval(**{**given, **facts})


OPEN = policy(OPEN_RULE)
ACCEPTED = ("FAI001/make/held-out",)


@pytest.mark.parametrize(
    ("rules", "approvals", "said"),
    [
        (policy(), [], "0 of 1 approvals"),
        (policy(required=0), [], ""),
        (policy(required=2), [approval()], "1 of 2"),
        (policy(required=2), [approval(), approval()], "approved twice"),
        (policy(), [approval()], ""),
        (policy(), [approval(version="car-price@2")], "another version"),
        (policy(four_eyes=True), [approval(by="ana")], "four eyes"),
        (policy(four_eyes=True), [approval()], ""),
        (OPEN, [approval()], "did not accept FAI001/make/held-out by name"),
        (OPEN, [approval(accepted=ACCEPTED, note="")], "without a note"),
        (OPEN, [approval(accepted=ACCEPTED)], ""),
        (OPEN, [approval(accepted=ACCEPTED), approval(by="eva")], "eva did not accept"),
    ],
)
def test_what_approvals_lack(rules: Policy, approvals: list[Approval], said: str) -> None:
    found = find_shortcoming(VERSION, rules, decision(rules), approvals)
    assert said in found
    assert bool(found) == bool(said)


def test_open_rules_ask_for_one_person_at_least() -> None:
    assert approvals_required(policy(required=0), decision(policy(required=0))) == 0
    open_rules = policy(OPEN_RULE, required=0)
    assert approvals_required(open_rules, decision(open_rules)) == 1


def test_a_name_that_fits_two_open_rules_accepts_neither() -> None:
    facts = findings()[1]
    both = Assessment(
        subject="sha256:00",
        findings=(facts, type(facts).from_json(facts.to_json().replace(b'"make"', b'"wheels"'))),
    )
    rule = Rule(check="FAI001", at_most=2.0, undecided="approve")
    open_rules = decide(policy(rule), both, today=TODAY)
    assert len(open_rules.to_accept) == 2
    with pytest.raises(ApprovalRefused, match="names 2 undecided rules") as caught:
        resolve_accepted(open_rules, ["FAI001"])
    assert caught.value.hint == "Name each: FAI001/make/held-out, FAI001/wheels/held-out."
    assert resolve_accepted(open_rules, ["FAI001/wheels"]) == ("FAI001/wheels/held-out",)

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.assess.finding import Assessment, Finding
from assay.policy.gate import Decision, decide
from assay.policy.looks import confidence_at, share_at
from assay.policy.policy import Policy, Rule

TODAY = "2026-03-01"


def finding(**facts: object) -> Finding:
    given = {
        "check": "FAI003", "title": "Gap", "principle": "fairness", "measure": "gap",
        "value": 0.05, "lower": 0.01, "upper": 0.09, "rows": 900,
    }  # fmt: skip
    return Finding(**{**given, **facts})


def judge(found: Finding, *, look: int, looks: int | None = None) -> Decision:
    policy = Policy(name="p", rules=(Rule(check="FAI003", at_most=0.1),), looks=looks)
    evidence = Assessment(subject="sha256:00", findings=(found,), look=look)
    return decide(policy, evidence, today=TODAY)


@pytest.mark.parametrize("planned", [None, 1, 2, 7, 40])
def test_all_looks_together_spend_no_more_than_all(planned: int | None) -> None:
    total = sum(share_at(look, planned) for look in range(1, 5000))
    assert total <= 1 + 1e-9
    assert total > 0.99


@given(st.floats(0.51, 0.999), st.integers(1, 200), st.none() | st.integers(1, 30))
def test_a_later_look_never_asks_less(confidence: float, look: int, planned: int | None) -> None:
    first, second = (confidence_at(confidence, k, planned) for k in (look, look + 1))
    assert confidence - 1e-9 <= first <= second < 1


def test_looks_that_are_not_counted_cost_nothing() -> None:
    assert confidence_at(0.95, 0) == 0.95


def test_whoever_looks_once_loses_little() -> None:
    assert confidence_at(0.95, 1) == 0.96
    assert confidence_at(0.95, 1, planned=1) == 0.95


def test_the_first_look_must_be_a_little_surer() -> None:
    (outcome,) = judge(finding(), look=1).outcomes
    assert (outcome.status, outcome.effect) == ("missing", "blocks")
    assert outcome.reason == (
        "FAI003/held-out was assessed at 95 % confidence, the policy asks 95 %, which at look 1 "
        "of these rows takes 96 %."
    )
    assert judge(finding(confidence=0.96), look=1).allowed


def test_a_second_look_must_be_much_surer() -> None:
    assert not judge(finding(confidence=0.96), look=2).allowed
    assert judge(finding(confidence=0.995), look=2).allowed


def test_planned_looks_share_evenly_and_then_end() -> None:
    sure = finding(confidence=0.975)
    assert judge(sure, look=1, looks=2).allowed
    assert judge(sure, look=2, looks=2).allowed
    (outcome,) = judge(finding(confidence=0.9999), look=3, looks=2).outcomes
    assert outcome.status == "missing"
    assert outcome.reason == (
        "The policy plans 2 looks at the held-out rows, and this is look 3: new rows are needed."
    )


@pytest.mark.parametrize("evidence", ["table", "record"])
def test_what_no_model_answers_is_not_looked_at_again(evidence: str) -> None:
    assert judge(finding(evidence=evidence), look=9).allowed


def test_cross_fitted_rows_are_looked_at_again() -> None:
    assert not judge(finding(evidence="cross-fitted"), look=2).allowed

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.assess.finding import Assessment, Finding
from assay.errors import InputError
from assay.policy.gate import PRECEDENCE, Decision, decide
from assay.policy.policy import Policy, Rule, Waiver

TODAY = "2026-03-01"


def finding(**facts: Any) -> Finding:
    given = {
        "check": "REL001",
        "title": "Error against the baseline",
        "principle": "reliability-safety",
        "measure": "mean absolute error divided by the baseline's",
        "value": 0.21,
        "lower": 0.16,
        "upper": 0.27,
        "rows": 51,
    }
    return Finding(**{**given, **facts})


def judge(
    rules: Rule | list[Rule],
    findings: Finding | list[Finding] | tuple[Finding, ...] = (),
    *,
    waivers: tuple[Waiver, ...] = (),
    today: str = TODAY,
) -> Decision:
    rules = [rules] if isinstance(rules, Rule) else rules
    findings = [findings] if isinstance(findings, Finding) else findings
    policy = Policy(name="release", rules=tuple(rules), waivers=waivers)
    evidence = Assessment(subject="sha256:00", findings=tuple(findings))
    return decide(policy, evidence, today=today)


def status(rule: Rule, *findings: Finding) -> str:
    (outcome,) = judge(rule, findings).outcomes
    return outcome.status


def test_an_empty_policy_permits_nothing() -> None:
    assert not judge([], finding()).allowed


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({"at_most": 0.27}, "met"),  # the bound may touch the limit
        ({"at_most": 0.26}, "undecided"),
        ({"at_most": 0.16}, "undecided"),
        ({"at_most": 0.15}, "not met"),
        ({"at_least": 0.16}, "met"),
        ({"at_least": 0.17}, "undecided"),
        ({"at_least": 0.27}, "undecided"),
        ({"at_least": 0.28}, "not met"),
        ({"at_least": 0.1, "at_most": 0.3}, "met"),
        ({"at_least": 0.2, "at_most": 0.3}, "undecided"),
        ({"at_least": 0.3, "at_most": 0.4}, "not met"),
        ({"at_least": 0.0, "at_most": 0.1}, "not met"),
    ],
)
def test_the_whole_bound_must_lie_within_the_limit(limits: dict[str, float], expected: str) -> None:
    assert status(Rule(check="REL001", **limits), finding()) == expected


def test_the_reason_says_what_was_measured_its_bound_the_limit_and_the_rows() -> None:
    decision = judge(Rule(check="REL001", at_most=0.6), finding())
    assert decision.outcomes[0].reason == (
        "Mean absolute error divided by the baseline's is 0.21; with 95 % confidence at most "
        "0.27; the limit is 0.6 (51 held-out rows)."
    )


def test_the_reason_of_a_breach_gives_the_bound_that_breaches() -> None:
    above = judge(Rule(check="REL001", at_most=0.1), finding()).outcomes[0].reason
    assert "with 95 % confidence at least 0.16; the limit is 0.1" in above
    below = judge(Rule(check="REL001", at_least=0.5), finding()).outcomes[0].reason
    assert "with 95 % confidence at most 0.27; at least 0.5 is asked" in below


def test_numbers_that_differ_never_read_the_same() -> None:
    close = finding(value=0.59, lower=0.58, upper=0.600004)
    outcome = judge(Rule(check="REL001", at_most=0.6), close).outcomes[0]
    assert outcome.status == "undecided"
    assert "0.600004" in outcome.reason


def test_a_unit_follows_each_number() -> None:
    price = finding(measure="mean error", value=1531.6, lower=1200.0, upper=1800.0, unit="USD")
    reason = judge(Rule(check="REL001", at_most=2000), price).outcomes[0].reason
    assert "is 1,532 USD" in reason
    assert "at most 1,800 USD; the limit is 2,000 USD" in reason


def test_a_fact_has_no_bound_and_holds_at_any_confidence() -> None:
    owner = finding(
        check="ACC001", measure="share of the record", value=1.0, lower=1.0, upper=1.0,
        rows=0, evidence="record",
    )  # fmt: skip
    outcome = judge(Rule(check="ACC001", at_least=1, confidence=0.99), owner).outcomes[0]
    assert outcome.status == "met"
    assert outcome.reason == "Share of the record is 1; at least 1 is asked."


# Further rows


def test_further_rows_follow_the_square_root_law() -> None:
    # half-width 0.2, distance 0.1: the bound must halve, so rows must become four times 50
    undecided = finding(value=0.5, lower=0.3, upper=0.7, rows=50)
    outcome = judge(Rule(check="REL001", at_most=0.6), undecided).outcomes[0]
    assert outcome.status == "undecided"
    assert outcome.further_rows == 150
    assert outcome.reason.endswith("About 150 further rows would settle it, if the value stays.")


def test_further_rows_of_a_band_serve_the_harder_side() -> None:
    undecided = finding(value=0.5, lower=0.3, upper=0.7, rows=50)
    rule = Rule(check="REL001", at_least=0.45, at_most=0.6)
    assert judge(rule, undecided).outcomes[0].further_rows == 750


@pytest.mark.parametrize("limit", [0.5, 0.45])
def test_a_value_at_or_beyond_the_limit_has_no_further_rows(limit: float) -> None:
    undecided = finding(value=0.5, lower=0.3, upper=0.7, rows=50)
    outcome = judge(Rule(check="REL001", at_most=limit), undecided).outcomes[0]
    assert outcome.further_rows is None
    assert outcome.reason.endswith("More rows are likelier to show a violation.")


def test_further_rows_need_rows_to_reckon_from() -> None:
    undecided = finding(value=0.5, lower=0.3, upper=0.7, rows=0)
    outcome = judge(Rule(check="REL001", at_most=0.6), undecided).outcomes[0]
    assert outcome.further_rows is None
    assert "further rows" not in outcome.reason


def test_an_immense_number_of_further_rows_does_not_overflow() -> None:
    value = 0.6
    near = finding(value=math.nextafter(value, 0), lower=-1e300, upper=1e300)
    assert judge(Rule(check="REL001", at_most=value), near).outcomes[0].further_rows is None


@given(width=st.floats(0.01, 10), distance=st.floats(0.001, 10), rows=st.integers(2, 10_000))
def test_with_the_further_rows_the_rule_would_be_met(
    width: float, distance: float, rows: int
) -> None:
    rule = Rule(check="REL001", at_most=distance)
    (before,) = judge(rule, finding(value=0.0, lower=-width, upper=width, rows=rows)).outcomes
    if before.status != "undecided":
        return
    assert before.further_rows is not None
    shrunk = width * math.sqrt(rows / (rows + before.further_rows))
    assert shrunk <= distance * (1 + 1e-12)


# Missing evidence


def test_no_finding_is_missing_and_blocks_even_where_all_else_is_allowed() -> None:
    rule = Rule(check="REL001", at_most=1, undecided="allow", not_applicable="allow")
    (outcome,) = judge(rule, finding(check="REL002")).outcomes
    assert (outcome.status, outcome.effect) == ("missing", "blocks")
    assert outcome.reason == "The assessment holds no finding of REL001."


@pytest.mark.parametrize(
    "facts",
    [
        {"value": math.nan},
        {"lower": math.nan},
        {"upper": math.nan},
        {"upper": math.inf},
        {"lower": None},
        {"upper": None},
        {"value": None},
        {"lower": 0.9, "upper": 0.1},
    ],
)
def test_a_finding_without_sound_numbers_is_missing(facts: dict[str, Any]) -> None:
    rule = Rule(check="REL001", at_most=1, undecided="allow", not_applicable="allow")
    (outcome,) = judge(rule, finding(**facts)).outcomes
    assert (outcome.status, outcome.effect) == ("missing", "blocks")


@pytest.mark.parametrize("limit", [math.nan, math.inf, None])
def test_a_rule_without_a_number_for_a_limit_is_missing(limit: float | None) -> None:
    assert status(Rule(check="REL001", at_most=limit), finding()) == "missing"


def test_a_lower_confidence_than_asked_is_missing() -> None:
    (outcome,) = judge(Rule(check="REL001", at_most=1), finding(confidence=0.9)).outcomes
    assert outcome.status == "missing"
    assert outcome.reason.endswith("was assessed at 90 % confidence, the policy asks 95 %.")


def test_a_higher_confidence_than_asked_will_do() -> None:
    assert status(Rule(check="REL001", at_most=1), finding(confidence=0.99)) == "met"


def test_two_findings_for_one_thing_are_missing() -> None:
    assert status(Rule(check="REL001", at_most=1), finding(), finding(value=0.2)) == "missing"


def test_the_outcome_holds_only_what_json_can_keep() -> None:
    (outcome,) = judge(Rule(check="REL001", at_most=1), finding(value=math.nan)).outcomes
    assert outcome.value is None
    assert type(outcome).from_json(outcome.to_json()) == outcome


# Which evidence counts


def test_held_out_evidence_comes_first() -> None:
    findings = [finding(evidence=name, value=i / 10, lower=0.0, upper=1.0)
                for i, name in enumerate(reversed(PRECEDENCE))]  # fmt: skip
    (outcome,) = judge(Rule(check="REL001", at_most=2), findings).outcomes
    assert (outcome.evidence, outcome.value) == ("held-out", 0.3)


def test_cross_fitted_evidence_does_not_stand_in_unasked_for_held_out() -> None:
    held_out = finding(value=None, reason="Fewer than 30 rows.")
    crossed = finding(evidence="cross-fitted")
    assert status(Rule(check="REL001", at_most=1), held_out, crossed) == "not applicable"
    asked = Rule(check="REL001", at_most=1, evidence="cross-fitted")
    (outcome,) = judge(asked, [held_out, crossed]).outcomes
    assert outcome.status == "met"
    assert "51 cross-fitted rows" in outcome.reason


def test_evidence_that_is_asked_for_and_absent_is_missing() -> None:
    rule = Rule(check="REL001", at_most=1, column="make", evidence="cross-fitted")
    (outcome,) = judge(rule, finding(column="make")).outcomes
    assert outcome.status == "missing"
    assert outcome.reason == (
        "The assessment holds no finding of REL001 for column 'make' on cross-fitted evidence."
    )


def test_a_rule_with_a_column_reads_only_that_column() -> None:
    by_make = finding(column="make", value=0.9, lower=0.8, upper=0.95)
    rule = Rule(check="REL001", column="make", at_most=0.6)
    assert [o.status for o in judge(rule, [finding(), by_make]).outcomes] == ["not met"]


def test_a_rule_without_a_column_judges_every_column_of_the_check() -> None:
    findings = [finding(column="wheels"), finding(column="make", value=0.9, lower=0.8, upper=1.0)]
    decision = judge(Rule(check="REL001", at_most=0.6), findings)
    assert [(o.column, o.status) for o in decision.outcomes] == [
        ("make", "not met"),
        ("wheels", "met"),
    ]
    assert not decision.allowed


def test_a_rule_without_a_column_prefers_the_finding_without_one() -> None:
    findings = [finding(), finding(column="make", value=0.9, lower=0.8, upper=1.0)]
    assert judge(Rule(check="REL001", at_most=0.6), findings).allowed


# What undecided and not applicable do


@pytest.mark.parametrize(
    ("treatment", "effect", "allowed"),
    [("block", "blocks", False), ("approve", "needs acceptance", True), ("allow", "passes", True)],
)
def test_the_policy_says_what_undecided_does(treatment: Any, effect: str, allowed: bool) -> None:
    decision = judge(Rule(check="REL001", at_most=0.2, undecided=treatment), finding())
    assert decision.outcomes[0].effect == effect
    assert decision.allowed is allowed
    assert [o.key for o in decision.to_accept] == (
        ["REL001/held-out"] if treatment == "approve" else []
    )


@pytest.mark.parametrize(
    ("treatment", "effect"),
    [("block", "blocks"), ("approve", "needs acceptance"), ("allow", "passes")],
)
def test_the_policy_says_what_not_applicable_does(treatment: Any, effect: str) -> None:
    rule = Rule(check="REL001", at_most=0.2, not_applicable=treatment)
    (outcome,) = judge(rule, finding(value=None, reason="The column holds one group.")).outcomes
    assert (outcome.status, outcome.effect) == ("not applicable", effect)
    assert outcome.reason == "Not applicable: The column holds one group."


# Waivers


def waiver(**facts: Any) -> Waiver:
    given = {"check": "REL001", "by": "ana", "reason": "Pilot only", "until": TODAY}
    return Waiver(**{**given, **facts})


@pytest.mark.parametrize(
    "findings",
    [[finding(value=0.9, lower=0.8, upper=1.0)], [finding(value=0.59, lower=0.5, upper=0.7)], []],
    ids=["not met", "undecided", "missing"],
)
def test_a_waiver_sets_a_rule_aside_through_its_last_day(findings: list[Finding]) -> None:
    (outcome,) = judge(Rule(check="REL001", at_most=0.6), findings, waivers=(waiver(),)).outcomes
    assert (outcome.status, outcome.effect, outcome.waived_by) == ("waived", "passes", "ana")
    assert outcome.reason.endswith("Waived by ana until 2026-03-01: Pilot only.")


def test_a_waiver_that_has_ended_changes_nothing_but_is_said() -> None:
    rule = Rule(check="REL001", at_most=0.1)
    (outcome,) = judge(rule, finding(), waivers=(waiver(until="2026-02-28"),)).outcomes
    assert (outcome.status, outcome.effect) == ("not met", "blocks")
    assert outcome.reason.endswith("A waiver by ana ended on 2026-02-28.")


def test_a_waiver_for_one_column_leaves_the_others() -> None:
    bad = {"value": 0.9, "lower": 0.8, "upper": 1.0}
    findings = [finding(column="make", **bad), finding(column="wheels", **bad)]
    decision = judge(Rule(check="REL001", at_most=0.6), findings, waivers=(waiver(column="make"),))
    assert [o.status for o in decision.outcomes] == ["waived", "not met"]


def test_a_rule_that_is_met_needs_no_waiver() -> None:
    decision = judge(Rule(check="REL001", at_most=0.6), finding(), waivers=(waiver(),))
    assert decision.outcomes[0].status == "met"


def test_a_blocking_not_applicable_can_be_waived() -> None:
    rule = Rule(check="REL001", at_most=0.6, not_applicable="block")
    silent = finding(value=None, reason="One group.")
    assert judge(rule, silent, waivers=(waiver(),)).allowed
    assert not judge(rule, silent).allowed


@pytest.mark.parametrize("today", ["", "tomorrow", "2026-02-30", "2026-03-01T00:00:00Z"])
def test_the_day_must_be_a_day(today: str) -> None:
    with pytest.raises(InputError, match="not a day") as caught:
        judge([], today=today)
    assert "YYYY-MM-DD" in caught.value.hint


# Laws

NUMBERS = st.floats(-10, 10)
ANY = st.one_of(st.none(), st.just(math.nan), st.just(math.inf), NUMBERS)
CODES = st.sampled_from(["REL001", "FAI001", "ACC001"])
COLUMNS = st.sampled_from(["", "make", "wheels"])
TREATMENTS = st.sampled_from(["block", "approve", "allow"])
FINDINGS = st.builds(
    finding, check=CODES, column=COLUMNS, value=ANY, lower=ANY, upper=ANY,
    confidence=st.sampled_from([0.9, 0.95, 0.99]), rows=st.integers(0, 1000),
    evidence=st.sampled_from(PRECEDENCE), reason=st.sampled_from(["", "One group."]),
)  # fmt: skip
RULES = st.builds(
    Rule, check=CODES, column=COLUMNS, at_most=st.none() | NUMBERS, at_least=st.none() | NUMBERS,
    undecided=TREATMENTS, not_applicable=TREATMENTS,
    evidence=st.sampled_from(["", *PRECEDENCE]),
)  # fmt: skip
WAIVERS = st.builds(
    waiver, check=CODES, column=COLUMNS, until=st.sampled_from(["2026-02-01", "2026-04-01"])
)


@settings(max_examples=300)
@given(st.lists(RULES, max_size=5), st.lists(FINDINGS, max_size=8), st.lists(WAIVERS, max_size=3))
def test_laws_of_every_decision(
    rules: list[Rule], findings: list[Finding], waivers: list[Waiver]
) -> None:
    decision = judge(rules, findings, waivers=tuple(waivers))
    assert decision.allowed == (
        bool(rules) and all(o.effect != "blocks" for o in decision.outcomes)
    )
    for outcome in decision.outcomes:
        if outcome.status in {"missing", "not met"}:
            assert outcome.effect == "blocks"
            assert not decision.allowed
        if outcome.status in {"met", "waived"}:
            assert outcome.effect == "passes"
        assert (outcome.further_rows or 1) > 0
        assert outcome.further_rows is None or outcome.status in {"undecided", "waived"}
        assert outcome.reason.endswith(".")
        assert "nan" not in outcome.reason
    assert Decision.from_json(decision.to_json()) == decision
    again = judge(list(rules), list(findings), waivers=tuple(waivers))
    assert again.digest == decision.digest


@given(st.lists(RULES, max_size=5), st.lists(FINDINGS, max_size=6), st.randoms())
def test_the_order_of_rules_findings_and_waivers_does_not_matter(
    rules: list[Rule], findings: list[Finding], chance: Any
) -> None:
    def said(decision: Decision) -> list[bytes]:
        return sorted(outcome.to_json() for outcome in decision.outcomes)

    first = judge(rules, findings)
    # Findings under one key are refused as double evidence, whichever of them comes first.
    keys = [f.key for f in findings]
    shuffled = list(findings)
    if len(set(keys)) == len(keys):
        chance.shuffle(shuffled)
    turned = list(rules)
    chance.shuffle(turned)
    second = judge(turned, shuffled)
    assert said(first) == said(second)
    assert first.allowed == second.allowed


RANK = {"missing": -1, "not met": 0, "undecided": 1, "met": 2}


@given(value=NUMBERS, below=st.floats(0, 5), above=st.floats(0, 5), a=NUMBERS, b=NUMBERS)
def test_a_wider_limit_never_judges_worse(
    value: float, below: float, above: float, a: float, b: float
) -> None:
    found = finding(value=value, lower=value - below, upper=value + above)
    tight, wide = sorted((a, b))
    assert (
        RANK[status(Rule(check="REL001", at_most=tight), found)]
        <= RANK[status(Rule(check="REL001", at_most=wide), found)]
    )
    assert (
        RANK[status(Rule(check="REL001", at_least=wide), found)]
        <= RANK[status(Rule(check="REL001", at_least=tight), found)]
    )


@given(st.lists(RULES, min_size=1, max_size=4), RULES, st.lists(FINDINGS, max_size=6))
def test_a_further_rule_never_allows_what_was_refused(
    rules: list[Rule], further: Rule, findings: list[Finding]
) -> None:
    if not judge(rules, findings).allowed:
        assert not judge([*rules, further], findings).allowed


@given(st.lists(RULES, max_size=4), st.lists(FINDINGS, max_size=6))
def test_what_is_stored_decides_like_what_was_measured(
    rules: list[Rule], findings: list[Finding]
) -> None:
    # A value that is not a number is stored as none, so a reason beside it would change sides.
    sound = [f for f in findings if not (f.reason and f.value is not None)]
    policy = Policy(name="p", rules=tuple(rules))
    measured = Assessment(subject="sha256:00", findings=tuple(sound))
    stored = Assessment.from_json(measured.to_json())
    assert decide(policy, stored, today=TODAY) == decide(policy, measured, today=TODAY)


def test_the_gate_reads_no_clock_store_or_network(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket
    import time

    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr(socket, "socket", forbidden)
    monkeypatch.setattr(time, "time", forbidden)
    monkeypatch.setattr("builtins.open", forbidden)
    assert judge(Rule(check="REL001", at_most=0.6), finding()).allowed


def test_a_saved_decision_still_opens() -> None:
    saved = (
        b'{"policy":"sha256:aa","assessment":"sha256:bb","outcomes":[{"check":"REL001",'
        b'"title":"t","column":"","evidence":"held-out","principle":"fairness","status":"met",'
        b'"limit":"at most 1","value":0.5,"lower":0.4,"upper":0.6,"confidence":0.95,"rows":9,'
        b'"reason":"r.","further_rows":null,"effect":"passes","because":"","waived_by":""}],'
        b'"of a later version":1}'
    )
    decision = Decision.from_json(saved)
    assert decision.allowed
    assert msgspec.json.decode(decision.to_json())["today"] == ""
    assert decision.outcomes[0].further_rows_by_group == {}

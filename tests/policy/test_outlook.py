from __future__ import annotations

import msgspec
import numpy as np
import pytest

from assay.assess import statistics as s
from assay.assess.finding import Assessment, Finding, GroupValue
from assay.policy.gate import Outcome, decide
from assay.policy.outlook import further_rows_by_group
from assay.policy.policy import Policy, Rule

RULE = Rule(check="FAI003", at_most=0.1)


def gap_finding(events: list[int], rows: list[int]) -> Finding:
    """A gap of rates as the check finds it."""
    k, n = np.array(events, float), np.array(rows, float)
    gap, rate = s.gap_of_rates(k, n, 0.95), s.clopper_pearson(k, n, 0.95)
    return Finding(
        check="FAI003", title="Gap", principle="fairness", measure="gap of rates",
        value=float(gap.value), lower=float(gap.lower), upper=float(gap.upper),
        rows=int(n.sum()), column="sex",
        groups=tuple(
            GroupValue(group="abcdefgh"[i], rows=int(n[i]), value=float(rate.value[i]),
                       lower=float(rate.lower[i]), upper=float(rate.upper[i]))
            for i in range(n.size)
        ),
    )  # fmt: skip


def outcome(found: Finding, rule: Rule = RULE) -> Outcome:
    policy = Policy(name="p", rules=(rule,))
    (result,) = decide(
        policy, Assessment(subject="sha256:00", findings=(found,)), today="2026-03-01"
    ).outcomes
    return result


def worst_finding(**facts: object) -> Finding:
    """The largest of three groups' errors; only b stands in the way."""
    groups = (
        GroupValue(group="a", rows=1000, value=0.30, lower=0.28, upper=0.32),
        GroupValue(group="b", rows=100, value=0.40, lower=0.34, upper=0.46),
        GroupValue(group="c", rows=50, value=0.10, lower=0.04, upper=0.16),
    )
    given = {
        "check": "FAI003", "title": "Error", "principle": "fairness", "measure": "largest error",
        "value": 0.40, "lower": 0.34, "upper": 0.46, "rows": 1150, "groups": groups,
    }  # fmt: skip
    return Finding(**{**given, **facts})


def test_only_the_group_that_stands_in_the_way_needs_rows() -> None:
    found = outcome(worst_finding(), Rule(check="FAI003", at_most=0.42))
    # b's bound must come three times nearer: nine times the rows
    assert found.further_rows_by_group == {"b": 800}
    assert found.further_rows == 9200
    assert found.reason.endswith(
        "About 9,200 further rows would settle it, if the value stays; gathered where they are "
        "needed: 800 of b."
    )


def test_a_wide_interval_below_the_largest_value_may_stand_in_the_way_too() -> None:
    wide = GroupValue(group="c", rows=50, value=0.20, lower=0.0, upper=0.45)
    groups = (*worst_finding().groups[:2], wide)
    found = outcome(worst_finding(groups=groups), Rule(check="FAI003", at_most=0.42))
    assert found.further_rows_by_group["b"] == 800
    assert 10 <= found.further_rows_by_group["c"] <= 20  # 50 * ((0.25 / 0.22)^2 - 1)


def test_the_smallest_of_several_is_turned_around() -> None:
    groups = tuple(
        GroupValue(group=name, rows=rows, value=value, lower=lower, upper=upper)
        for name, rows, value, lower, upper in (
            ("a", 1000, 0.70, 0.68, 0.72),
            ("b", 100, 0.60, 0.54, 0.66),
            ("c", 50, 0.90, 0.84, 0.96),
        )
    )
    found = worst_finding(value=0.6, lower=0.54, upper=0.66, groups=groups)
    assert outcome(found, Rule(check="FAI003", at_least=0.58)).further_rows_by_group == {"b": 800}


@pytest.mark.parametrize(
    ("events", "rows"),
    [
        ([60, 50, 230], [300, 300, 1000]),
        ([20, 700], [80, 3000]),
        ([30, 25, 28, 31, 22], [150, 150, 150, 150, 150]),
    ],
)
def test_with_the_rows_it_names_the_rule_is_settled_or_nearly(
    events: list[int], rows: list[int]
) -> None:
    found = gap_finding(events, rows)
    result = outcome(found)
    assert result.status == "undecided"
    assert result.further_rows is not None
    named = result.further_rows_by_group
    assert named
    assert sum(named.values()) <= result.further_rows + len(named)
    enough = [n + 1.25 * named.get("abcdefgh"[i], 0) for i, n in enumerate(rows)]
    rates = [k / n for k, n in zip(events, rows, strict=True)]
    after = s.gap_of_rates(np.array(enough) * rates, np.array(enough), 0.95)
    assert after.upper <= 0.1 + 1e-3


@pytest.mark.parametrize(
    "facts",
    [
        {"groups": ()},
        {"evidence": "table"},
        {"value": 0.45, "lower": 0.4, "upper": 0.5},
        {"groups": (GroupValue(group="a", rows=9, value=None),) * 2},
    ],
)
def test_nothing_is_said_by_group_where_nothing_is_known(facts: dict[str, object]) -> None:
    assert further_rows_by_group(Rule(check="FAI003", at_most=0.42), worst_finding(**facts)) == {}


def test_many_groups_are_counted_rather_than_named() -> None:
    groups = tuple(
        GroupValue(group=f"g{i}", rows=100, value=0.40, lower=0.34, upper=0.46) for i in range(9)
    )
    found = outcome(worst_finding(groups=groups), Rule(check="FAI003", at_most=0.42))
    assert len(found.further_rows_by_group) == 9
    assert found.reason.endswith("800 of g4, 800 of g5, and 3 more groups.")


def test_an_outcome_recorded_before_is_still_read() -> None:
    fields = outcome(worst_finding(), Rule(check="FAI003", at_most=0.42)).to_json()
    old = msgspec.json.decode(fields)
    del old["further_rows_by_group"]
    assert Outcome.from_json(msgspec.json.encode(old)).further_rows_by_group == {}

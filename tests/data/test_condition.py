"""Conditions in SQL: what they may say, and how they are refused."""

from __future__ import annotations

import polars as pl
import pytest

from assay.data.condition import holds, parse_condition
from assay.errors import InvalidConfig

FRAME = pl.DataFrame(
    {
        "age": [20.0, 40.0, None, float("nan")],
        "sex": ["F", "M", "F", None],
        "work class": ["a", "b", "a", "b"],
    }
)


def answers(sql: str) -> list[bool | None]:
    return holds(parse_condition(sql, FRAME.columns), FRAME, sql=sql).to_list()


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("age < 30", [True, False, None, None]),
        ("age >= 30", [False, True, None, None]),  # NaN is missing, not a large number
        ("age < 30 AND sex = 'F'", [True, False, None, None]),
        ("age < 30 OR sex = 'F'", [True, False, True, None]),
        ("age IS NULL", [False, False, True, True]),
        ("sex IN ('F', 'X')", [True, False, True, None]),
        ("age BETWEEN 15 AND 25", [True, False, None, None]),
        ("NOT (sex = 'M')", [True, False, True, None]),
        ("LOWER(sex) = 'f' AND sex <> 'MAX(age)'", [True, False, True, None]),
        ("\"work class\" = 'a'", [True, False, True, False]),
    ],
)
def test_what_a_condition_says(sql: str, expected: list[bool | None]) -> None:
    assert answers(sql) == expected


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("age <", "is not an expression"),
        ("SELECT 1", "uses SELECT"),
        ("agee < 30", "no such column as 'agee'"),
        ("1 = 1", "names no column"),
        ("age > AVG(age)", "uses AVG, which may need more than the row"),
        ("SUM (age) OVER (PARTITION BY sex) > 3", "uses OVER"),
        ("age > (select 1)", "uses SELECT"),
        ('"^a.*$" > 3', "names no column"),
        ("*", "is not an expression"),
        ("age + 1", "does not say yes or no"),
        ("sex > 3 AND age", "does not fit the types|does not say yes or no"),
    ],
)
def test_what_is_refused(sql: str, why: str) -> None:
    with pytest.raises(InvalidConfig, match=why) as error:
        answers(sql)
    assert "age, sex, work class" in error.value.hint

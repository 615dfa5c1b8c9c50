"""Affected groups against the table: what they stand for, and how they are refused."""

from __future__ import annotations

from typing import Any

import msgspec
import polars as pl
import pytest

from assay.data.groupings import check_groups, definitions_of, factors_of
from assay.errors import InvalidConfig, UnknownColumn
from assay.question import Groups, Question
from assay.testing.check import example_question

FRAME = pl.DataFrame({"age": [20, 40], "sex": ["F", "M"], "R & D": ["a", "b"], "hours": [1, 2]})
YOUNG = Groups(name="young", where="age < 30", given=("hours",))


def asking(*groups: Groups) -> Question:
    return msgspec.structs.replace(example_question("binary"), affected_groups=groups)


def test_what_a_key_stands_for() -> None:
    question = asking(YOUNG, Groups(column="sex", given=("hours", "age")))
    columns = FRAME.columns
    assert definitions_of(question, columns, "young") == (YOUNG,)
    assert [g.key for g in definitions_of(question, columns, "R & D")] == ["R & D"]
    assert [g.key for g in definitions_of(question, columns, "young & sex")] == ["young", "sex"]
    assert factors_of(question, columns, "young & sex") == ("hours", "age")
    with pytest.raises(UnknownColumn, match="'race'"):
        definitions_of(question, columns, "sex & race")


def test_groups_that_fit_the_table() -> None:
    check_groups(asking(YOUNG, Groups(column="sex & age", given=("young",))), FRAME)


@pytest.mark.parametrize(
    ("groups", "error", "message"),
    [
        ({"column": "race"}, UnknownColumn, "no column 'race'"),
        ({"column": "sex & race"}, UnknownColumn, "no column 'race'"),
        ({"column": "sex", "given": ("work",)}, UnknownColumn, "no column 'work'"),
        ({"name": "old", "where": "agee > 60"}, InvalidConfig, "no such column as 'agee'"),
        ({"name": "old", "where": "sex > 60"}, InvalidConfig, "does not fit the types"),
        ({"name": "sex", "where": "age > 60"}, InvalidConfig, "is a column of the table"),
        ({"name": "young", "column": "age", "bins": (30,)}, InvalidConfig, "Two affected groups"),
    ],
)
def test_groups_that_do_not_fit(
    groups: dict[str, Any], error: type[InvalidConfig], message: str
) -> None:
    with pytest.raises(error, match=message) as raised:
        check_groups(asking(YOUNG, Groups(**groups)), FRAME)
    assert raised.value.where == "assay.yaml: affected_groups"

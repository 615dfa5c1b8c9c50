"""Columns may be called like anything, also like the columns that are made on the way."""

from __future__ import annotations

import polars as pl
import pytest

from assay.data.derivation import derive_contract
from assay.data.personal import find_personal_data
from assay.data.profile import profile_table
from assay.data.split import split_rows
from assay.data.suitability import check_table
from assay.question import Question

NAMES = ["value", "variable", "rows", "len", "count", "index", "literal", "column", "level", "0"]


@pytest.mark.parametrize("target", NAMES)
def test_any_column_may_be_called_like_ours(target: str) -> None:
    levels = ["red", "green", "blue", "mail@example.org"]
    frame = pl.DataFrame({name: [levels[(i // 2) % 4] for i in range(80)] for name in NAMES})
    frame = frame.with_columns(pl.Series(target, ["no", "no", "yes", "no"] * 20))
    question = Question(
        name="p", question="x?", data="t.csv", target=target, decision="d", owner="o"
    )
    usable = check_table(frame, question).frame
    profile = profile_table(usable, target=target)
    contract = derive_contract(usable, question, profile)
    split = split_rows(usable, question, kind="binary", seed=0, contract=contract)
    assert [c.name for c in profile.columns] == NAMES
    assert len(split.train) + len(split.test) == 80
    found = {personal.column for personal in find_personal_data(usable)}
    assert found == {name for name in NAMES if name != target}

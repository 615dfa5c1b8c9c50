"""Kinds of columns, and kinds of questions."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from assay.data.cells import AMBIGUOUS
from assay.data.kinds import column_kind, infer_kind, label_text
from assay.errors import InvalidTable, UnknownColumn

LONG = [f"the customer wrote {i} long words of complaint" for i in range(10)]


@pytest.mark.parametrize(
    ("cells", "kind", "note"),
    [
        ([1, 2, 3], "integer", ""),
        ([0, 1, 1], "boolean", ""),
        ([0, 0, 2], "integer", ""),
        ([1, 1, None], "integer", ""),
        ([0.0, 1.0, None], "boolean", ""),
        ([0.0, 0.5, 1.0], "number", ""),
        ([1.5, float("inf"), float("-inf")], "number", "2 infinite values"),
        ([True, False], "boolean", ""),
        (["Yes", "no", None], "boolean", ""),
        (["Y", "N"], "boolean", ""),
        (["TRUE", "false"], "boolean", ""),
        (["yes", "no", "maybe"], "category", ""),
        (["yes", "yes"], "category", ""),
        (["M", "F"], "category", ""),
        (["a", None], "category", ""),
        (LONG, "text", ""),
        (LONG[:2] * 5, "category", ""),
        ([date(2024, 1, 1)], "date", ""),
        (["1", "2", "x", None], "category", "mixed: 2 of 3 cells are numbers, the rest text"),
        (["01", "02"], "category", "numbers with leading zeros: kept as text"),
        ([str(2**53 + 1), "2"], "category",
         "whole numbers beyond 2^53 are exact only as text: kept as text"),
        (["01/02/2024", "03/04/2024"], "category", AMBIGUOUS),
        ([None, None], "category", ""),
    ],
)  # fmt: skip
def test_column_kinds(cells, kind, note):
    series = pl.Series("a", cells, dtype=pl.String if cells == [None, None] else None)
    assert column_kind(series) == (kind, note)


@pytest.mark.parametrize(
    ("cells", "kind", "why"),
    [
        (["a", "b"] * 10, "binary", "two distinct values"),
        ([1, 7] * 10, "binary", "two distinct values"),
        ([True, False, None] * 10, "binary", "two distinct values"),
        (["a", "b", "c"] * 10, "multiclass", "3 distinct texts"),
        ([1, 2, 3] * 10, "multiclass", "only 3 distinct whole numbers"),
        ([1.0, 2.0, 3.0] * 10, "multiclass", "only 3 distinct whole numbers"),
        (list(range(10)), "regression", "10 distinct values"),
        (list(range(11)) * 10, "regression", "11 distinct values"),
        ([1.5, 2.5, 3.5] * 10, "regression", "3 distinct values"),
    ],
)
def test_kinds_of_questions_are_inferred(ask, cells, kind, why):
    inferred, sentence = infer_kind(pl.DataFrame({"y": cells}), ask("y"))
    assert inferred == kind
    assert why in sentence
    assert sentence.endswith(".")


def test_the_examples(ask, automobile, telco):
    assert infer_kind(automobile, ask("price"))[0] == "regression"
    assert infer_kind(telco, ask("churn"))[0] == "binary"
    assert infer_kind(automobile, ask("make"))[0] == "multiclass"


def test_what_is_asked_wins_where_it_is_possible(ask):
    frame = pl.DataFrame({"y": [1, 2, 3] * 10})
    kind, why = infer_kind(frame, ask("y", kind="regression"))
    assert (kind, why) == ("regression", "The question asks for regression.")


@pytest.mark.parametrize(
    ("cells", "kind", "message"),
    [
        (["a", "b", "c"], "regression", "is not a number"),
        (["a", "b", "c"], "binary", "has 3 distinct values"),
        ([f"t{i}" for i in range(51)], None, "has 51 distinct values"),
        (list(range(51)), "multiclass", "has 51 distinct values in 51 rows"),
        ([f"t{i}" for i in range(201)] * 50, None, "has 201 distinct values"),
        ([date(2024, 1, 1), date(2024, 1, 2)], None, "holds dates"),
    ],
)
def test_impossible_questions(ask, cells, kind, message):
    with pytest.raises(InvalidTable, match=message) as caught:
        infer_kind(pl.DataFrame({"y": cells}), ask("y", kind=kind))
    assert caught.value.hint


@pytest.mark.parametrize("classes", [50, 51, 100, 200])
def test_many_classes_are_answered_where_each_has_some_rows(ask, classes):
    frame = pl.DataFrame({"y": [f"t{i}" for i in range(classes)] * 5})
    assert infer_kind(frame, ask("y"))[0] == "multiclass"
    scarce = frame[: classes * 4]
    if classes > 50:
        with pytest.raises(InvalidTable, match="distinct values in"):
            infer_kind(scarce, ask("y"))
    else:
        assert infer_kind(scarce, ask("y"))[0] == "multiclass"


def test_an_absent_target_names_its_neighbour(ask):
    with pytest.raises(UnknownColumn) as caught:
        infer_kind(pl.DataFrame({"price": [1]}), ask("prise"))
    assert caught.value.hint == "Closest match: 'price'."


@pytest.mark.parametrize(
    ("cells", "labels"),
    [
        ([1, 0, None], ["1", "0", None]),
        ([1.0, 0.0], ["1", "0"]),
        ([1.5, 2.0], ["1.5", "2.0"]),
        ([True, False], ["true", "false"]),
        ([" Yes", "No", ""], ["Yes", "No", None]),
    ],
)
def test_labels(cells, labels):
    assert label_text(pl.Series(cells)).to_list() == labels

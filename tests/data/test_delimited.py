"""Text tables: structure first, then cells. Checked against Python's csv module."""

from __future__ import annotations

import csv
import io

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.data.delimited import check_names, read_delimited, sniff_separator
from assay.errors import InvalidFile, InvalidTable


def read(text: str) -> pl.DataFrame:
    return read_delimited(text.encode(), where="t.csv")


def refused(text: str) -> InvalidFile:
    with pytest.raises(InvalidFile) as caught:
        read(text)
    return caught.value


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_separators_are_sniffed(separator):
    text = f"a{separator}b\n1{separator}x\n2{separator}y\n"
    assert sniff_separator(text.encode()) == separator
    assert read(text).rows() == [(1, "x"), (2, "y")]


def test_a_separator_inside_quotes_does_not_count():
    assert read('a;b\n"1,2,3";x\n"4,5,6";y\n').rows() == [("1,2,3", "x"), ("4,5,6", "y")]


def test_decimal_commas_between_semicolons():
    assert read("a;b\n1,5;x,y\n2;z\n").rows() == [(1.5, "x,y"), (2.0, "z")]


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_newlines_byte_order_mark_and_blank_lines(newline):
    text = newline.join(["\ufeffa,b", "1,x", "", "2,y", "", ""])
    assert read(text).rows() == [(1, "x"), (2, "y")]


def test_a_blank_line_in_a_table_of_one_column_is_a_missing_cell():
    assert read("a\n1\n\n3\n\n")["a"].to_list() == [1, None, 3]


def test_quoted_cells_hold_newlines_separators_and_quotes():
    assert read('a,b\n1,"x, ""y""\nz"\n2,w\n').rows() == [(1, 'x, "y"\nz'), (2, "w")]


def test_quotes_inside_cells_are_kept_as_written():
    assert read('a,b\n1,5" pipe\n2,7" pipe\n').rows() == [(1, '5" pipe'), (2, '7" pipe')]


@pytest.mark.parametrize(
    ("text", "line", "found"),
    [
        ("a,b\n1,2\n3\n", 3, 1),
        ("a,b\n1,2\n3,4,5\n", 3, 3),
        ('a,b\n"x\ny",2\n3\n', 4, 1),
        ("a,b\n\n1,2\n3\n", 4, 1),
        ('a,b\n1,5" pipe\n3\n', 3, 1),
    ],
)
def test_ragged_rows_are_named(text, line, found):
    error = refused(text)
    assert f"Line {line} has {found} cell" in error.message
    assert "the header has 2" in error.message
    assert error.where == f"t.csv:{line}"
    assert "comma" in error.hint


def test_all_ragged_rows_are_counted():
    assert "2 rows differ" in refused("a,b\n1\n2,3\n4\n").message


@pytest.mark.parametrize("text", ['a,b\n1,"open\n2,x\n', 'a,b\n1,x\n5" pipe,"open\n2,x\n'])
def test_an_open_quote_is_named(text):
    error = refused(text)
    assert "never closed" in error.message or "quote opened" in error.message


@given(
    st.lists(
        st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=8),
                 min_size=3, max_size=3),
        min_size=1, max_size=6,
    )
)  # fmt: skip
def test_what_the_csv_module_writes_is_read_back(rows):
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows(
        [["first", "second", "third"], *rows]
    )
    cells = read_delimited(buffer.getvalue().encode(), where="", missing=("\0",))
    assert cells.shape == (len(rows), 3)
    for column, name in enumerate(cells.columns):
        if cells.schema[name] == pl.String:
            expected = [row[column].strip() for row in rows]
            assert [v.strip() for v in cells[name]] == expected


def test_names_are_checked():
    assert check_names(["a ", "b"]) == ["a", "b"]
    with pytest.raises(InvalidTable, match="no name"):
        check_names(["a", " "])
    with pytest.raises(InvalidTable, match="Two columns"):
        check_names(["a", "a "])

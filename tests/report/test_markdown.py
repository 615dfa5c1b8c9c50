import re

from hypothesis import given
from hypothesis import strategies as st

from assay.report import markdown


@given(st.text(max_size=60))
def test_escaped_words_are_one_line_without_live_markup(words: str) -> None:
    line = markdown.text(words)
    assert "\n" not in line
    assert "<" not in line
    assert not re.search(r"(?<!\\)(?:\\\\)*[`*_\[\]|#]", line)


@given(st.lists(st.lists(st.text(max_size=12), min_size=3, max_size=3), max_size=4))
def test_a_table_keeps_its_shape_whatever_its_cells_hold(rows: list[list[str]]) -> None:
    lines = markdown.table(["a", "b", "c"], rows).split("\n")
    assert len(lines) == len(rows) + 2
    assert all(len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) == 4 for line in lines)


def test_an_empty_fact_is_a_visible_slot() -> None:
    assert "☐ *Not written yet.*" in markdown.facts([("Aim", " ")])

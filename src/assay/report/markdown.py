"""Markdown in which data stays text: escaped words, tables, slots that wait for a person."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_SPECIAL = re.compile(r"([\\`*_{}\[\]#|~$^])")
_AT_START = re.compile(r"^([-+=]|\d+[.)])(?=\s|$)")


def text(words: str) -> str:
    r"""Escape words so that Markdown shows them as they are, on one line.

    Examples
    --------
    >>> text("a|b <script> *x*")
    'a\\|b &lt;script&gt; \\*x\\*'
    >>> text("- one\n2. two")
    '\\- one 2. two'
    """
    line = " ".join(words.split())
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    line = _SPECIAL.sub(r"\\\1", line)
    return _AT_START.sub(lambda found: f"{found[1][:-1]}\\{found[1][-1]}", line)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    r"""A table; every cell is escaped.

    Examples
    --------
    >>> print(table(["a", "b"], [["1", "x|y"]]))
    | a | b |
    | --- | --- |
    | 1 | x\|y |
    """
    lines = [_line(columns), f"| {' | '.join('---' for _ in columns)} |"]
    return "\n".join([*lines, *(_line(row) for row in rows)])


def facts(rows: Iterable[tuple[str, str]]) -> str:
    """A list of named facts; one that is empty is a slot for a person to fill."""
    return "\n".join(
        f"- **{name}:** {text(words) if words.strip() else '☐ *Not written yet.*'}"
        for name, words in rows
    )


def bullets(lines: Iterable[str]) -> str:
    """A list of sentences, escaped."""
    return "\n".join(f"- {text(line)}" for line in lines)


def slot(what: str, who: str) -> str:
    """A visibly empty place: what belongs there and who can write it.

    Examples
    --------
    >>> print(slot("What it saves a year.", "the owner"))
    > ☐ **Not written yet.** What it saves a year. *For: the owner.*
    """
    return f"> ☐ **Not written yet.** {what} *For: {who}.*"


def document(*parts: str) -> str:
    """Join blocks with blank lines; end with one newline."""
    return "\n\n".join(part for part in parts if part) + "\n"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(text(cell) for cell in cells)} |"

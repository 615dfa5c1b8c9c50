"""What a C source is gathered in: parts of the kernels, and constant tables."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from assay.model.c.spelling import array

_FILES = ("encoders.c", "members.c", "answers.c")
_PART = re.compile(r"/\* part: (\w+) \*/\n")


class Draft:
    """Parts and tables that a model needs, each once."""

    def __init__(self) -> None:
        self._parts: dict[tuple[str, tuple[tuple[str, str], ...]], None] = {}
        self.tables: list[str] = []

    def need(self, part: str, **words: str) -> None:
        """Take in a part of the kernels, with some of its words put in."""
        self._parts[part, tuple(words.items())] = None

    def table(self, kind: str, name: str, items: Iterable[str]) -> str:
        """Take in a constant array; returns its name."""
        self.tables.append(array(kind, name, items))
        return name

    def record(self, kind: str, name: str, fields: Iterable[str]) -> str:
        """Take in one constant struct; returns its name."""
        self.tables.append(f"static const {kind} {name} = {{{', '.join(fields)}}};")
        return name

    @property
    def parts(self) -> list[str]:
        """The parts needed, in the kernels' own order."""
        known = kernels()
        place = {name: i for i, name in enumerate(known)}
        chosen = sorted(self._parts, key=lambda part: place[part[0]])
        return [_fill(known[name], dict(words)) for name, words in chosen]


@cache
def kernels() -> dict[str, str]:
    """The parts of the kernels by name."""
    folder = Path(__file__).parent
    found: dict[str, str] = {}
    for file in _FILES:
        pieces = _PART.split((folder / file).read_text(encoding="utf-8"))[1:]
        found |= dict(zip(pieces[::2], (text.strip() for text in pieces[1::2]), strict=True))
    return found


def start() -> str:
    """The lines that every source starts with."""
    return (Path(__file__).parent / "start.c").read_text(encoding="utf-8").strip()


def _fill(part: str, words: dict[str, str]) -> str:
    for word, value in words.items():
        part = part.replace(word, value)
    return part

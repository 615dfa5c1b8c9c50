"""Rows made to find a disagreement between a plan and its graph: special values in each column.

They are built from the plan itself: every kind of boundary it has, set into real rows one
column at a time. `assay.model.split_rows` does the same for the splits of trees.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from assay.model.encode import FIRST_DAY, LAST_DAY
from assay.model.plan import (
    Array,
    CrossEncoder,
    DateEncoder,
    Encoder,
    HashedTextEncoder,
    LevelEncoder,
    ModelPlan,
    NumberEncoder,
    OneHotEncoder,
    PairEncoder,
    TextEncoder,
    columns_of,
)
from assay.model.text import separator

EXTREMES = (
    *(-np.inf, -1e308, -1e30, -(2.0**53), -1.0, -0.0, 0.0, 5e-324, 1.0, 16_777_217.0),
    *(2.0**53, 2.0**53 + 2.0, 1.7e9, 1.7e12, 1.7e18, 1e30, 1e308, np.inf),
)
"""Among them: 2^24 + 1, which is no float32; the end of the whole doubles; and the time now as
an epoch in seconds, milliseconds and nanoseconds."""

ODD_TEXTS = (
    *(
        "   ",
        "a",
        "A b C",
        "--- ... !!!",
        "don't",
        "x_1 x_1 x_1",
        "ÄÖÜ äöü",
        "e\u0301 é",
        "日本語 text",
    ),
    *(
        "\U0001f697 car \U0001f697",
        "\x01",
        "a\x01b c",
        "a\0b",
        "tab\tand\nline",
        "9" * 40,
        "ab " * 30,
    ),
)
"""Letters beyond ASCII, blanks, marks, repeats, control characters, what the graph pads with."""

SMALL_NUMBERS = (np.nan, -np.inf, -1e308, -1.0, -0.0, 0.0, 5e-324, 1.0, 3.0, 1e308, np.inf)
"""Set into both columns of an arithmetic pair, each with each."""

MAX_ROWS = 4_000
"""Of one case."""

MAX_CELLS = 8_000_000
"""Of one case: with very many columns a sample of the values is tried, and the rest is counted."""

BASE_ROWS = 8
"""Real rows into which each special value is set, at most."""


Change = tuple[str, Mapping[str, object]]
"""The column that is meant, and the cells to set."""


@dataclass(frozen=True)
class Rows:
    """Rows of one case; ``columns`` names, row by row, the column that was set, or is empty.

    ``left_out`` counts values of columns that were not tried, because the table is too wide.
    """

    case: str
    inputs: dict[str, Array]
    columns: tuple[str, ...]
    left_out: int = 0


@dataclass
class RowMaker:
    """Collects changed copies of real rows."""

    real: Mapping[str, Array]
    bases: list[int] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)
    changes: dict[str, list[tuple[int, object]]] = field(default_factory=dict)

    def add(self, base: int, column: str, changes: Mapping[str, object]) -> None:
        """Add real row ``base`` with other values in some columns; ``column`` is the one meant."""
        for name, value in changes.items():
            self.changes.setdefault(name, []).append((len(self.bases), value))
        self.bases.append(base)
        self.columns.append(column)

    def rows(self, case: str) -> Rows:
        """All rows added."""
        picked = np.array(self.bases, dtype=np.int64)
        inputs = {name: array[picked] for name, array in self.real.items()}
        for name, changes in self.changes.items():
            for row, value in changes:
                inputs[name][row, 0] = value
        return Rows(case, inputs, tuple(self.columns))


def value_cases(plan: ModelPlan, real: Mapping[str, Array], *, seed: int = 0) -> list[Rows]:
    """Special values in each column in turn.

    Parameters
    ----------
    plan : ModelPlan
    real : mapping of str to ndarray, shape (n, 1)
        Real rows, at least one.

    Returns
    -------
    list of Rows
        Missing and empty cells, unseen categories and near misses of known ones, every level,
        extreme numbers, bounds and fills of the encoders, days of the calendar; cases that the
        plan has no columns for are left out.
    """
    numbers = [i.name for i in plan.inputs if i.kind == "number"]
    texts = [i.name for i in plan.inputs if i.kind == "category"]
    encoders = by_column(plan)
    levels = {name: column_levels(encoders[name]) for name in texts}
    cases: dict[str, dict[str, Sequence[object]]] = {
        "missing and empty cells": {name: [np.nan] for name in numbers} | {n: [""] for n in texts},
        "unseen categories": {name: unseen_words(levels[name]) for name in texts},
        "every category": {name: levels[name] for name in texts},
        "texts": {name: _texts(encoders[name]) for name in texts},
        "extreme numbers": dict.fromkeys(numbers, EXTREMES),
        "bounds and fills": {name: _bounds(encoders[name]) for name in numbers},
        "days of the calendar": {name: _days(encoders[name]) for name in numbers},
    }
    changes: dict[str, list[Change]] = {
        case: [(name, {name: value}) for name, own in columns.items() for value in own]
        for case, columns in cases.items()
    }
    changes["two columns at once"] = _pairs(plan.encoders)
    rng = np.random.default_rng(seed)
    made = [_set_values(case, own, real, rng) for case, own in changes.items()]
    return [rows for rows in made if rows.columns]


def by_column(plan: ModelPlan) -> dict[str, list[Encoder]]:
    """The encoders of each input column; none for a column that the model does not read."""
    own: dict[str, list[Encoder]] = {item.name: [] for item in plan.inputs}
    for encoder in plan.encoders:
        for name in columns_of(encoder):
            own[name].append(encoder)
    return own


def column_levels(encoders: Sequence[Encoder]) -> list[str]:
    """The categories of a column that some encoder of it knows, `MAX_ROWS` at most."""
    own = [e.levels for e in encoders if isinstance(e, (LevelEncoder, OneHotEncoder))]
    own += [
        side
        for e in encoders
        if isinstance(e, CrossEncoder)
        for side in zip(*e.levels, strict=True)
    ]
    return list(dict.fromkeys(level for levels in own for level in levels if level))[:MAX_ROWS]


def unseen_words(levels: Sequence[str]) -> list[str]:
    """New words, and near misses of known ones: other case, blanks, a letter less, a NUL."""
    near = [
        miss
        for level in levels[:20]
        for miss in (level.upper(), level.lower(), f" {level}", f"{level} ", f"{level}\0")
    ]
    new = ["never seen", "é", "e\u0301", "\U0001f697", " ", "\0", "NaN", "None", "\0" * 3]
    known = {"", *levels}
    return [word for word in dict.fromkeys([*new, *near]) if word not in known]


def calendar_year() -> Array:
    """The days of 2024: every month with every weekday."""
    return np.arange(366.0) + 19_723.0


def _set_values(
    case: str, changes: Sequence[Change], real: Mapping[str, Array], rng: np.random.Generator
) -> Rows:
    room = max(1, MAX_CELLS // len(real))
    tried = changes
    if len(changes) > room:
        chosen = np.sort(rng.choice(len(changes), room, replace=False))
        tried = [changes[i] for i in chosen]
    copies = max(1, min(BASE_ROWS, min(MAX_ROWS, room) // max(1, len(tried))))
    n = len(next(iter(real.values())))
    maker = RowMaker(real)
    for column, own in tried:
        for base in rng.integers(n, size=copies):
            maker.add(int(base), column, own)
    return replace(maker.rows(case), left_out=len(changes) - len(tried))


def _pairs(encoders: Sequence[Encoder]) -> list[Change]:
    """Known pairs of categories, halves of them, and awkward numbers with each other."""
    made: list[Change] = []
    for encoder in encoders:
        if isinstance(encoder, CrossEncoder):
            one, other = encoder.columns
            known = encoder.levels[:MAX_ROWS]
            halves = [(a, "never seen") for a, _ in known[:20]] + [("", b) for _, b in known[:20]]
            made += [(one, {one: a, other: b}) for a, b in (*known, *halves, ("", ""))]
        if isinstance(encoder, PairEncoder):
            one, other = encoder.columns
            ends = (encoder.low, encoder.high, encoder.fill)
            values = (*SMALL_NUMBERS, *ends)
            made += [(one, {one: a, other: b}) for a in values for b in values]
    return made


def _texts(encoders: Sequence[Encoder]) -> list[str]:
    """Awkward texts, and each term by itself and twice with other letters around."""
    readers = [e for e in encoders if isinstance(e, (TextEncoder, HashedTextEncoder))]
    if not readers:
        return []
    terms = [
        separator(e.analyzer).join(term)
        for e in readers
        if isinstance(e, TextEncoder)
        for term in e.terms[:200]
    ]
    around = [f"{term.upper()}, other {term}!" for term in terms]
    return list(dict.fromkeys([*ODD_TEXTS, *terms, *around]))


def _bounds(encoders: Sequence[Encoder]) -> list[float]:
    """Ends of the encoders of a number, with the doubles next to them."""
    own = [e for e in encoders if isinstance(e, NumberEncoder)]
    ends = np.array([v for e in own for v in (e.low, e.high, e.fill, e.offset)])
    around = [ends, np.nextafter(ends, -np.inf), np.nextafter(ends, np.inf)]
    return [float(v) for v in np.unique(np.concatenate(around))]


def _days(encoders: Sequence[Encoder]) -> list[float]:
    """Every month with every weekday; leap days; ends of years; ends of the calendar."""
    if not any(isinstance(e, DateEncoder) for e in encoders):
        return []
    turns = np.array([-719_103.0, -25_509.0, -1.0, -0.5, 10_956.0, 11_016.0, 11_017.0])
    ends = np.array([FIRST_DAY - 1, FIRST_DAY, FIRST_DAY + 0.5, LAST_DAY, LAST_DAY + 1])
    hours = 20_000.0 + np.arange(24) / 24.0
    clock = [hours, hours - 1e-10, hours + 1e-10]
    return [float(v) for v in np.concatenate([calendar_year(), turns, ends, *clock])]

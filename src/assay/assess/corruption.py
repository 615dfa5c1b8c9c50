"""Reliability and safety: errors when cells are noisy, misspelt, new or in the wrong place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
import polars as pl

from assay.assess.damage import (
    NUMBERS,
    WORDS,
    Damage,
    DamageCheck,
    columns_of,
    damage_table,
    numbers_of,
    replaced,
)
from assay.assess.robustness import UNSEEN
from assay.assess.statistics import Bounds, Float64
from assay.assess.subject import Subject
from assay.errors import NotApplicable

UNITS: dict[str, Callable[[pl.Series], pl.Series]] = {
    "ten times": lambda x: x * 10,
    "in cents": lambda x: x * 100,
    "a thousand times": lambda x: x * 1_000,
    "a thousandth": lambda x: x / 1_000,
    "in Fahrenheit": lambda x: x * 1.8 + 32,
}
"""Mistakes of unit and of the decimal point, by name."""


@dataclass(frozen=True, kw_only=True)
class NoisyInput(DamageCheck):
    """How much larger do errors get when numbers are measured with noise?"""

    code: ClassVar[str] = "REL014"
    title: ClassVar[str] = "Error with noisy numbers"

    what: ClassVar[str] = "with noise in every number"
    how: ClassVar[str] = (
        "Normal noise was added to every number at once, with a standard deviation of a tenth of "
        "the column's own; values stay inside the column's training range and whole numbers stay "
        "whole. Other strengths, and noise in one column alone, are shown."
    )

    strength: float = 0.1
    """Standard deviation of the noise, in standard deviations of the column."""
    shown: tuple[float, ...] = (0.02, 0.05, 0.2, 0.5)

    def damages(self, subject: Subject) -> Sequence[Damage]:
        """Every number at once, at several strengths, and each number alone."""
        names = columns_of(subject, *NUMBERS)
        if not names:
            raise NotApplicable("The model reads no numbers.")
        spread = {name: _Spread.of(subject, name) for name in names}
        others = [
            Damage(partial(_noisy, spread=spread, strength=s), kind=f"{s:g}", part="shown")
            for s in self.shown
        ]
        alone = [
            Damage(
                partial(_noisy, spread={name: spread[name]}, strength=self.strength),
                column=name,
                part="shown",
            )
            for name in names
        ]
        every = partial(_noisy, spread=spread, strength=self.strength)
        return [Damage(every, kind=f"{self.strength:g}"), *others, *alone]

    def more(
        self, subject: Subject, frame: pl.DataFrame, tried: Sequence[Damage], each: Bounds
    ) -> dict[str, Any]:
        """The ratio at each strength."""
        del subject, frame
        curve = [
            {
                "strength": float(damage.kind),
                "value": each.value[i],
                "lower": each.lower[i],
                "upper": each.upper[i],
            }
            for i, damage in enumerate(tried)
            if not damage.column
        ]
        return {"strengths": sorted(curve, key=lambda point: float(point["strength"]))}


@dataclass(frozen=True, kw_only=True)
class WrongUnits(DamageCheck):
    """How much larger do errors get when a number comes in another unit?"""

    code: ClassVar[str] = "REL015"
    title: ClassVar[str] = "Error with a number in the wrong unit"

    what: ClassVar[str] = "with one number in the wrong unit"
    how: ClassVar[str] = (
        "Each number in turn was taken ten, a hundred (cents) and a thousand times, as a "
        "thousandth, and from Celsius into Fahrenheit, in every row."
    )

    def damages(self, subject: Subject) -> Sequence[Damage]:
        """Each number in each wrong unit."""
        names = columns_of(subject, *NUMBERS)
        if not names:
            raise NotApplicable("The model reads no numbers.")
        return [
            Damage(partial(_converted, name=name, convert=convert), name, unit)
            for name in names
            for unit, convert in UNITS.items()
        ]

    def more(
        self, subject: Subject, frame: pl.DataFrame, tried: Sequence[Damage], each: Bounds
    ) -> dict[str, Any]:
        """Each column and unit, with the share of cells that serving reports as novel."""
        return {"damage": damage_table(subject, frame, tried, each)}


@dataclass(frozen=True, kw_only=True)
class UnseenCategory(DamageCheck):
    """How much larger do errors get when a category was never seen in training?"""

    code: ClassVar[str] = "REL016"
    title: ClassVar[str] = "Error with an unseen category"

    what: ClassVar[str] = "with one column's category never seen in training"
    how: ClassVar[str] = "Each category in turn was replaced by one never seen, in every row."

    def damages(self, subject: Subject) -> Sequence[Damage]:
        """Each category replaced."""
        names = columns_of(subject, *WORDS)
        if not names:
            raise NotApplicable("The model reads no categories.")
        return [Damage(partial(_unseen, name=name), name) for name in names]


@dataclass(frozen=True, kw_only=True)
class MisspeltCategory(DamageCheck):
    """How much larger do errors get when a category is misspelt?"""

    code: ClassVar[str] = "REL017"
    title: ClassVar[str] = "Error with a misspelt category"

    what: ClassVar[str] = "with one misspelt category in every row"
    how: ClassVar[str] = (
        "In every row one category, drawn by chance, got one slip: two letters exchanged, one "
        "left out, one doubled, or the case of one changed. Slips in one column alone are shown."
    )

    def damages(self, subject: Subject) -> Sequence[Damage]:
        """One category of each row, and each column alone."""
        names = columns_of(subject, *WORDS)
        if not names:
            raise NotApplicable("The model reads no categories.")
        alone = [Damage(partial(_misspelt, names=(n,)), n, part="shown") for n in names]
        return [Damage(partial(_misspelt, names=names)), *alone]


@dataclass(frozen=True, kw_only=True)
class ShiftedColumns(DamageCheck):
    """How much larger do errors get when values slip into the column before?"""

    code: ClassVar[str] = "REL018"
    title: ClassVar[str] = "Error with shifted columns"

    what: ClassVar[str] = "with values shifted by one column"
    how: ClassVar[str] = (
        "Each column took the values of the next one of its kind (numbers, categories, yes or no, "
        "dates), the last one those of the first: what a lost cell in a line of a file does and no "
        "check of types can notice. One column shifted alone is shown."
    )

    def damages(self, subject: Subject) -> Sequence[Damage]:
        """All columns at once, and each alone."""
        source = dict(_next_of_kind(subject))
        if not source:
            raise NotApplicable("The model reads no two columns of one kind.")
        alone = [
            Damage(partial(_shifted, source={name: other}), name, part="shown")
            for name, other in source.items()
        ]
        return [Damage(partial(_shifted, source=source), kind="all columns"), *alone]

    def more(
        self, subject: Subject, frame: pl.DataFrame, tried: Sequence[Damage], each: Bounds
    ) -> dict[str, Any]:
        """Each column, with the share of cells that serving reports as novel."""
        return {"damage": damage_table(subject, frame, tried, each)}


@dataclass(frozen=True)
class _Spread:
    """Standard deviation and range of a number among the training rows."""

    deviation: float
    low: float
    high: float
    whole: bool

    @classmethod
    def of(cls, subject: Subject, name: str) -> _Spread:
        known = numbers_of(subject, name)
        if known.size < 2:
            return cls(0.0, -np.inf, np.inf, whole=False)
        whole = any(c.name == name and c.kind == "integer" for c in subject.contract.features)
        return cls(float(known.std()), float(known.min()), float(known.max()), whole=whole)


def _noisy(frame: pl.DataFrame, *, spread: dict[str, _Spread], strength: float) -> pl.DataFrame:
    """The rows with noise in some numbers; each column's noise is the same whatever the others."""
    for name, column in spread.items():
        rng = np.random.default_rng([0, frame.columns.index(name)])
        values = _doubles(frame[name])
        moved = values + strength * column.deviation * rng.standard_normal(frame.height)
        moved = np.clip(moved, column.low, column.high)
        if column.whole:
            moved = np.round(moved)
        frame = replaced(frame, name, pl.Series(name, moved).fill_nan(None))
    return frame


def _converted(
    frame: pl.DataFrame, *, name: str, convert: Callable[[pl.Series], pl.Series]
) -> pl.DataFrame:
    """The rows with one number in another unit."""
    return replaced(frame, name, convert(frame[name].cast(pl.Float64)))


def _unseen(frame: pl.DataFrame, *, name: str) -> pl.DataFrame:
    """The rows with a category that nobody has seen."""
    return frame.with_columns(pl.lit(UNSEEN).alias(name))


def _misspelt(frame: pl.DataFrame, *, names: Sequence[str]) -> pl.DataFrame:
    """The rows with a slip in one of some columns, drawn by chance; missing cells stay missing."""
    rng = np.random.default_rng(0)
    drawn = rng.integers(len(names), size=frame.height)
    slips, places = rng.integers(len(SLIPS), size=frame.height), rng.random(frame.height)
    for position, name in enumerate(names):
        cells = frame[name].cast(pl.String).to_list()
        for row in np.flatnonzero(drawn == position):
            if cells[row]:
                cells[row] = misspell(cells[row], SLIPS[slips[row]], places[row])
        frame = frame.with_columns(pl.Series(name, cells, dtype=pl.String))
    return frame


SLIPS = ("exchange", "leave out", "double", "case")


def misspell(word: str, slip: str, place: float) -> str:
    """A word with one slip; another word whatever the slip.

    Parameters
    ----------
    word : str
        Not empty.
    slip : str
        One of `SLIPS`; where it would change nothing, a letter is doubled.
    place : float
        Where, in [0, 1): 0 at the first letter.

    Examples
    --------
    >>> [misspell("audi", slip, 0.3) for slip in SLIPS]
    ['adui', 'adi', 'auudi', 'aUdi']
    """
    at = int(place * len(word))
    here, after = word[at], word[at + 1 : at + 2]
    letters = {
        "exchange": after + here,
        "leave out": after if len(word) > 1 else here,
        "case": here.swapcase() + after,
        "double": here + here + after,
    }
    changed = word[:at] + letters[slip] + word[at + 2 :]
    return changed if changed != word else word[: at + 1] + here + word[at + 1 :]


def _next_of_kind(subject: Subject) -> Iterator[tuple[str, str]]:
    """Each column with the next one that holds the same kind of values."""
    kinds = (NUMBERS, WORDS, ("boolean",), ("date",))
    schema = subject.held_out.frame.schema
    for kind in kinds:
        names = [n for n in columns_of(subject, *kind) if n in schema]
        for place, name in enumerate(names):
            other = names[(place + 1) % len(names)]
            if other != name and schema[other] == schema[name]:
                yield name, other


def _shifted(frame: pl.DataFrame, *, source: dict[str, str]) -> pl.DataFrame:
    """The rows with some columns' values taken from other columns."""
    return frame.with_columns(frame[other].alias(name) for name, other in source.items())


def _doubles(column: pl.Series) -> Float64:
    return np.asarray(column.cast(pl.Float64).fill_null(np.nan).to_numpy(), np.float64)

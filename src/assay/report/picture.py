"""A picture: a chart with the sentence and the figures that say the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from assay.report import charts
from assay.report.wording import SHARES


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A chart that nobody needs to see: its sentence and its table say what it shows."""

    title: str
    text: str
    chart: Any
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @property
    def svg(self) -> str:
        """The chart as an ``<svg>`` element."""
        return charts.to_svg(self.chart)


def with_unit(words: str, unit: str) -> str:
    """Words for an axis, with the unit in brackets; shares need none.

    Examples
    --------
    >>> with_unit("Error", "USD"), with_unit("Error", "share")
    ('Error (USD)', 'Error')
    """
    return f"{words} ({unit})" if unit and unit not in SHARES else words

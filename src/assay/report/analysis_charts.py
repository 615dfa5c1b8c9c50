"""Charts of where errors lie and of how answers follow a column."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import altair as alt

from assay.report.charts import (
    BLUE,
    INK,
    LONGEST_TITLE,
    MUTED,
    VERMILLION,
    cut,
    finish,
    inline,
    label_axis,
    padded,
    tick_axis,
)


class Cell(NamedTuple):
    """One cell of a heat map: its place, its figure in words and how dark it is."""

    row: str
    column: str
    words: str
    darkness: float
    """In [0, 1]."""


class Along(NamedTuple):
    """A curve at one place: accumulated and partial effect, with the band of single rows."""

    place: str
    effect: float
    lower: float
    upper: float
    partial: float


def heat_map(cells: Sequence[Cell], *, rows: str, columns: str) -> alt.LayerChart:
    """Cells of two columns, each with its figure; the darker, the larger.

    Parameters
    ----------
    cells : sequence of Cell
        Row by row, in the order to draw.
    rows, columns : str
        Names of the two columns.
    """
    base = alt.Chart(
        inline(
            {
                "row": cut(c.row, 18),
                "column": cut(c.column, 12),
                "words": c.words,
                "darkness": c.darkness,
            }
            for c in cells
        )
    ).encode(
        x=alt.X(
            "column:N",
            sort=None,
            title=cut(columns, LONGEST_TITLE),
            axis=alt.Axis(labelAngle=-40, orient="bottom"),
        ),
        y=alt.Y(
            "row:N",
            sort=None,
            title=cut(rows, LONGEST_TITLE),
            axis=label_axis(title_anchor="start"),
        ),
    )
    return finish(
        base.mark_rect(color=VERMILLION).encode(
            opacity=alt.Opacity(
                "darkness:Q", legend=None, scale=alt.Scale(domain=[0, 1], range=[0.03, 0.6])
            )
        ),
        base.mark_text(color=INK, fontSize=10).encode(text="words:N"),
        height=max(90, 30 * len({c.row for c in cells})),
    )


def dependence(curve: Sequence[Along], *, column: str, measure: str) -> alt.LayerChart:
    """How answers change along a column: accumulated effects with bounds, partial ones dashed.

    Parameters
    ----------
    curve : sequence of Along
        In the order of the column's values.
    """
    ends = [x for at in curve for x in (at.effect, at.lower, at.upper, at.partial)]
    base = alt.Chart(inline({**at._asdict(), "place": cut(at.place, 14)} for at in curve)).encode(
        x=alt.X(
            "place:N",
            sort=None,
            title=cut(column, LONGEST_TITLE),
            axis=alt.Axis(labelAngle=-40, labelOverlap=True),
        )
    )
    title = cut(measure, LONGEST_TITLE)
    y = alt.Y("effect:Q", title=title, scale=padded(ends), axis=tick_axis())
    return finish(
        base.mark_area(color=BLUE, opacity=0.18).encode(
            y=alt.Y("lower:Q", title=title, scale=padded(ends)), y2="upper:Q"
        ),
        base.mark_line(color=BLUE, strokeWidth=2).encode(y=y),
        base.mark_circle(color=BLUE, size=30, opacity=1).encode(y=y),
        base.mark_line(color=MUTED, strokeDash=[4, 3]).encode(
            y=alt.Y("partial:Q", title=title, scale=padded(ends))
        ),
        height=200,
    )


def falling(
    places: Sequence[float], values: Sequence[float], *, along: str, measure: str, share: bool
) -> alt.LayerChart:
    """A line over a share of rows: risk over coverage.

    Parameters
    ----------
    places : sequence of float, shape (n,)
        Shares, ascending.
    values : sequence of float, shape (n,)
    """
    base = alt.Chart(
        inline({"place": p, "value": v} for p, v in zip(places, values, strict=True))
    ).encode(
        x=alt.X("place:Q", title=along, axis=tick_axis(share=True)),
        y=alt.Y(
            "value:Q",
            title=cut(measure, LONGEST_TITLE),
            scale=padded([0.0, *values]),
            axis=tick_axis(share=share),
        ),
    )
    return finish(
        base.mark_line(color=BLUE, strokeWidth=2),
        base.mark_circle(color=BLUE, size=36, opacity=1),
        height=200,
    )

"""Charts of a search: what was tried, when, how large, how fast, and what features brought.

What became part of the model is a filled diamond, what was only tried a hollow circle, so that
no reader depends on colour.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import altair as alt

from assay.report.charts import (
    BLUE,
    INK,
    LONGEST_TITLE,
    MOST_ROWS,
    MUTED,
    ORANGE,
    VERMILLION,
    Bar,
    cut,
    finish,
    inline,
    label_axis,
    padded,
    tick_axis,
)
from assay.report.wording import share as share_words

MODEL, TRIED = "in the model", "tried"
_LOG_FROM = 30.0
"""From this ratio of largest to smallest on, sizes and times are drawn on a logarithmic axis."""
_USUAL = 0.8
"""Share of the trials, best first, that must fit into a picture; worse ones may be left out."""


class Mark(NamedTuple):
    """One trial among others."""

    label: str
    value: float
    lower: float | None = None
    upper: float | None = None
    chosen: bool = False


class Spot(NamedTuple):
    """One trial between two measures."""

    label: str
    across: float
    up: float
    chosen: bool = False
    front: bool = False


class Step(NamedTuple):
    """The score of one trial, and when it was known."""

    seconds: float
    score: float
    best: float
    """Of all trials that were known then."""


class Band(NamedTuple):
    """A score and its interval after learning from some rows."""

    rows: int
    score: float
    low: float
    high: float


def trial_dots(marks: Sequence[Mark], *, measure: str, share: bool = False) -> alt.LayerChart:
    """Scores of trials with their intervals, one a row.

    Parameters
    ----------
    marks : sequence of Mark
        In the order to draw, first on top; a whisker only where the interval is known.
    measure : str
        Title of the axis: what the score is, with its unit.
    share : bool
        Whether scores are shares, shown as percentages.

    Examples
    --------
    >>> chart = trial_dots([Mark("forest #2", 0.8, 0.7, 0.9, chosen=True)], measure="AUC")
    >>> chart.to_dict()["layer"][1]["mark"]["type"]
    'point'
    """
    shown = marks[:MOST_ROWS]
    ends = [x for m in shown for x in (m.value, m.lower, m.upper) if x is not None]
    title = cut(measure, LONGEST_TITLE)
    base = alt.Chart(
        inline(
            {
                "label": cut(m.label),
                "value": m.value,
                "lower": m.value if m.lower is None else m.lower,
                "upper": m.value if m.upper is None else m.upper,
                "part": _part(m.chosen),
            }
            for m in shown
        )
    ).encode(y=alt.Y("label:N", sort=None, title=None, axis=label_axis()))
    return finish(
        base.mark_rule(color=BLUE, strokeWidth=2, opacity=0.55).encode(
            x=alt.X("lower:Q", title=title), x2="upper:Q"
        ),
        _points(base).encode(
            x=alt.X("value:Q", title=title, scale=padded(ends), axis=tick_axis(share=share))
        ),
        height=max(60, 22 * len(shown)),
    )


def best_over_time(
    steps: Sequence[Step], *, measure: str, better: str, share: bool = False
) -> alt.LayerChart:
    """Every trial's score when it was known, and the best so far as a line of steps.

    Trials that are far worse than the usual one are left out, lest they flatten the line.

    Parameters
    ----------
    steps : sequence of Step
        In the order of time.
    measure : str
        Title of the axis of scores.
    better : {"lower", "higher"}
        Which scores are better.
    """
    usual = sorted((s.score for s in steps), reverse=better == "higher")
    ends = [*usual[: max(2, round(_USUAL * len(usual)))], *(s.best for s in steps)]
    base = alt.Chart(inline(s._asdict() for s in steps)).encode(
        x=alt.X(
            "seconds:Q",
            title="Seconds since the search began",
            scale=padded([0.0, *(s.seconds for s in steps)]),
            axis=tick_axis(),
        )
    )

    def y(field: str) -> alt.Y:
        return alt.Y(
            f"{field}:Q",
            title=cut(measure, LONGEST_TITLE),
            scale=padded(ends),
            axis=tick_axis(share=share),
        )

    return finish(
        base.transform_filter(alt.FieldRangePredicate("score", [min(ends), max(ends)]))
        .mark_point(color=MUTED, size=34, opacity=0.8)
        .encode(y=y("score")),
        base.mark_line(color=BLUE, strokeWidth=2.5, interpolate="step-after").encode(y=y("best")),
        height=200,
    )


def trade_off(
    spots: Sequence[Spot], *, across: str, up: str, share: bool = False
) -> alt.LayerChart:
    """Trials between two measures: score against time, size, or the gap between groups.

    Parameters
    ----------
    spots : sequence of Spot
        A dashed line joins those with ``front``.
    across, up : str
        Titles of the axes, with their units.
    share : bool
        Whether the measure upwards is a share.
    """
    measured = [s.across for s in spots]
    logarithmic = min(measured) > 0 and max(measured) / min(measured) >= _LOG_FROM
    x = alt.X(
        "across:Q",
        title=cut(across + (", logarithmic" if logarithmic else ""), LONGEST_TITLE),
        scale=_decades(measured) if logarithmic else padded(measured, 0.1),
        axis=_decade_axis(measured) if logarithmic else tick_axis(),
    )
    y = alt.Y(
        "up:Q",
        title=cut(up, LONGEST_TITLE),
        scale=padded([s.up for s in spots], 0.14),
        axis=tick_axis(share=share),
    )
    base = alt.Chart(
        inline({**s._asdict(), "label": cut(s.label), "part": _part(s.chosen)} for s in spots)
    ).encode(x=x, y=y)
    line = [_front(base)] if any(s.front for s in spots) else []
    names = [_name(spot, place, x, y) for place, spot in enumerate(_chosen(spots))]
    return finish(*line, _points(base), *names, height=220)


def learning_curve(points: Sequence[Band], *, measure: str, share: bool = False) -> alt.LayerChart:
    """The score over the rows that were learned from, with its interval as a band."""
    ends = [x for p in points for x in (p.score, p.low, p.high)]
    base = alt.Chart(inline(p._asdict() for p in points)).encode(
        x=alt.X("rows:Q", title="Rows learned from", scale=padded([0.0, *_rows(points)]))
    )
    title = cut(measure, LONGEST_TITLE)
    score = alt.Y("score:Q", title=title, scale=padded(ends), axis=tick_axis(share=share))
    return finish(
        base.mark_area(color=BLUE, opacity=0.16).encode(y=alt.Y("low:Q", title=title), y2="high:Q"),
        base.mark_line(color=BLUE, strokeWidth=2).encode(y=score),
        base.mark_circle(color=BLUE, size=60, opacity=1).encode(y=score),
        height=200,
    )


def feature_bars(items: Sequence[Bar], engineered: frozenset[str]) -> alt.LayerChart:
    """What each feature brought; engineered ones are named so, and orange.

    Parameters
    ----------
    items : sequence of Bar
        Shares in [0, 1], in the order to draw.
    engineered : frozenset of str
        Labels of those that are no column's own.
    """
    known = [(bar.label, bar.value) for bar in items if bar.value is not None][:MOST_ROWS]
    base = alt.Chart(
        inline(
            {
                "label": cut(label),
                "value": value,
                "kind": "engineered" if label in engineered else "column",
                "words": share_words(value) + (", engineered" if label in engineered else ""),
            }
            for label, value in known
        )
    ).encode(
        y=alt.Y("label:N", sort=None, title=None, axis=label_axis()),
        x=alt.X(
            "value:Q",
            title="Share of all that features brought",
            scale=padded([0.0, *(value for _, value in known)], 0.45),
            axis=tick_axis(share=True),
        ),
    )
    colour = alt.Color(
        "kind:N",
        legend=None,
        scale=alt.Scale(domain=["column", "engineered"], range=[BLUE, ORANGE]),
    )
    return finish(
        base.mark_bar(size=11).encode(color=colour),
        base.mark_text(align="left", dx=5, color=INK, fontSize=11).encode(text="words:N"),
        height=max(60, 22 * len(known)),
    )


def _part(chosen: bool) -> str:
    return MODEL if chosen else TRIED


def _points(base: Any) -> Any:
    """A filled diamond where a trial is in the model, else a hollow circle."""
    domain = [MODEL, TRIED]
    legend = alt.Legend(title=None, orient="top", offset=6, labelColor=INK, labelFontSize=11)

    def scale(values: list[Any]) -> alt.Scale:
        return alt.Scale(domain=domain, range=values)

    return base.mark_point(size=80, opacity=1, strokeWidth=1.5).encode(
        shape=alt.Shape("part:N", scale=scale(["diamond", "circle"]), legend=legend),
        stroke=alt.Stroke("part:N", scale=scale([BLUE, MUTED]), legend=legend),
        fill=alt.Fill("part:N", scale=scale([BLUE, "transparent"]), legend=legend),
    )


def _front(base: Any) -> Any:
    """A dashed line through those that no other beats in both measures."""
    return base.transform_filter("datum.front").mark_line(
        color=VERMILLION, strokeDash=[5, 3], strokeWidth=1.5
    )


def _chosen(spots: Sequence[Spot]) -> list[Spot]:
    return sorted((s for s in spots if s.chosen), key=lambda s: s.across)


def _name(spot: Spot, place: int, x: alt.X, y: alt.Y) -> Any:
    """The name of one trial, in turn above and below, since those in the model lie close."""
    row = {"across": spot.across, "up": spot.up, "label": cut(spot.label)}
    return (
        alt.Chart(inline([row]))
        .mark_text(align="center", dy=15 if place % 2 else -11, color=INK, fontSize=11)
        .encode(x=x, y=y, text="label:N")
    )


def _decades(measured: Sequence[float]) -> alt.Scale:
    """A logarithmic domain a little wider than the figures."""
    return alt.Scale(type="log", domain=[min(measured) / 1.4, max(measured) * 1.4], nice=False)


def _decade_axis(measured: Sequence[float]) -> alt.Axis:
    """Powers of ten only: every minor tick would be labelled."""
    first, last = (math.floor(math.log10(end)) for end in (min(measured), max(measured) * 1.4))
    axis = tick_axis()
    axis.values = [10.0**power for power in range(first, last + 1)]
    return axis


def _rows(points: Sequence[Band]) -> list[float]:
    return [float(p.rows) for p in points]

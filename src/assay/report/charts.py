"""Charts: one Altair definition each, for notebook, page and PDF.

A chart takes small records (a group and its interval, a pair of true and predicted answers),
never a table of people. Text stays text, colours are those of Okabe and Ito (2008), which
people with the common kinds of colour blindness can tell apart, and no colour carries a
meaning that a position, a shape or a label does not also carry.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import altair as alt

from assay.report.wording import number, printable
from assay.report.wording import share as share_words

INK = "#1d2733"
MUTED = "#5b6670"
LINE = "#d9dde2"
BLUE = "#0072b2"
VERMILLION = "#d55e00"
ORANGE = "#e69f00"
GREEN = "#009e73"

WIDTH = 400
"""Width of a whole picture in CSS pixels, labels included."""

MOST_ROWS = 18
"""Most categories that one picture shows; the table beside it holds all."""

LONGEST_LABEL = 26
LONGEST_TITLE = 60
"""Characters that a label and the title of an axis show; the table beside it has all."""

MOST_POINTS = 500
"""Most points of a scatter; beyond it every k-th is drawn, and the caption says so."""


_CONFIG = {
    "aria": False,
    "background": "transparent",
    "font": "sans-serif",
    "padding": 4,
    "view": {"stroke": None},
    "axis": {
        "domain": False,
        "ticks": False,
        "gridColor": LINE,
        "labelColor": MUTED,
        "labelFontSize": 11,
        "labelPadding": 6,
        "titleColor": MUTED,
        "titleFontSize": 11,
        "titleFontWeight": "normal",
        "titlePadding": 8,
        "titleLimit": 0,
        "labelLimit": 0,
    },
    "axisX": {"tickCount": 5, "titleAnchor": "start"},
    "axisY": {"titleAnchor": "end"},
}
"""Quiet axes, one font, no background: the same for every chart."""


class Bar(NamedTuple):
    """One labelled figure with its interval and the rows behind it."""

    label: str
    value: float | None
    lower: float | None = None
    upper: float | None = None
    rows: int | None = None


class Bin(NamedTuple):
    """One bin of a reliability diagram: what was forecast, what happened."""

    forecast: float
    observed: float
    lower: float | None = None
    upper: float | None = None
    rows: int | None = None


class Reference(NamedTuple):
    """A labelled line to read figures against: a limit, a baseline, a promise."""

    value: float
    label: str


def interval_dots(
    bars: Sequence[Bar], *, measure: str, reference: Reference | None = None, share: bool = False
) -> alt.LayerChart:
    """Dots with their intervals, one a row: groups, coverage, importance, trials.

    Parameters
    ----------
    bars : sequence of Bar
        In the order to draw, first on top. Those without a value are left out.
    measure : str
        Title of the axis: what the value is, with its unit.
    reference : Reference, optional
        A dashed line with a label.
    share : bool
        Whether values are shares, shown as percentages.

    Examples
    --------
    >>> chart = interval_dots([Bar("vw", 0.2, 0.1, 0.3, 12)], measure="Error")
    >>> chart.to_dict()["layer"][1]["mark"]["type"]
    'circle'
    """
    shown = [bar for bar in bars if bar.value is not None][:MOST_ROWS]
    ends = [x for bar in shown for x in (bar.value, bar.lower, bar.upper) if x is not None]
    if reference:
        ends.append(reference.value)
    base = alt.Chart(inline(_row(bar, ends) for bar in shown)).encode(
        y=alt.Y("label:N", sort=None, title=None, axis=label_axis())
    )
    x = alt.X(
        "value:Q",
        title=cut(measure, LONGEST_TITLE),
        scale=padded(ends),
        axis=tick_axis(share=share),
    )
    layers = [
        base.mark_rule(color=BLUE, strokeWidth=2, opacity=0.55).encode(
            x=alt.X("lower:Q", title=cut(measure, LONGEST_TITLE)), x2="upper:Q"
        ),
        base.mark_circle(color=BLUE, size=70, opacity=1).encode(x=x),
    ]
    if reference:
        layers += _vertical(reference, ends)
    return finish(*layers, height=max(60, 24 * len(shown)))


def predicted_against_true(
    actual: Sequence[float], predicted: Sequence[float], *, unit: str = ""
) -> alt.LayerChart:
    """Each row's predicted answer over its true answer, with the line of equality.

    Parameters
    ----------
    actual, predicted : sequence of float, shape (n_rows,)
        In the unit of the target.
    """
    rows = _thinned(list(zip(actual, predicted, strict=True)))
    ends = [x for pair in rows for x in pair]
    scale = padded(ends)
    points = (
        alt.Chart(inline({"actual": a, "predicted": p} for a, p in rows))
        .mark_circle(color=BLUE, size=36, opacity=0.5)
        .encode(
            x=alt.X("actual:Q", title=_with_unit("True", unit), scale=scale, axis=tick_axis()),
            y=alt.Y(
                "predicted:Q", title=_with_unit("Predicted", unit), scale=scale, axis=tick_axis()
            ),
        )
    )
    return finish(_diagonal(min(ends), max(ends)), points, height=260)


def residuals(
    actual: Sequence[float], predicted: Sequence[float], *, unit: str = ""
) -> alt.LayerChart:
    """Predicted minus true, over predicted: a pattern here is something the model missed."""
    rows = _thinned([(p, p - a) for a, p in zip(actual, predicted, strict=True)])
    points = (
        alt.Chart(inline({"predicted": p, "residual": r} for p, r in rows))
        .mark_circle(color=BLUE, size=36, opacity=0.5)
        .encode(
            x=alt.X(
                "predicted:Q",
                title=_with_unit("Predicted", unit),
                scale=alt.Scale(zero=False),
                axis=tick_axis(),
            ),
            y=alt.Y("residual:Q", title=_with_unit("Predicted − true", unit), axis=tick_axis()),
        )
    )
    zero = (
        alt.Chart(inline([{"zero": 0}]))
        .mark_rule(color=MUTED, strokeDash=[4, 3])
        .encode(y="zero:Q")
    )
    return finish(zero, points, height=260)


def calibration(bins: Sequence[Bin]) -> alt.LayerChart:
    """Reliability diagram: share observed over probability forecast, with intervals."""
    base = alt.Chart(
        inline(
            {
                "forecast": b.forecast,
                "observed": b.observed,
                "lower": b.observed if b.lower is None else b.lower,
                "upper": b.observed if b.upper is None else b.upper,
                "rows": b.rows or 0,
            }
            for b in bins
        )
    ).encode(
        x=alt.X(
            "forecast:Q",
            title="Forecast probability",
            scale=alt.Scale(domain=[0, 1]),
            axis=tick_axis(share=True),
        )
    )
    y = alt.Y(
        "observed:Q",
        title="Share observed",
        scale=alt.Scale(domain=[0, 1]),
        axis=tick_axis(share=True),
    )
    return finish(
        _diagonal(0, 1),
        base.mark_rule(color=BLUE, strokeWidth=2, opacity=0.55).encode(
            y=alt.Y("lower:Q", title="Share observed"), y2="upper:Q"
        ),
        base.mark_circle(color=BLUE, size=70, opacity=1).encode(y=y),
        height=260,
    )


def bars(
    items: Sequence[Bar], *, measure: str, share: bool = False, signed: bool = False
) -> alt.LayerChart:
    """Horizontal bars with their figures: missing cells, contributions.

    Parameters
    ----------
    items : sequence of Bar
        In the order to draw.
    signed : bool
        Whether bars to the left of zero (vermillion) differ in kind from those to the right
        (blue); the sign is also in the label of each.
    """
    known = [(item.label, item.value) for item in items if item.value is not None][:MOST_ROWS]
    base = alt.Chart(
        inline(
            {
                "label": cut(label),
                "value": value,
                "kind": "down" if value < 0 else "up",
                "words": _figure(value, share=share, signed=signed),
            }
            for label, value in known
        )
    ).encode(
        y=alt.Y("label:N", sort=None, title=None, axis=label_axis()),
        x=alt.X(
            "value:Q",
            title=cut(measure, LONGEST_TITLE),
            scale=padded([0.0, *(value for _, value in known)], pad=0.2),
            axis=tick_axis(share=share),
        ),
    )
    colour = alt.Color(
        "kind:N", legend=None, scale=alt.Scale(domain=["up", "down"], range=[BLUE, VERMILLION])
    )
    return finish(
        base.mark_bar(size=11, color=BLUE).encode(**({"color": colour} if signed else {})),
        base.transform_filter("datum.value >= 0")
        .mark_text(align="left", dx=5, color=INK, fontSize=11)
        .encode(text="words:N"),
        base.transform_filter("datum.value < 0")
        .mark_text(align="right", dx=-5, color=INK, fontSize=11)
        .encode(text="words:N"),
        height=max(60, 24 * len(known)),
    )


def histogram(
    edges: Sequence[float], counts: Sequence[int], *, measure: str, share: bool = False
) -> alt.LayerChart:
    """How many rows lie in each interval between two edges.

    Parameters
    ----------
    edges : sequence of float, shape (n_bins + 1,)
        Ascending.
    counts : sequence of int, shape (n_bins,)
    """
    rows = [
        {"left": left, "right": right, "rows": n}
        for left, right, n in zip(edges, edges[1:], counts, strict=False)
    ]
    bars_of_rows = (
        alt.Chart(inline(rows))
        .mark_bar(color=BLUE, opacity=0.85, binSpacing=1)
        .encode(
            x=alt.X(
                "left:Q",
                title=cut(measure, LONGEST_TITLE),
                bin="binned",
                scale=alt.Scale(zero=False, nice=False),
                axis=tick_axis(share=share),
            ),
            x2="right:Q",
            y=alt.Y("rows:Q", title="Rows", axis=tick_axis()),
        )
    )
    return finish(bars_of_rows, height=200)


def shares_by_class(counts: Sequence[Sequence[int]], classes: Sequence[str]) -> alt.LayerChart:
    """Confusion table: rows by true class, each cell the share of that class, with its count.

    Parameters
    ----------
    counts : sequence of sequence of int, shape (n_classes, n_classes)
        ``counts[i][j]`` rows of true class i were answered as class j.
    """
    cells = [
        {"true": cut(t), "answer": cut(a), "count": n, "share": n / max(sum(row), 1)}
        for t, row in zip(classes, counts, strict=True)
        for a, n in zip(classes, row, strict=True)
    ]
    base = alt.Chart(inline(cells)).encode(
        x=alt.X("answer:N", sort=None, title="Answered", axis=alt.Axis(labelAngle=0, orient="top")),
        y=alt.Y("true:N", sort=None, title="True", axis=label_axis(title_anchor="start")),
    )
    return finish(
        base.mark_rect(color=BLUE).encode(
            opacity=alt.Opacity(
                "share:Q", legend=None, scale=alt.Scale(domain=[0, 1], range=[0.04, 0.55])
            )
        ),
        base.mark_text(color=INK, fontSize=13).encode(text=alt.Text("count:Q", format=",")),
        height=max(120, 44 * len(classes)),
    )


def to_svg(chart: Any) -> str:
    """Render a chart as SVG with text kept as text; no network, the same bytes each time.

    Parameters
    ----------
    chart : altair chart
        One of this module's, or any Altair chart that carries its data.

    Returns
    -------
    str
        An ``<svg>`` element without background, ids or scripts.
    """
    return _draw(json.dumps(chart.to_dict(validate=False)))


@lru_cache(maxsize=128)
def _draw(spec: str) -> str:
    import vl_convert

    svg = vl_convert.vegalite_to_svg(spec, allowed_base_urls=[])
    return _tidy(svg)


def _tidy(svg: str) -> str:
    """Leave only what draws: inner roles and classes mean nothing inside one picture."""
    svg = re.sub(r"-?\d+\.\d{3,}", lambda n: f"{float(n[0]):.2f}".rstrip("0").rstrip("."), svg)
    svg = re.sub(r' (?:class|aria-[a-z]+|role|pointer-events|version|xmlns:xlink)="[^"]*"', "", svg)
    return re.sub(r'<path d="M0,0h0v0h0Z"/>|<g></g>|<g/>', "", svg)


def finish(*layers: alt.Chart, height: float) -> alt.LayerChart:
    """Size, fonts and quiet axes, the same for every chart."""
    return alt.LayerChart(
        layer=list(layers),
        width=WIDTH,
        height=height,
        autosize={"type": "fit-x", "contains": "padding"},
        config=_CONFIG,
    )


def _figure(value: float, *, share: bool, signed: bool) -> str:
    """A bar's figure in words, with its sign where that matters."""
    words = share_words(value) if share else number(value)
    return f"+{words}" if signed and value > 0 else words


def cut(text: str, longest: int = LONGEST_LABEL) -> str:
    """Text that fits beside a picture; measuring it in the drawing engine would be slow."""
    words = printable(text)
    return words if len(words) <= longest else f"{words[: longest - 1]}…"


def inline(rows: Any) -> alt.InlineData:
    """Rows as inline data: field names are ours, so a column ``a.b[0]`` stays plain text."""
    return alt.InlineData(values=list(rows))


def _row(bar: Bar, ends: list[float]) -> dict[str, Any]:
    """One bar as data; an open end of an interval reaches the edge of the picture."""
    has_interval = bar.lower is not None or bar.upper is not None
    low = min(ends) if has_interval and bar.lower is None else bar.lower
    high = max(ends) if has_interval and bar.upper is None else bar.upper
    name = cut(bar.label)
    label = name if bar.rows is None else f"{name} ({bar.rows:,})"
    return {
        "label": label,
        "value": bar.value,
        "lower": bar.value if low is None else low,
        "upper": bar.value if high is None else high,
    }


def padded(ends: Sequence[float], pad: float = 0.06) -> alt.Scale:
    """A domain a little wider than the figures."""
    low, high = min(ends, default=0.0), max(ends, default=1.0)
    room = (high - low) * pad or abs(high) * 0.5 or 1.0
    lowest = low if low == 0 else low - room
    return alt.Scale(domain=[lowest, high + room], nice=False, zero=False)


def _vertical(reference: Reference, ends: Sequence[float]) -> list[alt.Chart]:
    """A dashed line with its label on top, leaning to the side that has room."""
    right = reference.value > (min(ends) + max(ends)) / 2
    base = alt.Chart(inline([{"value": reference.value, "label": reference.label}])).encode(
        x="value:Q"
    )
    return [
        base.mark_rule(color=VERMILLION, strokeDash=[5, 3], strokeWidth=1.5),
        base.mark_text(
            color=INK,
            fontSize=11,
            align="right" if right else "left",
            baseline="bottom",
            dy=-4,
            dx=3 if right else -3,
        ).encode(text="label:N", y=alt.value(0)),
    ]


def _diagonal(low: float, high: float) -> alt.Chart:
    """The line where two axes are equal."""
    line: alt.Chart = (
        alt.Chart(inline([{"a": low, "b": low}, {"a": high, "b": high}]))
        .mark_line(color=MUTED, strokeDash=[4, 3], strokeWidth=1)
        .encode(x="a:Q", y="b:Q")
    )
    return line


def label_axis(title_anchor: Literal["start", "end"] = "end") -> alt.Axis:
    """An axis of names."""
    return alt.Axis(grid=False, labelColor=INK, titleAnchor=title_anchor)


def tick_axis(*, share: bool = False) -> alt.Axis:
    """Numbers along an axis; ``~s`` alone would write a half as ``500m``, zero as ``0k``."""
    if share:
        return alt.Axis(format="~%")
    return alt.Axis(labelExpr="format(datum.value, abs(datum.value) < 1 ? '~g' : '~s')")


def _with_unit(title: str, unit: str) -> str:
    return f"{title} ({unit})" if unit else title


def _thinned(rows: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Every k-th row, so that a picture stays a picture."""
    return rows[:: -(-len(rows) // MOST_POINTS)] if rows else rows

"""Pictures of what a finding's details hold: one small record and one drawing a kind.

A detail that does not have the shape named here is not drawn, and nothing breaks: checks of
other packages put into their details what they like.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import fmean, median
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Meta

from assay.assess.finding import Finding
from assay.records import Record
from assay.report import charts
from assay.report.analysis_details import (
    Curve,
    ErrorMap,
    RiskCurve,
    TreeNode,
    draw_dependence,
    draw_maps,
    draw_risk,
    draw_tree,
)
from assay.report.charts import Bar, Bin
from assay.report.picture import Picture, with_unit
from assay.report.wording import SHARES, between, count, counted, quantity, share

Numbers = Annotated[tuple[float | None, ...], Meta(min_length=1)]


class Points(Record, frozen=True, kw_only=True):
    """``points``: answers of sampled rows, in the unit of the target."""

    actual: Numbers
    predicted: Numbers


class ForecastBin(Record, frozen=True, kw_only=True):
    """One of ``bins``: rows with a similar forecast."""

    forecast: float
    observed: float
    lower: float | None = None
    upper: float | None = None
    rows: int | None = None


class ColumnFigure(Record, frozen=True, kw_only=True):
    """One of ``importance``, or of the columns of ``contributions``."""

    column: str
    value: float | None
    lower: float | None = None
    upper: float | None = None
    measure: str = "Importance"
    unit: str = ""


class Explained(Record, frozen=True, kw_only=True):
    """``contributions``: one answer against the reference row's."""

    columns: Annotated[tuple[ColumnFigure, ...], Meta(min_length=1)]
    answer: float
    reference: float


class Confusion(Record, frozen=True, kw_only=True):
    """``confusion``: ``counts[i][j]`` rows of class i were answered as class j."""

    classes: Annotated[tuple[str, ...], Meta(min_length=2)]
    counts: tuple[tuple[int, ...], ...]


class Histogram(Record, frozen=True, kw_only=True):
    """``residuals`` and ``histogram``: rows between edges, one more edge than counts."""

    edges: Annotated[tuple[float, ...], Meta(min_length=2)]
    counts: Annotated[tuple[int, ...], Meta(min_length=1)]


class _Kind(NamedTuple):
    """What a key of the details holds and who draws it."""

    shape: Any
    draw: Callable[[Any, Finding, str], tuple[Picture, ...]]


def detail_pictures(finding: Finding, *, unit: str = "") -> tuple[Picture, ...]:
    """Pictures of everything in the details that has a known shape.

    Parameters
    ----------
    finding : Finding
        As a check returned it.
    unit : str
        Unit of the target.
    """
    drawn: tuple[Picture, ...] = ()
    for key, kind in _KINDS.items():
        try:
            held = msgspec.convert(finding.details.get(key), kind.shape)
        except msgspec.ValidationError:
            continue
        drawn += kind.draw(held, finding, unit)
    return drawn


def _points(points: Points, finding: Finding, unit: str) -> tuple[Picture, ...]:
    """Predicted against true, and what is left: two scatters over the same rows."""
    pairs = [
        (a, p)
        for a, p in zip(points.actual, points.predicted, strict=False)
        if a is not None and p is not None
    ]
    if not pairs:
        return ()
    actual, predicted = zip(*pairs, strict=True)
    shown = counted(len(pairs), "row")
    if finding.rows > len(pairs):
        shown = f"A sample of {count(len(pairs))} of {counted(finding.rows, 'row')}"
    over = sum(p > a for a, p in pairs)
    middle = median(abs(p - a) for a, p in pairs)
    columns, rows = _fifths(pairs, unit)
    return (
        Picture(
            title="Predicted against true",
            text=f"{shown}. On the dashed line the prediction is exact; half "
            f"of the rows lie within {quantity(middle, unit)} of it.",
            chart=charts.predicted_against_true(actual, predicted, unit=unit),
            columns=columns,
            rows=rows,
        ),
        Picture(
            title="What is left",
            text=f"Predicted minus true, over the prediction: {count(over)} of "
            f"{counted(len(pairs), 'row')} are predicted too high.",
            chart=charts.residuals(actual, predicted, unit=unit),
            columns=columns,
            rows=rows,
        ),
    )


def _fifths(
    pairs: Sequence[tuple[float, float]], unit: str
) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """The scatter as a table: five equal parts by prediction, so that no row is told alone."""
    ordered = sorted(pairs, key=lambda pair: pair[1])
    size = -(-len(ordered) // 5)
    parts = [ordered[start : start + size] for start in range(0, len(ordered), size)]
    return (
        ("Predicted", "Rows", "Mean predicted", "Mean true", "Mean absolute error"),
        tuple(
            (
                between(part[0][1], part[-1][1], unit),
                count(len(part)),
                quantity(fmean(p for _, p in part), unit),
                quantity(fmean(a for a, _ in part), unit),
                quantity(fmean(abs(p - a) for a, p in part), unit),
            )
            for part in parts
        ),
    )


def _bins(bins: tuple[ForecastBin, ...], _finding: Finding, _unit: str) -> tuple[Picture, ...]:
    """A reliability diagram."""
    worst = max(bins, key=lambda b: abs(b.observed - b.forecast))
    return (
        Picture(
            title="Forecast against observed",
            text="On the dashed line, forecasts come true as often as they say. Farthest from it: "
            f"forecast {share(worst.forecast)}, observed {share(worst.observed)}.",
            chart=charts.calibration(
                [Bin(b.forecast, b.observed, b.lower, b.upper, b.rows) for b in bins]
            ),
            columns=("Forecast", "Observed", "Bounds", "Rows"),
            rows=tuple(
                (
                    share(b.forecast),
                    share(b.observed),
                    between(b.lower, b.upper, "share"),
                    count(b.rows),
                )
                for b in bins
            ),
        ),
    )


def _importance(
    figures: tuple[ColumnFigure, ...], _finding: Finding, _unit: str
) -> tuple[Picture, ...]:
    """Columns by how much depends on them."""
    known = [(c, c.value) for c in figures if c.value is not None]
    if not known:
        return ()
    known.sort(key=lambda pair: -pair[1])
    unit, measure = figures[0].unit, figures[0].measure
    most = ", ".join(f"{c.column} {quantity(value, unit)}" for c, value in known[:3])
    return (
        Picture(
            title="By column",
            text=f"{measure}. Most: {most}.",
            chart=charts.interval_dots(
                [Bar(c.column, value, c.lower, c.upper) for c, value in known],
                measure=with_unit(measure, unit),
                share=unit in SHARES,
            ),
            columns=("Column", measure, "Bounds"),
            rows=tuple(
                (c.column, quantity(value, unit), between(c.lower, c.upper, unit))
                for c, value in known
            ),
        ),
    )


def _contributions(explained: Explained, _finding: Finding, unit: str) -> tuple[Picture, ...]:
    """One row's answer against the reference row, column by column."""
    columns = sorted(explained.columns, key=lambda c: -abs(c.value or 0.0))
    gap = explained.answer - explained.reference
    return (
        Picture(
            title="One answer, explained",
            text=f"The answer {quantity(explained.answer, unit)} lies {quantity(abs(gap), unit)} "
            f"{'above' if gap >= 0 else 'below'} the reference row's "
            f"{quantity(explained.reference, unit)}; each bar is one column's part.",
            chart=charts.bars(
                [Bar(c.column, c.value) for c in columns],
                measure=with_unit("Part of the difference", unit),
                signed=True,
            ),
            columns=("Column", "Part"),
            rows=tuple((c.column, quantity(c.value, unit)) for c in columns),
        ),
    )


def _confusion(confusion: Confusion, _finding: Finding, _unit: str) -> tuple[Picture, ...]:
    """Answers by true class."""
    classes, counts = confusion.classes, confusion.counts
    if {len(counts), *map(len, counts)} != {len(classes)}:
        return ()
    right = sum(counts[i][i] for i in range(len(classes)))
    return (
        Picture(
            title="Answered against true",
            text=f"{count(right)} of {counted(sum(map(sum, counts)), 'row')} are answered as they "
            "are. The darker a cell, the larger its share of the true class.",
            chart=charts.shares_by_class(counts, classes),
            columns=("True", *(f"Answered {name}" for name in classes)),
            rows=tuple(
                (name, *(count(n) for n in row)) for name, row in zip(classes, counts, strict=True)
            ),
        ),
    )


def _residuals(histogram: Histogram, finding: Finding, unit: str) -> tuple[Picture, ...]:
    """What is left, where no rows may be shown one by one."""
    if finding.details.get("points"):
        return ()
    return _histogram_picture(histogram, "What is left", "Predicted − true", unit)


def _histogram(histogram: Histogram, finding: Finding, _unit: str) -> tuple[Picture, ...]:
    """The rows behind one figure."""
    return _histogram_picture(histogram, "Row by row", finding.measure, finding.unit)


def _histogram_picture(
    histogram: Histogram, title: str, measure: str, unit: str
) -> tuple[Picture, ...]:
    edges, counts = histogram.edges, histogram.counts
    if len(edges) != len(counts) + 1:
        return ()
    fullest = max(range(len(counts)), key=counts.__getitem__)
    return (
        Picture(
            title=title,
            text=f"{counted(sum(counts), 'row')}, from {quantity(edges[0], unit)} to "
            f"{quantity(edges[-1], unit)}. Most, {count(counts[fullest])}, lie between "
            f"{quantity(edges[fullest], unit)} and {quantity(edges[fullest + 1], unit)}.",
            chart=charts.histogram(
                edges, counts, measure=with_unit(measure, unit), share=unit in SHARES
            ),
            columns=("From", "To", "Rows"),
            rows=tuple(
                (quantity(left, unit), quantity(right, unit), count(n))
                for left, right, n in zip(edges, edges[1:], counts, strict=False)
            ),
        ),
    )


_KINDS = {
    "points": _Kind(Points, _points),
    "residuals": _Kind(Histogram, _residuals),
    "histogram": _Kind(Histogram, _histogram),
    "bins": _Kind(Annotated[tuple[ForecastBin, ...], Meta(min_length=1)], _bins),
    "importance": _Kind(Annotated[tuple[ColumnFigure, ...], Meta(min_length=1)], _importance),
    "contributions": _Kind(Explained, _contributions),
    "confusion": _Kind(Confusion, _confusion),
    "tree": _Kind(Annotated[tuple[TreeNode, ...], Meta(min_length=1)], draw_tree),
    "maps": _Kind(Annotated[tuple[ErrorMap, ...], Meta(min_length=1)], draw_maps),
    "dependence": _Kind(Annotated[tuple[Curve, ...], Meta(min_length=1)], draw_dependence),
    "curve": _Kind(RiskCurve, draw_risk),
}
"""Key of the details -> its shape and its drawing, in the order of a report."""

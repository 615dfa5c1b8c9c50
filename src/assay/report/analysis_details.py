"""Details of findings that analyse: the error tree, heat maps, curves of dependence and of risk."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from assay.assess.finding import Finding
from assay.records import Record
from assay.report import analysis_charts, charts
from assay.report.analysis_charts import Along, Cell
from assay.report.charts import LONGEST_LABEL, Bar
from assay.report.picture import Picture, with_unit
from assay.report.wording import SHARES, between, count, counted, quantity, share

MOST_LEAVES = 12
"""Leaves of a tree that its picture shows, those with the most error first."""


class TreeNode(Record, frozen=True, kw_only=True):
    """One of ``tree``: rows that a chain of conditions picks out."""

    path: str
    leaf: bool
    rows: int
    error: float
    lower: float
    upper: float
    error_coverage: float
    confirmed: bool


class ErrorMap(Record, frozen=True, kw_only=True):
    """One of ``maps``: rows and error by the levels of one column or of two."""

    columns: Annotated[tuple[str, ...], Meta(min_length=1, max_length=2)]
    levels: Annotated[tuple[tuple[str, ...], ...], Meta(min_length=1, max_length=2)]
    rows: tuple[int | tuple[int | None, ...] | None, ...]
    error: tuple[float | tuple[float | None, ...] | None, ...]


class Curve(Record, frozen=True, kw_only=True):
    """One of ``dependence``: how answers follow one column."""

    column: str
    points: Annotated[tuple[str, ...], Meta(min_length=2)]
    ale: tuple[float, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    pdp: tuple[float, ...]


class RiskCurve(Record, frozen=True, kw_only=True):
    """``curve``: error of the most certain rows, by the share of rows that is answered."""

    coverage: Annotated[tuple[float, ...], Meta(min_length=2)]
    risk: Annotated[tuple[float, ...], Meta(min_length=2)]


def draw_tree(nodes: tuple[TreeNode, ...], finding: Finding, unit: str) -> tuple[Picture, ...]:
    """The leaves of an error tree, worst first."""
    del finding
    leaves = sorted((n for n in nodes if n.leaf), key=lambda n: -n.error)[:MOST_LEAVES]
    if not leaves:
        return ()
    confirmed = sum(leaf.confirmed for leaf in leaves)
    error_unit = _error_unit(leaves, unit)
    worst = leaves[0]
    return (
        Picture(
            title="Where errors gather",
            text="The leaves of the error tree, on rows that did not grow it. Worst: "
            f"{worst.path}, {quantity(worst.error, error_unit)} on {counted(worst.rows, 'row')}. "
            f"{counted(confirmed, 'leaf', 'leaves')} beyond chance.",
            chart=charts.interval_dots(
                [Bar(_end(n.path), n.error, n.lower, n.upper, n.rows) for n in leaves],
                measure=with_unit("Error", error_unit),
                share=error_unit in SHARES,
            ),
            columns=("Rows that", "Rows", "Error", "Bounds", "Of all error", "Beyond chance"),
            rows=tuple(
                (
                    n.path,
                    count(n.rows),
                    quantity(n.error, error_unit),
                    between(n.lower, n.upper, error_unit),
                    share(n.error_coverage),
                    "yes" if n.confirmed else "no",
                )
                for n in leaves
            ),
        ),
    )


def _end(path: str) -> str:
    """The end of a chain of conditions, which is what tells leaves apart."""
    return path if len(path) <= LONGEST_LABEL else f"…{path[1 - LONGEST_LABEL :]}"


def _error_unit(nodes: list[TreeNode], unit: str) -> str:
    """Error rates are shares; errors of numbers have the unit of the target."""
    return unit if unit or max(n.error for n in nodes) > 1 else "share"


def draw_maps(maps: tuple[ErrorMap, ...], finding: Finding, unit: str) -> tuple[Picture, ...]:
    """Heat maps over two columns; maps of one column are in their margins."""
    del finding
    pairs = [m for m in maps if len(m.columns) == 2 and len(m.levels) == 2]
    return tuple(picture for held in pairs for picture in _heat(held, unit))


def _heat(held: ErrorMap, unit: str) -> tuple[Picture, ...]:
    down, across = held.levels
    cells = [
        (a, b, error, rows)
        for a, errors, counts in zip(down, held.error, held.rows, strict=False)
        if isinstance(errors, tuple) and isinstance(counts, tuple)
        for b, error, rows in zip(across, errors, counts, strict=False)
        if error is not None
    ]
    if not cells:
        return ()
    most = max(error for _, _, error, _ in cells) or 1.0
    shown_unit = unit if unit or most > 1 else "share"
    worst = max(cells, key=lambda cell: cell[2])
    first, second = held.columns
    return (
        Picture(
            title=f"Error by {first} and {second}",
            text=f"Largest: {quantity(worst[2], shown_unit)} where {first} is {worst[0]} and "
            f"{second} is {worst[1]} ({counted(worst[3] or 0, 'row')}). All rows; cells with few "
            "rows are left empty.",
            chart=analysis_charts.heat_map(
                [
                    Cell(a, b, quantity(error, shown_unit, digits=2), error / most)
                    for a, b, error, _ in cells
                ],
                rows=first,
                columns=second,
            ),
            columns=(first, second, "Error", "Rows"),
            rows=tuple(
                (a, b, quantity(error, shown_unit), count(rows)) for a, b, error, rows in cells
            ),
        ),
    )


def draw_dependence(curves: tuple[Curve, ...], finding: Finding, unit: str) -> tuple[Picture, ...]:
    """A curve a column, the steepest first."""
    del finding
    return tuple(picture for curve in curves for picture in _curve(curve, unit))


def _curve(held: Curve, unit: str) -> tuple[Picture, ...]:
    parts = (held.points, held.ale, held.lower, held.upper, held.pdp)
    if len({len(part) for part in parts}) != 1:
        return ()
    level = sum(held.pdp) / len(held.pdp)
    curve = [Along(p, e, low, high, d - level) for p, e, low, high, d in zip(*parts, strict=True)]
    lowest, highest = (pick(curve, key=lambda at: at.effect) for pick in (min, max))
    return (
        Picture(
            title=f"How answers follow {held.column}",
            text="Accumulated local effects with their bounds; dashed, partial dependence about "
            f"its mean. Lowest at {lowest.place} ({quantity(lowest.effect, unit)}), highest at "
            f"{highest.place} ({quantity(highest.effect, unit)}).",
            chart=analysis_charts.dependence(
                curve, column=held.column, measure=with_unit("Effect on the answer", unit)
            ),
            columns=(held.column, "Effect", "Bounds", "Partial dependence"),
            rows=tuple(
                (
                    at.place,
                    quantity(at.effect, unit),
                    between(at.lower, at.upper, unit),
                    quantity(at.partial, unit),
                )
                for at in curve
            ),
        ),
    )


def draw_risk(held: RiskCurve, finding: Finding, unit: str) -> tuple[Picture, ...]:
    """Error over the share of rows that is answered."""
    del finding
    if len(held.coverage) != len(held.risk):
        return ()
    shown_unit = unit if unit or max(held.risk) > 1 else "share"
    half = min(range(len(held.coverage)), key=lambda i: abs(held.coverage[i] - 0.5))
    return (
        Picture(
            title="If only certain rows were answered",
            text=f"Error is {quantity(held.risk[-1], shown_unit)} over all rows, and "
            f"{quantity(held.risk[half], shown_unit)} over the most certain "
            f"{share(held.coverage[half])} of them.",
            chart=analysis_charts.falling(
                held.coverage,
                held.risk,
                along="Share of rows answered",
                measure=with_unit("Error", shown_unit),
                share=shown_unit in SHARES,
            ),
            columns=("Rows answered", "Error"),
            rows=tuple(
                (share(c), quantity(r, shown_unit))
                for c, r in zip(held.coverage, held.risk, strict=True)
            ),
        ),
    )

"""Which picture belongs to which evidence, with its words and its figures.

Every picture comes with a sentence that says what it shows and a table that holds the figures,
so that nobody needs to see it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from assay.assess.finding import Finding
from assay.automl.leaderboard import Leaderboard, Trial
from assay.data.profile import Profile
from assay.report import charts
from assay.report.charts import Bar, Bin, Reference
from assay.report.story import metric_name, metric_unit
from assay.report.wording import NONE, SHARES, between, count, counted, quantity, share


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A chart with the sentence and the figures that say the same."""

    title: str
    text: str
    chart: Any
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @property
    def svg(self) -> str:
        """The chart as an ``<svg>`` element."""
        return charts.to_svg(self.chart)


def finding_pictures(finding: Finding, *, unit: str = "") -> tuple[Picture, ...]:
    """Pictures of one finding: its groups, and what its details hold to be drawn.

    Parameters
    ----------
    finding : Finding
        As a check returned it.
    unit : str
        Unit of the target, for pictures of answers.
    """
    if not finding.applies:
        return ()
    drawn = [_groups(finding)] if len(finding.groups) > 1 else []
    for key, draw in _DETAILS.items():
        if finding.details.get(key):
            drawn += draw(finding, finding.details[key], unit)
    return tuple(drawn)


def leaderboard_picture(board: Leaderboard, *, unit: str = "") -> Picture | None:
    """Scores of the finished trials with their intervals, against the constant answer."""
    done = [trial for trial in board.trials if trial.score is not None]
    if not done:
        return None
    scale = metric_unit(board.metric, unit)
    name = metric_name(board.metric)
    chart = charts.interval_dots(
        [Bar(trial_name(t), t.score, t.low, t.high) for t in done[:12]],
        measure=f"{_with_unit(name, scale)}, {board.better} is better",
        reference=Reference(board.baseline, "constant answer"),
        share=scale in SHARES,
    )
    best = done[0]
    return Picture(
        title="What the search tried",
        text=f"{counted(len(done), 'trial')} finished. The best single one, {trial_name(best)}, "
        f"reaches {quantity(best.score, scale)}; the chosen ensemble "
        f"{quantity(board.ensemble_score, scale)}; the constant answer "
        f"{quantity(board.baseline, scale)}.",
        chart=chart,
        columns=("Trial", name, "Interval", "Weight"),
        rows=tuple(
            (
                trial_name(t),
                quantity(t.score, scale),
                between(t.low, t.high, scale),
                share(t.weight) if t.weight else NONE,
            )
            for t in done
        ),
    )


def trial_name(trial: Trial) -> str:
    """A trial as people call it."""
    return f"{trial.family} #{trial.number}"


def missing_picture(profile: Profile) -> Picture | None:
    """Share of missing cells by column; None where no cell is missing."""
    holes = sorted((c for c in profile.columns if c.missing), key=lambda c: -c.missing)
    if not holes or not profile.rows:
        return None
    rows = profile.rows
    return Picture(
        title="Missing cells",
        text=f"{counted(profile.missing_cells, 'cell')} missing, in "
        f"{counted(len(holes), 'column')} of {count(len(profile.columns))}. Most in "
        f"{holes[0].name}: {share(holes[0].missing / rows)} of {counted(rows, 'row')}.",
        chart=charts.bars(
            [Bar(c.name, c.missing / rows) for c in holes],
            measure="Share of the column's cells that is missing",
            share=True,
        ),
        columns=("Column", "Missing cells", "Share"),
        rows=tuple((c.name, count(c.missing), share(c.missing / rows)) for c in holes),
    )


def _groups(finding: Finding) -> Picture:
    """A dot and an interval for each group."""
    known = [g for g in finding.groups if g.value is not None]
    limit = finding.details.get("target")
    sentence = f"{finding.measure[:1].upper()}{finding.measure[1:]}, by group."
    if known:
        low = min(known, key=lambda g: g.value or 0.0)
        high = max(known, key=lambda g: g.value or 0.0)
        sentence += (
            f" Least in {low.group}: {quantity(low.value, finding.unit)} "
            f"({counted(low.rows, 'row')}). Most in {high.group}: "
            f"{quantity(high.value, finding.unit)} ({counted(high.rows, 'row')})."
        )
    return Picture(
        title=f"By {finding.column}" if finding.column else "By group",
        text=sentence,
        chart=charts.interval_dots(
            [Bar(g.group, g.value, g.lower, g.upper, g.rows) for g in finding.groups],
            measure=_with_unit(finding.measure, finding.unit),
            reference=Reference(limit, "promised") if isinstance(limit, float) else None,
            share=finding.unit in SHARES,
        ),
        columns=("Group", "Rows", "Value", "Bounds"),
        rows=tuple(
            (
                g.group,
                count(g.rows),
                quantity(g.value, finding.unit),
                between(g.lower, g.upper, finding.unit),
            )
            for g in finding.groups
        ),
    )


def _with_unit(words: str, unit: str) -> str:
    return f"{words} ({unit})" if unit and unit not in SHARES else words


def _points(_finding: Finding, detail: Any, unit: str) -> tuple[Picture, ...]:
    """Predicted against true, and what is left: two scatters over the same rows."""
    actual, predicted = detail["actual"], detail["predicted"]
    errors = sorted(abs(p - a) for a, p in zip(actual, predicted, strict=True))
    over = sum(p > a for a, p in zip(actual, predicted, strict=True))
    columns, rows = _fifths(actual, predicted, unit)
    return (
        Picture(
            title="Predicted against true",
            text=f"{counted(len(errors), 'row')}. On the dashed line the prediction is exact; half "
            f"of the rows lie within {quantity(errors[len(errors) // 2], unit)} of it.",
            chart=charts.predicted_against_true(actual, predicted, unit=unit),
            columns=columns,
            rows=rows,
        ),
        Picture(
            title="What is left",
            text=f"Predicted minus true, over the prediction: {count(over)} of "
            f"{counted(len(errors), 'row')} are predicted too high.",
            chart=charts.residuals(actual, predicted, unit=unit),
            columns=columns,
            rows=rows,
        ),
    )


def _fifths(
    actual: Sequence[float], predicted: Sequence[float], unit: str
) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """The scatter as a table: rows in five equal parts by prediction, so that no row is named."""
    pairs = sorted(zip(predicted, actual, strict=True))
    size = -(-len(pairs) // 5)
    parts = [pairs[start : start + size] for start in range(0, len(pairs), size)]
    return (
        ("Predicted", "Rows", "Mean predicted", "Mean true", "Mean absolute error"),
        tuple(
            (
                between(part[0][0], part[-1][0], unit),
                count(len(part)),
                quantity(fmean(p for p, _ in part), unit),
                quantity(fmean(a for _, a in part), unit),
                quantity(fmean(abs(p - a) for p, a in part), unit),
            )
            for part in parts
        ),
    )


def _bins(_finding: Finding, detail: Any, _unit: str) -> tuple[Picture, ...]:
    """A reliability diagram."""
    bins = [Bin(**{name: b.get(name) for name in Bin._fields}) for b in detail]
    worst = max(bins, key=lambda b: abs(b.observed - b.forecast))
    return (
        Picture(
            title="Forecast against observed",
            text=f"On the dashed line, forecasts come true as often as they say. Farthest from it: "
            f"forecast {share(worst.forecast)}, observed {share(worst.observed)}.",
            chart=charts.calibration(bins),
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


def _importance(_finding: Finding, detail: Any, _unit: str) -> tuple[Picture, ...]:
    """Columns by how much the answers depend on them."""
    items = [Bar(d["column"], d["value"], d.get("lower"), d.get("upper")) for d in detail]
    unit = detail[0].get("unit", "")
    measure = detail[0].get("measure", "Importance")
    return (
        Picture(
            title="What the answers depend on",
            text=f"{measure}, by column. Most: "
            + ", ".join(f"{i.label} {quantity(i.value, unit)}" for i in items[:3])
            + ".",
            chart=charts.interval_dots(items, measure=measure, share=unit in SHARES),
            columns=("Column", measure, "Bounds"),
            rows=tuple(
                (i.label, quantity(i.value, unit), between(i.lower, i.upper, unit)) for i in items
            ),
        ),
    )


def _contributions(_finding: Finding, detail: Any, unit: str) -> tuple[Picture, ...]:
    """One row's answer against the reference row, column by column."""
    items = [Bar(d["column"], d["value"]) for d in detail["columns"]]
    up = detail["answer"] >= detail["reference"]
    return (
        Picture(
            title="One answer, explained",
            text=f"The answer {quantity(detail['answer'], unit)} lies "
            f"{quantity(abs(detail['answer'] - detail['reference']), unit)} "
            f"{'above' if up else 'below'} the reference row's "
            f"{quantity(detail['reference'], unit)}; each bar is one column's part.",
            chart=charts.bars(
                items, measure=f"Part of the difference{f' ({unit})' if unit else ''}", signed=True
            ),
            columns=("Column", "Part"),
            rows=tuple((i.label, quantity(i.value, unit)) for i in items),
        ),
    )


def _confusion(_finding: Finding, detail: Any, _unit: str) -> tuple[Picture, ...]:
    """Answers by true class."""
    classes, counts = [str(c) for c in detail["classes"]], detail["counts"]
    right = sum(counts[i][i] for i in range(len(classes)))
    total = sum(map(sum, counts))
    return (
        Picture(
            title="Answered against true",
            text=f"{count(right)} of {counted(total, 'row')} are answered as they are. The darker "
            "a cell, the larger its share of the true class.",
            chart=charts.shares_by_class(counts, classes),
            columns=("True", *(f"Answered {c}" for c in classes)),
            rows=tuple(
                (name, *(count(n) for n in row)) for name, row in zip(classes, counts, strict=True)
            ),
        ),
    )


_DETAILS: dict[str, Callable[[Finding, Any, str], tuple[Picture, ...]]] = {
    "points": _points,
    "bins": _bins,
    "importance": _importance,
    "contributions": _contributions,
    "confusion": _confusion,
}
"""Key of a finding's details -> who draws it; docs/charts.md lists what each holds."""

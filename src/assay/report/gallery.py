"""Which picture belongs to which evidence, with its words and its figures.

Every picture comes with a sentence that says what it shows and a table that holds the figures,
so that nobody needs to see it.
"""

from __future__ import annotations

from assay.assess.finding import Finding
from assay.data.profile import Profile
from assay.report import charts
from assay.report.charts import Bar, Reference
from assay.report.details import detail_pictures
from assay.report.picture import Picture, with_unit
from assay.report.wording import SHARES, between, count, counted, quantity, share


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
    drawn = (_groups(finding),) if len(finding.groups) > 1 else ()
    return drawn + detail_pictures(finding, unit=unit)


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
    left = len(finding.groups) - len(known)
    too_small = f" Not judged, for lack of rows: {counted(left, 'group')}." if left else ""
    limit = finding.details.get("target")
    text = f"{counted(len(known), 'group')} with bounds."
    if known:
        low = min(known, key=lambda g: g.value or 0.0)
        high = max(known, key=lambda g: g.value or 0.0)
        text += (
            f" Least in {low.group}: {quantity(low.value, finding.unit)} "
            f"({counted(low.rows, 'row')}). Most in {high.group}: "
            f"{quantity(high.value, finding.unit)} ({counted(high.rows, 'row')})."
        )
    return Picture(
        title=f"By {finding.column}" if finding.column else "By group",
        text=text + too_small,
        chart=charts.interval_dots(
            [Bar(g.group, g.value, g.lower, g.upper, g.rows) for g in finding.groups],
            measure=with_unit(_group_measure(finding), finding.unit),
            reference=Reference(limit, "promised") if isinstance(limit, float) else None,
            share=finding.unit in SHARES,
        ),
        columns=("Group", "Rows", "Value", "Bounds"),
        rows=tuple(
            (
                g.group,
                count(g.rows),
                "not judged" if g.value is None else quantity(g.value, finding.unit),
                between(g.lower, g.upper, finding.unit),
            )
            for g in finding.groups
        ),
    )


def _group_measure(finding: Finding) -> str:
    """What each group's figure is; the finding's own measure compares the groups."""
    told = finding.details.get("group_measure")
    return told if isinstance(told, str) and told else "Figure of each group"

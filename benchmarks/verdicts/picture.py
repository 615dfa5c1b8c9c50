"""Power curves as a picture: which verdict each gate gives, by the true gap."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.verdicts.gates import Power

COLOURS = {
    "Assay": "#0072b2",
    "Assay before": "#56b4e9",
    "bootstrap of the gap": "#e69f00",
    "naive": "#d55e00",
}
DASHES = {
    "Assay": [1, 0],
    "Assay before": [6, 3],
    "bootstrap of the gap": [2, 2],
    "naive": [8, 3, 2, 3],
}


def draw(found: Sequence[Power], *, limit: float, file: Path) -> None:
    """Write the picture as PNG: a column for each number of groups, a row for each verdict."""
    import altair as alt
    import vl_convert

    rows = [
        {
            "gate": p.gate,
            "groups": f"{p.groups} groups of {p.rows} rows",
            "gap": p.gap,
            "verdict": verdict,
            "share": share,
        }
        for p in found
        for verdict, share in (("called not met", p.not_met), ("called met", p.met))
    ]
    order = list(dict.fromkeys(str(row["groups"]) for row in rows))
    base = alt.Chart().encode(
        x=alt.X("gap:Q", title="true gap", axis=alt.Axis(format="%")),
        y=alt.Y("share:Q", title="share of samples", axis=alt.Axis(format="%")),
        color=alt.Color(
            "gate:N",
            title=None,
            scale=alt.Scale(domain=list(COLOURS), range=list(COLOURS.values())),
        ),
        strokeDash=alt.StrokeDash(
            "gate:N",
            title=None,
            scale=alt.Scale(domain=list(DASHES), range=list(DASHES.values())),
        ),
    )
    line = base.mark_line(strokeWidth=2)
    rule = alt.Chart().mark_rule(color="#666", strokeDash=[3, 3]).encode(x=alt.datum(limit))
    chart = (
        alt.layer(line, rule, data=alt.InlineData(values=rows))
        .properties(width=230, height=150)
        .facet(
            column=alt.Column("groups:N", title=None, sort=order),
            row=alt.Row("verdict:N", title=None, sort=["called met", "called not met"]),
        )
        .properties(title=f"At most {limit:.0%} is asked (dashed); 95 % confidence")
        .configure_legend(orient="bottom", symbolSize=300)
    )
    file.write_bytes(vl_convert.vegalite_to_png(chart.to_json(), scale=1.5))

"""The benchmark's results as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from benchmarks.verdicts.gates import Errors
from benchmarks.verdicts.intervals import Coverage
from benchmarks.verdicts.peers import Peer


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def coverage_table(found: Sequence[Coverage]) -> str:
    """One line an interval and setting, one column a number of rows."""
    rows = sorted({c.rows for c in found})
    cells = {(c.interval, c.setting, c.rows): c for c in found}
    names = list(dict.fromkeys((c.interval, c.setting) for c in found))
    lines = []
    for interval, setting in names:
        each = [cells.get((interval, setting, n)) for n in rows]
        shown = [f"{c.lower:.3f} / {c.upper:.3f}" if c else "" for c in each]
        lines.append([interval + (f", {setting}" if setting else ""), *shown])
    return table(["interval", *(f"{n:,} rows" for n in rows)], lines)


def errors_table(found: Sequence[Errors]) -> str:
    """Worst false verdicts of each gate over all worlds with as many groups and such sizes."""
    gates = list(dict.fromkeys(e.gate for e in found))
    settings = list(dict.fromkeys((e.world.groups, e.world.sizes) for e in found))
    lines = []
    for groups, sizes in settings:
        line: list[object] = [f"{groups} groups of {sizes} rows".replace("unequal", "30 to 3,000")]
        for gate in gates:
            here = [
                e
                for e in found
                if e.gate == gate and (e.world.groups, e.world.sizes) == (groups, sizes)
            ]
            worst = (max(e.false_not_met for e in here), max(e.false_met for e in here))
            line.append(f"{worst[0]:.3f} / {worst[1]:.3f}")
        lines.append(line)
    return table(["worst false *not met* / *met*", *gates], lines)


def width_table(found: Sequence[Errors]) -> str:
    """Mean width of the gap's interval, ours against the former."""
    lines = []
    for groups, sizes in dict.fromkeys((e.world.groups, e.world.sizes) for e in found):
        here = [e for e in found if (e.world.groups, e.world.sizes) == (groups, sizes)]
        ours = sum(e.width for e in here if e.gate == "Assay")
        former = sum(e.width for e in here if e.gate == "Assay before")
        lines.append([groups, sizes, f"{ours / former:.2f}"])
    return table(["groups", "rows each", "width against the former"], lines)


def peer_table(found: Sequence[Peer]) -> str:
    return table(
        ["tool", "groups of 50 rows", "true gap", "false *not met* / *met*", "CPU ms a verdict"],
        [
            [
                p.tool,
                p.world.groups,
                f"{p.world.gap:.2g}",
                f"{p.false_not_met:.3f} / {p.false_met:.3f}",
                f"{1000 * p.seconds:,.1f}",
            ]
            for p in found
        ],
    )

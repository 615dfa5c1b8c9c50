"""What runs found, as Markdown."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import median
from typing import Any

Run = dict[str, Any]
OVERRUN = 1.1
"""Times the budget that a fit may take."""


KEY = (
    "- Bold: best or tied with the best (95 % paired bootstrap over test rows). "
    "†: worse than default LightGBM by the same measure."
)


@dataclass(frozen=True)
class Section:
    """Runs of one part, budget and set of tools; cases by name, runs by case and tool."""

    title: str
    tools: list[str]
    runs: dict[str, dict[str, Run]]
    comparisons: dict[str, Run]

    def of(self, tool: str) -> list[Run]:
        """The runs of a tool that did not fail."""
        found = (by_tool.get(tool) for by_tool in self.runs.values())
        return [run for run in found if run and run["status"] == "ok"]


def render(text: str) -> str:
    """A page from the JSON of `runs.Results`."""
    kept = json.loads(text)
    parts = [_head(kept)]
    for section in _sections(kept):
        parts += [f"## {section.title}", _scores(section), _summary(section)]
        parts += [_differences(section, metric) for metric in _compared(section)]
        parts.append(_failures(section))
    return "\n\n".join(part for part in parts if part)


def _head(kept: dict[str, Any]) -> str:
    where = kept["machine"]
    computer = (
        f"{where['processor']}, {where['cores']} cores, {where['memory_gib']} GiB, "
        f"Linux {where['system']}"
    )
    versions: dict[str, set[str]] = {}
    for run in kept["runs"].values():
        for name, version in run.get("versions", {}).items():
            versions.setdefault(name, set()).add(version)
    told = ", ".join(f"{name} {' and '.join(sorted(of))}" for name, of in sorted(versions.items()))
    commits = sorted({run["commit"] for run in kept["runs"].values()})
    loads = [run["load_before"] for run in kept["runs"].values()] or [0.0]
    return "\n".join(
        [
            f"- Machine: {computer}; load before a run {min(loads):.1f} to {max(loads):.1f}.",
            f"- Versions: {told}; Assay at {', '.join(commits)}.",
            *(f"- Command: `{command}`" for command in kept["commands"]),
            KEY,
        ]
    )


def _sections(kept: dict[str, Any]) -> list[Section]:
    grouped: dict[tuple[str, float], list[Run]] = {}
    for run in kept["runs"].values():
        grouped.setdefault((run["part"], run["budget_s"]), []).append(run)
    return [
        _section(f"{budget:g} s, {part}", runs, kept["comparisons"])
        for (part, budget), runs in sorted(grouped.items())
    ]


def _section(title: str, runs: list[Run], comparisons: dict[str, Run]) -> Section:
    by_case: dict[str, dict[str, Run]] = {}
    for run in runs:
        by_case.setdefault(_case(run), {})[run["tool"]] = run
    tools = list(dict.fromkeys(run["tool"] for run in runs))
    own = {_case(comparison): comparison for comparison in comparisons.values()}
    return Section(title, tools, by_case, {case: own[case] for case in by_case if case in own})


def _case(run: Run) -> str:
    return (
        f"{run['table']}, seed {run['seed']}, {run['metric']}, {run['budget_s']:g} s, {run['part']}"
    )


def _rows(section: Section) -> Iterable[tuple[str, str, Run]]:
    """What to call a row, its case, and one of the case's runs."""
    seeds = {run["seed"] for by_tool in section.runs.values() for run in by_tool.values()}
    for case, by_tool in section.runs.items():
        run = next(iter(by_tool.values()))
        yield run["table"] + (f" ({run['seed']})" if len(seeds) > 1 else ""), case, run


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    names = list(head)
    lines = [names, ["---"] * len(names), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def _scores(section: Section) -> str:
    rows = [
        [
            *(name, f"{run['rows']:,}", run["metric"]),
            *(_score(section, case, tool, run["metric"]) for tool in section.tools),
        ]
        for name, case, run in _rows(section)
    ]
    return _table(["table", "rows", "metric", *section.tools], rows)


def _score(section: Section, case: str, tool: str, metric: str) -> str:
    run = section.runs[case].get(tool)
    if run is None or run["status"] != "ok":
        return str(run["status"]) if run else ""
    found = section.comparisons.get(case, {}).get("metrics", {}).get(metric, {})
    cell = _number(run["scores"][metric])
    if found.get("against_best", {}).get(tool, {}).get("tied"):
        cell = f"**{cell}**"
    return cell + ("†" if found.get("against_baseline", {}).get(tool, {}).get("worse") else "")


def _compared(section: Section) -> list[str]:
    metrics = [m for found in section.comparisons.values() for m in found["metrics"]]
    return list(dict.fromkeys(metrics))


def _differences(section: Section, metric: str) -> str:
    """How far each tool is from the best; below 0 is worse."""
    rows = [
        [name, *(_difference(section, case, tool, metric) for tool in section.tools)]
        for name, case, _ in _rows(section)
        if metric in section.comparisons.get(case, {}).get("metrics", {})
    ]
    head = f"Behind the best in {metric}, with the 95 % interval:\n\n"
    return head + _table(["table", *section.tools], rows)


def _difference(section: Section, case: str, tool: str, metric: str) -> str:
    found = section.comparisons[case]["metrics"][metric]
    if tool not in found["against_best"]:
        return ""
    if tool == found["best"]:
        return "best"
    told = found["against_best"][tool]
    return f"{_number(told['gain'])} [{_number(told['low'])}, {_number(told['high'])}]"


def _number(value: float) -> str:
    """Four places below 100, four digits above."""
    return f"{value:.4f}" if abs(value) < 100 else f"{value:,.0f}"


def _summary(section: Section) -> str:
    lines: list[tuple[str, Callable[[list[Run]], str]]] = [
        ("answered", lambda runs: str(len(runs))),
        ("calibration error, median", lambda runs: _middle(runs, lambda r: r["scores"]["ece"], 4)),
        ("fit, wall s, median", lambda runs: _middle(runs, lambda r: r["fit_s"], 1)),
        ("fit, wall s, most", lambda runs: f"{max(r['fit_s'] for r in runs):.1f}"),
        (f"fits over {OVERRUN:g} budgets", _overruns),
        ("fit, CPU s, median", lambda runs: _middle(runs, lambda r: r["cpu_s"], 1)),
        ("saved, MB, median", lambda runs: _middle(runs, lambda r: r["saved_bytes"] / 1e6, 2)),
        ("saved, MB, most", lambda runs: f"{max(r['saved_bytes'] for r in runs) / 1e6:.1f}"),
        ("graph, MB, median", lambda runs: _middle(runs, lambda r: r["facts"]["graph_mb"], 2)),
        ("one row, ms, median", lambda runs: _middle(runs, lambda r: r["one_row_ms"]["median"], 3)),
        ("one row, ms, 95 %", lambda runs: _middle(runs, lambda r: r["one_row_ms"]["p95"], 3)),
        (
            "one row, ms, the fastest way it offers",
            lambda runs: _middle(runs, lambda r: r["facts"]["fastest_row_ms"], 3),
        ),
        (
            "one row, ms, the graph alone",
            lambda runs: _middle(runs, lambda r: r["facts"]["graph_row_ms"], 3),
        ),
        (
            "1,000 rows, ms, median",
            lambda runs: _middle(runs, lambda r: r["thousand_rows_ms"]["median"], 1),
        ),
        (
            "memory before the fit, MB, median",
            lambda runs: _middle(runs, lambda r: r["before_mb"], 0),
        ),
        ("peak memory, MB, median", lambda runs: _middle(runs, lambda r: r["peak_mb"], 0)),
        ("peak memory, MB, most", lambda runs: f"{max(r['peak_mb'] for r in runs):.0f}"),
    ]
    rows = [*_counts(section)]
    rows += [
        [name, *(tell(found) if (found := section.of(tool)) else "" for tool in section.tools)]
        for name, tell in lines
    ]
    return _table(["", *section.tools], rows)


def _counts(section: Section) -> list[list[str]]:
    """How often a tool is best or tied, by the metric asked for and by log-loss."""
    return [
        ["best or tied", *_count(section, lambda c: c["metric"], "against_best", "tied")],
        ["best or tied, log-loss", *_count(section, lambda _: "log_loss", "against_best", "tied")],
        [
            "worse than default LightGBM",
            *_count(section, lambda c: c["metric"], "against_baseline", "worse"),
        ],
    ]


def _count(section: Section, metric_of: Callable[[Run], str], against: str, what: str) -> list[str]:
    """Of all cases that were compared; a tool that failed is neither best nor tied."""
    found = [
        comparison["metrics"][metric_of(comparison)][against]
        for comparison in section.comparisons.values()
        if metric_of(comparison) in comparison["metrics"]
    ]
    return [
        f"{sum(by_tool.get(tool, {}).get(what, False) for by_tool in found)} of {len(found)}"
        for tool in section.tools
    ]


def _overruns(runs: list[Run]) -> str:
    late = sum(run["fit_s"] > OVERRUN * run["budget_s"] for run in runs)
    return f"{late} of {len(runs)}"


def _middle(runs: list[Run], value: Callable[[Run], float], places: int) -> str:
    """The median over the runs that have the value."""
    found = []
    for run in runs:
        try:
            found.append(value(run))
        except KeyError:
            continue
    return f"{median(found):.{places}f}" if found else ""


def _failures(section: Section) -> str:
    failed = [run for by_tool in section.runs.values() for run in by_tool.values() if "why" in run]
    return "\n".join(f"- {r['table']}, {r['tool']}: {r['status']}: {r['why']}" for r in failed)

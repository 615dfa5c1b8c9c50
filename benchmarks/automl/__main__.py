"""Run tools side by side, or print what they did.

python -m benchmarks.automl run --budget 60 --tables all --tools all --out results.json
python -m benchmarks.automl table results.json
"""

from __future__ import annotations

import argparse
from collections.abc import Collection
from pathlib import Path

from benchmarks.automl.markdown import render
from benchmarks.automl.runs import TOOLS, Results, cases, run_all
from benchmarks.automl.tables import GROUPS, PARTS, TABLES


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.automl", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="make the runs that are not there yet")
    run.add_argument("--out", type=Path, required=True, help="JSON file, made or gone on with")
    run.add_argument("--budget", default="60", help="seconds, several with commas")
    run.add_argument("--tables", default="all", help=f"names or {', '.join(GROUPS)}, with commas")
    run.add_argument("--tools", default="all", help=f"all, or of {', '.join(TOOLS)}")
    run.add_argument("--seeds", default="0", help="of splits and tools, several with commas")
    run.add_argument(
        "--part",
        choices=PARTS,
        default="development",
        help="report: the real test rows; run rarely",
    )
    run.add_argument("--metric", default="", help="to ask for where it fits: log_loss, ...")
    run.add_argument("--retry", action="store_true", help="make failed runs again")
    table = commands.add_parser("table", help="print Markdown")
    table.add_argument("results", type=Path)
    options = parser.parse_args()
    if options.command == "table":
        print(render(options.results.read_text()))
        return
    asked = cases(
        _chosen(options.tables, TABLES, GROUPS),
        part=options.part,
        seeds=[int(seed) for seed in options.seeds.split(",")],
        budgets=[float(budget) for budget in options.budget.split(",")],
        metric=options.metric,
    )
    tools = [TOOLS[name] for name in _chosen(options.tools, TOOLS, {"all": tuple(TOOLS)})]
    run_all(asked, tools, Results(options.out), retry=options.retry)


def _chosen(text: str, known: Collection[str], groups: dict[str, tuple[str, ...]]) -> list[str]:
    """Names in the order given, groups spelled out, each once."""
    names = [name for word in text.split(",") for name in groups.get(word, (word,))]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise SystemExit(f"There is no {unknown[0]!r}; there are {', '.join([*groups, *known])}.")
    return list(dict.fromkeys(names))


if __name__ == "__main__":
    main()

"""Hold the bounds and verdicts against planted truth.

python -m benchmarks.verdicts                          # some minutes, prints Markdown
python -m benchmarks.verdicts --samples 2000 --picture docs/verdicts.png
python -m benchmarks.verdicts --parts intervals,gaps
"""

from __future__ import annotations

import argparse
import os
import platform
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.verdicts.gates import confirmed, errors, power, shopping
from benchmarks.verdicts.intervals import coverages
from benchmarks.verdicts.peers import fairlearn_errors
from benchmarks.verdicts.picture import draw
from benchmarks.verdicts.tables import (
    coverage_table,
    errors_table,
    peer_table,
    table,
    width_table,
)
from benchmarks.verdicts.worlds import planted

GROUPS = (2, 5, 20)
LIMIT = 0.1


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.verdicts", description=__doc__)
    parser.add_argument("--samples", type=int, default=100, help="samples of each world")
    parser.add_argument("--confidence", type=float, default=0.95)
    parser.add_argument("--parts", default=",".join(PARTS), help=f"of {', '.join(PARTS)}")
    parser.add_argument("--picture", type=Path, help="PNG file for the power curves")
    options = parser.parse_args()
    print(f"{datetime.now(UTC):%Y-%m-%d}, {options.samples} samples of each world, one-sided")
    print(
        f"confidence {options.confidence:.0%}; {platform.machine()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, numpy {version('numpy')}, scipy {version('scipy')}"
    )
    for name in options.parts.split(","):
        if name not in PARTS:
            raise SystemExit(f"There is no part {name!r}; there are {', '.join(PARTS)}.")
        print(f"\n## {name}\n")
        PARTS[name](options)


def _intervals(options: argparse.Namespace) -> None:
    print(coverage_table(list(coverages(options.samples, options.confidence))))


def _gaps(options: argparse.Namespace) -> None:
    worlds = [one for groups in GROUPS for one in planted(groups)]
    found = list(errors(worlds, options.samples, options.confidence))
    ours = [e for e in found if e.gate in ("Assay", "Assay before")]
    again = list(confirmed(ours, 10 * options.samples, options.confidence))
    print(errors_table([*again, *(e for e in found if e.gate not in ("Assay", "Assay before"))]))
    print()
    print(width_table(found))


def _power(options: argparse.Namespace) -> None:
    gaps = [k / 50 for k in range(16)]
    found = [
        point
        for groups in GROUPS
        for point in power(
            gaps,
            options.samples,
            groups=groups,
            rows=200,
            limit=LIMIT,
            confidence=options.confidence,
        )
    ]
    print(
        table(
            ["gate", "groups", "true gap", "met", "not met"],
            [[p.gate, p.groups, f"{p.gap:.2f}", f"{p.met:.2f}", f"{p.not_met:.2f}"] for p in found],
        )
    )
    if options.picture:
        draw(found, limit=LIMIT, file=options.picture)


def _looks(options: argparse.Namespace) -> None:
    found = shopping(options.samples, 20, options.confidence)
    print(table(["gate", "any of 20 models passes"], [[k, f"{v:.3f}"] for k, v in found.items()]))


def _peers(options: argparse.Namespace) -> None:
    found = fairlearn_errors(max(options.samples // 10, 12), 50, options.confidence)
    print(peer_table(found) if found else "Fairlearn is not installed.")


PARTS: dict[str, Callable[[argparse.Namespace], None]] = {
    "intervals": _intervals,
    "gaps": _gaps,
    "power": _power,
    "looks": _looks,
    "peers": _peers,
}

if __name__ == "__main__":
    main()

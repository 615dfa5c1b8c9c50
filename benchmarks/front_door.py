"""How much the front door costs: CPU seconds of `import assay` and of `assay --help`.

    .venv/bin/python benchmarks/front_door.py

Budgets: 0.15 and 0.40 CPU seconds. The limit is the interpreter itself, measured in the same run.
"""

from __future__ import annotations

import platform
import resource
import statistics
import subprocess
import sys
from datetime import date
from importlib.metadata import version

RUNS = 15
COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "import assay": [sys.executable, "-c", "import assay"],
    "assay --help": [sys.executable, "-m", "assay", "--help"],
    "assay status --help": [sys.executable, "-m", "assay", "status", "--help"],
}


def cpu_seconds(command: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    print(
        f"{date.today()}  assay {version('assay')}  Python {platform.python_version()}  "
        f"{platform.machine()}  {RUNS} runs each, in turn; CPU seconds"
    )
    for command in COMMANDS.values():
        cpu_seconds(command)
    samples: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(RUNS):
        for name, command in COMMANDS.items():
            samples[name].append(cpu_seconds(command))
    for name, found in samples.items():
        middle, low, high = statistics.median(found), min(found), max(found)
        print(f"{name:22} median {middle:.3f}  min {low:.3f}  max {high:.3f}")


if __name__ == "__main__":
    main()

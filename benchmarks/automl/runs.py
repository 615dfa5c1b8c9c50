"""Make runs, one after the other, and keep what they found in one JSON file.

A run is one tool on one table with one budget and one seed. What is finished is never run again:
stopping and starting anew goes on where it stopped.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from benchmarks.automl.environments import ROOT, python_of
from benchmarks.automl.scores import METRICS, SCORED, Answered, Difference, Metric, compare
from benchmarks.automl.tables import TABLES, Part, Split, split
from benchmarks.automl.watch import Watched, watch

THREADS = 2
LATENCY_ROWS = 1000
BASELINE = "lightgbm"
"""The tool that none should be worse than."""


@dataclass(frozen=True, kw_only=True)
class Tool:
    """A runner, the environment of the same name, and options that the runner understands."""

    name: str
    runner: str
    options: dict[str, Any]


TOOLS = {
    tool.name: tool
    for tool in (
        Tool(name="assay", runner="assay", options={}),
        Tool(name="autogluon_medium", runner="autogluon", options={"presets": "medium_quality"}),
        Tool(name="autogluon_best", runner="autogluon", options={"presets": "best_quality"}),
        Tool(name="flaml", runner="flaml", options={}),
        Tool(name="lightgbm", runner="lightgbm", options={}),
    )
}


@dataclass(frozen=True, kw_only=True)
class Case:
    """What all tools are asked alike."""

    table: str
    part: Part
    seed: int
    budget_s: float
    metric: str

    @property
    def name(self) -> str:
        return f"{self.table}-{self.part}-{self.seed}-{self.budget_s:g}s-{self.metric}"


def cases(
    tables: Iterable[str],
    *,
    part: Part,
    seeds: Iterable[int],
    budgets: Iterable[float],
    metric: str = "",
) -> list[Case]:
    """Every table with every seed and budget; ``metric`` where the kind of table has it."""
    return [
        Case(table=table, part=part, seed=seed, budget_s=budget, metric=_asked(table, metric))
        for budget in budgets
        for seed in seeds
        for table in tables
    ]


def _asked(table: str, metric: str) -> str:
    known = SCORED[TABLES[table].kind]
    return metric if metric in known else known[0]


class Results:
    """The JSON file, and beside it the predictions of each run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.predictions = path.with_suffix(".predictions")
        self.predictions.mkdir(parents=True, exist_ok=True)
        self._kept: dict[str, Any] = {"machine": {}, "commands": [], "runs": {}, "comparisons": {}}
        if path.exists():
            self._kept = json.loads(path.read_text())
        self._kept["machine"] = machine()
        self._kept["commands"].append(_command())

    def run_of(self, case: Case, tool: str) -> dict[str, Any] | None:
        found: dict[str, Any] | None = self._kept["runs"].get(f"{case.name}/{tool}")
        return found

    def keep_run(self, case: Case, tool: str, run: dict[str, Any]) -> None:
        self._kept["runs"][f"{case.name}/{tool}"] = {**asdict(case), "tool": tool, **run}
        self._write()

    def keep_comparison(self, case: Case, told: dict[str, Any]) -> None:
        self._kept["comparisons"][case.name] = {**asdict(case), **told}
        self._write()

    def is_compared(self, case: Case) -> bool:
        return case.name in self._kept["comparisons"]

    def predictions_of(self, case: Case, tool: str) -> Path:
        return self.predictions / f"{case.name}-{tool}.npy"

    def _write(self) -> None:
        """Whole or not at all, for a run may be stopped at any time."""
        partial = self.path.with_suffix(".partial")
        partial.write_text(json.dumps(self._kept, indent=1))
        partial.replace(self.path)


def run_all(asked: Sequence[Case], tools: Sequence[Tool], results: Results, *, retry: bool) -> None:
    """Make the runs that are not there yet; failed ones again only where ``retry`` says so."""
    todo = [
        (case, tool)
        for case in asked
        for tool in tools
        if _is_open(results.run_of(case, tool.name), retry=retry)
    ]
    print(f"{len(todo)} runs to make, {len(asked) * len(tools) - len(todo)} are there", flush=True)
    for name in {tool.runner for _, tool in todo}:
        python_of(name)  # what is absent is told before hours are spent
    warm_up({tool.name: tool for _, tool in todo}.values())
    beyond: list[float] = []
    for place, (case, tool) in enumerate(todo, 1):
        began = time.monotonic()
        run = make_run(case, tool, results.predictions_of(case, tool.name))
        results.keep_run(case, tool.name, run)
        beyond.append(time.monotonic() - began - case.budget_s)
        left = _left_s([c.budget_s for c, _ in todo[place:]], beyond)
        print(
            f"[{place}/{len(todo)}, {left / 60:.0f} min left] {_told(case, tool, run)}", flush=True
        )
        if place == len(todo) or todo[place][0] != case:
            compare_tools(case, results)
    for case in asked:  # what was stopped between its last run and its comparison
        if not results.is_compared(case):
            compare_tools(case, results)


def _is_open(run: dict[str, Any] | None, *, retry: bool) -> bool:
    return run is None or (retry and run["status"] != "ok")


def _left_s(budgets: list[float], beyond: list[float]) -> float:
    """Seconds that the remaining runs should take, by what others took beyond their budget."""
    return sum(budgets) + len(budgets) * float(np.median(beyond))


def _told(case: Case, tool: Tool, run: dict[str, Any]) -> str:
    head = f"{case.name} {tool.name}: "
    if run["status"] != "ok":
        return head + f"{run['status']}: {run['why']}"
    score = run["scores"][case.metric]
    return (
        head + f"{case.metric} {score:.4f}, {run['fit_s']:.1f} s, {run['saved_bytes'] / 1e6:.1f} MB"
    )


def warm_up(tools: Iterable[Tool]) -> None:
    """Let each tool fit once for nothing: the first on a machine reads gigabytes of libraries."""
    case = Case(table="wine", part="development", seed=0, budget_s=10, metric="log_loss")
    for tool in tools:
        make_run(case, tool)


def make_run(case: Case, tool: Tool, predictions: Path | None = None) -> dict[str, Any]:
    """Let one tool answer one case in a process of its own.

    Parameters
    ----------
    case : Case
    tool : Tool
    predictions : Path, optional
        Where to keep the predictions.
    """
    parted = split(TABLES[case.table], part=case.part, seed=case.seed)
    folder = Path(tempfile.mkdtemp(prefix="automl-"))
    try:
        _write_job(folder, case, tool, parted)
        load = os.getloadavg()[0]
        watched = watch(
            [*command_of(tool), str(folder)],
            folder=ROOT,
            log=folder / "log.txt",
            limit_s=5 * case.budget_s + 600,
            threads=THREADS,
        )
        run = _read_job(folder, watched, parted, case)
        if run["status"] == "ok" and predictions:
            shutil.copy(folder / "predictions.npy", predictions)
        return {**run, "load_before": load, "rows": parted.train.height, "commit": commit()}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def command_of(tool: Tool) -> list[str]:
    """What runs a tool, but for the folder."""
    return [str(python_of(tool.runner)), "-m", f"benchmarks.automl.runners.{tool.runner}"]


def _write_job(folder: Path, case: Case, tool: Tool, parted: Split) -> None:
    table = TABLES[case.table]
    task = {
        "table": table.name,
        "kind": table.kind,
        "target": table.target,
        "classes": parted.classes,
        "metric": case.metric,
        "budget_s": case.budget_s,
        "seed": case.seed,
        "threads": THREADS,
        "options": tool.options,
        "work": str(folder / "work"),
    }
    (folder / "work").mkdir()
    (folder / "task.json").write_text(json.dumps(task))
    parted.train.write_parquet(folder / "train.parquet")
    parted.test.write_parquet(folder / "test.parquet")
    repeats = -(-LATENCY_ROWS // parted.test.height)
    thousand = pl.concat([parted.test] * repeats).head(LATENCY_ROWS)
    thousand.write_parquet(folder / "thousand.parquet")


def _read_job(folder: Path, watched: Watched, parted: Split, case: Case) -> dict[str, Any]:
    if watched.returncode is None:
        return {"status": "too slow", "why": "ended at five budgets and ten minutes"}
    if watched.returncode != 0 or not (folder / "info.json").exists():
        lines = watched.output.strip().splitlines() or ["no output"]
        return {"status": "failed", "why": lines[-1], "output": watched.output}
    said = np.load(folder / "predictions.npy")
    if len(said) != parted.test.height or not np.isfinite(said).all():
        return {"status": "failed", "why": "predictions of the wrong shape, or not finite"}
    info: dict[str, Any] = json.loads((folder / "info.json").read_text())
    fit = info.pop("fit_began"), info.pop("fit_ended")
    info["peak_mb"] = max(info["peak_own_mb"], watched.peak_mb(*fit))
    info["cpu_s"] = max(info["cpu_s"], watched.cpu_s(*fit))
    answered = Answered(truth=truth_of(parted), said=said)
    names = SCORED[TABLES[case.table].kind]
    return {"status": "ok", **info, "scores": {n: METRICS[n].score(answered) for n in names}}


def truth_of(parted: Split) -> Any:
    """The true answers as numbers: values, or positions among the classes."""
    if not parted.classes:
        return parted.truth.to_numpy()
    place = {label: k for k, label in enumerate(parted.classes)}
    return np.array([place[label] for label in parted.truth], dtype=np.int64)


def compare_tools(case: Case, results: Results) -> None:
    """Hold every tool that answered a case against the best one, and against the baseline."""
    truth = truth_of(split(TABLES[case.table], part=case.part, seed=case.seed))
    answers = {
        tool: Answered(truth=truth, said=np.load(results.predictions_of(case, tool)))
        for tool in TOOLS
        if (run := results.run_of(case, tool)) and run["status"] == "ok"
    }
    if not answers:
        return
    metrics = {case.metric, *({"log_loss"} & set(SCORED[TABLES[case.table].kind]))}
    told = {name: _compared(METRICS[name], answers) for name in sorted(metrics)}
    results.keep_comparison(case, {"metrics": told})


def _compared(metric: Metric, answers: dict[str, Answered]) -> dict[str, Any]:
    scores = {tool: metric.score(answered) for tool, answered in answers.items()}
    best = (max if metric.better == "higher" else min)(scores, key=lambda tool: scores[tool])
    return {
        "best": best,
        "against_best": _against(best, metric, answers),
        "against_baseline": _against(BASELINE, metric, answers) if BASELINE in answers else {},
    }


def _against(other: str, metric: Metric, answers: dict[str, Answered]) -> dict[str, Any]:
    return {tool: _kept(compare(metric, own, answers[other])) for tool, own in answers.items()}


def _kept(difference: Difference) -> dict[str, Any]:
    return {**asdict(difference), "tied": difference.tied, "worse": difference.worse}


def machine() -> dict[str, Any]:
    """What the figures depend on, as far as it can be seen."""
    info = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    models = [line.partition(":")[2].strip() for line in info.splitlines() if "model name" in line]
    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return {
        "processor": models[0] if models else platform.machine(),
        "cores": os.cpu_count(),
        "memory_gib": round(pages * size / 2**30, 1),
        "system": platform.release(),
        "python": platform.python_version(),
    }


def commit() -> str:
    """Which state of this checkout was run."""
    told = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return told.stdout.strip() or "unknown"


def _command() -> str:
    when = datetime.now(UTC)
    return f"{when:%Y-%m-%d %H:%M} python -m benchmarks.automl {' '.join(sys.argv[1:])}"

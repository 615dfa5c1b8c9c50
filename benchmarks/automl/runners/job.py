"""The neutral protocol between the harness and a tool.

The harness writes a folder: ``task.json``, ``train.parquet`` (with the target), ``test.parquet``
(without) and ``thousand.parquet`` (1,000 rows of the test, repeated where there are fewer). The
runner adds ``predictions.npy`` and ``info.json``: float64, one row a test row; a column a class in
the order of the task's classes, or one column of values.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

ONE_ROW_CALLS = 200
BATCH_CALLS = 20
PATIENCE_S = 20.0
"""Wall-clock seconds after which no further call is timed, once there are `FEWEST_CALLS`."""
FEWEST_CALLS = 5

Predictions = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Task:
    """What is asked of a tool.

    Attributes
    ----------
    classes : list of str
        In the order of the predictions' columns; empty for regression.
    budget_s : float
        Wall-clock seconds.
    options : dict
        Settings of this tool alone.
    work : str
        A folder to write in.
    """

    table: str
    kind: str
    target: str
    classes: list[str]
    metric: str
    budget_s: float
    seed: int
    threads: int
    options: dict[str, Any]
    work: str

    @property
    def is_regression(self) -> bool:
        return self.kind == "regression"


class Model(Protocol):
    """A fitted tool."""

    def predict(self, rows: pd.DataFrame) -> npt.NDArray[Any]:
        """What its user would call: probabilities (n, n_classes), or values (n,)."""

    @property
    def classes(self) -> list[Any]:
        """The classes in the order of the probabilities; empty for regression."""

    def save(self, folder: Path) -> None:
        """Write what is needed to predict, and no more, into an empty folder."""

    def facts(self, rows: pd.DataFrame, /) -> dict[str, Any]:
        """What else to record; ``rows`` are some test rows."""


Fit = Callable[[pd.DataFrame, Task], Model]


def run(fit: Fit, *packages: str) -> None:
    """Fit, predict, save, and measure: the main function of each runner.

    Parameters
    ----------
    fit : callable
    *packages : str
        Whose versions to record.
    """
    folder = Path(sys.argv[1])
    task = Task(**json.loads((folder / "task.json").read_text()))
    train, test, thousand = (
        pd.read_parquet(folder / f"{name}.parquet") for name in ("train", "test", "thousand")
    )
    before_mb = _peak_megabytes()
    began, clock, cpu = time.time(), time.perf_counter(), _cpu_seconds()
    model = fit(train, task)
    info: dict[str, Any] = {
        "before_mb": before_mb,
        "fit_s": time.perf_counter() - clock,
        "cpu_s": _cpu_seconds() - cpu,
        "fit_began": began,
        "fit_ended": time.time(),
        "peak_own_mb": _peak_megabytes(),
    }
    np.save(folder / "predictions.npy", _in_order(model, test, task))
    saved = folder / "saved"
    saved.mkdir()
    model.save(saved)
    info["saved_bytes"] = sum(p.stat().st_size for p in saved.rglob("*") if p.is_file())
    info["one_row_ms"] = timed(lambda: model.predict(thousand[:1]), calls=ONE_ROW_CALLS)
    info["thousand_rows_ms"] = timed(lambda: model.predict(thousand), calls=BATCH_CALLS)
    info["facts"] = model.facts(thousand)
    info["versions"] = {name: version(name) for name in packages}
    (folder / "info.json").write_text(json.dumps(info))


def timed(call: Callable[[], object], *, calls: int) -> dict[str, float]:
    """Wall-clock milliseconds of a call, after two that do not count.

    Returns
    -------
    dict
        ``median``, ``p95`` and how many ``calls``: as many as asked for, or as patience allows.
    """
    for _ in range(2):
        call()
    took: list[float] = []
    until = time.perf_counter() + PATIENCE_S
    while len(took) < calls and (len(took) < FEWEST_CALLS or time.perf_counter() < until):
        began = time.perf_counter()
        call()
        took.append((time.perf_counter() - began) * 1e3)
    middle, high = np.quantile(took, [0.5, 0.95])
    return {"median": float(middle), "p95": float(high), "calls": len(took)}


def _in_order(model: Model, rows: pd.DataFrame, task: Task) -> Predictions:
    """Predictions with columns as in ``task.classes``; 0 for a class that the tool never saw."""
    given = np.asarray(model.predict(rows), dtype=np.float64)
    if task.is_regression:
        return given.reshape(-1)
    columns = [task.classes.index(str(label)) for label in model.classes]
    answers = np.zeros((len(rows), len(task.classes)))
    answers[:, columns] = given
    return answers


def _cpu_seconds() -> float:
    """Of this process and of children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def _peak_megabytes() -> float:
    """Most memory that this process held: its own mark, not its parent's as ``ru_maxrss`` gives."""
    status = Path("/proc/self/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) / 1024

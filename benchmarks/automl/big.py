"""A big table at the front door: seconds and memory of acquisition, and of a whole run.

    python -m benchmarks.automl.big [--rows 10000000] [--budget 600]

Makes a table of 30 columns as Parquet (about 90 MB a million rows) in a temporary folder (set
TMPDIR). First the parts of acquisition, one by one in a process of their own; then `assay run` with
the budget, its whole tree of processes watched. `--budget 0` leaves the run out.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import polars as pl
from benchmarks.automl.watch import watch

PIECE = 500_000
QUESTION = """\
name: big
question: Does the customer leave?
data: table.parquet
target: leaves
decision: Whom to call.
owner: benchmark
budget: {{seconds: {seconds}}}
"""
POLICY = "name: big\nrules:\n  - {check: REL001, at_most: 0.95}\n"
Result = TypeVar("Result")


def piece(start: int, rows: int) -> pl.DataFrame:
    """Rows of every kind; one in fifty leaves, one in twelve cells of four columns is missing."""
    rng = np.random.default_rng(start)
    numbers = {f"amount_{i}": np.exp(rng.normal(size=rows)) for i in range(10)}
    counts = {f"count_{i}": rng.poisson(3 + i, rows) for i in range(6)}
    levels = {f"level_{i}": rng.zipf(1.5, rows) % size for i, size in enumerate([5, 20, 90, 400])}
    many = {f"code_{i}": rng.integers(0, size, rows) for i, size in enumerate([5_000, 200_000])}
    risk = numbers["amount_0"] - numbers["amount_1"] + counts["count_0"] / 3 + levels["level_0"] / 2
    columns: dict[str, object] = {
        "id": np.arange(start, start + rows),
        **{name: np.where(rng.random(rows) < 1 / 12, np.nan, numbers.pop(name))
           for name in ("amount_6", "amount_7", "amount_8", "amount_9")},
        **numbers,
        **counts,
        **{name: np.char.add("level ", codes.astype(str)) for name, codes in levels.items()},
        **{name: np.char.add("c", codes.astype(str)) for name, codes in many.items()},
        **{f"flag_{i}": rng.random(rows) < 0.3 for i in range(4)},
        "leaves": np.where(rng.normal(size=rows) + risk > 7.2, "yes", "no"),
    }  # fmt: skip
    days = rng.integers(0, 3_000, (2, rows)) + 16_000
    dates = [pl.Series(f"day_{i}", days[i]).cast(pl.Int32).cast(pl.Date) for i in range(2)]
    return pl.DataFrame(columns).with_columns(dates)


def make(folder: Path, rows: int) -> Path:
    """Write the table, never holding more than one piece of it."""
    target = folder / "table.parquet"
    pieces = []
    for start in range(0, rows, PIECE):
        pieces.append(folder / f"piece-{start:09d}.parquet")
        piece(start, min(PIECE, rows - start)).write_parquet(pieces[-1])
    pl.scan_parquet(pieces).sink_parquet(target)
    for part in pieces:
        part.unlink()
    return target


def timed(what: str, work: Callable[[], Result]) -> Result:
    """Do it, and print seconds and the process's peak memory so far."""
    begun = time.perf_counter()
    result = work()
    took = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{what:<28} {took:8.1f} s   peak so far {peak:6.2f} GiB", flush=True)
    return result


def acquire(folder: Path) -> None:
    """The parts of `assay.stages.acquire_from`, one by one."""
    from assay.data.dataset import add_dataset, load_dataset
    from assay.data.derivation import derive_contract
    from assay.data.kinds import infer_kind
    from assay.data.profile import profile_table
    from assay.data.split import Split, split_rows
    from assay.data.suitability import check_table
    from assay.question import Question, read_question
    from assay.store.artifacts import FolderStore

    (folder / "assay.yaml").write_text(QUESTION.format(seconds=60))
    question: Question = read_question(folder)
    artifacts = FolderStore(folder / "artifacts")
    dataset = timed("add_dataset", lambda: add_dataset(artifacts, folder / "table.parquet"))
    table = timed("load_dataset", lambda: load_dataset(artifacts, dataset.digest))
    frame = timed("check_table", lambda: check_table(table, question).frame)
    kind, _ = timed("infer_kind", lambda: infer_kind(frame, question))
    profile = timed("profile_table", lambda: profile_table(frame, target=question.target))
    contract = timed("derive_contract", lambda: derive_contract(frame, question, profile))
    split = timed(
        "split_rows", lambda: split_rows(frame, question, kind=kind, seed=0, contract=contract)
    )
    stored = timed("split to JSON", split.to_json)
    timed("split from JSON", lambda: Split.from_json(stored))
    print(f"split: {len(stored) / 1e6:.1f} MB; {split.how}")


def run(folder: Path, budget: float) -> None:
    """`assay run` on the table, watched."""
    (folder / "assay.yaml").write_text(QUESTION.format(seconds=budget))
    (folder / "policy.yaml").write_text(POLICY)
    os.environ["ASSAY_HOME"] = str(folder / "home")
    begun = time.time()
    watched = watch(
        [sys.executable, "-m", "assay", "run", str(folder)],
        folder=folder,
        log=folder / "run.log",
        limit_s=budget + 1_200,
        threads=2,
    )
    print(watched.output)
    took, peak = time.time() - begun, watched.peak_mb(begun, time.time()) / 1024
    print(
        f"assay run: exit {watched.returncode}, {took:.0f} s, peak of all processes {peak:.2f} GiB"
    )


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, default=10_000_000)
    options.add_argument("--budget", type=float, default=600)
    options.add_argument("--made", type=Path, help="folder of a table made before")
    asked = options.parse_args()
    if asked.made:
        acquire(asked.made)
        return
    print(f"{platform.machine()}, {pl.thread_pool_size()} threads, Polars {pl.__version__}")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        table = timed("make", lambda: make(folder, asked.rows))
        print(f"{asked.rows:,} rows, {table.stat().st_size / 1e6:,.0f} MB")
        subprocess.run([sys.executable, "-m", "benchmarks.automl.big", "--made", place], check=True)
        if asked.budget:
            run(folder, asked.budget)


if __name__ == "__main__":
    main()

"""Predictions of up to ten million rows, assessed: seconds, memory, and the line they lie on.

    python -m benchmarks.assess.rows [--most 10000000] [--picture docs/rows.png]

Every size runs in a process of its own, one thread, from a Parquet file of truth, probability,
two columns of groups and one number.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SIZES = (100_000, 300_000, 1_000_000, 3_000_000, 10_000_000)


def make_table(rows: int, path: Path) -> None:
    """Predictions of a model that is right but for noise, a little less so for one group."""
    import numpy as np
    import polars as pl

    rng = np.random.default_rng(0)
    race = rng.integers(0, 5, rows)
    sex = rng.integers(0, 2, rows)
    score = rng.normal(0.3 * sex, 1.0, rows)
    chance = 1 / (1 + np.exp(-1.5 * score))
    pl.DataFrame(
        {
            "y": np.where(rng.random(rows) < chance, "yes", "no"),
            "p": 1 / (1 + np.exp(-(1.5 * score + rng.normal(0, 0.2 + 0.1 * (race == 4), rows)))),
            "sex": np.array(["F", "M"])[sex],
            "race": np.array(["A", "B", "C", "D", "E"])[race],
            "hours": rng.integers(1, 99, rows),
        }
    ).write_parquet(path)


def measure(path: Path) -> None:
    """Assess one file; told as JSON."""
    from assay.evidence import assess_predictions

    loaded = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    began, cpu = time.perf_counter(), time.process_time()
    judged = assess_predictions(path, truth="y", prediction="p", groups=["sex", "race"])
    told = {
        "seconds": time.perf_counter() - began,
        "cpu": time.process_time() - cpu,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "loaded_mb": loaded,
        "findings": sum(f.applies for f in judged.assessment.findings),
    }
    print(json.dumps(told))


def run(rows: int, folder: Path) -> dict[str, float]:
    """One size in a process of its own."""
    path = folder / f"{rows}.parquet"
    threads = dict.fromkeys(("OMP_NUM_THREADS", "POLARS_MAX_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    again = [sys.executable, "-m", "benchmarks.assess.rows", str(path)]
    subprocess.run([*again, "--make", str(rows)], check=True)
    done = subprocess.run(
        again, check=True, capture_output=True, text=True, env={**os.environ, **threads}
    )
    path.unlink()
    return {"rows": rows, **json.loads(done.stdout)}


def draw(found: list[dict[str, float]], path: Path) -> None:
    """CPU seconds and gigabytes by rows, on straight scales: a line is linear work."""
    import altair as alt
    import vl_convert

    data = alt.Data(values=[{**f, "gb": f["peak_mb"] / 1024, "m": f["rows"] / 1e6} for f in found])
    base = alt.Chart(data, width=320, height=220)
    parts = [
        base.mark_line(point=True).encode(
            x=alt.X("m:Q", title="million rows"), y=alt.Y(f"{field}:Q", title=title)
        )
        for field, title in (("cpu", "CPU seconds"), ("gb", "peak memory, GiB"))
    ]
    chart = alt.hconcat(*parts).configure(background="white")
    path.write_bytes(vl_convert.vegalite_to_png(chart.to_dict(), scale=2))


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--most", type=int, default=SIZES[-1])
    options.add_argument("--picture", type=Path)
    options.add_argument("--make", type=int, help="only write a table of so many rows")
    options.add_argument("file", nargs="?", type=Path, help="only measure this table")
    given = options.parse_args()
    if given.file and given.make:
        make_table(given.make, given.file)
        return
    if given.file:
        measure(given.file)
        return
    found = []
    print("| rows | CPU s | s | µs a row | peak MB | findings |")
    print("| --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        for rows in [s for s in SIZES if s <= given.most]:
            told = run(rows, Path(folder))
            found.append(told)
            each = told["cpu"] / rows * 1e6
            print(
                f"| {rows:,} | {told['cpu']:.1f} | {told['seconds']:.1f} | {each:.2f} | "
                f"{told['peak_mb']:.0f} | {told['findings']} |",
                flush=True,
            )
    if given.picture:
        draw(found, given.picture)


if __name__ == "__main__":
    main()

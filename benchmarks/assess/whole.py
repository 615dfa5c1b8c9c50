"""The whole assessment of the Adult table, check by check: CPU seconds and memory, one thread.

    python -m benchmarks.assess.whole

The model (LightGBM of 100 trees, compiled) is fitted beforehand. Reach: 20 CPU seconds for all
checks together, 600 MB at the peak of the process.
"""

from __future__ import annotations

import os
import platform
import resource
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import version

for name in ("OMP_NUM_THREADS", "POLARS_MAX_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(only: str = "") -> None:
    from benchmarks.assess.adult import adult_subject

    from assay.assess.assess import assess
    from assay.assess.check import all_checks

    subject = adult_subject()
    print(
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {platform.machine()}, load {os.getloadavg()[0]}"
    )
    print(", ".join(f"{p} {version(p)}" for p in ("numpy", "polars", "lightgbm", "onnxruntime")))
    print(f"{subject.held_out.rows:,} held-out rows, {subject.train.height:,} of training\n")
    before = peak_mb()
    began = time.process_time()
    if not only:
        found = assess(subject).findings
        print(f"all checks: {len(found)} findings, {time.process_time() - began:.2f} CPU s")
        print(f"peak of the process {peak_mb():.0f} MB, {before:.0f} MB before the first check\n")
    print("| check | findings | CPU s | peak grew by MB | not applicable |")
    print("| --- | --- | --- | --- | --- |")
    rows = []
    for check in all_checks():
        if check.code.startswith(only):
            began, high = time.process_time(), peak_mb()
            found = assess(subject, checks=[check]).findings
            reason = next((f.reason for f in found if f.reason), "")
            took, grew = time.process_time() - began, peak_mb() - high
            rows.append((took, check.code, len(found), grew, reason))
    for took, code, count, grew, reason in sorted(rows, reverse=True):
        print(f"| {code} | {count} | {took:.3f} | {grew:.0f} | {reason} |")


if __name__ == "__main__":
    main(*sys.argv[1:2])

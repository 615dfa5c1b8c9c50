"""Throughput of the ledger and overhead of a durable step, on this machine.

    python benchmarks/store/ledger.py [store URL]

Without a URL a SQLite file in a temporary folder is used (on that folder's disk: set TMPDIR).
Appends are committed and synced one by one. The overhead of a durable step is that of a step
that does nothing; that of a run is a run of no steps, start and end of the engine included.
"""

from __future__ import annotations

import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from assay.compute.durable import Step, run_durably
from assay.records import now
from assay.store.store import Store

REPEATS = 7
ENTRIES = 200
STEPS = 10


def seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def show(what: str, values: list[float], unit: str) -> None:
    low, high = min(values), max(values)
    print(f"{what:<34} {statistics.median(values):10.2f} {unit:<10} ({low:.2f} to {high:.2f})")


def append(store: Store) -> None:
    for number in range(ENTRIES):
        store.ledger.append("benchmark", "did", actor="me", body={"number": number})


def durable(store: Store, run_id: str, steps: int) -> None:
    run_durably(store, run_id, [Step(f"s{n}", "", lambda _: None) for n in range(steps)])


def measure(store: Store) -> None:
    begun = now()
    show(
        "ledger: append",
        [ENTRIES / seconds(lambda: append(store)) for _ in range(REPEATS)],
        "entries/s",
    )
    entries = store.ledger.verify().entries
    show(
        "ledger: verify",
        [entries / seconds(store.ledger.verify) for _ in range(REPEATS)],
        "entries/s",
    )
    durable(store, f"{begun} warm", 1)
    empty = [seconds(lambda n=n: durable(store, f"{begun} e{n}", 0)) for n in range(REPEATS)]
    full = [seconds(lambda n=n: durable(store, f"{begun} f{n}", STEPS)) for n in range(REPEATS)]
    again = [seconds(lambda n=n: durable(store, f"{begun} f{n}", STEPS)) for n in range(REPEATS)]
    base = statistics.median(empty)
    show("durable run: start and end", [1000 * s for s in empty], "ms")
    show("durable step: first time", [1000 * (s - base) / STEPS for s in full], "ms")
    show("durable step: found finished", [1000 * (s - base) / STEPS for s in again], "ms")


def main() -> None:
    packages = ", ".join(f"{p} {version(p)}" for p in ("dbos", "sqlalchemy", "cryptography"))
    print(f"command   python {' '.join(sys.argv[:1])}{' <store URL>' * (len(sys.argv) > 1)}")
    print(f"date      {now()}")
    print(f"machine   {platform.platform()}, {platform.machine()}")
    print(f"versions  Python {platform.python_version()}, {packages}")
    print(f"figures   median of {REPEATS} (least to greatest)\n")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        url = sys.argv[1] if len(sys.argv) > 1 else f"sqlite:///{folder / 'assay.db'}"
        with Store.open(url, folder / "artifacts", folder / "keys") as store:
            measure(store)


if __name__ == "__main__":
    main()

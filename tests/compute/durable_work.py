"""A run of six small steps with effects in the store, and processes that work on it.

Every step writes ``begin``, and every finished step ``done``, to a log outside the store, one
line with one write, so that the order over many killed processes can be read back.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from assay.compute.durable import Step, run_durably
from assay.errors import RunBusy
from assay.store.store import Store

CONTEXT = get_context("forkserver")
CONTEXT.set_forkserver_preload(["assay.store.store", "assay.compute.engine"])
NAMES = ("data", "split", "search", "compile", "assess", "register")


def start(work: Callable[..., None], *arguments: Any) -> Any:
    process = CONTEXT.Process(target=work, args=arguments)
    process.start()
    return process


def open_here(url: str, folder: str) -> Store:
    return Store.open(url, Path(folder) / "artifacts", Path(folder) / "keys")


def write_line(file: Path, line: str) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, f"{line}\n".encode())
    os.close(descriptor)


def step_of(store: Store, log: Path, run_id: str, name: str, pause_s: float) -> Step:
    def work(earlier: Mapping[str, Any]) -> dict[str, Any]:
        write_line(log, f"begin {run_id} {name} {os.getpid()}")
        artifact = store.artifacts.put(f"{run_id} {name}".encode())
        time.sleep(pause_s)
        number = store.records.add_numbered(
            "thing", "p", {"artifact": artifact}, f"{run_id}/{name}"
        )
        store.ledger.append("p", name, actor="test", subject=artifact, key=f"{run_id}/{name}")
        return {"artifact": artifact, "before": sorted(earlier), "first": number > 0}

    return Step(name, f"Do {name}", work)


def work_on(url: str, folder: str, run_id: str, pause_s: float = 0.01) -> None:
    """One life of a process: run to the end, or be killed on the way."""
    log = Path(folder) / "log"
    with open_here(url, folder) as store:
        steps = [step_of(store, log, run_id, name, pause_s) for name in NAMES]

        def news(name: str, what: str) -> None:
            write_line(log, f"{what} {run_id} {name} {os.getpid()}")

        try:
            run_durably(store, run_id, steps, on_step=news)
        except RunBusy as error:
            write_line(log, f"busy {run_id} {error.pid} {os.getpid()}")

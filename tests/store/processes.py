"""What test processes do to a store; in a module of its own, so that they can import it."""

from __future__ import annotations

from multiprocessing import get_context
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

CONTEXT = get_context("forkserver")
CONTEXT.set_forkserver_preload(["assay.store.store", "assay.compute.engine"])


def start(work: Any, *arguments: Any) -> ForkServerProcess:
    process = CONTEXT.Process(target=work, args=arguments)
    process.start()
    return process


def join(processes: list[ForkServerProcess]) -> None:
    for process in processes:
        process.join(timeout=120)
        assert process.exitcode == 0


def open_here(url: str, folder: str) -> Any:
    from assay.store.store import Store

    return Store.open(url, Path(folder) / "artifacts", Path(folder) / "keys")


def append_and_add(url: str, folder: str, me: int, times: int) -> None:
    with open_here(url, folder) as store:
        for i in range(times):
            store.ledger.append("p", "did", actor=f"process {me}", body={"i": i})
            store.records.add_numbered("run", "p", {"by": me, "i": i}, f"{me}-{i}")


def append_one_key(url: str, folder: str, times: int) -> None:
    with open_here(url, folder) as store:
        for i in range(times):
            store.ledger.append("p", "did", actor="any", key=f"k{i}")
            store.records.add_numbered("run", "p", {"i": i}, f"k{i}")


def put_for_ever(folder: str, sizes: list[int]) -> None:
    from assay.store.artifacts import FolderStore

    store = FolderStore(Path(folder))
    number = 0
    while True:
        number += 1
        store.put(number.to_bytes(8, "big") * sizes[number % len(sizes)])


def take_and_wait(url: str, folder: str, name: str, taken: Any) -> None:
    import time

    with open_here(url, folder) as store:
        assert store.leases.acquire(name, "child")
        taken.set()
        time.sleep(600)


def make_key(folder: str, answers: Any) -> None:
    from assay.store.keys import Keys

    answers.put(Keys(Path(folder)).key_id)

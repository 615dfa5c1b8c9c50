"""A program on a Ray cluster of two nodes; its first argument says what it does.

A process of its own, because Ray reads its variables once, when it is loaded.
"""

from __future__ import annotations

import json
import sys
import tempfile
import threading
import time
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from assay.compute import Workers, open_workers
from assay.compute.ray_cluster import RaySlot
from assay.compute.slots import Died, Outcome
from assay.errors import InputError
from assay.progress import Silent

from .laws_of_workers import (
    ANYWHERE,
    IN_PROCESSES,
    LAST,
    a_cancelled_job_makes_room,
    a_job_ends_at_its_limit_and_the_next_one_runs,
)

if TYPE_CHECKING:
    from assay.automl.search import SearchResult

MEASURED = {a_cancelled_job_makes_room, a_job_ends_at_its_limit_and_the_next_one_runs}
"""Laws that measure time, for which both slots must stand."""

JOBS = 8
TRIALS = 6
FEW = 2
"""Trials or jobs that have ended when a node is to be lost."""
PATIENCE_S = 60.0


def node() -> str:
    import ray

    time.sleep(0.1)
    return str(ray.get_runtime_context().get_node_id())


def both_nodes(workers: Workers) -> set[str]:
    """Wait until both slots have an actor; a law may have cost them theirs."""
    end = time.monotonic() + PATIENCE_S
    nodes: set[str] = set()
    while len(nodes) < 2 and time.monotonic() < end:
        nodes = {job.result() for job in [workers.submit(node) for _ in range(4)]}
    return nodes


def keep_laws(workers: Workers) -> list[str]:
    assert (workers.kind, workers.slots) == ("ray", 2)
    nodes = both_nodes(workers)
    for law in [*ANYWHERE, *IN_PROCESSES]:
        if law in MEASURED:
            both_nodes(workers)
        law(workers)
    other_workers_stay_in_the_cluster(workers)
    for law in LAST:
        law(workers)
    what_is_closed_starts_no_cluster(workers)
    return sorted(nodes)


def other_workers_stay_in_the_cluster(workers: Workers) -> None:
    with open_workers("ray:auto", slots=1):
        pass
    assert workers.submit(int, "7").result() == 7


def what_is_closed_starts_no_cluster(workers: Workers) -> None:
    import ray

    for use in (lambda: workers.submit(int), lambda: workers.share({})):
        with pytest.raises(InputError, match="closed"):
            use()
        assert not ray.is_initialized()


def lose_a_node(workers: Workers) -> dict[str, list[int]]:
    """Once a few jobs have ended and two are in mid-work, wait until a node is lost."""
    watch_slots()
    with tempfile.TemporaryDirectory() as folder:
        log, lost = Path(folder) / "log", Path(folder) / "lost"
        log.touch()

        def work(number: int) -> int:
            with log.open("a") as file:
                file.write(f"{number}\n")
            while number >= FEW and not lost.exists():
                time.sleep(0.02)
            return number * number

        jobs = [workers.submit(work, number) for number in range(JOBS)]
        early = [job.result() for job in jobs[:FEW]]
        while len(log.read_text().split()) < FEW + 2:
            time.sleep(0.02)
        print("LOSE", flush=True)
        sys.stdin.readline()
        lost.touch()
        return {
            "early": early,
            "results": [job.result() for job in jobs],
            "begun": [int(line) for line in log.read_text().split()],
        }


class AsksForLoss(Silent):
    """Asks for the death of a node once a few trials have ended."""

    def __init__(self) -> None:
        self._ended = 0

    def update(self, fraction: float, note: str = "") -> None:
        self._ended += 1
        if self._ended == FEW:
            print("LOSE", flush=True)


def search_on(compute: str, progress: Silent) -> SearchResult:
    from assay.automl.search import search
    from assay.automl.spec import SearchSpec

    from ..automl.conftest import make_houses

    frame, contract = make_houses(rows=1500)
    return search(
        frame,
        contract=contract,
        kind="regression",
        target="price",
        folds=np.arange(len(frame)) % 4,
        spec=SearchSpec(
            compute=compute, threads=2, max_trials=TRIALS, families=("linear", "lightgbm")
        ),
        progress=progress,
    )


def search_and_lose(address: str) -> dict[str, object]:
    """The same search on threads and on the cluster, which loses a node meanwhile."""
    from assay.model.plan_file import plan_to_bytes

    deaths = watch_slots()
    here, there = search_on("threads", Silent()), search_on(address, AsksForLoss())
    return {
        "plans": [sha256(plan_to_bytes(found.plan)).hexdigest() for found in (here, there)],
        "scores": [[t.score for t in found.leaderboard.trials] for found in (here, there)],
        "status": [t.status for t in there.leaderboard.trials],
        "deaths": len(deaths),
    }


def watch_slots() -> list[Died]:
    """Have both slots stand before either works; collect the deaths of actors in mid-work."""
    deaths: list[Died] = []
    known: set[RaySlot] = set()
    both_stand = threading.Barrier(2)
    run = RaySlot.run

    def watched(slot: RaySlot, call: Any, deadline: float | None) -> Outcome:
        if slot not in known:
            known.add(slot)
            both_stand.wait(PATIENCE_S)
        try:
            return run(slot, call, deadline)
        except Died as death:
            deaths.append(death)
            raise

    RaySlot.run = watched
    return deaths


def refusal(address: str) -> dict[str, str]:
    try:
        open_workers(address, slots=1)
    except InputError as error:
        return error.to_dict()
    raise AssertionError("the cluster let us in")


def main() -> None:
    what, address = sys.argv[1:]
    if what in {"refusal", "search"}:
        told: object = {"refusal": refusal, "search": search_and_lose}[what](address)
    else:
        with open_workers(address, slots=0) as workers:
            told = {"laws": keep_laws, "loss": lose_a_node}[what](workers)
    print("\n" + json.dumps(told))


if __name__ == "__main__":
    main()

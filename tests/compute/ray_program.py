"""A program on a Ray cluster of two nodes; its first argument says what it does.

A process of its own, because Ray reads its variables once, when it is loaded.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

from assay.compute import Workers, open_workers
from assay.errors import InputError

from .laws_of_workers import ANYWHERE, IN_PROCESSES, LAST

JOBS = 8


def node() -> str:
    import ray

    time.sleep(0.5)
    return str(ray.get_runtime_context().get_node_id())


def keep_laws(workers: Workers) -> list[str]:
    assert (workers.kind, workers.slots) == ("ray", 2)
    nodes = {job.result() for job in [workers.submit(node) for _ in range(4)]}
    assert len(nodes) == 2
    for law in [*ANYWHERE, *IN_PROCESSES, *LAST]:
        law(workers)
    return sorted(nodes)


def lose_a_node(workers: Workers) -> dict[str, list[int]]:
    """Run jobs, ask for the death of a node when two have ended, and give all results back."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"

        def work(number: int) -> int:
            with log.open("a") as file:
                file.write(f"{number}\n")
            time.sleep(1.0)
            return number * number

        jobs = [workers.submit(work, number) for number in range(JOBS)]
        while len(finished := workers.wait(jobs)) < 2:
            time.sleep(0.05)
        time.sleep(0.3)  # the next two are in mid-work
        early = [n for n, job in enumerate(jobs) if job in finished]
        print("LOSE", flush=True)
        return {
            "results": [job.result() for job in jobs],
            "begun": [int(line) for line in log.read_text().split()],
            "early": early,
        }


def refusal(address: str) -> dict[str, str]:
    try:
        open_workers(address, slots=1)
    except InputError as error:
        return error.to_dict()
    raise AssertionError("the cluster let us in")


def main() -> None:
    what, address = sys.argv[1:]
    if what == "refusal":
        told: object = refusal(address)
    else:
        with open_workers(address, slots=0) as workers:
            told = {"laws": keep_laws, "loss": lose_a_node}[what](workers)
    print("\n" + json.dumps(told))


if __name__ == "__main__":
    main()

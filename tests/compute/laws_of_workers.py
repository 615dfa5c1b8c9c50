"""What holds for workers of every kind. Each law receives workers with two slots."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError
from pathlib import Path

import numpy as np
import pytest

from assay.compute import TimeLimit, WorkerLost, Workers
from assay.errors import InputError, InvalidTable, RunBusy


class Unshippable(Exception):
    def __init__(self, message: str, *, needed: int) -> None:
        super().__init__(f"{message} {needed}")


def raise_(error: Exception) -> None:
    raise error


def raise_unshippable() -> None:
    raise Unshippable("cannot be rebuilt from", needed=1)


def results_are_those_of_the_work(workers: Workers) -> None:
    jobs = [workers.submit(pow, n, 2) for n in range(20)]
    assert [job.result() for job in jobs] == [n * n for n in range(20)]
    assert all(job.done() for job in jobs)


def a_result_can_be_asked_for_twice(workers: Workers) -> None:
    job = workers.submit(lambda: [1])
    assert job.result() == job.result() == [1]


def functions_of_a_notebook_will_do(workers: Workers) -> None:
    factor = 3

    class Local:
        def __init__(self, value: int) -> None:
            self.value = value

    def work(given: Local) -> Local:
        return Local(given.value * factor)

    assert workers.submit(lambda: factor).result() == 3
    came = workers.submit(work, Local(2)).result()
    assert type(came) is Local
    assert came.value == 6


def waiting_returns_what_is_done_first(workers: Workers) -> None:
    workers.submit(int).result()
    slow, quick = workers.submit(time.sleep, 30), workers.submit(int)
    assert workers.wait([slow, quick], timeout=20) == [quick]
    assert workers.wait([slow], timeout=0.05) == []
    assert workers.wait([]) == []
    slow.cancel()


def no_more_jobs_run_than_there_are_slots(workers: Workers) -> None:
    def spell() -> tuple[float, float]:
        start = time.time()
        time.sleep(0.1)
        return start, time.time()

    spells = [job.result() for job in [workers.submit(spell) for _ in range(6)]]
    running = [sum(a <= start < b for a, b in spells) for start, _ in spells]
    assert max(running) <= workers.slots == 2


def errors_come_back_as_they_were(workers: Workers) -> None:
    with pytest.raises(ZeroDivisionError) as simple:
        workers.submit(lambda: 1 / 0).result()
    assert str(simple.value) == "division by zero"
    error = InvalidTable("No rows.", hint="Add rows.", where="table.csv")
    with pytest.raises(InvalidTable) as caught:
        workers.submit(raise_, error).result()
    assert caught.value.to_dict() == error.to_dict()


def a_job_cannot_end_the_program(workers: Workers) -> None:
    with pytest.raises(RuntimeError, match="SystemExit: 3"):
        workers.submit(sys.exit, 3).result()
    with pytest.raises(RuntimeError, match="KeyboardInterrupt"):
        workers.submit(raise_, KeyboardInterrupt()).result()


def a_job_ends_at_its_limit_and_the_next_one_runs(workers: Workers) -> None:
    workers.submit(int).result()
    hang = [workers.submit(time.sleep, 30, seconds=0.3) for _ in range(2)]
    after = workers.submit(int, "7")
    start = time.monotonic()
    for job in hang:
        with pytest.raises(TimeLimit, match=r"limit of 0\.3 s"):
            job.result()
    assert time.monotonic() - start < 0.3 + 0.5
    assert after.result() == 7


def the_limit_counts_from_the_beginning_of_the_work(workers: Workers) -> None:
    workers.submit(int).result()
    jobs = [workers.submit(time.sleep, 0.3, seconds=2.0) for _ in range(16)]  # 2.4 s in all
    assert [job.result() for job in jobs] == [None] * 16


def a_cancelled_job_makes_room(workers: Workers) -> None:
    workers.submit(int).result()
    running = [workers.submit(time.sleep, 30) for _ in range(2)]
    waiting = workers.submit(time.sleep, 30)
    time.sleep(0.2)
    start = time.monotonic()
    for job in [waiting, *running]:
        job.cancel()
        job.cancel()
        assert job.done()
        with pytest.raises(CancelledError):
            job.result()
    assert time.monotonic() - start < 1.0
    jobs = [workers.submit(int, "7") for _ in range(4)]
    assert [job.result() for job in jobs] == [7] * 4
    jobs[0].cancel()
    assert jobs[0].result() == 7


def shared_arrays_arrive_and_are_read_only(workers: Workers) -> None:
    arrays = {
        "numbers": np.asfortranarray(np.arange(12.0).reshape(3, 4)),
        "words": np.array(["a", None], dtype=object),
        "": np.zeros((0, 3), dtype=np.int8),
    }
    shared = workers.share(arrays)
    came = workers.submit(lambda s: {k: v.copy() for k, v in s.load().items()}, shared).result()
    assert list(came) == list(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(came[name], array)
        assert came[name].dtype == array.dtype

    def write(s: object) -> None:
        s.load()["numbers"][0, 0] = 5.0

    with pytest.raises(ValueError, match="read-only"):
        workers.submit(write, shared).result()
    assert arrays["numbers"].flags.writeable
    np.testing.assert_array_equal(shared.load()["numbers"], arrays["numbers"])


def large_results_are_whole_and_writeable(workers: Workers) -> None:
    came = workers.submit(lambda: {"a": np.arange(1_000_000), "b": np.ones(3)}).result()
    came["a"][0] = 5
    assert came["a"].sum() == 5 + 999_999 * 1_000_000 // 2
    assert came["b"].tolist() == [1.0] * 3


def what_cannot_be_sent_is_refused(workers: Workers) -> None:
    with pytest.raises(InputError, match="cannot be sent to a worker") as caught:
        workers.submit(id, threading.Lock())
    assert caught.value.hint
    with pytest.raises(InputError, match="result of a job cannot be sent back"):
        workers.submit(threading.Lock).result()
    assert workers.submit(int).result() == 0


def an_error_that_cannot_be_sent_arrives_as_its_text(workers: Workers) -> None:
    with pytest.raises(RuntimeError, match="Unshippable: cannot be rebuilt from 1"):
        workers.submit(raise_unshippable).result()
    with pytest.raises(RuntimeError, match="RunBusy: Run 'r' is being worked on"):
        workers.submit(lambda: raise_(RunBusy("r", host="h", pid=1))).result()


def arguments_are_those_of_the_moment(workers: Workers) -> None:
    blocks = [workers.submit(time.sleep, 0.2) for _ in range(2)]
    numbers = [1, 2]
    job = workers.submit(sum, numbers)
    numbers.append(3)
    assert job.result() == 3
    assert [b.result() for b in blocks] == [None] * 2


def a_job_whose_worker_dies_runs_again(workers: Workers) -> None:
    with tempfile.TemporaryDirectory() as folder:
        mark = Path(folder) / "begun"

        def dies_once() -> str:
            if not mark.exists():
                mark.touch()
                os._exit(3)
            return "done"

        assert workers.submit(dies_once).result() == "done"


def a_job_that_kills_two_workers_is_given_up(workers: Workers) -> None:
    job, other = workers.submit(os._exit, 3), workers.submit(int, "7")
    with pytest.raises(WorkerLost, match="Two workers died") as caught:
        job.result()
    assert "fewer slots" in caught.value.hint
    assert caught.value.to_dict()["docs"] == "docs/compute.md#worker-lost"
    assert other.result() == workers.submit(int, "7").result() == 7


def closed_workers_take_no_job(workers: Workers) -> None:
    workers.submit(int).result()
    running, waiting = [workers.submit(time.sleep, 30) for _ in range(2)], workers.submit(int)
    time.sleep(0.2)
    workers.close()
    for job in [*running, waiting]:
        with pytest.raises(CancelledError):
            job.result()
    with pytest.raises(InputError, match="closed"):
        workers.submit(int)
    workers.close()


Law = Callable[[Workers], None]
ANYWHERE: list[Law] = [
    results_are_those_of_the_work,
    a_result_can_be_asked_for_twice,
    functions_of_a_notebook_will_do,
    waiting_returns_what_is_done_first,
    no_more_jobs_run_than_there_are_slots,
    errors_come_back_as_they_were,
    a_job_cannot_end_the_program,
    a_job_ends_at_its_limit_and_the_next_one_runs,
    the_limit_counts_from_the_beginning_of_the_work,
    a_cancelled_job_makes_room,
    shared_arrays_arrive_and_are_read_only,
    large_results_are_whole_and_writeable,
]
"""Laws of all workers."""
IN_PROCESSES: list[Law] = [
    what_cannot_be_sent_is_refused,
    an_error_that_cannot_be_sent_arrives_as_its_text,
    arguments_are_those_of_the_moment,
    a_job_whose_worker_dies_runs_again,
    a_job_that_kills_two_workers_is_given_up,
]
"""Laws of those that are processes, here or elsewhere."""
LAST: list[Law] = [closed_workers_take_no_job]

"""What holds of workers wherever they run; Ray takes the same exam in `test_ray.py`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from assay.compute.workers import TimeLimit, WorkerLost, Workers, open_workers
from assay.errors import InputError, StoreUnavailable


@pytest.fixture(params=["threads", "processes"])
def workers(request: pytest.FixtureRequest) -> Iterator[Workers]:
    with open_workers(request.param, slots=2) as opened:
        yield opened


@pytest.fixture
def processes() -> Iterator[Workers]:
    with open_workers("processes", slots=2) as opened:
        yield opened


def test_results_come_back_in_any_order(workers: Workers) -> None:
    jobs = [workers.submit(pow, n, 2) for n in range(20)]
    assert [job.result() for job in reversed(jobs)] == [n * n for n in reversed(range(20))]


def test_functions_made_on_the_spot_can_be_sent(workers: Workers) -> None:
    factor = 3
    assert workers.submit(lambda x: x * factor, 14).result() == 42


def test_shared_arrays_are_read_only_and_whole(workers: Workers) -> None:
    arrays = {"a": np.arange(1000.0), "b": np.array([[1, 2], [3, 4]], dtype=np.int32)}
    shared = workers.share(arrays)

    def read() -> tuple[float, str, bool]:
        held = shared.load()
        return float(held["a"].sum()), str(held["b"].dtype), held["a"].flags.writeable

    assert workers.submit(read).result() == (499500.0, "int32", False)


def test_errors_travel_with_their_type_and_words(workers: Workers) -> None:
    def fail() -> None:
        raise InputError("No such column.", hint="Look again.")

    with pytest.raises(InputError, match="No such column"):
        workers.submit(fail).result()


def test_two_at_a_time(workers: Workers) -> None:
    start = time.monotonic()
    jobs = [workers.submit(time.sleep, 0.4) for _ in range(4)]
    for job in jobs:
        job.result()
    assert 0.75 < time.monotonic() - start < 1.6


def test_wait_tells_the_first_that_is_done(workers: Workers) -> None:
    slow, quick = workers.submit(time.sleep, 1.0), workers.submit(time.sleep, 0.05)
    assert workers.wait([slow, quick]) == [quick]
    assert workers.wait([slow], timeout=0.01) == []
    slow.cancel()


def test_what_takes_too_long_is_called_off(workers: Workers) -> None:
    start = time.monotonic()
    jobs = [workers.submit(time.sleep, 60, seconds=0.5) for _ in range(2)]
    for job in jobs:
        with pytest.raises(TimeLimit, match=r"0\.5 s"):
            job.result()
    assert time.monotonic() - start < 1.5
    assert workers.submit(pow, 2, 3).result() == 8


def test_time_counts_from_when_work_begins(workers: Workers) -> None:
    jobs = [workers.submit(time.sleep, 0.3, seconds=0.9) for _ in range(8)]
    for job in jobs:
        job.result()


def test_what_is_cancelled_frees_its_slot(workers: Workers) -> None:
    jobs = [workers.submit(time.sleep, 60) for _ in range(4)]
    time.sleep(0.2)
    for job in jobs:
        job.cancel()
    start = time.monotonic()
    assert workers.submit(pow, 2, 5).result() == 32
    assert time.monotonic() - start < 1.0
    for job in jobs:
        with pytest.raises(TimeLimit):
            job.result()


def test_a_killed_worker_is_replaced_and_its_work_done_again(
    processes: Workers, tmp_path: Path
) -> None:
    def once() -> str:
        mark = tmp_path / "died"
        if not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return "done"

    assert processes.submit(once).result() == "done"


def test_work_that_kills_every_worker_is_given_up(processes: Workers) -> None:
    with pytest.raises(WorkerLost):
        processes.submit(os._exit, 3).result()
    assert processes.submit(pow, 2, 3).result() == 8


def test_a_result_that_cannot_be_sent_says_so(processes: Workers) -> None:
    with pytest.raises(RuntimeError, match="generator"):
        processes.submit(lambda: (n for n in range(3))).result()


def test_large_results_come_whole(processes: Workers) -> None:
    assert processes.submit(np.ones, 3_000_000).result().sum() == 3_000_000


def test_a_full_disk_is_one_clear_error(
    processes: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(StoreUnavailable, match="No space left"):
        processes.share({"a": np.ones(3)})


def test_nothing_is_left_behind() -> None:
    with open_workers("processes", slots=2) as workers:
        shared = workers.share({"a": np.ones(3)})
        pids = {workers.submit(_pid_after, 0.2) for _ in range(2)}
        running = [job.result() for job in pids]
        assert Path(shared.path).exists()
    _assert_gone(running)
    assert not Path(shared.path).exists()


def _pid_after(seconds: float) -> int:
    time.sleep(seconds)
    return os.getpid()


def _assert_gone(pids: list[int]) -> None:
    deadline = time.monotonic() + 5
    while any(Path(f"/proc/{pid}").exists() for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]


PROGRAM = textwrap.dedent(
    """
    import os, time
    from assay.compute.workers import open_workers

    print("main", flush=True)
    workers = open_workers("processes", slots=2)
    jobs = [workers.submit(lambda: (time.sleep(0.2), os.getpid())[1]) for _ in range(2)]
    print(*{job.result() for job in jobs}, workers._helper.pid, flush=True)
    for _ in range(2):
        workers.submit(time.sleep, 600)
    time.sleep(600)
    """
)


def test_kill_9_of_the_parent_ends_its_workers(tmp_path: Path) -> None:
    """A script without a guarded main part just works, and its main part runs once."""
    script = tmp_path / "script.py"
    script.write_text(PROGRAM)
    process = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "main\n"
    pids = [int(pid) for pid in process.stdout.readline().split()]
    assert len(pids) == 3
    time.sleep(0.3)
    process.kill()
    assert process.stdout.read() == ""
    process.wait()
    _assert_gone(pids)


def test_nowhere_to_work() -> None:
    with pytest.raises(InputError, match="'the moon'"):
        open_workers("the moon", slots=1)

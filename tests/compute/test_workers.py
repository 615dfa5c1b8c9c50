from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

from assay.compute import WorkerLost, open_workers
from assay.errors import InputError, MissingExtra, StoreUnavailable

from .laws_of_workers import ANYWHERE, IN_PROCESSES, LAST

linux_only = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")


@pytest.fixture(params=["threads", "processes"])
def workers(request):
    with open_workers(request.param, slots=2) as opened:
        yield opened


@pytest.fixture
def processes():
    with open_workers("processes", slots=2) as opened:
        yield opened


@pytest.mark.parametrize("law", [*ANYWHERE, *LAST], ids=lambda law: law.__name__)
def test_law_of_all_workers(workers, law):
    law(workers)


@pytest.mark.parametrize("law", IN_PROCESSES, ids=lambda law: law.__name__)
def test_law_of_processes(processes, law):
    law(processes)


def alive(pid: int) -> bool:
    """Whether a process runs; one that is only waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def gone(pids: list[int], within_s: float = 5.0) -> bool:
    end = time.monotonic() + within_s
    while any(alive(pid) for pid in pids) and time.monotonic() < end:
        time.sleep(0.02)
    return not any(alive(pid) for pid in pids)


def both_ids() -> tuple[int, int]:
    """Of this worker and of the helper that forked it."""
    return os.getpid(), os.getppid()


def child_of_a_worker(hold_s: float, file: str) -> None:
    pid = os.fork()
    if pid == 0:
        time.sleep(hold_s)
        os._exit(0)
    Path(file).write_text(str(pid))
    os.kill(os.getpid(), signal.SIGKILL)


@linux_only
def test_a_worker_killed_in_mid_work_is_replaced_and_the_job_runs_again(processes, tmp_path):
    def work() -> int:
        with (tmp_path / "pids").open("a") as file:
            file.write(f"{os.getpid()}\n")
        time.sleep(0.5)
        return os.getpid()

    job = processes.submit(work)
    while not (tmp_path / "pids").exists() or not (tmp_path / "pids").read_text():
        time.sleep(0.01)
    first = int((tmp_path / "pids").read_text())
    os.kill(first, signal.SIGKILL)
    assert job.result() != first
    assert len((tmp_path / "pids").read_text().split()) == 2


@linux_only
def test_what_a_worker_forked_dies_with_it_and_hides_nothing(processes, tmp_path):
    start = time.monotonic()
    with pytest.raises(WorkerLost, match="SIGKILL"):
        processes.submit(child_of_a_worker, 30.0, str(tmp_path / "pid")).result()
    assert time.monotonic() - start < 10
    assert gone([int((tmp_path / "pid").read_text())])


@linux_only
def test_closing_leaves_no_process_and_no_file():
    with open_workers("processes", slots=2) as workers:
        shared = workers.share({"a": np.ones(5)})
        assert shared.folder.parent.stat().st_mode & 0o777 == 0o700
        pids = [*workers.submit(both_ids).result()]
        workers.submit(time.sleep, 60)
    assert gone(pids, within_s=0.5)
    assert not shared.folder.parent.exists()


@linux_only
def test_a_helper_that_was_killed_is_started_again(processes):
    worker, helper = processes.submit(both_ids).result()
    os.kill(helper, signal.SIGKILL)
    assert gone([helper, worker])
    again, another = processes.submit(both_ids).result()
    assert again != worker
    assert another != helper
    jobs = [processes.submit(int, "7") for _ in range(4)]
    assert [job.result() for job in jobs] == [7] * 4


PROGRAM = """
import os, sys, time
from pathlib import Path
import numpy as np
from assay.compute import open_workers

with Path("runs").open("a") as file:  # no guard: a second import of this would write again
    file.write("run\\n")

def ids(n):
    time.sleep(0.1)
    print("noise", flush=True)
    print("noise", file=sys.stderr, flush=True)
    return os.getpid(), os.getppid()

workers = open_workers("processes", slots=2)
shared = workers.share({"a": np.ones(3)})
found = {pid for job in [workers.submit(ids, n) for n in range(4)] for pid in job.result()}

def ready():
    print(shared.folder.parent, *found, flush=True)
    return workers.submit(time.sleep, 60)

"""


def program(tmp_path: Path, end: str) -> subprocess.Popen[str]:
    (tmp_path / "program.py").write_text(PROGRAM + textwrap.dedent(end))
    return subprocess.Popen(
        [sys.executable, "program.py"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def ended(running: subprocess.Popen[str], tmp_path: Path, *, by: signal.Signals | None) -> str:
    """End the program; check that all it started is gone and that it was run once."""
    assert running.stdout is not None
    folder, *pids = running.stdout.readline().split()
    assert len(pids) == 3
    if by is not None:
        assert all(alive(int(pid)) for pid in pids)
        os.killpg(running.pid, by)  # as the terminal does it
    _, complaints = running.communicate(timeout=20)
    assert gone([int(pid) for pid in pids])
    deadline = time.monotonic() + 5
    while Path(folder).exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not Path(folder).exists()
    assert (tmp_path / "runs").read_text() == "run\n"
    return complaints


@linux_only
def test_nothing_outlives_a_program_that_is_killed(tmp_path):
    running = program(tmp_path, "ready().result()")
    assert ended(running, tmp_path, by=signal.SIGKILL) == ""


@linux_only
def test_nothing_outlives_a_program_that_forgets_to_close(tmp_path):
    running = program(tmp_path, "ready()")
    assert ended(running, tmp_path, by=None) == ""
    assert running.returncode == 0


@linux_only
def test_ctrl_c_is_for_the_program_alone(tmp_path):
    end = """
    try:
        ready().result()  # the signal may come as soon as the line is out
    except KeyboardInterrupt:
        print(workers.submit(int, "7").result(), file=sys.stderr)
        workers.close()
    """
    running = program(tmp_path, end)
    assert ended(running, tmp_path, by=signal.SIGINT) == "7\n"
    assert running.returncode == 0


@linux_only
@pytest.mark.slow
def test_libraries_are_loaded_once_and_start_no_thread():
    libraries = ("numpy", "sklearn.ensemble", "lightgbm", "xgboost", "there.is.no.such")

    def look() -> tuple[bool, int, str]:
        loaded = all(name in sys.modules for name in libraries[:-1])
        threads = len(list(Path(f"/proc/{os.getppid()}/task").iterdir()))
        return loaded, threads, os.environ["OMP_NUM_THREADS"]

    with open_workers("processes", slots=1, preload=libraries) as workers:
        assert workers.submit(look).result() == (True, 1, "1")
    with open_workers("processes", slots=1, threads_per_job=3) as workers:
        assert workers.submit(lambda: os.environ["OPENBLAS_NUM_THREADS"]).result() == "3"


def test_closing_does_not_wait_for_libraries():
    workers = open_workers("processes", slots=1, preload=["sklearn.ensemble", "lightgbm"])
    start = time.monotonic()
    workers.close()
    assert time.monotonic() - start < 3


def test_a_disk_that_is_full_leaves_nothing(processes):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(StoreUnavailable, match="cannot be handed to the worker") as caught:
            processes.share({"small": np.ones(3), "large": np.ones(1_000_000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "TMPDIR" in caught.value.hint
    shared = processes.share({"small": np.ones(3)})
    assert list(shared.folder.parent.iterdir()) == [shared.folder]


def test_where_nothing_can_fork_threads_do_the_work(monkeypatch):
    monkeypatch.delattr(os, "fork")
    with open_workers("processes", slots=2) as workers:
        assert workers.kind == "threads"


def test_places_and_numbers_are_checked():
    with pytest.raises(InputError, match="cannot run on 'cloud'"):
        open_workers("cloud", slots=1)
    with pytest.raises(InputError, match="number of slots"):
        open_workers("threads", slots=-1)
    with open_workers("threads", slots=0) as workers:
        assert workers.slots == len(os.sched_getaffinity(0))


def test_a_cluster_needs_ray(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    with pytest.raises(MissingExtra, match="'ray'"):
        open_workers("ray:auto", slots=1)

"""Workers that are processes of this machine.

One helper process is started, imports what workers need, and forks them: a worker that was
killed is replaced in milliseconds, and what was imported is in memory once. The user's own
program is not imported again, so a script needs no guard around its main part.

Parent and helper speak over one socket pair, parent and worker over one each, whose far end is
passed through the first. All are closed when the parent ends, by kill -9 too, and whoever reads
the end of its socket exits.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from assay.compute.workers import Arrays, Job, TimeLimit, WorkerLost
from assay.errors import StoreUnavailable

T = TypeVar("T")

THREAD_SETTINGS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)
ATTEMPTS = 2
"""Workers that may die of one piece of work before it is given up."""
LENGTH = struct.Struct("!Q")
_CHUNK = 1 << 20


def can_fork() -> bool:
    """Whether this system has processes that can be forked and sockets that can be passed."""
    return hasattr(os, "fork") and hasattr(socket, "send_fds")


@dataclass(frozen=True)
class Folder:
    """Arrays as files, which workers map into memory."""

    path: str

    def load(self) -> Arrays:
        """The arrays, mapped read-only; once a process."""
        return _mapped(self.path)


@lru_cache(maxsize=4)
def _mapped(path: str) -> dict[str, npt.NDArray[Any]]:
    return {
        file.stem: np.load(file, mmap_mode="r", allow_pickle=False)
        for file in sorted(Path(path).glob("*.npy"))
    }


class ProcessWorkers:
    """Forked processes, one a slot."""

    kind = "processes"

    def __init__(self, *, slots: int, threads: int = 1, preload: Sequence[str] = ()) -> None:
        self.slots = slots
        self._home = tempfile.TemporaryDirectory(prefix="assay-work-")
        self._helper, self._line = _start_helper(threads, preload)
        self._changed = threading.Condition()
        self._queue: deque[_ProcessJob[Any]] = deque()
        self._running: dict[_Worker, _ProcessJob[Any]] = {}
        self._idle: list[_Worker] = []
        self._selector = selectors.DefaultSelector()
        self._wake, self._woken = socket.socketpair()
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._closed = False
        self._shares = 0
        self._keeper = threading.Thread(target=self._keep, name="assay-workers", daemon=True)
        self._keeper.start()

    def share(self, arrays: Arrays) -> Folder:
        """Write the arrays to files of a private folder.

        Raises
        ------
        StoreUnavailable
            The disk takes no more.
        """
        self._shares += 1
        folder = Path(self._home.name) / str(self._shares)
        folder.mkdir(mode=0o700)
        try:
            for name, array in arrays.items():
                np.save(folder / f"{name}.npy", array, allow_pickle=False)
        except OSError as error:
            raise StoreUnavailable(
                f"The training rows cannot be laid out for the workers: {error.strerror}.",
                hint="Free space where temporary files go (TMPDIR), or use compute: threads.",
            ) from None
        return Folder(str(folder))

    def submit(
        self, work: Callable[..., T], *args: Any, seconds: float | None = None
    ) -> _ProcessJob[T]:
        """Queue ``work(*args)``."""
        import cloudpickle

        job = _ProcessJob[T](self, cloudpickle.dumps((work, args)), seconds)
        with self._changed:
            self._queue.append(job)
        self._nudge()
        return job

    def wait(self, jobs: Sequence[Job[Any]], timeout: float | None = None) -> list[Job[Any]]:
        """Those that are done."""
        until = None if timeout is None else time.monotonic() + timeout
        with self._changed:
            while not (done := [job for job in jobs if job.done()]):
                left = 0.5 if until is None else until - time.monotonic()
                if left <= 0:
                    break
                self._changed.wait(min(left, 0.5))
        return done

    def close(self) -> None:
        """Kill all workers and remove what was shared."""
        if self._closed:
            return
        self._closed = True
        self._nudge()
        self._keeper.join()
        self._line.close()
        self._helper.wait()
        self._home.cleanup()

    def __enter__(self) -> ProcessWorkers:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def cancel(self, job: _ProcessJob[Any]) -> None:
        """Mark a job as called off; the keeper kills its worker."""
        with self._changed:
            if not job.ended:
                job.end(None, TimeLimit(0.0))
                self._changed.notify_all()
        self._nudge()

    def _nudge(self) -> None:
        """Let the keeper look at the queue."""
        try:
            self._wake.send(b"!")
        except OSError:
            return  # it is gone, and nothing runs any more

    # From here on: the keeper's thread, which alone talks to workers.

    def _keep(self) -> None:
        try:
            while not self._closed:
                self._hand_out()
                for key, _ in self._selector.select(self._patience()):
                    if key.fileobj is self._woken:
                        self._woken.recv(4096)
                    else:
                        self._hear(key.data)
                self._call_off()
        finally:
            self._end_all()

    def _patience(self) -> float | None:
        """Seconds until the first limit is reached; None where nobody has one."""
        now = time.monotonic()
        limits = [job.deadline - now for job in self._running.values() if job.deadline is not None]
        return max(0.0, min(limits)) if limits else None

    def _hand_out(self) -> None:
        while len(self._running) < self.slots:
            with self._changed:
                while self._queue and self._queue[0].ended:
                    self._queue.popleft()
                if not self._queue:
                    return
                job = self._queue.popleft()
            self._begin(job)

    def _begin(self, job: _ProcessJob[Any]) -> None:
        """Give the job to a worker; one that died meanwhile counts as an attempt."""
        worker = self._idle.pop() if self._idle else self._forked()
        job.attempts += 1
        if job.seconds is not None:
            job.deadline = time.monotonic() + job.seconds
        self._running[worker] = job
        try:
            worker.send(job.packed)
        except OSError:
            self._lost(worker)

    def _forked(self) -> _Worker:
        """A new worker, forked by the helper, which answers with its process id."""
        near, far = socket.socketpair()
        socket.send_fds(self._line, [b"f"], [far.fileno()])
        far.close()
        worker = _Worker(near, struct.unpack("!I", _read_exactly(self._line, 4))[0])
        self._selector.register(near, selectors.EVENT_READ, worker)
        return worker

    def _hear(self, worker: _Worker) -> None:
        """Take in a part of a worker's answer."""
        try:
            packed = worker.receive()
        except (OSError, EOFError):
            self._lost(worker)
            return
        if packed is None:
            return
        job = self._running.pop(worker)
        self._idle.append(worker)
        with self._changed:
            if not job.ended:
                job.end(packed, None)
            self._changed.notify_all()

    def _call_off(self) -> None:
        """Kill the workers of jobs that are late, or that nobody waits for any more."""
        now = time.monotonic()
        for worker, job in list(self._running.items()):
            late = job.deadline is not None and now >= job.deadline
            if not (late or job.ended):
                continue
            self._dismiss(worker)
            with self._changed:
                if not job.ended:
                    job.end(None, TimeLimit(job.seconds or 0.0))
                self._changed.notify_all()

    def _lost(self, worker: _Worker) -> None:
        """A worker died: its job is done again by another one, once."""
        job = self._running.get(worker)
        self._dismiss(worker)
        if job is None:
            return
        with self._changed:
            if job.attempts < ATTEMPTS:
                self._queue.appendleft(job)
            elif not job.ended:
                job.end(None, WorkerLost())
            self._changed.notify_all()

    def _dismiss(self, worker: _Worker) -> None:
        self._running.pop(worker, None)
        if worker in self._idle:
            self._idle.remove(worker)
        self._selector.unregister(worker.line)
        worker.kill()

    def _end_all(self) -> None:
        waiting = [*self._running.values(), *self._queue]
        for worker in [*self._running, *self._idle]:
            self._dismiss(worker)
        with self._changed:
            for job in waiting:
                if not job.ended:
                    job.end(None, TimeLimit(0.0))
            self._changed.notify_all()
        self._selector.close()


class _ProcessJob(Generic[T]):
    def __init__(self, workers: ProcessWorkers, packed: bytes, seconds: float | None) -> None:
        self.packed = packed
        self.seconds = seconds
        self.deadline: float | None = None
        self.attempts = 0
        self.ended = False
        self._answer: bytes | None = None
        self._error: BaseException | None = None
        self._workers = workers

    def end(self, answer: bytes | None, error: BaseException | None) -> None:
        """Note the outcome; what was to be done is forgotten."""
        self.ended, self._answer, self._error, self.packed = True, answer, error, b""

    def done(self) -> bool:
        return self.ended

    def result(self) -> T:
        import cloudpickle

        self._workers.wait([self])
        if self._error is not None:
            raise self._error
        assert self._answer is not None
        fine, value = cloudpickle.loads(self._answer)
        if not fine:
            raise value
        answer: T = value
        return answer

    def cancel(self) -> None:
        self._workers.cancel(self)


class _Worker:
    """A worker process, as its parent sees it."""

    def __init__(self, line: socket.socket, pid: int) -> None:
        self.line = line
        self.pid = pid
        self._heard = bytearray()

    def send(self, packed: bytes) -> None:
        self.line.sendall(LENGTH.pack(len(packed)))
        self.line.sendall(packed)

    def receive(self) -> bytes | None:
        """What came, once it is whole; `EOFError` where the process is gone."""
        part = self.line.recv(_CHUNK)
        if not part:
            raise EOFError
        self._heard += part
        size = LENGTH.size
        if len(self._heard) < size or len(self._heard) < size + LENGTH.unpack_from(self._heard)[0]:
            return None
        packed = bytes(self._heard[size:])
        self._heard = bytearray()
        return packed

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self.line.close()


def _start_helper(
    threads: int, preload: Sequence[str]
) -> tuple[subprocess.Popen[bytes], socket.socket]:
    near, far = socket.socketpair()
    settings = {name: str(threads) for name in THREAD_SETTINGS}
    paths = os.pathsep.join(path for path in sys.path if path)
    helper = subprocess.Popen(
        [sys.executable, "-m", "assay.compute.worker_main", str(far.fileno()), *preload],
        pass_fds=[far.fileno()],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **settings, "PYTHONPATH": paths},
        start_new_session=True,  # Ctrl-C in the terminal is the parent's alone
    )
    far.close()
    return helper, near


def _read_exactly(line: socket.socket, size: int) -> bytes:
    heard = bytearray()
    while len(heard) < size:
        part = line.recv(size - len(heard))
        if not part:
            raise WorkerLost
        heard += part
    return bytes(heard)

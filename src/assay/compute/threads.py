"""Workers that are threads of this process."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Generic, TypeVar

from assay.compute.workers import Arrays, Job, TimeLimit, as_read_only

T = TypeVar("T")


@dataclass(frozen=True)
class _Held:
    """Arrays of this process."""

    arrays: Arrays

    def load(self) -> Arrays:
        return self.arrays


class ThreadWorkers:
    """Daemon threads; one whose work is called off is left to itself and replaced."""

    kind = "threads"

    def __init__(self, *, slots: int) -> None:
        self.slots = slots
        self._changed = threading.Condition()
        self._queue: deque[_ThreadJob[Any]] = deque()
        self._running = 0
        self._closed = False

    def share(self, arrays: Arrays) -> _Held:
        """The arrays themselves."""
        return _Held(as_read_only(arrays))

    def submit(
        self, work: Callable[..., T], *args: Any, seconds: float | None = None
    ) -> _ThreadJob[T]:
        """Queue ``work(*args)``."""
        job = _ThreadJob(self, work, args, seconds)
        with self._changed:
            self._queue.append(job)
            self._fill()
        return job

    def wait(self, jobs: Sequence[Job[Any]], timeout: float | None = None) -> list[Job[Any]]:
        """Those that are done."""
        until = None if timeout is None else time.monotonic() + timeout
        with self._changed:
            while not (done := [job for job in jobs if job.done()]):
                if until is not None and time.monotonic() >= until:
                    break
                self._changed.wait(self._pause(until))
        return done

    def close(self) -> None:
        """Drop what has not begun; what runs is left to itself."""
        with self._changed:
            self._closed = True
            self._queue.clear()

    def __enter__(self) -> ThreadWorkers:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _pause(self, until: float | None) -> float:
        """Seconds until somebody's time may be up; waits are short, so that Ctrl-C is heard."""
        return 0.2 if until is None else max(0.0, min(0.2, until - time.monotonic()))

    def _fill(self) -> None:
        """Begin queued jobs while slots are free; the caller holds the lock."""
        while self._queue and self._running < self.slots and not self._closed:
            job = self._queue.popleft()
            self._running += 1
            job.began = time.monotonic()
            threading.Thread(target=self._run, args=(job,), daemon=True).start()

    def _run(self, job: _ThreadJob[Any]) -> None:
        try:
            outcome: tuple[Any, BaseException | None] = job.work(*job.args), None
        except BaseException as error:
            outcome = None, error
        self._end(job, *outcome)

    def _end(self, job: _ThreadJob[Any], value: Any, error: BaseException | None) -> None:
        """Note the outcome, unless the job was given up before, and free its slot."""
        with self._changed:
            if job.ended:
                return
            job.ended, job.value, job.error = True, value, error
            if job.began is not None:
                self._running -= 1
            else:
                self._queue.remove(job)
            self._fill()
            self._changed.notify_all()


class _ThreadJob(Generic[T]):
    def __init__(
        self,
        workers: ThreadWorkers,
        work: Callable[..., T],
        args: tuple[Any, ...],
        seconds: float | None,
    ) -> None:
        self.work = work
        self.args = args
        self.seconds = seconds
        self.began: float | None = None
        self.ended = False
        self.value: Any = None
        self.error: BaseException | None = None
        self._workers = workers

    def done(self) -> bool:
        late = (
            self.seconds is not None
            and self.began is not None
            and time.monotonic() - self.began > self.seconds
        )
        if late and not self.ended:
            assert self.seconds is not None
            self._workers._end(self, None, TimeLimit(self.seconds))
        return self.ended

    def result(self) -> T:
        while not self.done():
            self._workers.wait([self], timeout=0.2)
        if self.error is not None:
            raise self.error
        value: T = self.value
        return value

    def cancel(self) -> None:
        if not self.ended and (self.began is not None or self in self._workers._queue):
            self._workers._end(self, None, TimeLimit(0.0))

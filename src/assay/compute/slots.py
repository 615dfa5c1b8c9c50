"""Jobs in a queue, and slots that take them: what threads, processes and Ray have in common."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from functools import partial
from typing import Any, Generic, NoReturn, Protocol, Self, TypeVar, cast

from assay.compute.workers import Job
from assay.errors import AssayError, InputError

T = TypeVar("T")
Outcome = Callable[[], Any]
"""Gives what the work gave, or raises what it raised."""

DOCS = "docs/compute.md"
MOST_LOSSES = 2
"""Workers that may die under a job before the job is taken to be what kills them."""
PATIENCE_S = 5.0
"""How long closing waits for a slot, whose worker is ended already."""


class _OfAJob(AssayError):
    """Explained on the page about workers rather than on that of all errors."""

    def to_dict(self) -> dict[str, str]:
        """The shape that all errors share."""
        return {**super().to_dict(), "docs": f"{DOCS}#{self.code}"}


class TimeLimit(_OfAJob):
    """A job outlasted its limit and was ended."""

    code = "time-limit"

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"A job was ended at its limit of {seconds:.3g} s.",
            hint="Give it more time, or less to do.",
        )


class WorkerLost(_OfAJob):
    """Two workers died under the same job."""

    code = "worker-lost"

    def __init__(self, how: str) -> None:
        super().__init__(
            f"Two workers died while they worked on the same job; the last one: {how}.",
            hint="Signal SIGKILL mostly means that memory ran out: use fewer slots or less data. "
            "Else the library that the job calls has crashed: leave that library out.",
        )


class OutOfTime(Exception):
    """The deadline passed; the slot has ended its worker."""


class Died(Exception):
    """The worker is gone; the message says how, as far as is known."""


class Slot(Protocol):
    """Room for one job at a time."""

    def prepare(self) -> None:
        """Have a living worker, however long that takes. Raises `Died` if none can be had."""
        ...

    def run(self, call: Any, deadline: float | None) -> Outcome:
        """Do a call on that worker until the deadline, in seconds of `time.monotonic`.

        Raises `OutOfTime` or `Died`; the next `prepare` then finds another worker.
        """
        ...

    def stop(self) -> None:
        """End the worker, from any thread and at any moment; `run` then raises `Died`."""
        ...


def raiser(error: BaseException) -> Outcome:
    """The outcome of work that failed."""
    return partial(_raise, error)


def _raise(error: BaseException) -> NoReturn:
    raise error


class QueuedJob(Generic[T]):
    """A job of `SlotWorkers`; its fields belong to the holder of their lock."""

    def __init__(self, workers: SlotWorkers, call: Any, seconds: float | None) -> None:
        self.call = call
        self.seconds = seconds
        self.deadline: float | None = None
        self.losses = 0
        self.slot: Slot | None = None
        self.outcome: Outcome | None = None
        self._workers = workers

    def done(self) -> bool:
        """See `assay.compute.workers.Job`."""
        return self.outcome is not None

    def result(self) -> T:
        """See `assay.compute.workers.Job`."""
        self._workers.wait([self])
        return cast("T", cast("Outcome", self.outcome)())

    def cancel(self) -> None:
        """See `assay.compute.workers.Job`."""
        self._workers.cancel(self)


class SlotWorkers:
    """A queue of jobs, and a thread for each slot that takes the next one from it.

    Parameters
    ----------
    kind : str
        What the slots are made of.
    slots : sequence of Slot
        At least one.
    """

    def __init__(self, kind: str, slots: Sequence[Slot]) -> None:
        self.kind = kind
        self.slots = len(slots)
        self._slots = slots
        self._changed = threading.Condition()
        self._queue: deque[QueuedJob[Any]] = deque()
        self._running: set[QueuedJob[Any]] = set()
        self._closed = False
        self._threads = [
            threading.Thread(target=self._serve, args=(slot,), name="assay-slot", daemon=True)
            for slot in slots
        ]
        for thread in self._threads:
            thread.start()

    def packed(self, work: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        """What a slot's ``run`` receives for ``work(*args)``."""
        raise NotImplementedError

    def submit(self, work: Callable[..., T], *args: Any, seconds: float | None = None) -> Job[T]:
        """See `assay.compute.workers.Workers`."""
        job: QueuedJob[T] = QueuedJob(self, self.packed(work, args), seconds)
        with self._changed:
            if self._closed:
                raise InputError("These workers are closed.", hint="Open workers anew.")
            self._queue.append(job)
            self._changed.notify_all()
        return job

    def wait(self, jobs: Sequence[Job[T]], timeout: float | None = None) -> list[Job[T]]:
        """See `assay.compute.workers.Workers`."""
        with self._changed:
            self._changed.wait_for(lambda: not jobs or any(j.done() for j in jobs), timeout)
            return [job for job in jobs if job.done()]

    def cancel(self, job: QueuedJob[Any]) -> None:
        """End a job now, whether it has begun or not."""
        with self._changed:
            if job.done():
                return
            if job in self._queue:
                self._queue.remove(job)
            self._end(job, raiser(CancelledError()))
            if job.slot:
                # Under the lock: the slot cannot meanwhile have gone on to another job.
                job.slot.stop()

    def close(self) -> None:
        """See `assay.compute.workers.Workers`."""
        with self._changed:
            self._closed = True
            for job in [*self._queue, *self._running]:
                self._end(job, raiser(CancelledError()))
            self._queue.clear()
            for slot in self._slots:
                slot.stop()
            self._changed.notify_all()
        self.clean()
        self.join()

    def clean(self) -> None:
        """Leave nothing behind; all workers are ended, or will be by this."""

    def join(self) -> None:
        """Wait until the slots have noticed that their workers are ended."""
        for thread in self._threads:
            thread.join(PATIENCE_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _serve(self, slot: Slot) -> None:
        while self._work_waits():
            died: Died | None = None
            try:
                # Before a job is taken: while this slot waits for a worker, another that has
                # one may do the job.
                slot.prepare()
            except Exception as failure:
                died = failure if isinstance(failure, Died) else Died(repr(failure))
            job = self._take(slot)
            if job is not None:
                self._attempt(job, slot, died)

    def _work_waits(self) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._queue)
            return not self._closed

    def _take(self, slot: Slot) -> QueuedJob[Any] | None:
        with self._changed:
            if not self._queue:
                return None
            job = self._queue.popleft()
            job.slot = slot
            self._running.add(job)
            if job.deadline is None and job.seconds is not None:
                job.deadline = time.monotonic() + job.seconds
            return job

    def _attempt(self, job: QueuedJob[Any], slot: Slot, died: Died | None) -> None:
        try:
            outcome = _run(job, slot, died)
        except OutOfTime:
            outcome = raiser(TimeLimit(job.seconds or 0.0))
        except Died as failure:
            job.losses += 1
            if self._queued_again(job):
                return
            outcome = raiser(WorkerLost(str(failure)))
        except Exception as failure:  # a fault of ours must not leave the caller waiting
            outcome = raiser(failure)
        with self._changed:
            self._leave_slot(job)
            self._end(job, outcome)

    def _queued_again(self, job: QueuedJob[Any]) -> bool:
        with self._changed:
            self._leave_slot(job)
            if job.done() or self._closed or job.losses >= MOST_LOSSES:
                return False
            self._queue.appendleft(job)
            self._changed.notify_all()
            return True

    def _leave_slot(self, job: QueuedJob[Any]) -> None:
        job.slot = None
        self._running.discard(job)

    def _end(self, job: QueuedJob[Any], outcome: Outcome) -> None:
        """Settle a job, unless that was done already; under the lock."""
        if job.outcome is None:
            job.outcome = outcome
            job.call = None  # its arguments may be large
            self._changed.notify_all()


def _run(job: QueuedJob[Any], slot: Slot, died: Died | None) -> Outcome:
    """Run a job; no worker to be had counts as one that died."""
    if died:
        raise died
    return slot.run(job.call, job.deadline)

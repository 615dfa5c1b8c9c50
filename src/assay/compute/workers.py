"""Where work runs: on threads, on processes of this machine, or on a Ray cluster.

A job is a pure function of its arguments. Whoever submits one need not know where it runs: a
worker that dies is replaced and its job begun again, and a job that outlasts its limit ends
there and then.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar

from assay.errors import InputError

if TYPE_CHECKING:
    import numpy as np

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Shared(Protocol):
    """Arrays given to the workers once; cheap to pass as an argument of a job."""

    def load(self) -> Mapping[str, np.ndarray]:
        """The arrays, read-only; kept by a process that has loaded them."""
        ...


class Job(Protocol[T_co]):
    """Work that was submitted."""

    def done(self) -> bool:
        """Whether it has ended, well or badly."""
        ...

    def result(self) -> T_co:
        """What the work gave, once it has ended.

        Raises
        ------
        TimeLimit
            The work outlasted its limit.
        WorkerLost
            Two workers died under it.
        concurrent.futures.CancelledError
            It was cancelled.
        Exception
            What the work raised.
        """
        ...

    def cancel(self) -> None:
        """Drop it if it has not begun; else end its worker. A thread is left to itself."""
        ...


class Workers(Protocol):
    """A number of slots in which jobs run, each job in one slot."""

    @property
    def kind(self) -> str:
        """``threads``, ``processes`` or ``ray``."""
        ...

    @property
    def slots(self) -> int:
        """How many jobs run at a time."""
        ...

    def share(self, arrays: Mapping[str, np.ndarray]) -> Shared:
        """Give arrays to all workers, until these workers are closed.

        Raises
        ------
        StoreUnavailable
            There is no room for them; nothing of them is left behind.
        """
        ...

    def submit(self, work: Callable[..., T], *args: Any, seconds: float | None = None) -> Job[T]:
        """Queue ``work(*args)``.

        Parameters
        ----------
        work : callable
            Any function that can be pickled, or one of a notebook, a script, or a lambda.
        *args
            What can be pickled. Later changes to them do not reach the job, but on threads.
        seconds : float, optional
            Wall-clock limit from when the work first begins; a second begin does not renew it.

        Raises
        ------
        InputError
            The work or an argument cannot be sent, or the workers are closed.
        """
        ...

    def wait(self, jobs: Sequence[Job[T]], timeout: float | None = None) -> list[Job[T]]:
        """Those of the jobs that are done, as soon as one is, or after ``timeout`` seconds."""
        ...

    def close(self) -> None:
        """Cancel what has not ended. No process and no file of the workers is left."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


def open_workers(
    where: str, *, slots: int, preload: Sequence[str] = (), threads_per_job: int = 1
) -> Workers:
    """Workers that stand ready until they are closed.

    Parameters
    ----------
    where : {"threads", "processes", "ray:auto", "ray://host:port"}
        ``processes`` becomes ``threads`` where the system cannot fork; ``kind`` tells. The
        address of a cluster is that which ``ray start --head`` printed.
    slots : int
        How many jobs run at a time; 0 for as many as the machine or the cluster has room for.
    preload : sequence of str
        Modules that jobs will need, imported before the first. One that is not there is left
        to the job that needs it. None that starts a thread when imported, such as polars.
    threads_per_job : int
        Threads that numerical libraries may use in one job.

    Raises
    ------
    InputError
        No such place, or no cluster that lets us in at the address.
    MissingExtra
        The address is a cluster's, and Ray is not installed.
    """
    if slots < 0 or threads_per_job < 1:
        raise InputError(
            "Workers need a number of slots, and each job at least one thread.",
            hint="Give slots=0 for as many as there is room for, and threads_per_job=1.",
        )
    if where.startswith("ray:"):
        from assay.compute.ray_cluster import join

        return join(where, slots=slots, preload=preload, threads_per_job=threads_per_job)
    slots = slots or max(1, cores() // threads_per_job)
    if where == "processes" and hasattr(os, "fork"):
        from assay.compute.processes import ProcessWorkers

        return ProcessWorkers(slots, preload, threads_per_job)
    if where in {"threads", "processes"}:
        from assay.compute.threads import ThreadWorkers

        return ThreadWorkers(slots)
    raise InputError(
        f"Work cannot run on {where!r}.",
        hint="Give 'threads', 'processes', 'ray:auto' or 'ray://host:port'.",
    )


def cores() -> int:
    """Processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1

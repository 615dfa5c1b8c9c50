"""Where pieces of work run side by side: threads, local processes, a Ray cluster.

Work is a function of arguments that can be pickled; large arrays are shared once and referred
to. A piece that takes too long is called off, and a worker that dies is replaced: in processes
and on a cluster for real, in threads as far as threads allow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from assay.errors import AssayError, InputError

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
Arrays = Mapping[str, npt.NDArray[Any]]

LOCAL = ("threads", "processes")
RAY = "ray:"


class TimeLimit(AssayError):
    """A piece of work ran longer than it was allowed to, and was called off."""

    code = "time-limit"

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"The work was called off after {seconds:.1f} s.",
            hint="Give it more time, or less to do.",
        )


class WorkerLost(AssayError):
    """The process that did a piece of work died, and so did the next one that tried."""

    code = "worker-lost"

    def __init__(self) -> None:
        super().__init__(
            "The worker process died twice while it did this work.",
            hint="It may have run out of memory: use fewer threads, or a smaller table.",
        )


class Shared(Protocol):
    """Arrays that workers can reach; small, and it can be pickled."""

    def load(self) -> Arrays:
        """The arrays, not to be written to."""


class Job(Protocol[T_co]):
    """A piece of work under way."""

    def done(self) -> bool:
        """Whether `result` would return or raise at once."""

    def result(self) -> T_co:
        """Wait for what the work returns; raises what it raised, `TimeLimit` or `WorkerLost`."""

    def cancel(self) -> None:
        """Call it off: not begun, it never begins; begun, its worker is killed."""


class Workers(Protocol):
    """A number of workers; a context manager that leaves none behind."""

    kind: str
    """``threads``, ``processes`` or ``ray``."""
    slots: int
    """Pieces of work that run at a time."""

    def share(self, arrays: Arrays) -> Shared:
        """Make arrays reachable to workers, for as long as they live."""

    def submit(self, work: Callable[..., T], *args: Any, seconds: float | None = None) -> Job[T]:
        """Queue ``work(*args)``; ``seconds`` bounds it from when it begins to run."""

    def wait(self, jobs: Sequence[Job[Any]], timeout: float | None = None) -> list[Job[Any]]:
        """Those of the jobs that are done: at least one, unless ``timeout`` seconds pass."""

    def close(self) -> None:
        """End all work."""

    def __enter__(self) -> Workers: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


def open_workers(
    where: str, *, slots: int, threads: int = 1, preload: Sequence[str] = ()
) -> Workers:
    """Start workers.

    Parameters
    ----------
    where : str
        ``threads``, ``processes``, or the address of a Ray cluster (``ray://host:port``,
        ``ray:auto``). Where the system cannot fork, processes become threads; ``kind`` tells.
    slots : int
        Pieces of work at a time. On a cluster 0 means one a core.
    threads : int
        Threads of linear algebra and OpenMP for each local process.
    preload : sequence of str
        Modules that processes import before they are asked for anything.

    Raises
    ------
    InputError
        There is no such place, or the cluster cannot be reached.
    """
    if where.startswith(RAY):
        from assay.compute.ray_cluster import RayWorkers

        return RayWorkers(where, slots=slots)
    if where not in LOCAL:
        raise InputError(
            f"Work cannot run in {where!r}.",
            hint="Use threads, processes, or the address of a Ray cluster: ray://host:port.",
            where="compute",
        )
    from assay.compute.processes import ProcessWorkers, can_fork
    from assay.compute.threads import ThreadWorkers

    if where == "processes" and can_fork():
        return ProcessWorkers(slots=slots, threads=threads, preload=preload)
    return ThreadWorkers(slots=slots)


def as_read_only(arrays: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    """Views that cannot be written to."""
    views = {}
    for name, array in arrays.items():
        view = np.asarray(array).view()
        view.flags.writeable = False
        views[name] = view
    return views

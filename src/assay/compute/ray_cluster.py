"""Work on the machines of a Ray cluster.

Each slot is an actor that answers one call at a time and holds the cores of one job. A slot
takes a job only once its actor stands, so that a smaller cluster, after the loss of a node,
does all jobs with the slots that are left.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from assay.compute.messages import answer_to, opened, unsendable
from assay.compute.slots import Died, Outcome, OutOfTime, SlotWorkers, raiser
from assay.errors import AssayError, InputError, MissingExtra

if TYPE_CHECKING:
    import numpy as np

SCHEME = "ray:"
NO_TIME_S = 1e-3
KNOCK_S = 10.0
MOST_STARTS = 3
"""Actors in a row that may die before they stand, as they do with the node they are placed on.
No job is to blame for that."""


@dataclass(frozen=True)
class SharedObject:
    """Arrays in the cluster's object store."""

    reference: Any

    def load(self) -> Mapping[str, np.ndarray]:
        """The arrays, in the memory that the processes of one machine share."""
        import ray

        _demand_cluster()
        arrays: dict[str, np.ndarray] = ray.get(self.reference)
        return arrays


@dataclass(frozen=True)
class _Call:
    """A job in the object store."""

    reference: Any = field(repr=False)


class Answering:
    """The actor: does one job after the other."""

    def __init__(self, preload: Sequence[str]) -> None:
        for module in preload:
            with suppress(Exception):  # the job that needs it will say so
                import_module(module)

    def ready(self) -> None:
        """Return once the actor stands."""

    def answer(self, call: tuple[Callable[..., Any], tuple[Any, ...]]) -> list[bytes]:
        """What the job gave or raised, packed."""
        from ray import cloudpickle

        return [bytes(part) for part in answer_to(*call, dumps=cloudpickle.dumps)]


class RaySlot:
    """An actor, replaced when it has died or was killed.

    Parameters
    ----------
    new_actor : callable
        Makes an actor of `Answering`.
    """

    def __init__(self, new_actor: Callable[[], Any]) -> None:
        self._new_actor = new_actor
        self._actor: Any = None

    def prepare(self) -> None:
        """See `assay.compute.slots.Slot`."""
        import ray
        from ray.exceptions import RayError

        if self._actor is not None:
            return
        for left in reversed(range(MOST_STARTS)):
            actor = self._actor = self._new_actor()
            try:
                ray.get(actor.ready.remote())
            except RayError as failure:
                stopped, self._actor = self._actor is not actor, None
                if stopped or not left:
                    raise Died(type(failure).__name__) from None
            else:
                return

    def run(self, call: _Call, deadline: float | None) -> Outcome:
        """See `assay.compute.slots.Slot`."""
        import ray
        from ray.exceptions import RayError, RayTaskError

        actor = self._actor
        if actor is None:
            raise Died("it was called off")
        try:
            reference = actor.answer.remote(call.reference)
            if not ray.wait([reference], timeout=_left(deadline))[0]:
                self.stop()
                raise OutOfTime
            reply = ray.get(reference)
        except RayTaskError as failure:  # of Ray's own: `answer` raises nothing
            return raiser(RuntimeError(f"The job did not reach its worker: {failure.cause!r}"))
        except RayError as failure:
            self.stop()
            raise Died(type(failure).__name__) from None
        return partial(opened, [bytearray(part) for part in reply])  # arrays to be written to

    def stop(self) -> None:
        """See `assay.compute.slots.Slot`."""
        import ray

        actor, self._actor = self._actor, None
        if actor is not None:
            ray.kill(actor)


class RayWorkers(SlotWorkers):
    """Workers that are actors of a cluster.

    Parameters
    ----------
    slots : sequence of RaySlot
        At least one.
    leave : callable
        Called once, when these workers need the cluster no more.
    """

    def __init__(self, slots: Sequence[RaySlot], *, leave: Callable[[], None]) -> None:
        self._leave = [leave]
        super().__init__("ray", slots)

    def packed(self, work: Callable[..., Any], args: tuple[Any, ...]) -> _Call:
        """The work, put into the object store as it is at this moment."""
        import ray

        _demand_cluster()
        try:
            return _Call(ray.put((work, args)))
        except TypeError as failure:
            cause = failure.__cause__ or failure
            raise unsendable(cause if isinstance(cause, Exception) else failure) from failure

    def share(self, arrays: Mapping[str, np.ndarray]) -> SharedObject:
        """See `assay.compute.workers.Workers`."""
        import ray

        _demand_cluster()
        return SharedObject(ray.put(dict(arrays)))

    def clean(self) -> None:
        """Leave the cluster if it was joined for this, and nobody else needs it."""
        self.join()  # what waits for an answer would wait for ever once the cluster is left
        while self._leave:
            self._leave.pop()()


class _Stay:
    """This program's place in a cluster; all workers share it, and the last ones leave.

    A cluster that the program joined by itself is not left at all.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._ours = False

    def enter(self, where: str) -> None:
        import ray

        with self._lock:
            if not ray.is_initialized():
                _enter(where)
                self._ours = True
            self._users += 1

    def leave(self) -> None:
        import ray

        with self._lock:
            self._users -= 1
            if self._users == 0 and self._ours:
                self._ours = False
                ray.shutdown()


_STAY = _Stay()


def join(where: str, *, slots: int, preload: Sequence[str], threads_per_job: int) -> RayWorkers:
    """Workers on the cluster at an address; see `assay.compute.workers.open_workers`."""
    # Without a token, whoever reaches the cluster's port runs code on it. The variable must be
    # set before Ray is loaded; one who wants a cluster without sets it to "disabled".
    os.environ.setdefault("RAY_AUTH_MODE", "token")
    try:
        import ray
    except ImportError:
        raise MissingExtra("ray", extra="ray", purpose="A cluster") from None
    _STAY.enter(where)
    room = int(_resources()["CPU"]) // threads_per_job
    actor: Any = ray.remote(num_cpus=threads_per_job, max_restarts=0)(Answering)
    new_actor = partial(actor.remote, tuple(preload))
    return RayWorkers([RaySlot(new_actor) for _ in range(slots or max(room, 1))], leave=_STAY.leave)


def _enter(where: str) -> None:
    import ray

    address = where.removeprefix(SCHEME).removeprefix("//")
    try:
        if address != "auto":
            _knock(address)
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except Exception as failure:
        raise _no_cluster(where, failure) from failure


def _knock(address: str) -> None:
    """Raise at once if nobody is there: Ray itself would try for minutes."""
    host, _, port = address.rpartition(":")
    socket.create_connection((host.strip("[]"), int(port)), timeout=KNOCK_S).close()


def _no_cluster(where: str, failure: Exception) -> AssayError:
    # Refused tokens arrive as such, or as the text of an error about the connection.
    if "AuthenticationError" in "".join(traceback.format_exception(failure)):
        return InputError(
            "The Ray cluster does not take the token.",
            hint="Set RAY_AUTH_TOKEN, or RAY_AUTH_TOKEN_PATH, to the token that the cluster was "
            "started with.",
            where="compute",
        )
    return InputError(
        f"No Ray cluster can be joined at {where}.",
        hint="Give the address that `ray start --head` printed, on a machine that is part of "
        "the cluster (`ray start --address=...` makes it so).",
        where="compute",
    )


def _demand_cluster() -> None:
    """Raise once the cluster was left: Ray itself would quietly start one on this machine."""
    import ray

    if not ray.is_initialized():
        raise InputError("These workers are closed.", hint="Open workers anew.")


def _resources() -> dict[str, float]:
    import ray

    found: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    return {"CPU": 0.0, **found}


def _left(deadline: float | None) -> float | None:
    return None if deadline is None else max(deadline - time.monotonic(), NO_TIME_S)

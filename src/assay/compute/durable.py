"""Durable runs: named steps, each finished once, whatever kills the process between them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias
from uuid import uuid4

from assay.errors import InputError, RunBusy, StoreUnavailable

if TYPE_CHECKING:
    from assay.store.store import Store

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"
"""What a step gives back, and what later steps receive."""

News = Literal["start", "done", "recovered"]
Work = Callable[[Mapping[str, Json]], Json]


@dataclass(frozen=True)
class Step:
    """One piece of a run.

    Parameters
    ----------
    name : str
        Its identity: an upgraded package may add, move or drop steps, and a step that has
        finished under this name stays finished. No ``/`` and no ``#``.
    title : str
        One line for a person.
    work : callable
        Receives the results of the steps before it, by name; gives JSON back. It may be cut
        off anywhere and run again, so what it writes must bear a repetition: artifacts do by
        nature, records and ledger entries through their keys.
    """

    name: str
    title: str
    work: Work


def run_durably(
    store: Store,
    run_id: str,
    steps: Sequence[Step],
    *,
    on_step: Callable[[str, News], None] = lambda _name, _news: None,
) -> dict[str, Json]:
    """Run the steps in order; go on after the last finished one if the run was cut off.

    Parameters
    ----------
    store : Store
        Remembers which steps have finished, in the same database as everything else.
    run_id : str
        The same id again continues the same run.
    steps : sequence of Step
        With distinct names.
    on_step : callable
        Told of each step's ``start`` and ``done``, or ``recovered`` when it had finished in an
        earlier process and is not run again.

    Returns
    -------
    dict
        Result of every step, by name; equal to what an uninterrupted run gives.

    Raises
    ------
    RunBusy
        A live process works on this run.
    AssayError
        A step raised it, unchanged. The same run may be tried again; that step starts anew.
    InputError
        Names of steps clash, or a result is not JSON.
    """
    _check(run_id, steps)
    with _leased(store, run_id) as lease:
        from assay.compute.engine import engine

        with engine(store) as durable:
            history = durable.history(run_id)
            results: dict[str, Json] = {}
            for step in steps:
                if history.finished(step.name):
                    results[step.name] = durable.result(history.attempt(step.name))
                    on_step(step.name, "recovered")
                    continue
                lease.confirm()
                on_step(step.name, "start")
                results[step.name] = durable.attempt(history, step.name, step.work, dict(results))
                on_step(step.name, "done")
    return results


def _check(run_id: str, steps: Sequence[Step]) -> None:
    names = [step.name for step in steps]
    if not run_id or len(set(names)) < len(names):
        raise InputError(
            "A run needs an id, and its steps distinct names.", hint="Rename one of the steps."
        )
    for name in names:
        if not name or "/" in name or "#" in name:
            raise InputError(
                f"A step cannot be called {name!r}.", hint="Use letters, digits and hyphens."
            )


class _Hold:
    """A lease that a thread keeps renewing until it is let go."""

    def __init__(self, store: Store, run_id: str) -> None:
        self._leases = store.leases
        self._run_id = run_id
        self._name = f"run/{run_id}"
        self._holder = uuid4().hex
        self._over = threading.Event()
        self._lost = False
        self._heart = threading.Thread(target=self._beat, name="assay-lease", daemon=True)

    def take(self) -> None:
        if not self._leases.acquire(self._name, self._holder):
            raise self._busy()
        self._heart.start()

    def confirm(self) -> None:
        """Refuse to go on after another host took the run over (this one slept, say)."""
        if self._lost:
            raise self._busy()

    def give_back(self) -> None:
        self._over.set()
        self._heart.join()
        self._leases.release(self._name, self._holder)

    def _beat(self) -> None:
        while not self._over.wait(self._leases.ttl_s / 4):
            try:
                self._lost = not self._leases.renew(self._name, self._holder)
            except StoreUnavailable:
                continue  # the next beat tries again; the lease outlives a few misses
            if self._lost:
                return

    def _busy(self) -> RunBusy:
        other = self._leases.holder(self._name)
        return RunBusy(
            self._run_id,
            host=other.host if other else "another host",
            pid=other.pid if other else 0,
        )


@contextmanager
def _leased(store: Store, run_id: str) -> Iterator[_Hold]:
    """Hold the run alone; a holder that was killed on this machine counts as gone at once."""
    hold = _Hold(store, run_id)
    hold.take()
    try:
        yield hold
    finally:
        hold.give_back()

"""Work on threads of this process: no start-up, no copies, but nothing that can be killed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay.compute.messages import as_error, remaining
from assay.compute.slots import Died, Outcome, OutOfTime, SlotWorkers, raiser

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class SharedHere:
    """Read-only views of the arrays themselves."""

    arrays: Mapping[str, np.ndarray]

    def load(self) -> Mapping[str, np.ndarray]:
        """The arrays."""
        return self.arrays


class ThreadSlot:
    """A thread for each job; one whose job is called off is left behind, a daemon."""

    def __init__(self) -> None:
        self._called = threading.Event()

    def prepare(self) -> None:
        """See `assay.compute.slots.Slot`."""
        self._called = threading.Event()

    def run(self, call: Callable[[], Any], deadline: float | None) -> Outcome:
        """See `assay.compute.slots.Slot`."""
        called, outcomes = self._called, list[Outcome]()

        def work() -> None:
            outcomes.append(_outcome(call))
            called.set()

        threading.Thread(target=work, name="assay-job", daemon=True).start()
        if not called.wait(remaining(deadline)):
            raise OutOfTime
        if not outcomes:
            raise Died("it was called off")
        return outcomes[0]

    def stop(self) -> None:
        """See `assay.compute.slots.Slot`."""
        self._called.set()


class ThreadWorkers(SlotWorkers):
    """Workers that are threads."""

    def __init__(self, slots: int) -> None:
        super().__init__("threads", [ThreadSlot() for _ in range(slots)])

    def packed(self, work: Callable[..., Any], args: tuple[Any, ...]) -> Callable[[], Any]:
        """The work itself; a thread needs nothing pickled."""
        return lambda: work(*args)

    def share(self, arrays: Mapping[str, np.ndarray]) -> SharedHere:
        """See `assay.compute.workers.Workers`."""
        views = {name: array.view() for name, array in arrays.items()}
        for view in views.values():
            view.flags.writeable = False
        return SharedHere(views)


def _outcome(call: Callable[[], Any]) -> Outcome:
    try:
        value = call()
    except BaseException as failure:
        return raiser(as_error(failure))
    return lambda: value

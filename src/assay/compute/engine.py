"""The durable engine: DBOS on the store's own database.

Each attempt at a step is one DBOS workflow, started directly in the caller's thread with the
id ``<run>/<step>``, then ``<run>/<step>#2``, ``#3`` and so on. A run is thus a set of names
and not a list of positions. Nothing is ever put on a queue and every process has an executor
identity of its own, so DBOS recovers nothing by itself and no process can be handed another's
work; the lease on the run says who continues it, by cancelling the attempt that was cut off
and starting the next. DBOS accepts an outcome only from the attempt's own, uncancelled
execution: a process that lost its lease cannot write a result any more.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import copy_context
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import msgspec
from dbos import DBOS, DBOSConfig, Serializer, SetWorkflowID, error
from sqlalchemy import exc

from assay.errors import AssayError, InputError, RunBusy, VerificationFailed
from assay.records import canonical

if TYPE_CHECKING:
    from assay.compute.durable import Json, Work
    from assay.store.store import Store

APPLICATION = "assay"
"""Name and version that DBOS sees: the same for all releases, since names of steps, not the
package's version, say what can be continued."""

_POOL = 4
_POLL_S = 0.05


class JsonSerializer(Serializer):
    """What DBOS stores is JSON; a pickle is neither written nor read."""

    def name(self) -> str:
        """Written beside every value that DBOS stores."""
        return "assay_json"

    def serialize(self, data: Any) -> str:
        """Canonical JSON; of an error, its shape."""
        return canonical(_shape(data) if isinstance(data, BaseException) else data).decode()

    def deserialize(self, serialized_data: str) -> Any:
        """The JSON value."""
        return msgspec.json.decode(serialized_data)


def _shape(error: BaseException) -> dict[str, str]:
    if isinstance(error, AssayError):
        return error.to_dict()
    return {"code": type(error).__name__, "message": "The step failed; see the program's output."}


_PENDING: dict[str, Callable[[], Any]] = {}
"""Work of the attempts that this process is about to start, by workflow id."""


@DBOS.workflow(name="assay.step")
def _attempt(workflow_id: str) -> Any:
    """Do the work that was laid out for this attempt, once, in this process only."""
    return _PENDING.pop(workflow_id)()


class History:
    """Which attempts a run has behind it."""

    def __init__(self, run_id: str, attempts: Mapping[str, str]) -> None:
        self.run_id = run_id
        self._attempts = attempts

    def attempts(self, step: str) -> list[str]:
        """Ids of the attempts at a step, oldest first."""
        found: list[str] = []
        while self._id(step, len(found) + 1) in self._attempts:
            found.append(self._id(step, len(found) + 1))
        return found

    def attempt(self, step: str) -> str:
        """Id of the newest attempt."""
        return self.attempts(step)[-1]

    def next(self, step: str) -> str:
        """Id of the attempt to make now."""
        return self._id(step, len(self.attempts(step)) + 1)

    def finished(self, step: str) -> bool:
        """Whether the newest attempt succeeded (no attempt follows one that did)."""
        known = self.attempts(step)
        return bool(known) and self._attempts[known[-1]] == "SUCCESS"

    def cut_off(self, step: str) -> list[str]:
        """Attempts whose process died or was stopped before they ended."""
        return [a for a in self.attempts(step) if self._attempts[a] == "PENDING"]

    def _id(self, step: str, number: int) -> str:
        return f"{self.run_id}/{step}" + (f"#{number}" if number > 1 else "")


class Durable:
    """A launched engine. Callers hold the lease on the runs they name."""

    def __init__(self, store: Store) -> None:
        self._database = store.database

    def history(self, run_id: str) -> History:
        """What is on record about a run."""
        with self._database.translated():
            found = DBOS.list_workflows(
                workflow_id_prefix=f"{run_id}/", load_input=False, load_output=False
            )
        return History(run_id, {w.workflow_id: w.status for w in found})

    def result(self, attempt: str) -> Json:
        """The recorded result of a finished attempt."""
        try:
            with self._database.translated():
                kept: dict[str, Json] = DBOS.retrieve_workflow(attempt).get_result()
            return kept["result"]
        except (msgspec.DecodeError, KeyError, TypeError):
            raise VerificationFailed(
                "The recorded result of a step cannot be read.",
                hint="Restore the database from a backup, or start a new run.",
                where=attempt,
            ) from None

    def attempt(self, history: History, step: str, work: Work, earlier: Mapping[str, Json]) -> Json:
        """Run a step's work and record its result; see `assay.compute.durable.Step`."""
        attempt = history.next(step)
        own = _Work(step, work, earlier)
        with self._database.translated():
            for cut_off in history.cut_off(step):
                DBOS.cancel_workflow(cut_off)
        _PENDING[attempt] = own
        try:
            with SetWorkflowID(attempt):
                kept: dict[str, Json] = _attempt(attempt)
                return kept["result"]
        except error.DBOSAwaitedWorkflowCancelledError:
            raise RunBusy(history.run_id, host="another host", pid=0) from None
        except exc.DBAPIError as failure:
            if failure is own.failure:
                raise
            raise self._database.unavailable(failure) from failure
        finally:
            _PENDING.pop(attempt, None)


class _Work:
    """A step's work, called once; keeps what it raised, to tell it from the engine's errors."""

    def __init__(self, step: str, work: Work, earlier: Mapping[str, Json]) -> None:
        self.failure: Exception | None = None
        self._step = step
        self._work = work
        self._earlier = earlier
        self._context = copy_context()  # the caller's, so that the work may itself run durably

    def __call__(self) -> dict[str, Json]:
        try:
            given = self._context.run(self._work, self._earlier)
            return {"result": _as_json(given, self._step)}
        except Exception as failure:
            self.failure = failure
            raise


def _as_json(value: Any, step: str) -> Any:
    """What a later process will read back: the value after a round through JSON."""
    try:
        return msgspec.json.decode(canonical(value))
    except (TypeError, ValueError, msgspec.DecodeError):
        raise InputError(
            f"Step {step!r} gave back something that is not JSON.",
            hint="Keep it as an artifact and give its digest back.",
        ) from None


class _Shared:
    """DBOS is one instance a process: threads on the same database share it, others wait."""

    def __init__(self) -> None:
        self.free = threading.Condition()
        self.url = ""
        self.users = 0

    def enter(self, store: Store) -> None:
        with self.free:
            self.free.wait_for(lambda: self.users == 0 or self.url == store.url)
            if self.users == 0:
                _launch(store)
                self.url = store.url
            self.users += 1

    def leave(self) -> None:
        with self.free:
            self.users -= 1
            if self.users == 0:
                DBOS.destroy()
                # Its handler keeps the stream of this launch, which may be closed at the next.
                logging.getLogger("dbos").handlers.clear()
                self.free.notify_all()


_SHARED = _Shared()


@contextmanager
def engine(store: Store) -> Iterator[Durable]:
    """The engine on the store's database, for as long as someone in this process needs it."""
    _SHARED.enter(store)
    try:
        yield Durable(store)
    finally:
        _SHARED.leave()


def _launch(store: Store) -> None:
    config: DBOSConfig = {
        "name": APPLICATION,
        "application_version": APPLICATION,
        "executor_id": uuid4().hex,
        "system_database_url": store.url,
        "serializer": JsonSerializer(),
        "sys_db_pool_size": _POOL,
        "log_level": "CRITICAL",
        "notification_listener_polling_interval_sec": _POLL_S,
    }
    try:
        with store.database.translated():
            DBOS(config=config)
            DBOS.listen_queues([])
            DBOS.launch()
    except BaseException:
        DBOS.destroy()
        raise

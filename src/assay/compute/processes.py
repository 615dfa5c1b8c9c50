"""Work on processes of this machine.

One helper process imports the libraries that jobs need and forks a worker whenever one is
wanted. A worker so costs milliseconds, also in place of one that was killed, its libraries are
in memory once for all, and the program's own ``__main__`` is never imported again. The helper
lives no longer than the program: it ends the workers and itself when the program's end of
their channel closes, whatever closed it.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.compute.messages import Part, hung_up, opened, packed_call, receive, send
from assay.compute.slots import Died, Outcome, OutOfTime, SlotWorkers
from assay.compute.worker_main import NONE, NUMBER
from assay.errors import StoreUnavailable

if TYPE_CHECKING:
    import numpy as np

THREAD_SETTINGS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "LOKY_MAX_CPU_COUNT",
)
_START = (
    "import sys; fd, folder, preload, *sys.path = sys.argv[1:]; "
    "from assay.compute.worker_main import main; main(int(fd), folder, preload.split())"
)
_GOODBYE_S = 1.0
"""How long the helper may take to end by itself; it is busy only while it still imports."""


@dataclass(frozen=True)
class SharedFiles:
    """Arrays in a private folder, mapped into memory by whoever loads them."""

    folder: Path
    names: tuple[str, ...]

    def load(self) -> Mapping[str, np.ndarray]:
        """The arrays."""
        return _mapped(self)


class _Worker:
    def __init__(self, pid: int, channel: socket.socket) -> None:
        self.pid = pid
        self.channel = channel
        self.ended = False


class Helper:
    """The process that forks workers; started when it is first needed, and again if it dies."""

    def __init__(self, folder: Path, preload: Sequence[str], threads: int) -> None:
        self._folder = folder
        # Frameworks of macOS do not bear a fork after they were loaded.
        self._preload = " ".join(preload) if sys.platform == "linux" else ""
        self._environment = {**os.environ, **dict.fromkeys(THREAD_SETTINGS, str(threads))}
        self._lock = threading.Lock()
        self._closed = False
        self._process, self._control = self._started()

    def fork(self) -> _Worker:
        """A new worker. Raises `Died` if none can be had."""
        ours, theirs = socket.socketpair()
        with theirs, self._lock:
            try:
                if self._process.poll() is not None:
                    self._restart()
                socket.send_fds(self._control, [NUMBER.pack(NONE)], [theirs.fileno()])
                pid = self._reply()
            except OSError:
                pid = NONE
        if pid == NONE:
            ours.close()
            raise Died("no process could be started")
        return _Worker(pid, ours)

    def end(self, pid: int) -> str:
        """Kill a worker and all it started; says how it ended, which may have been before."""
        with self._lock:
            try:
                self._control.sendall(NUMBER.pack(pid))
                code = self._reply()
            except OSError:
                return "it ended with the helper process"
        return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"

    def close(self) -> None:
        """End it. Takes no lock: another thread may be waiting for a worker."""
        self._closed = True
        with suppress(OSError):
            self._control.shutdown(socket.SHUT_RDWR)
        try:
            self._process.wait(_GOODBYE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _reply(self) -> int:
        reply = self._control.recv(NUMBER.size, socket.MSG_WAITALL)
        if len(reply) < NUMBER.size:
            raise ConnectionResetError
        number: int = NUMBER.unpack(reply)[0]
        return number

    def _restart(self) -> None:
        if self._closed:
            raise ConnectionResetError
        self._control.close()
        self._process, self._control = self._started()

    def _started(self) -> tuple[subprocess.Popen[bytes], socket.socket]:
        ours, theirs = socket.socketpair()
        paths = [str(Path(entry).absolute()) for entry in sys.path]
        given = [str(theirs.fileno()), str(self._folder), self._preload, *paths]
        with theirs:
            process = subprocess.Popen(
                [sys.executable, "-c", _START, *given],
                env=self._environment,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for the program: it decides
            )
        return process, ours


class ProcessSlot:
    """A worker process, replaced when it has died or was killed."""

    def __init__(self, helper: Helper) -> None:
        self._helper = helper
        self._worker: _Worker | None = None

    def prepare(self) -> None:
        """See `assay.compute.slots.Slot`."""
        worker = self._worker
        if worker is not None:
            if not worker.ended and hung_up(worker.channel):  # it died while it had no job
                self._end(worker)
            if not worker.ended:
                return
            worker.channel.close()
            self._worker = None
        self._worker = self._helper.fork()

    def run(self, call: Sequence[Part], deadline: float | None) -> Outcome:
        """See `assay.compute.slots.Slot`."""
        worker = self._worker
        assert worker is not None
        try:
            send(worker.channel, call, deadline)
            reply = receive(worker.channel, deadline)
        except TimeoutError:
            self._end(worker)
            raise OutOfTime from None
        except (EOFError, OSError):
            raise Died(self._end(worker)) from None
        return partial(opened, reply)

    def stop(self) -> None:
        """See `assay.compute.slots.Slot`. The slot's own thread closes the channel."""
        worker = self._worker
        if worker is not None and not worker.ended:
            self._end(worker)

    def _end(self, worker: _Worker) -> str:
        worker.ended = True
        return self._helper.end(worker.pid)


class ProcessWorkers(SlotWorkers):
    """Workers that are processes."""

    def __init__(self, slots: int, preload: Sequence[str], threads_per_job: int) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="assay-workers-"))
        self._shared = 0
        self._helper = Helper(self._folder, preload, threads_per_job)
        super().__init__("processes", [ProcessSlot(self._helper) for _ in range(slots)])

    def packed(self, work: Callable[..., Any], args: tuple[Any, ...]) -> list[Part]:
        """The pickled work."""
        return packed_call(work, args)

    def share(self, arrays: Mapping[str, np.ndarray]) -> SharedFiles:
        """See `assay.compute.workers.Workers`."""
        import numpy as np

        self._shared += 1
        folder = self._folder / str(self._shared)
        try:
            folder.mkdir()
            for number, array in enumerate(arrays.values()):
                np.save(folder / f"{number}.npy", array)
        except OSError as failure:
            shutil.rmtree(folder, ignore_errors=True)
            raise StoreUnavailable(
                f"The table cannot be handed to the worker processes: {failure.strerror}.",
                hint="Make room in the folder for temporary files, or set TMPDIR to another.",
                where=str(self._folder.parent),
            ) from failure
        return SharedFiles(folder, tuple(arrays))

    def clean(self) -> None:
        """End the helper and remove the shared arrays."""
        self._helper.close()
        shutil.rmtree(self._folder, ignore_errors=True)


@cache
def _mapped(shared: SharedFiles) -> Mapping[str, np.ndarray]:
    return {
        name: _read(shared.folder / f"{number}.npy") for number, name in enumerate(shared.names)
    }


def _read(file: Path) -> np.ndarray:
    """Map an array of numbers; read one of objects, which only pickle can write."""
    import numpy as np

    try:
        return np.asarray(np.load(file, mmap_mode="r"))
    except ValueError:
        array: np.ndarray = np.load(file, allow_pickle=True)
        array.flags.writeable = False
        return array

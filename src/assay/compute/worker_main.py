"""The program of worker processes: import what they need, fork them on demand.

``python -m assay.compute.worker_main FD MODULE...`` where FD is the near end of a socket pair.
For each byte that arrives with a socket, a worker is forked that serves the socket; the answer
is its process id. It has one thread when it forks, which is what makes forking safe.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import os
import signal
import socket
import struct
import sys

LENGTH = struct.Struct("!Q")
_PARENT_DEATH = 1  # PR_SET_PDEATHSIG of Linux's prctl


def main() -> None:
    """Serve until the parent's end of the line is closed."""
    line = socket.socket(fileno=int(sys.argv[1]))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for killed workers
    for module in sys.argv[2:]:
        try:
            importlib.import_module(module)
        except ImportError:
            continue  # whoever needs it will say so
    gc.freeze()
    while True:
        order, lines, _, _ = socket.recv_fds(line, 1, 1)
        if not order:
            return
        worker = os.fork()
        if worker == 0:
            line.close()
            _serve(socket.socket(fileno=lines[0]))
        os.close(lines[0])
        line.sendall(struct.pack("!I", worker))


def _serve(line: socket.socket) -> None:
    """Work until the parent's end of the line is closed; never returns."""
    import cloudpickle

    _die_with_parent()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    while True:
        packed = _read(line)
        if packed is None:
            os._exit(0)
        try:
            work, args = cloudpickle.loads(packed)
            outcome = True, work(*args)
        except BaseException as error:
            outcome = False, error
        try:
            answer = cloudpickle.dumps(outcome, protocol=5)
        except Exception:
            answer = cloudpickle.dumps((False, _in_words(outcome)), protocol=5)
        try:
            line.sendall(LENGTH.pack(len(answer)))
            line.sendall(answer)
        except OSError:
            os._exit(0)


def _in_words(outcome: tuple[bool, object]) -> RuntimeError:
    """What cannot be sent, as an error that can."""
    fine, value = outcome
    if fine:
        return RuntimeError(f"the result, a {type(value).__name__}, cannot be sent back")
    return RuntimeError(f"{type(value).__name__}: {value}")


def _read(line: socket.socket) -> bytearray | None:
    """One whole message; None where the line was closed."""
    head = _exactly(line, LENGTH.size)
    return None if head is None else _exactly(line, LENGTH.unpack(head)[0])


def _exactly(line: socket.socket, size: int) -> bytearray | None:
    heard = bytearray(size)
    view = memoryview(heard)
    place = 0
    while place < size:
        count = line.recv_into(view[place:])
        if not count:
            return None
        place += count
    return heard


def _die_with_parent() -> None:
    """Ask Linux to end this process with the helper; elsewhere the closed line does it."""
    try:
        ctypes.CDLL(None).prctl(_PARENT_DEATH, signal.SIGKILL)
    except (OSError, AttributeError):
        return


if __name__ == "__main__":
    main()

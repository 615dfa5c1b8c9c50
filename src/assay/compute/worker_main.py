"""The helper process that forks workers, and the workers; see `assay.compute.processes`.

On its channel the helper receives a number: `NONE` with a descriptor asks for a worker at the
other end of that descriptor, and is answered with its process id; a process id asks for that
worker's end, and is answered with its exit code.
"""

from __future__ import annotations

import gc
import os
import shutil
import signal
import socket
import struct
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module

from assay.compute.messages import answer, hung_up, receive, send

NUMBER = struct.Struct("!q")
NONE = 0
"""No process: what is sent to ask for one, and the answer if there is none."""


def main(descriptor: int, folder: str, preload: Sequence[str]) -> None:
    """Serve until the program goes away; then leave no worker, and no file in its folder."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    control = socket.socket(fileno=descriptor)
    children: set[int] = set()
    for module in preload:
        if hung_up(control):
            break
        with suppress(Exception):  # the job that needs it will say so
            import_module(module)
    gc.freeze()  # a collection in a worker would otherwise copy pages that all share
    _serve(control, children)
    for pid in children:
        _end(pid)
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)


def _serve(control: socket.socket, children: set[int]) -> None:
    with suppress(ConnectionError):
        while True:
            request, descriptors, _, _ = socket.recv_fds(control, NUMBER.size, 1)
            if not request:
                return
            (pid,) = NUMBER.unpack(request)
            if descriptors:
                pid = _fork(control, descriptors[0])
                children.update({pid} - {NONE})
                control.sendall(NUMBER.pack(pid))
            else:
                # A worker unknown here was ended before: two threads may have asked for it.
                code = _end(pid) if pid in children else -signal.SIGKILL
                children.discard(pid)
                control.sendall(NUMBER.pack(code))


def _fork(control: socket.socket, descriptor: int) -> int:
    """A worker's process id, or `NONE` if the system refuses."""
    helper = os.getpid()
    try:
        pid = os.fork()
    except OSError:
        pid = NONE - 1
    if pid == 0:
        try:
            control.close()
            _work(descriptor, helper)
        finally:
            os._exit(1)
    os.close(descriptor)
    return max(pid, NONE)


def _end(pid: int) -> int:
    """Kill a worker with all that it started; its exit code, a signal being negative.

    Only here are workers waited for, so until now the number cannot name another process.
    """
    for kill in (os.kill, os.killpg):
        with suppress(OSError):
            kill(pid, signal.SIGKILL)
    with suppress(ChildProcessError):
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return -signal.SIGKILL


def _work(descriptor: int, helper: int) -> None:
    """In the worker: answer one call after the other."""
    os.setsid()  # a group of its own, to be killed with what it starts
    _die_with(helper)
    os.set_inheritable(descriptor, False)
    channel = socket.socket(fileno=descriptor)
    # What a job forks must not keep the channel open after the worker is gone.
    os.register_at_fork(after_in_child=channel.close)
    with suppress(EOFError, ConnectionError):
        while True:
            send(channel, answer(receive(channel)))


def _die_with(helper: int) -> None:
    """Where the system can: end this process when the helper is killed."""
    if sys.platform == "linux":
        import ctypes

        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)
    if os.getppid() != helper:
        os._exit(0)

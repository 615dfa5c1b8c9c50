"""What goes between a program and its workers: pickles, in parts that need no copy.

Both ends are the same user's, and the channel is a private pair of sockets.
"""

from __future__ import annotations

import pickle
import socket
import struct
import time
import traceback
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import cloudpickle

from assay.errors import InputError

Part: TypeAlias = "bytes | bytearray | memoryview"
_COUNT = struct.Struct("!I")
_LENGTH = struct.Struct("!Q")


def packed_call(work: Callable[..., Any], args: tuple[Any, ...]) -> list[Part]:
    """A job as it is at this moment. Raises `InputError` if it cannot be pickled."""
    try:
        return [cloudpickle.dumps((work, args), protocol=5)]
    except Exception as failure:
        raise unsendable(failure) from failure


def unsendable(failure: Exception) -> InputError:
    """What is raised for a job that cannot leave this process."""
    return InputError(
        f"A job cannot be sent to a worker: {failure}.",
        hint="Open files, locks and connections inside the work, and pass what names them.",
    )


def answer(call: Sequence[Part]) -> list[Part]:
    """In the worker: do a packed job; what it gave or raised, packed."""
    try:
        work, args = pickle.loads(call[0])  # noqa: S301 - from the program that started us
    except Exception as failure:
        return _packed((False, _portable(failure, cloudpickle.dumps)), cloudpickle.dumps)
    return answer_to(work, args)


def answer_to(
    work: Callable[..., Any], args: tuple[Any, ...], dumps: Callable[..., bytes] = cloudpickle.dumps
) -> list[Part]:
    """In the worker: do a job; what it gave or raised, packed.

    ``dumps`` must be of the module that pickled the job: each knows the classes of a notebook
    that came through it, and sends them back as the same classes.
    """
    try:
        value = work(*args)
    except BaseException as failure:
        return _packed((False, _portable(as_error(failure), dumps)), dumps)
    try:
        return _packed((True, value), dumps)
    except Exception as failure:
        return _packed((False, _unreturnable(failure)), dumps)


def opened(reply: Sequence[Part]) -> Any:
    """In the program: what the job gave; raises what it raised."""
    try:
        good, value = pickle.loads(reply[0], buffers=reply[1:])  # noqa: S301 - our own worker's
    except Exception as failure:
        raise _unreturnable(failure) from failure
    if good:
        return value
    raise value


def as_error(failure: BaseException) -> Exception:
    """An error to hand on: a job that calls ``sys.exit`` must not end the program it serves."""
    if isinstance(failure, Exception):
        return failure
    return RuntimeError(f"{type(failure).__name__}: {failure}")


def send(channel: socket.socket, parts: Sequence[Part], deadline: float | None = None) -> None:
    """Send parts. Raises TimeoutError past the deadline, OSError if nobody is there."""
    head = _COUNT.pack(len(parts)) + b"".join(_LENGTH.pack(len(part)) for part in parts)
    channel.settimeout(remaining(deadline))
    channel.sendall(head)
    for part in parts:
        channel.settimeout(remaining(deadline))
        channel.sendall(part)


def receive(channel: socket.socket, deadline: float | None = None) -> list[bytearray]:
    """Receive parts. Raises TimeoutError past the deadline, EOFError if nobody is there."""
    (count,) = _COUNT.unpack(_exactly(channel, _COUNT.size, deadline))
    lengths = _exactly(channel, count * _LENGTH.size, deadline)
    return [_exactly(channel, length, deadline) for (length,) in _LENGTH.iter_unpack(lengths)]


def hung_up(channel: socket.socket) -> bool:
    """Whether the other end of a silent channel is closed."""
    channel.setblocking(False)
    try:
        return not channel.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except ConnectionError:
        return True
    finally:
        channel.setblocking(True)


def remaining(deadline: float | None) -> float | None:
    """Seconds until the deadline, more than none; None if there is no deadline."""
    return None if deadline is None else max(deadline - time.monotonic(), 1e-6)


def _exactly(channel: socket.socket, size: int, deadline: float | None) -> bytearray:
    received = bytearray(size)
    rest = memoryview(received)
    while rest:
        channel.settimeout(remaining(deadline))
        got = channel.recv_into(rest)
        if not got:
            raise EOFError
        rest = rest[got:]
    return received


def _packed(value: Any, dumps: Callable[..., bytes]) -> list[Part]:
    """A pickle, and after it the memory of the arrays within, as it is."""
    arrays: list[pickle.PickleBuffer] = []
    head = dumps(value, protocol=5, buffer_callback=arrays.append)
    return [head, *(array.raw() for array in arrays)]


def _portable(failure: Exception, dumps: Callable[..., bytes]) -> Exception:
    """The error with the traceback of the worker as its note, or its text if it cannot travel."""
    trace = "".join(traceback.format_exception(failure))
    try:
        kept: Exception = pickle.loads(dumps(failure, protocol=5))  # noqa: S301
    except Exception:
        kept = RuntimeError(f"{type(failure).__name__}: {failure}")
    kept.add_note(f"In the worker:\n{trace}")
    return kept


def _unreturnable(failure: Exception) -> InputError:
    return InputError(
        f"The result of a job cannot be sent back: {failure}.",
        hint="Give back plain values, arrays or models, without open files, locks or generators.",
    )

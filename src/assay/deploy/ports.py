"""TCP ports of this machine."""

from __future__ import annotations

import socket

from assay.deploy.refusals import PortInUse
from assay.errors import InputError


def resolve(host: str) -> str:
    """The numeric address of ``host``, IPv4 where it has one.

    Examples
    --------
    >>> resolve("127.0.0.1"), resolve("::1")
    ('127.0.0.1', '::1')
    """
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise InputError(
            "This machine has no such address to listen on.",
            hint="127.0.0.1 for this machine only, 0.0.0.0 for every network it is on.",
            where=host,
        ) from None
    return min((str(address[0]) for *_, address in found), key=lambda text: ":" in text)


def claim_port(host: str, port: int) -> None:
    """Refuse a port that somebody listens on.

    Granian's workers share their port, and would as readily share it with a stranger's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise PortInUse(
                f"Cannot listen on {host}, port {port}: {error.strerror}.",
                hint="Choose another port, or 0 for a free one.",
            ) from None


def free_port(host: str) -> int:
    """A port on which nobody listens now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])

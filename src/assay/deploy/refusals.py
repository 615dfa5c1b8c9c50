"""Requests that an endpoint refuses before the contract is asked, and answers it withholds."""

from __future__ import annotations

from collections.abc import Mapping

from assay.errors import AssayError, InputError


class TooLarge(InputError):
    """More bytes or rows than one request may bring."""

    code = "too-large"
    http_status = 413


class UnsupportedMedia(InputError):
    """The body is not plain ``application/json``."""

    code = "unsupported-media"
    http_status = 415


class UnknownPath(InputError):
    """The endpoint has no such path."""

    code = "unknown-path"
    http_status = 404


class WrongMethod(InputError):
    """The path does not take this method."""

    code = "wrong-method"
    http_status = 405

    def __init__(self, allowed: str) -> None:
        super().__init__("This path does not take this method.", hint=f"Use {allowed}.")
        self.allowed = allowed


class TooSlow(InputError):
    """The body did not arrive in time."""

    code = "too-slow"
    http_status = 408


class Busy(AssayError):
    """As much is in work as the endpoint takes; try again."""

    code = "busy"
    exit_code = 8
    http_status = 503


class NotFinite(AssayError):
    """The model's answer is not a finite number, so none is given."""

    code = "not-finite"


class Fault(AssayError):
    """A fault of the server; its log names it by the request's id."""

    code = "fault"


def check_media(content_type: str, headers: Mapping[str, str]) -> None:
    """Refuse a body that is not plain JSON.

    Examples
    --------
    >>> check_media("application/json; charset=utf-8", {})
    """
    media, _, parameters = content_type.partition(";")
    charset = parameters.partition("charset=")[2].strip().strip('"').lower()
    if media.strip().lower() != "application/json" or charset not in {"", "utf-8", "utf8"}:
        raise UnsupportedMedia(
            "The body must be JSON in UTF-8.", hint="Send Content-Type: application/json."
        )
    if headers.get("content-encoding", "identity").lower() not in {"", "identity"}:
        raise UnsupportedMedia(
            "A compressed body is not taken.", hint="Send it without Content-Encoding."
        )

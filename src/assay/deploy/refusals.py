"""Requests that an endpoint refuses before the contract is asked, and answers it withholds.

::

    AssayError
    ├── InputError
    │   ├── NotJson           the body is not JSON                       HTTP 400
    │   ├── UnknownPath       the endpoint has no such path              HTTP 404
    │   ├── WrongMethod       the path does not take this method         HTTP 405
    │   ├── TooSlow           the body did not arrive in time            HTTP 408
    │   ├── TooLarge          more bytes or rows than a request may      HTTP 413
    │   ├── UnsupportedMedia  the body is not plain JSON                 HTTP 415
    │   ├── NotARequest       JSON, but not a scoring request            HTTP 422
    │   └── PortInUse         another process listens there
    ├── StoreUnavailable
    │   └── EndpointDown      nobody answers there                       HTTP 503
    ├── Busy                  as much is in work as fits      exit 8     HTTP 503
    ├── NotFinite             the model's answer is no number            HTTP 500
    └── Fault                 a defect of the server                     HTTP 500
"""

from __future__ import annotations

from collections.abc import Mapping

from assay.errors import AssayError, InputError, StoreUnavailable

DOCS = "docs/endpoint.md"


class _OfAnEndpoint(AssayError):
    """Explained on the endpoint's page rather than on that of all errors."""

    def to_dict(self) -> dict[str, str]:
        """The shape that all errors share."""
        return {**super().to_dict(), "docs": f"{DOCS}#{self.code}"}


class NotJson(_OfAnEndpoint, InputError):
    """The body is not JSON."""

    code = "not-json"


class NotARequest(_OfAnEndpoint, InputError):
    """The body is JSON, but not a scoring request."""

    code = "not-a-request"
    http_status = 422


class TooLarge(_OfAnEndpoint, InputError):
    """More bytes or rows than one request may bring."""

    code = "too-large"
    http_status = 413


class UnsupportedMedia(_OfAnEndpoint, InputError):
    """The body is not plain ``application/json``."""

    code = "unsupported-media"
    http_status = 415


class UnknownPath(_OfAnEndpoint, InputError):
    """The endpoint has no such path."""

    code = "unknown-path"
    http_status = 404


class WrongMethod(_OfAnEndpoint, InputError):
    """The path does not take this method."""

    code = "wrong-method"
    http_status = 405

    def __init__(self, allowed: str) -> None:
        super().__init__("This path does not take this method.", hint=f"Use {allowed}.")
        self.allowed = allowed


class TooSlow(_OfAnEndpoint, InputError):
    """The body did not arrive in time."""

    code = "too-slow"
    http_status = 408


class PortInUse(_OfAnEndpoint, InputError):
    """Another process listens on the port, or serves under the name."""

    code = "port-in-use"


class EndpointDown(_OfAnEndpoint, StoreUnavailable):
    """The endpoint does not answer."""

    code = "endpoint-down"


class Busy(_OfAnEndpoint):
    """As much is in work as the endpoint takes; try again."""

    code = "busy"
    exit_code = 8
    http_status = 503


class NotFinite(_OfAnEndpoint):
    """The model's answer is not a finite number, so none is given."""

    code = "not-finite"


class Fault(_OfAnEndpoint):
    """A defect of the server; its log names the place by the request's id."""

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

"""Ask a model over HTTP, whoever serves it: rows go out in batches, answers come back as told.

Four ways of speaking are known: that of Assay's own endpoints, Azure Machine Learning's scoring
JSON, MLflow's ``/invocations``, and version 2 of the Open Inference Protocol (KServe, Triton).
"""

from __future__ import annotations

import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urlsplit

import msgspec

from assay.deploy.refusals import EndpointDown
from assay.errors import InputError, InvalidTable, UnknownName
from assay.evidence.speech import DEFAULT_PATHS, SPEECHES, Speech

if TYPE_CHECKING:
    import polars as pl

    from assay.assess.meaning import Told

MOST_BYTES = 256 * 2**20
"""Of one reply."""
_PASSING = frozenset({408, 425, 429, 502, 503, 504})
"""States of a server that may pass: ask again."""


class Broken(EndpointDown):
    """The endpoint failed on the rows it was sent (HTTP 500)."""


@dataclass(frozen=True, kw_only=True)
class RemoteModel:
    """A model behind an address.

    Parameters
    ----------
    url : str
        ``http://host:port``, to which the protocol's own path is added, or the whole address.
    protocol : {"assay", "azure", "mlflow", "v2"}
    token : str
        Sent as ``Authorization: Bearer``; never shown.
    classes : tuple of str
        What unnamed probabilities stand for, in their order; by default the sorted classes.
    batch_rows : int
        Rows in one request.
    timeout_s : float
        Longest wait for one answer.
    attempts : int
        How often a request is sent where the endpoint does not answer for now.
    """

    url: str = field(repr=False)
    protocol: str = "assay"
    token: str = field(default="", repr=False)
    classes: tuple[str, ...] = ()
    batch_rows: int = 1_000
    timeout_s: float = 60.0
    attempts: int = 4
    pause_s: float = 0.25

    def __post_init__(self) -> None:
        if self.protocol not in SPEECHES:
            raise UnknownName("protocol", self.protocol, sorted(SPEECHES))
        parts = urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise InputError(
                "The address of a model begins with http:// or https:// and names a host.",
                hint="For example http://127.0.0.1:8100",
            )
        if parts.username or parts.password:
            raise InputError(
                "The address holds a user or a password.",
                hint="Put a token in an environment variable, and name that with --token-env.",
            )

    @property
    def address(self) -> str:
        """Where requests are sent."""
        parts = urlsplit(self.url)
        if self.protocol == "v2":
            path = parts.path.rstrip("/")
            path = path if path.endswith("/infer") else f"{path}/infer"
            return parts._replace(path=path).geturl()
        if parts.path.strip("/"):
            return self.url
        return parts._replace(path=DEFAULT_PATHS[self.protocol]).geturl()

    @property
    def name(self) -> str:
        """The address as it may be shown: what follows a question mark may be a key."""
        return urlsplit(self.address)._replace(query="", fragment="").geturl()

    def ask(self, frame: pl.DataFrame) -> Told:
        """What the model says of some rows.

        Raises
        ------
        EndpointDown
            Nobody answers there in time, however often asked, or it failed on the rows.
        InputError
            It refuses: the token, the address, or the rows.
        InvalidTable
            What it answers cannot be read, or is not one answer a row.
        """
        if frame.is_empty():
            return nothing(0)
        self._refuse_infinite(frame)
        speech = SPEECHES[self.protocol]
        parts = [
            part
            for start in range(0, frame.height, self.batch_rows)
            for part in self._batch(speech, frame[start : start + self.batch_rows])
        ]
        return speech.told(parts, frame.height, self.classes)

    def probe(self, frame: pl.DataFrame) -> Told:
        """The same for rows that were changed: where the model breaks, no row has an answer."""
        try:
            return self.ask(frame)
        except Broken:
            return nothing(frame.height)

    def _batch(self, speech: Speech, rows: pl.DataFrame) -> list[Any]:
        """The replies to some rows, in as many requests as their size asks for."""
        reply = self._send(speech.request(rows), rows.height)
        if reply is not None:
            return [speech.answers(reply, rows.height)]
        half = rows.height // 2
        return [*self._batch(speech, rows[:half]), *self._batch(speech, rows[half:])]

    def _send(self, body: bytes, rows: int) -> Any:
        """The reply, or None where the request was too large and can be cut in two."""
        for attempt in range(self.attempts):
            if attempt:
                time.sleep(self.pause_s * 2 ** (attempt - 1))
            last = attempt + 1 == self.attempts
            try:
                with _opener(self.url).open(self._request(body), timeout=self.timeout_s) as reply:
                    return self._read(reply.read(MOST_BYTES + 1))
            except urllib.error.HTTPError as error:
                if error.code == 413 and rows > 1:
                    return None
                if error.code not in _PASSING or last:
                    self._refuse(error.code, error.read(4_096))
            except OSError as error:
                if last:
                    raise EndpointDown(
                        f"The model does not answer, though asked {self.attempts} times.",
                        hint="Check the address, and whether it is running.",
                        where=self.name,
                    ) from error
        raise AssertionError("unreachable")

    def _request(self, body: bytes) -> urllib.request.Request:
        headers = {"content-type": "application/json", "accept": "application/json"}
        if self.token:
            headers["authorization"] = f"Bearer {self.token}"
        return urllib.request.Request(  # noqa: S310 - http or https, checked
            self.address, data=body, headers=headers
        )

    def _read(self, body: bytes) -> Any:
        try:
            if len(body) <= MOST_BYTES:
                return _decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass
        raise InvalidTable(
            "What the endpoint answers is not JSON of a bearable size.",
            hint="Check the address and the protocol.",
            where=self.name,
        )

    def _refuse(self, status: int, body: bytes) -> NoReturn:
        """Raise what an HTTP status means."""
        where = self.name
        if status in {401, 403}:
            raise InputError(
                f"The endpoint answers HTTP {status}: it wants another token, or one at all.",
                hint="Put it in an environment variable, and name that with --token-env.",
                where=where,
            )
        if status in {404, 405} or 300 <= status < 400:
            raise InputError(
                f"The endpoint answers HTTP {status}: rows are not taken there.",
                hint="Give the final address, path included, and the protocol.",
                where=where,
            )
        if status < 500:
            raise InvalidTable(
                f"The endpoint refuses the rows (HTTP {status}{_said(body)}).",
                hint="Name the columns that it reads, with --send.",
                where=where,
            )
        if status in _PASSING:
            raise EndpointDown(
                f"The endpoint answers HTTP {status}, though asked {self.attempts} times.",
                hint="Try again later.",
                where=where,
            )
        raise Broken(
            f"The endpoint failed on the rows (HTTP {status}).", hint="See its log.", where=where
        )

    def _refuse_infinite(self, frame: pl.DataFrame) -> None:
        """JSON has no infinite numbers, so they never reach such a model."""
        for series in frame.iter_columns():
            if series.dtype.is_float() and series.is_infinite().any():
                raise InvalidTable("JSON has no infinite numbers.", hint="Leave the cell empty.")


def token_of(variable: str) -> str:
    """The secret in an environment variable; `InputError` where it is not set."""
    if not variable:
        return ""
    token = os.environ.get(variable, "")
    if not token:
        raise InputError(
            f"The environment variable {variable!r} is not set.",
            hint="Set it to the token, or leave --token-env out.",
        )
    return token


def nothing(rows: int) -> Told:
    """No answer to any row."""
    import polars as pl

    from assay.assess.meaning import Told

    return Told(prediction=pl.Series("prediction", [None] * rows, dtype=pl.Float64))


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows no redirection: a token must not reach another host."""

    def redirect_request(self, *_args: Any, **_kwargs: Any) -> None:
        return None


def _opener(url: str) -> urllib.request.OpenerDirector:
    """Straight to this machine; by the environment's proxies to any other."""
    near = urlsplit(url).hostname in {"127.0.0.1", "localhost", "::1"}
    proxies: Sequence[urllib.request.BaseHandler] = (
        (urllib.request.ProxyHandler({}),) if near else ()
    )
    return urllib.request.build_opener(_Stay, *proxies)


_decode: Callable[[bytes], Any] = msgspec.json.Decoder().decode


def _said(body: bytes) -> str:
    """The code that a refusal gives, where it is Assay's own; its words may hold values."""
    try:
        told = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    code = told.get("code") if isinstance(told, Mapping) else None
    known = isinstance(code, str) and code.replace("-", "").isalpha() and len(code) < 40
    return f", {code}" if known else ""

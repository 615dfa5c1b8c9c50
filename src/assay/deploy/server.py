"""The HTTP server of an endpoint: Granian (RSGI), one process a core.

Started as ``python -m assay.deploy.server --bundle DIR --trusted-key FILE --record DIR``. The
bundle is verified before a socket is opened, and again by each worker as it loads.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from assay.deploy.bundle import load_bundle
from assay.deploy.metrics import Counters
from assay.deploy.ports import claim_port, free_port, resolve
from assay.deploy.record import Mode, RecordSettings
from assay.deploy.refusals import Busy, TooSlow
from assay.deploy.scoring import (
    Limits,
    Pending,
    Reply,
    ScoringService,
    body_too_large,
    fault,
)
from assay.errors import AssayError, InputError, InvalidFile, StoreUnavailable, VerificationFailed
from assay.records import Record, canonical

if TYPE_CHECKING:
    from granian._granian import RSGIHTTPProtocol as HTTPProtocol
    from granian.rsgi import Scope

_ENVIRONMENT = "ASSAY_ENDPOINT"
_LARGE_BODY = 32 * 2**10
_MIB = 2**20


class EndpointOptions(Record, frozen=True, kw_only=True):
    """How one endpoint is served."""

    bundle: str
    trusted_keys: tuple[str, ...]
    """Public keys, PEM."""
    host: str = "127.0.0.1"
    port: int = 8100
    workers: int = 1
    record: str = ""
    """Folder of the prediction record."""
    record_mode: Mode = "async"
    body_mib: float = 16
    """Largest body of one request."""
    rows: int = 10_000
    in_flight_mib: float = 256
    """Bodies that one process holds at once; beyond them it answers 503."""
    body_timeout_s: float = 30
    connections: int = 256
    """Connections that one process serves at once; further ones wait."""
    stop_timeout_s: int = 30
    instance: str = ""
    """Told by ``/health``, so that whoever started the endpoint knows it again."""
    model_digest: str = ""
    """The model that every worker must find; set by the process that starts them."""
    counters: str = ""
    """Folder in which workers share their counters."""


class Endpoint:
    """The RSGI application of one worker process."""

    def __init__(self, options: EndpointOptions) -> None:
        self._options = options
        self._parent = os.getppid()
        self._in_flight = 0
        self._in_flight_limit = int(options.in_flight_mib * _MIB)
        self._body_limit = int(options.body_mib * _MIB)
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="batch")
        self.service = _service(options)

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Granian calls it once the worker's loop exists."""
        self._loop = loop
        loop.call_later(1.0, self._watch_parent)

    def __rsgi_del__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Granian calls it when the worker has answered its last request."""
        self._pool.shutdown()
        self.service.close()

    async def __rsgi__(self, scope: Scope, proto: HTTPProtocol) -> None:
        """Answer one request."""
        try:
            reply = await self._reply(scope, proto)
        except Exception as error:
            # The last line of defence: whatever happens, the client gets the one error shape.
            reply = fault(error, self.service.new_id())
        headers = [("content-type", reply.content_type), *reply.headers]
        if scope.method == "HEAD":
            proto.response_empty(reply.status, headers)
        else:
            proto.response_bytes(reply.status, headers, reply.body)

    async def _reply(self, scope: Scope, proto: HTTPProtocol) -> Reply:
        if scope.path != "/score" or scope.method != "POST":
            await self._discard(scope, proto)
            return self.service.page(scope.method, scope.path)
        try:
            body = await self._read(scope, proto)
        except AssayError as error:
            return self.service.refuse(error)
        headers = scope.headers
        known = {"content-encoding": headers.get("content-encoding", "identity")}
        media = headers.get("content-type", "")
        if len(body) > _LARGE_BODY:
            pending = await self._loop.run_in_executor(
                self._pool, self.service.begin, body, media, known
            )
        else:
            pending = self.service.begin(body, media, known)
        return self.service.finish(pending, await self._kept(pending))

    async def _kept(self, pending: Pending) -> StoreUnavailable | None:
        """Wait for the disk, where the recorder's mode asks for it."""
        if not pending.ticket or self.service.recorder.mode != "group":
            return None
        done: asyncio.Future[StoreUnavailable | None] = self._loop.create_future()

        def settled(failure: StoreUnavailable | None) -> None:
            self._loop.call_soon_threadsafe(_resolve, done, failure)

        self.service.recorder.when_synced(pending.ticket, settled)
        return await done

    async def _read(self, scope: Scope, proto: HTTPProtocol) -> bytes:
        """The body, within limits of size, time and memory."""
        declared = int(scope.headers.get("content-length", self._body_limit))
        if self._in_flight + declared > self._in_flight_limit and self._in_flight:
            raise Busy("The endpoint holds as many requests as it can.", hint="Try again.")
        self._in_flight += declared
        try:
            async with asyncio.timeout(self._options.body_timeout_s):
                return await self._read_up_to(self._body_limit, proto, declared)
        except TimeoutError:
            raise TooSlow(
                f"The body did not arrive within {self._options.body_timeout_s:g} seconds.",
                hint="Send it at once.",
            ) from None
        finally:
            self._in_flight -= declared

    async def _read_up_to(self, limit: int, proto: HTTPProtocol, declared: int) -> bytes:
        if declared <= _LARGE_BODY:
            return await proto()
        body, too_large = bytearray(), declared > limit
        async for chunk in proto:
            # A body that is too large is still read, so that the client sees the answer.
            too_large = too_large or len(body) + len(chunk) > limit
            body = bytearray() if too_large else body + chunk
        if too_large:
            raise body_too_large(limit)
        return bytes(body)

    async def _discard(self, scope: Scope, proto: HTTPProtocol) -> None:
        """Let a body that nobody asked for pass by, so that the client sees the answer."""
        if "content-length" not in scope.headers and "transfer-encoding" not in scope.headers:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._options.body_timeout_s):
                async for _ in proto:
                    pass

    def _watch_parent(self) -> None:
        """Stop when the process that started the workers is gone without a word."""
        if os.getppid() != self._parent:
            os.kill(os.getpid(), signal.SIGTERM)
        else:
            self._loop.call_later(1.0, self._watch_parent)


def create() -> Endpoint:
    """Build the application of one worker; Granian imports and calls this."""
    return Endpoint(EndpointOptions.from_json(os.environ[_ENVIRONMENT]))


def serve(options: EndpointOptions) -> None:
    """Verify the bundle, then serve it until SIGTERM or SIGINT.

    Raises
    ------
    VerificationFailed
        The bundle is not what its hallmark was struck for; no socket was opened.
    PortInUse
        Another process listens there.
    """
    bundle = load_bundle(Path(options.bundle), options.trusted_keys)
    claim_port(options.host, options.port)
    with tempfile.TemporaryDirectory(prefix="assay-endpoint-") as counters:
        told = msgspec.structs.replace(options, model_digest=bundle.model_digest, counters=counters)
        os.environ[_ENVIRONMENT] = told.to_json().decode()
        _granian(told).serve()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the server from the command line; an error is one JSON line on standard error."""
    try:
        serve(_options(_parser().parse_args(arguments)))
    except AssayError as error:
        sys.stderr.write(canonical(error.to_dict()).decode() + "\n")
        return error.exit_code
    return 0


def _granian(options: EndpointOptions) -> Any:
    """The server, with every limit said rather than left to a default."""
    from granian import Granian
    from granian.constants import HTTPModes, Interfaces, Loops
    from granian.http import HTTP1Settings
    from granian.log import LogLevels

    return Granian(
        "assay.deploy.server:create",
        factory=True,
        interface=Interfaces.RSGI,
        address=options.host,
        port=options.port,
        workers=options.workers,
        websockets=False,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=10_000),
        loop=Loops.auto,
        backlog=1024,
        backpressure=options.connections,
        respawn_failed_workers=True,
        workers_kill_timeout=options.stop_timeout_s,
        log_level=LogLevels.warning,
        log_access=False,
    )


def _service(options: EndpointOptions) -> ScoringService:
    """Load the bundle and make it ready to answer."""
    bundle = load_bundle(Path(options.bundle), options.trusted_keys)
    if options.model_digest and bundle.model_digest != options.model_digest:
        raise VerificationFailed(
            "The bundle was replaced by another version while it is served.",
            hint="Stop the endpoint and start it with the new version.",
            where=options.bundle,
        )
    return ScoringService(
        bundle,
        record=RecordSettings(
            folder=Path(options.record) if options.record else None, mode=options.record_mode
        ),
        counters=Counters(Path(options.counters) if options.counters else None),
        limits=Limits(body_bytes=int(options.body_mib * _MIB), rows=options.rows),
        instance=options.instance,
    )


def _resolve(
    done: asyncio.Future[StoreUnavailable | None], failure: StoreUnavailable | None
) -> None:
    if not done.done():
        done.set_result(failure)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m assay.deploy.server", description="Serve one hallmarked bundle over HTTP."
    )
    parser.add_argument("--bundle", required=True, help="folder of the bundle")
    parser.add_argument(
        "--trusted-key",
        action="append",
        required=True,
        metavar="FILE",
        help="public key (PEM) whose hallmark is trusted; may be given more than once",
    )
    parser.add_argument("--record", default="", help="folder of the prediction record")
    parser.add_argument("--record-mode", choices=("async", "group", "off"), default="async")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8100)
    parser.add_argument("--workers", type=int, default=1, help="processes; one a core at most")
    parser.add_argument("--body-mib", type=float, default=16, help="largest body of a request")
    parser.add_argument("--rows", type=int, default=10_000, help="most rows of a request")
    parser.add_argument("--body-timeout-s", type=float, default=30, help="to send a body in")
    parser.add_argument("--instance", default="", help=argparse.SUPPRESS)
    return parser


def _options(given: argparse.Namespace) -> EndpointOptions:
    if not given.record and given.record_mode != "off":
        raise InputError(
            "Where shall predictions be recorded?",
            hint="Give --record DIR, or say --record-mode off.",
        )
    host = resolve(given.host)
    return EndpointOptions(
        bundle=given.bundle,
        trusted_keys=tuple(_read_key(Path(path)) for path in given.trusted_key),
        host=host,
        port=given.port or free_port(host),
        workers=max(1, given.workers),
        record=given.record,
        record_mode=given.record_mode,
        body_mib=given.body_mib,
        rows=given.rows,
        body_timeout_s=given.body_timeout_s,
        instance=given.instance,
    )


def _read_key(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        raise InvalidFile(
            "The trusted key cannot be read.", hint="Give a PEM file.", where=str(path)
        ) from None


if __name__ == "__main__":
    sys.exit(main())

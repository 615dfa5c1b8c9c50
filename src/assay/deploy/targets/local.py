"""An endpoint as a process of this machine: start it, find it, ask it, stop it."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from assay.deploy.ports import free_port, resolve
from assay.deploy.record import Mode
from assay.deploy.refusals import EndpointDown, PortInUse
from assay.errors import AssayError, UnknownName
from assay.records import Record, now
from assay.settings import Settings

Row = Mapping[str, Any]
_SUFFIX = ".endpoint.json"
_POLL_S = 0.05
_PORT_ATTEMPTS = 3


class EndpointClient:
    """Asks an endpoint over HTTP.

    Parameters
    ----------
    url : str
        Root of the endpoint, ``http://127.0.0.1:8100``.
    timeout_s : float
        Longest wait for one answer.
    """

    def __init__(self, url: str, *, timeout_s: float = 30.0) -> None:
        self.url = url.rstrip("/")
        self._timeout_s = timeout_s

    def predict(
        self,
        rows: Row | Sequence[Row],
        *,
        reasons: int | None = None,
        strangeness: bool = False,
    ) -> dict[str, Any]:
        """Ask for the answer to one row or several.

        Parameters
        ----------
        rows : mapping or sequence of mappings
            Column to value.
        reasons : int, optional
            How many reasons a row; the endpoint decides where it is not said.
        strangeness : bool
            Whether to tell how unlike the training rows each row is.

        Returns
        -------
        dict
            ``predictions`` (one a row), ``model``, ``model_digest``, ``request_id``.

        Raises
        ------
        AssayError
            The error that the endpoint answered with, `ContractViolation` for one.
        EndpointDown
            Nobody answers there.
        """
        records = [rows] if isinstance(rows, Mapping) else list(rows)
        request: dict[str, Any] = {"data": records}
        params: dict[str, Any] = {} if reasons is None else {"reasons": reasons}
        if strangeness:
            params["strangeness"] = True
        if params:
            request["params"] = params
        return self._ask("/score", json.dumps(request, default=str).encode())

    def model(self) -> dict[str, Any]:
        """What ``/model`` tells."""
        return self._ask("/model")

    def health(self) -> dict[str, Any]:
        """What ``/health`` tells; `EndpointDown` where it is not ready."""
        return self._ask("/health")

    def _ask(self, path: str, body: bytes | None = None) -> dict[str, Any]:
        request = urllib.request.Request(  # noqa: S310 - the address is the endpoint's own
            self.url + path, data=body, headers={"content-type": "application/json"}
        )
        try:
            with _opener.open(request, timeout=self._timeout_s) as answer:
                told: dict[str, Any] = json.loads(answer.read())
                return told
        except urllib.error.HTTPError as error:
            raise _error_of(error.read()) from None
        except (OSError, ValueError) as error:
            raise EndpointDown(
                "The endpoint does not answer.",
                hint="Start it with `assay serve`.",
                where=f"{self.url}{path}",
            ) from error


class EndpointState(Record, frozen=True, kw_only=True):
    """Who serves under a name; the content of ``<name>.endpoint.json``."""

    name: str
    version: str
    model_digest: str
    url: str
    process: int
    instance: str
    record: str
    log: str
    started_at: str


class LocalEndpoint(EndpointClient):
    """A running endpoint of this machine.

    It lives until `stop`, also after the process that started it has ended; as a context
    manager it stops at the end of the block. Made by `start` and `find`.
    """

    def __init__(self, state: EndpointState, state_dir: Path) -> None:
        super().__init__(state.url)
        self._state_dir = state_dir
        self._process: subprocess.Popen[bytes] | None = None
        self.name = state.name
        self.version = state.version
        self.process = state.process
        self.instance = state.instance
        self.record = Path(state.record) if state.record else None
        self.log = Path(state.log)

    @classmethod
    def start(
        cls,
        bundle_folder: Path,
        *,
        name: str,
        trusted_keys: Sequence[str],
        record_dir: Path | None,
        state_dir: Path | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        workers: int = 1,
        record_mode: Mode = "async",
        timeout_s: float = 60.0,
    ) -> LocalEndpoint:
        """Start a server process for a bundle and wait until it is ready.

        Parameters
        ----------
        bundle_folder : Path
            Verified by the server before it loads anything.
        name : str
            Name of the endpoint; one process serves under it at a time.
        trusted_keys : sequence of str
            Public keys, PEM.
        record_dir : Path or None
            Where predictions are recorded; None only with ``record_mode="off"``.
        state_dir : Path, optional
            Where endpoints are written down, so that `find` sees them; default: the folder
            that ``record_dir`` lies in.
        port : int
            0 takes a free one.

        Raises
        ------
        VerificationFailed
            The bundle is not what its hallmark was struck for.
        PortInUse
            Another process listens there, or serves under this name.
        EndpointDown
            It did not get ready in time; the message names its log.
        """
        folder = state_dir or (record_dir.resolve().parent if record_dir else _default_dir())
        running = _running(folder, name)
        if running is not None:
            raise PortInUse(
                f"An endpoint called {name!r} is running already, at {running.url}.",
                hint=f"Stop it first: assay serve {name} --stop",
            )
        folder.mkdir(parents=True, exist_ok=True)
        host = resolve(host)
        command = [
            *_command(bundle_folder, _write_keys(folder, name, trusted_keys)),
            *("--host", host, "--workers", str(workers), "--record-mode", record_mode),
            *(("--record", str(record_dir.resolve())) if record_dir else ()),
        ]
        launch = partial(
            cls._launch, command, folder, name=name, record=record_dir, timeout_s=timeout_s
        )
        if port:
            return launch(host=host, port=port)
        for _ in range(_PORT_ATTEMPTS - 1):
            with contextlib.suppress(PortInUse):  # somebody took it just now
                return launch(host=host, port=free_port(host))
        return launch(host=host, port=free_port(host))

    @classmethod
    def find(cls, name: str, state_dir: Path | None = None) -> LocalEndpoint:
        """The running endpoint called ``name``; `UnknownName` where there is none."""
        folder = state_dir or _default_dir()
        state = _running(folder, name)
        if state is None:
            names = [path.name.removesuffix(_SUFFIX) for path in folder.glob(f"*{_SUFFIX}")]
            raise UnknownName("running endpoint", name, [n for n in names if _running(folder, n)])
        return cls(state, folder)

    @classmethod
    def _launch(
        cls,
        command: Sequence[str],
        folder: Path,
        *,
        name: str,
        host: str,
        port: int,
        record: Path | None,
        timeout_s: float,
    ) -> LocalEndpoint:
        """Start the process, wait for it, write down where it is."""
        instance, url = secrets.token_hex(8), _url(host, port)
        log = folder / f"{name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*command, "--port", str(port), "--instance", instance],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            health = _await_ready(
                process, EndpointClient(url, timeout_s=2.0), instance, log, timeout_s
            )
        except BaseException:
            _end(process.pid, process, grace_s=5.0)
            raise
        state = EndpointState(
            name=name,
            version=health["model"],
            model_digest=health["model_digest"],
            url=url,
            process=process.pid,
            instance=instance,
            record=str(record.resolve()) if record else "",
            log=str(log),
            started_at=now(),
        )
        _write_state(folder, state)
        endpoint = cls(state, folder)
        endpoint._process = process
        return endpoint

    def stop(self, *, grace_s: float = 35.0) -> None:
        """Let it answer what it has begun, sync the record, and end it. Twice is once."""
        state = _read_state(self._state_dir, self.name)
        if self._process is not None or (_alive(self.process) and self._is_mine()):
            _end(self.process, self._process, grace_s=grace_s)
        if state is not None and state.instance == self.instance:
            _state_file(self._state_dir, self.name).unlink(missing_ok=True)

    def wait(self) -> None:
        """Block until the server ends; Ctrl-C stops it."""
        try:
            while _alive(self.process, self._process):
                time.sleep(0.2)
        except KeyboardInterrupt:
            self.stop()

    def _is_mine(self) -> bool:
        """Whether the process that answers is the one that was started, not a later stranger."""
        try:
            return bool(self.health()["instance"] == self.instance)
        except AssayError:
            return False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


# Straight to this machine or the named host: a proxy of the environment has no part in it.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def _default_dir() -> Path:
    return Settings.load().home / "endpoints"


def _command(bundle: Path, keys: Sequence[Path]) -> list[str]:
    trusted = [argument for key in keys for argument in ("--trusted-key", str(key))]
    return [
        sys.executable,
        "-m",
        "assay.deploy.server",
        "--bundle",
        str(bundle.resolve()),
        *trusted,
    ]


def _write_keys(folder: Path, name: str, trusted_keys: Sequence[str]) -> list[Path]:
    paths = [folder / f"{name}.trusted-{number}.pem" for number in range(len(trusted_keys))]
    for path, pem in zip(paths, trusted_keys, strict=True):
        path.write_text(pem, encoding="ascii")
    return [path.resolve() for path in paths]


def _url(host: str, port: int) -> str:
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"


def _await_ready(
    process: subprocess.Popen[bytes],
    client: EndpointClient,
    instance: str,
    log: Path,
    timeout_s: float,
) -> dict[str, Any]:
    """Ask for its health until it is ready, has ended, or time is up."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise _error_of(log.read_bytes())
        with contextlib.suppress(AssayError):
            health = client.health()
            if health.get("instance") == instance:
                return health
        time.sleep(_POLL_S)
    raise EndpointDown(
        f"The endpoint was not ready within {timeout_s:g} seconds.",
        hint="Its log says why.",
        where=str(log),
    )


def _error_of(body: bytes) -> AssayError:
    """The error that a server wrote as the last JSON line of ``body``."""
    for line in reversed(body.decode(errors="replace").splitlines()):
        try:
            told = msgspec.json.decode(line, type=dict[str, Any])
        except msgspec.DecodeError:
            continue
        if "code" in told and "message" in told:
            return _rebuild(told)
    return EndpointDown("The endpoint ended without saying why.", hint="See its log.")


def _rebuild(told: dict[str, Any]) -> AssayError:
    """An error of the class that ``code`` names, with what the other process said."""
    kind = next((k for k in _descendants(AssayError) if k.code == told["code"]), AssayError)
    error = kind.__new__(kind)
    AssayError.__init__(
        error, told["message"], hint=told.get("hint", ""), where=told.get("where", "")
    )
    if "violations" in told:
        error.violations = tuple(told["violations"])  # type: ignore[attr-defined]
    return error


def _descendants(kind: type[AssayError]) -> list[type[AssayError]]:
    return [kind, *(below for child in kind.__subclasses__() for below in _descendants(child))]


def _state_file(folder: Path, name: str) -> Path:
    return folder / f"{name}{_SUFFIX}"


def _write_state(folder: Path, state: EndpointState) -> None:
    half = folder / f".{state.name}.{os.getpid()}"
    half.write_bytes(state.to_json())
    half.replace(_state_file(folder, state.name))


def _read_state(folder: Path, name: str) -> EndpointState | None:
    try:
        return EndpointState.from_json(_state_file(folder, name).read_bytes())
    except (OSError, msgspec.DecodeError):
        return None


def _running(folder: Path, name: str) -> EndpointState | None:
    """The endpoint written down under ``name``, if it still is the one that answers."""
    state = _read_state(folder, name)
    if state is None or not _alive(state.process):
        return None
    return state if LocalEndpoint(state, folder)._is_mine() else None


def _alive(pid: int, process: subprocess.Popen[bytes] | None = None) -> bool:
    if process is not None:
        return process.poll() is None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _end(pid: int, process: subprocess.Popen[bytes] | None, *, grace_s: float) -> None:
    """SIGTERM, then SIGKILL where that was not heard."""
    for word in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, word)
        deadline = time.monotonic() + grace_s
        while _alive(pid, process) and time.monotonic() < deadline:
            time.sleep(_POLL_S)
        if not _alive(pid, process):
            return

"""The graph in WebAssembly: the engine of the browser page, run in node for the proof.

The engine is two files of the npm package onnxruntime-web, pinned by a lock file and by their
digests, which lie in ``wasm_runner``.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from assay.errors import AssayError, InputError, InvalidFile, UnknownColumn
from assay.model.facts import read_facts
from assay.model.plan import Array, Bool, Float64
from assay.records import Record, digest

RUNNER = Path(__file__).parent / "wasm_runner"
"""Holds package.json, its lock file, the digests of the engine and node's script."""
BATCH_ROWS = 8_192
"""Rows that go through the graph at once."""

_LOCK = "package-lock.json"
_INSTALL = ("ci", "--ignore-scripts", "--no-audit", "--no-fund")
_LEFT_BEHIND_S = 3_600.0
_NPM_TIMEOUT_S = 900.0
_NODE_TIMEOUT_S = 1_800.0
_WARM_UP = 200
_OURS = b'{"assay":'
_TYPES: Mapping[str, np.dtype[Any]] = {
    "float64": np.dtype("<f8"),
    "float32": np.dtype("<f4"),
    "int64": np.dtype("<i8"),
    "int32": np.dtype("<i4"),
    "bool": np.dtype("?"),
}
_UNREADABLE = re.compile("[\0\ud800-\udfff]")


class Engine(Record, frozen=True, kw_only=True):
    """Which files of which package the engine is."""

    package: str
    version: str
    files: dict[str, str]
    """Digest of each file, by name."""


def engine() -> Engine:
    """The pinned engine."""
    return Engine.from_json((RUNNER / "runtime.json").read_bytes())


def browser_runtime(home: Path, *, npm: str = "npm") -> Path:
    """The folder that holds the engine's two files; fetched once by npm.

    Parameters
    ----------
    home : Path
        The user's Assay home; the files lie in ``browser-runtime/<digest of the lock file>``.
    npm : str
        Name or path of npm, asked only where the folder is not there yet.

    Returns
    -------
    Path
        A folder that `check_runtime` has passed.

    Raises
    ------
    InputError
        npm is absent or fails; the hint says what to run by hand.
    InvalidFile
        The files are not the pinned ones.

    Notes
    -----
    npm holds what it fetches to the hashes of the lock file, and no script of a package runs.
    The folder appears whole or not at all.
    """
    folder = _runtime_folder(home)
    if folder.is_dir():
        return check_runtime(folder)
    program = shutil.which(npm)
    if program is None:
        raise InputError(
            "npm is not installed, so onnxruntime-web cannot be fetched.", hint=_hint()
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    _clear_left_behind(folder.parent)
    partial = Path(tempfile.mkdtemp(prefix=".install-", dir=folder.parent))
    try:
        return _put_in_place(_install(program, partial), folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def installed_runtime(home: Path) -> Path | None:
    """The folder that `browser_runtime` gives, where it has been fetched already."""
    folder = _runtime_folder(home)
    return check_runtime(folder) if folder.is_dir() else None


def _runtime_folder(home: Path) -> Path:
    name = digest((RUNNER / _LOCK).read_bytes()).removeprefix("sha256:")[:16]
    return Path(home) / "browser-runtime" / name


def check_runtime(folder: Path) -> Path:
    """Hold the engine's files in ``folder`` to their pinned digests.

    Parameters
    ----------
    folder : Path
        From `browser_runtime`, or the folder ``dist`` of an installed onnxruntime-web.

    Raises
    ------
    InvalidFile
        A file is absent, or not the pinned one.
    """
    pinned = engine()
    for name, expected in pinned.files.items():
        path = Path(folder) / name
        if not path.is_file() or digest(path.read_bytes()) != expected:
            raise InvalidFile(
                f"{name} is absent, or not the one of {pinned.package} {pinned.version}.",
                hint=_hint(),
                where=str(folder),
            )
    return Path(folder)


def readable_in_wasm(inputs: Mapping[str, Array]) -> Bool:
    r"""Which rows the engine can read as they are.

    It takes strings up to their first NUL, so a row with a NUL in a string would be read as
    another row. Half a surrogate pair has no UTF-8.

    Parameters
    ----------
    inputs : mapping of str to ndarray, shape (n, 1)

    Returns
    -------
    ndarray of bool, shape (n,)

    Examples
    --------
    >>> make = np.array([["audi"], ["au\0di"], [""]], dtype=object)
    >>> readable_in_wasm({"make": make, "age": np.zeros((3, 1))}).tolist()
    [True, False, True]
    """
    texts = [array for array in inputs.values() if array.dtype.kind in "OU"]
    rows = len(next(iter(inputs.values()))) if inputs else 0
    readable = np.ones(rows, dtype=np.bool_)
    for array in texts:
        for row, cells in enumerate(array.reshape(rows, -1).tolist()):
            if any(_UNREADABLE.search(cell) for cell in cells):
                readable[row] = False
    return readable


class WasmSession:
    """A graph held open in one node process, to be asked several times.

    Parameters
    ----------
    graph : bytes
        An ONNX graph of double and string inputs, each (N, width).
    runtime : Path
        From `browser_runtime`.
    node : str
        Name or path of node, 20 or later.

    Raises
    ------
    InputError
        node is absent, or ends by itself.
    InvalidFile
        The engine's files are not the pinned ones, or the engine cannot open the graph.

    Examples
    --------
    ``with WasmSession(graph, runtime=folder) as session: session.run(inputs)``
    """

    def __init__(self, graph: bytes, *, runtime: Path, node: str = "node") -> None:
        program = shutil.which(node)
        if program is None:
            raise InputError(
                "node is not installed, so the graph cannot be run in WebAssembly.",
                hint="Install Node.js 20 or later.",
            )
        self._names = _input_names(graph)
        check_runtime(runtime)
        self._folder = tempfile.TemporaryDirectory(prefix="assay-wasm-")
        path = Path(self._folder.name) / "graph.onnx"
        path.write_bytes(graph)
        self._process = subprocess.Popen(
            [program, str(RUNNER / "score.mjs"), str(runtime), str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        try:
            self._await_opening()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Every output of the graph for some rows.

        Parameters
        ----------
        inputs : mapping of str to ndarray, shape (n, width)
            By the user's column names, as `Scorer.score` takes them, or by the graph's own.

        Returns
        -------
        dict of str to ndarray, first axis (n,)
            By name; strings as objects.

        Raises
        ------
        InputError
            There are no rows, or some row cannot be read; see `readable_in_wasm`.
        UnknownColumn
            An input of the graph is absent.
        InvalidFile
            The graph fails on these rows.
        """
        return self._ask(inputs, calls=0)

    def latencies(self, inputs: Mapping[str, Array], *, calls: int = 2_000) -> Float64:
        """Milliseconds of each of ``calls`` runs of the first row, warm, shape (calls,)."""
        return np.asarray(self._ask(inputs, calls=calls)["taken"], dtype=np.float64)

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()
        self._folder.cleanup()

    def _await_opening(self) -> None:
        told = self._read()
        if not told["open"]:
            raise InvalidFile(
                f"onnxruntime-web cannot open this graph. {told['message']}",
                hint="Some operator of it is not in the browser's engine.",
            )

    def _ask(self, inputs: Mapping[str, Array], *, calls: int) -> dict[str, Array]:
        columns = _columns(self._names, inputs)
        with tempfile.TemporaryDirectory(dir=self._folder.name) as name:
            job = Path(name)
            _write_job(job, columns, calls)
            assert self._process.stdin is not None
            try:
                self._process.stdin.write(f"{job}\n".encode())
                self._process.stdin.flush()
            except OSError:
                raise _ended() from None
            told = self._read()
            if "outputs" not in told:
                raise InvalidFile(
                    "onnxruntime-web cannot run this graph on these rows.",
                    hint="Score them in Python to see whether the graph fails there too.",
                )
            return {item["name"]: _read_output(job, item) for item in told["outputs"]}

    def _read(self) -> dict[str, Any]:
        """The next line that is the script's own; the engine may write others."""
        assert self._process.stdout is not None
        timer = threading.Timer(_NODE_TIMEOUT_S, self._process.kill)
        timer.start()
        try:
            for line in self._process.stdout:
                if line.startswith(_OURS):
                    told: dict[str, Any] = json.loads(line)["assay"]
                    return told
        finally:
            timer.cancel()
        raise _ended()


def score_in_wasm(
    graph: bytes, inputs: Mapping[str, Array], *, runtime: Path, node: str = "node"
) -> dict[str, Array]:
    """Run a graph once in WebAssembly; see `WasmSession` for parameters, result and errors."""
    with WasmSession(graph, runtime=runtime, node=node) as session:
        return session.run(inputs)


@dataclass(frozen=True)
class _Column:
    """One input of the graph, and its cells."""

    name: str
    cells: Array

    @property
    def text(self) -> bool:
        return self.cells.dtype.kind in "OU"


def _input_names(graph: bytes) -> list[tuple[str, str]]:
    """Of each input of the graph: its own name, and the user's name of the column."""
    import onnx

    try:
        model = onnx.load_model_from_string(graph)
    except Exception as error:  # protobuf's errors share no public base
        raise InvalidFile("These bytes are no ONNX graph.", hint="Pass model.onnx.") from error
    own = _column_names({entry.key: entry.value for entry in model.metadata_props})
    return [(item.name, own.get(item.name, item.name)) for item in model.graph.input]


def _column_names(metadata: Mapping[str, str]) -> dict[str, str]:
    """The user's name of each input; empty where the graph does not say."""
    try:
        return {column.input: column.name for column in read_facts(metadata).inputs}
    except AssayError:
        return {}


def _columns(names: list[tuple[str, str]], inputs: Mapping[str, Array]) -> list[_Column]:
    """The graph's inputs, in its order, each with its cells."""
    columns = []
    for own, name in names:
        found = inputs.get(name, inputs.get(own))
        if found is None:
            raise UnknownColumn(name, inputs)
        columns.append(_Column(own, found))
    if len({len(column.cells) for column in columns}) != 1 or not len(columns[0].cells):
        raise InputError("The columns to score do not have one common number of rows, above 0.")
    for (_, name), column in zip(names, columns, strict=True):
        if not readable_in_wasm({name: column.cells}).all():
            raise InputError(
                f"A cell of {name!r} holds a NUL or half a character, which WebAssembly cannot be "
                "given.",
                hint="Leave such rows out: readable_in_wasm says which they are.",
            )
    return columns


def _write_job(job: Path, columns: list[_Column], calls: int) -> None:
    described = []
    for place, column in enumerate(columns):
        file = f"input-{place}"
        flat = column.cells.ravel()
        if column.text:
            (job / file).write_text(json.dumps(flat.tolist()), encoding="utf-8")
        else:
            (job / file).write_bytes(flat.astype("<f8").tobytes())
        described.append(
            {
                "name": column.name,
                "type": "string" if column.text else "double",
                "width": int(np.prod(column.cells.shape[1:], dtype=np.int64)),
                "file": file,
            }
        )
    order = {
        "rows": len(columns[0].cells),
        "batch": BATCH_ROWS,
        "inputs": described,
        "calls": calls,
        "warmup": min(calls, _WARM_UP),
    }
    (job / "job.json").write_text(json.dumps(order), encoding="utf-8")


def _read_output(job: Path, item: Mapping[str, Any]) -> Array:
    body = (job / item["file"]).read_bytes()
    shape = (-1, *item["row"])
    if item["type"] == "string":
        return np.array(json.loads(body), dtype=object).reshape(shape)
    return np.frombuffer(body, dtype=_TYPES[item["type"]]).reshape(shape).copy()


def _ended() -> InputError:
    return InputError(
        "node ended before it had answered.",
        hint="Assay needs Node.js 20 or later; `node --version` says which there is.",
    )


def _install(npm: str, partial: Path) -> Path:
    """Install the lock file's packages into ``partial``; the engine's two files, in a folder."""
    for name in ("package.json", _LOCK):
        shutil.copyfile(RUNNER / name, partial / name)
    try:
        done = subprocess.run(
            [npm, *_INSTALL], cwd=partial, capture_output=True, check=False, timeout=_NPM_TIMEOUT_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InputError(
            f"`npm ci` did not end well ({type(error).__name__}).", hint=_hint()
        ) from None
    if done.returncode:
        raise InputError(
            f"`npm ci` ended with code {done.returncode}{_npm_code(done.stderr)}.", hint=_hint()
        )
    pinned = engine()
    engine_folder = partial / "engine"
    engine_folder.mkdir()
    for name in pinned.files:
        shutil.copyfile(
            partial / "node_modules" / pinned.package / "dist" / name, engine_folder / name
        )
        with (engine_folder / name).open("rb") as file:
            os.fsync(file.fileno())
    return check_runtime(engine_folder)


def _npm_code(stderr: bytes) -> str:
    found = re.search(r"npm (?:error|ERR!) code (\w+)", stderr.decode("utf-8", "replace"))
    return f" ({found.group(1)})" if found else ""


def _put_in_place(ready: Path, folder: Path) -> Path:
    """Rename; where another process was quicker, its folder is as good."""
    try:
        ready.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise
    return check_runtime(folder)


def _clear_left_behind(parent: Path) -> None:
    """Remove what installs that were killed long ago have left."""
    for left in parent.glob(".install-*"):
        try:
            age_s = time.time() - left.stat().st_mtime
        except OSError:  # another process removed it
            continue
        if age_s > _LEFT_BEHIND_S:
            shutil.rmtree(left, ignore_errors=True)


def _hint() -> str:
    return (
        f"Copy package.json and {_LOCK} from {RUNNER} into an empty folder, run "
        "`npm ci --ignore-scripts` there, and give its node_modules/onnxruntime-web/dist as "
        "the runtime."
    )

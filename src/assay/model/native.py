"""Scoring with the plan as machine code: the C source, compiled here and loaded."""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from assay.errors import InputError, InvalidFile, UnknownColumn
from assay.model.answer import Answer
from assay.model.c.source import CSource, c_source
from assay.model.inputs import graph_inputs, row_count
from assay.model.plan import Array, Float64, ModelPlan
from assay.model.plan_file import plan_to_bytes
from assay.model.scorer import answer_of
from assay.records import digest

if TYPE_CHECKING:
    import polars as pl

COMPILERS = ("cc", "gcc", "clang")
FLAGS = ("-std=c99", "-O2", "-march=native", "-fPIC", "-shared")
"""Contraction to fused operations is off in ISO C mode; -ffast-math would be refused."""
LEAST_ROWS_A_THREAD = 4_096
"""Fewer rows are not worth a thread of their own."""
COMPILE_S = 600
"""The longest that the compiler may take, in seconds."""


class NativeScorer:
    """Answers rows as the plan would, in code compiled for this processor.

    It is made for batches. The graph remains what is signed and served: use this where the
    plan is one's own or was verified, for its code is compiled and run.

    Parameters
    ----------
    plan : ModelPlan
        Of encoders and members that there is C for; see `c_source`.
    threads : int
        Threads for one call; 0 means all cores.
    cache : Path, optional
        Folder of compiled models, only this user's; by default ``~/.assay/native``.
    compiler : str, optional
        Path or name of a C compiler; by default the first of `COMPILERS` that is found.

    Raises
    ------
    NotCompilable
        A part of the plan is of a kind that there is no C for, or the model is too large.
    InputError
        There is no C compiler, or it fails.
    InvalidFile
        Others may write to the cache folder.
    """

    def __init__(
        self,
        plan: ModelPlan,
        threads: int = 1,
        *,
        cache: Path | None = None,
        compiler: str | None = None,
    ) -> None:
        named = digest(plan_to_bytes(plan))
        self._made = c_source(plan, name="model", version="", digest=named)
        folder = Path.home() / ".assay" / "native" if cache is None else Path(cache)
        library = compile_library(self._made, folder, compiler=compiler)
        self._score = _batch_function(library)
        self._threads = threads or os.cpu_count() or 1
        self.inputs = tuple(i for i in plan.inputs if i.name in self._made.columns.names)
        self.output = plan.output

    def score(self, inputs: Mapping[str, Array]) -> Answer:
        """Answer rows.

        Parameters
        ----------
        inputs : mapping of str to ndarray, shape (n, 1)
            As `graph_inputs` gives them; further columns are left out.

        Raises
        ------
        UnknownColumn
            A column of the model is absent.
        InputError
            The columns differ in their number of rows.
        """
        for name in self._made.columns.names:
            if name not in inputs:
                raise UnknownColumn(name, inputs)
        rows = row_count({name: inputs[name] for name in self._made.columns.names})
        columns = [self._column(name, inputs[name]) for name in self._made.columns.names]
        answers = np.empty((rows, self._made.numbers))
        self._fill(columns, answers)
        return self._answer(answers)

    def score_frame(self, frame: pl.DataFrame) -> Answer:
        """Answer the rows of a table; see `graph_inputs` for its types."""
        return self.score(graph_inputs(self.inputs, frame))

    @cached_property
    def _codes(self) -> dict[str, _Codes]:
        columns = self._made.columns
        return {n: _Codes(columns.codes(n), columns.unseen(n)) for n in columns.levels}

    def _column(self, name: str, column: Array) -> Float64:
        flat = column.reshape(-1)
        if name not in self._codes:
            return np.ascontiguousarray(flat, dtype=np.float64)
        codes = map(self._codes[name].__getitem__, flat.tolist())
        return np.fromiter(codes, dtype=np.float64, count=len(flat))

    def _fill(self, columns: list[Float64], answers: Float64) -> None:
        """Compute the answers in place, each thread its own rows."""
        rows = len(answers)
        threads = max(1, min(self._threads, rows // LEAST_ROWS_A_THREAD))
        ends = [rows * t // threads for t in range(threads + 1)]

        def run(start: int, end: int) -> None:
            places = [column.ctypes.data + start * column.itemsize for column in columns]
            pointers = (ctypes.c_void_p * len(places))(*places)
            self._score(pointers, end - start, answers.ctypes.data + start * answers.strides[0])

        if threads == 1:
            run(0, rows)
            return
        with ThreadPoolExecutor(threads - 1) as pool:
            others = [pool.submit(run, *ends[t : t + 2]) for t in range(1, threads)]
            run(0, ends[1])
        for other in others:
            other.result()

    def _answer(self, answers: Float64) -> Answer:
        parts: dict[str, Array] = dict(self._parts(answers))
        if "label" in parts:
            parts["label"] = parts["label"].astype(np.int64)
        return answer_of(self.output, parts)

    def _parts(self, answers: Float64) -> Iterator[tuple[str, Float64]]:
        place = 0
        for field in self._made.fields:
            own = answers[:, place : place + field.numbers]
            place += field.numbers
            yield field.name, np.ascontiguousarray(own if field.width else own[:, 0])


class _Codes(dict[str, int]):
    """Codes of texts; one for all that are not known."""

    def __init__(self, known: Mapping[str, int], unseen: int) -> None:
        super().__init__(known)
        self._unseen = unseen

    def __missing__(self, _: str) -> int:
        return self._unseen


def compile_library(made: CSource, folder: Path, *, compiler: str | None = None) -> Path:
    """Compile a model to a shared library, or find it compiled.

    The library is named after everything that it depends on: source, flags, compiler and
    processor.

    Parameters
    ----------
    made : CSource
    folder : Path
        Is made where it is absent; only this user may write to it.
    compiler : str, optional
        Path or name of a C compiler; by default the first of `COMPILERS` that is found.
    """
    program = _find_compiler(compiler)
    _own_folder(folder)
    parts = (made.header, made.source, *FLAGS, program, _version_of(program), _processor())
    key = digest("\0".join(parts).encode("utf-8", "surrogatepass")).removeprefix("sha256:")
    library = folder / f"{key}.so"
    if not library.exists():
        with tempfile.TemporaryDirectory(dir=folder, prefix=".") as work:
            _compile(made, Path(work), program).replace(library)
    return library


def _compile(made: CSource, work: Path, program: str) -> Path:
    (work / "model.h").write_text(made.header, encoding="utf-8")
    (work / "model.c").write_text(made.source, encoding="utf-8")
    target = work / "model.so"
    command = [program, *FLAGS, str(work / "model.c"), "-o", str(target), "-lm"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=COMPILE_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InputError(
            f"The C compiler {program} could not compile the model.",
            hint="Try another compiler, or score with the graph.",
        ) from error
    if done.returncode:
        first = next((line for line in done.stderr.splitlines() if "error" in line), "no message")
        raise InputError(
            f"The C compiler {program} refused the model: {first.rpartition('error: ')[2]}.",
            hint="Try another compiler, or score with the graph.",
        )
    return target


def _find_compiler(wanted: str | None) -> str:
    names = (wanted,) if wanted else COMPILERS
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        raise InputError(
            f"No C compiler was found ({', '.join(names)}).",
            hint="Install gcc or clang, or score with the graph: Scorer needs no compiler.",
        )
    return found


def _own_folder(folder: Path) -> None:
    """Make the folder; refuse one that others may write to, for what lies there is run."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.stat()
    if hasattr(os, "getuid") and (
        found.st_uid != os.getuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    ):
        raise InvalidFile(
            "Others may write to the folder of compiled models.",
            hint="Give a folder that only you may write to.",
            where=str(folder),
        )


@cache
def _version_of(program: str) -> str:
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    return done.stdout


@cache
def _processor() -> str:
    """What the machine code is made for; a cache may be shared by different machines."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    told = ("model name", "flags", "Features", "CPU part")
    return "\n".join(sorted({line for line in lines if line.startswith(told)}))


def _batch_function(library: Path) -> ctypes._NamedFuncPointer:
    try:
        function = ctypes.CDLL(str(library)).model_score_batch
    except (OSError, AttributeError) as error:
        raise InvalidFile(
            "A compiled model cannot be loaded.",
            hint="Remove the file; it is compiled again.",
            where=str(library),
        ) from error
    function.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p)
    function.restype = ctypes.c_int
    return function

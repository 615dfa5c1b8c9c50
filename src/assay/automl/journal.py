"""Finished trials on disk, so that a search that was cut off goes on without repeating them."""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np

from assay.automl.family import Params
from assay.automl.problem import Transform
from assay.model.plan import Float64
from assay.records import Record, canonical

_SPENT = "spent.json"

Recipe = Literal["plain", "engineered"]


class TrialKey(Record, frozen=True, kw_only=True):
    """What a trial is: the same key in the same search gives the same answers."""

    family: str
    params: Params
    transform: Transform
    recipe: Recipe
    extras: str = ""
    """The engineered features, in words; empty for the plain recipe."""
    self_taught: bool = False
    slant: str = ""
    """What rows were taken as, by group and class; empty: as they are."""


class TrialFacts(Record, frozen=True, kw_only=True):
    """What a finished trial found, beside its answers."""

    key: TrialKey
    settled: Params
    fit_s: float
    wall_s: float
    predict_us_per_row: float
    nodes: int
    kilobytes: float
    began_s: float


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A finished trial: its facts, and its out-of-fold answers (n_judged, width)."""

    facts: TrialFacts
    answer: Float64


class Journal:
    """A folder of finished trials of one search; without a folder it remembers nothing.

    Parameters
    ----------
    folder : Path or None
        Where to keep trials. Each is written to a temporary file, flushed and renamed, so that
        a kill at any moment leaves whole trials only.
    search : str
        Digest of everything that trials depend on besides their keys.
    """

    def __init__(self, folder: Path | None, search: str) -> None:
        self._folder = folder / search[:32] if folder else None
        self.full = False
        """Whether the disk took no more; trials are then no longer kept."""
        self._kept: dict[str, Finished] = {}
        if self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._kept = dict(_read_all(self._folder))

    @property
    def finished(self) -> list[Finished]:
        """Trials found on disk at the start, in the order in which they began."""
        return sorted(self._kept.values(), key=lambda kept: kept.facts.began_s)

    @property
    def spent_s(self) -> float:
        """Seconds that the search had spent when it last finished a trial."""
        if self._folder is None or not (self._folder / _SPENT).exists():
            return 0.0
        return float(msgspec.json.decode((self._folder / _SPENT).read_bytes()))

    def find(self, key: TrialKey) -> Finished | None:
        """The trial, if it had finished before the search was cut off."""
        return self._kept.get(_name(key))

    def keep(self, finished: Finished, *, spent_s: float) -> None:
        """Write a finished trial; a full disk ends the keeping and not the search."""
        if self._folder is None or self.full:
            return
        buffer = io.BytesIO()
        facts = np.frombuffer(canonical(finished.facts), dtype=np.uint8)
        np.savez(buffer, facts=facts, answer=finished.answer)
        try:
            _write(self._folder / f"{_name(finished.facts.key)}.npz", buffer.getvalue())
            _write(self._folder / _SPENT, msgspec.json.encode(round(spent_s, 3)))
        except OSError:
            self.full = True


def digest_of(*parts: Any) -> str:
    """SHA-256 over arrays and JSON values."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            digest.update(f"{part.dtype}{part.shape}".encode())
            digest.update(np.ascontiguousarray(part).data)
        else:
            digest.update(canonical(part))
    return digest.hexdigest()


def _name(key: TrialKey) -> str:
    return hashlib.sha256(canonical(key)).hexdigest()[:32]


def _read_all(folder: Path) -> Iterator[tuple[str, Finished]]:
    for path in folder.glob("*.npz"):
        with np.load(path, allow_pickle=False) as held:
            facts = TrialFacts.from_json(held["facts"].tobytes())
            yield path.stem, Finished(facts=facts, answer=held["answer"])


def _write(path: Path, content: bytes) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise

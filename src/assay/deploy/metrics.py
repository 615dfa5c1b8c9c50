"""Counters of an endpoint, in Prometheus text.

Each server process counts in its own small shared file, a row of 64-bit integers; whoever is
asked adds up all rows, those of processes that have ended included. Counting is one addition.
"""

from __future__ import annotations

import mmap
import os
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from pathlib import Path
from threading import Lock

STATUSES = (200, 400, 404, 405, 413, 415, 422, 500, 503)
BUCKETS_US = (
    100,
    250,
    500,
    1_000,
    2_500,
    5_000,
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    1_000_000,
)
RECORD = ("predictions", "bytes_written", "bytes_synced", "refused")

_NAMES = (
    *(f"status {status}" for status in STATUSES),
    "status other",
    *(f"bucket {bound}" for bound in BUCKETS_US),
    "bucket +Inf",
    "latency sum us",
    "rows",
    "novel rows",
    *(f"record {name}" for name in RECORD),
)
_AT = {name: position for position, name in enumerate(_NAMES)}
_STATUS_AT = {status: _AT[f"status {status}"] for status in STATUSES}
_FIRST_BUCKET = _AT[f"bucket {BUCKETS_US[0]}"]
_BYTES = 8 * len(_NAMES)


class Counters:
    """The counters of one process.

    Parameters
    ----------
    folder : Path or None
        Where processes of one endpoint share their counters; None: counted in memory only.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._lock = Lock()
        self._map = _anonymous() if folder is None else _shared(folder / f"{os.getpid()}.counters")
        self._row = memoryview(self._map).cast("q")

    def count_request(self, status: int, latency_us: int) -> None:
        """One request to ``/score`` was answered."""
        with self._lock:
            self._row[_STATUS_AT.get(status, _AT["status other"])] += 1
            self._row[_FIRST_BUCKET + bisect_left(BUCKETS_US, latency_us)] += 1
            self._row[_AT["latency sum us"]] += latency_us

    def count_rows(self, rows: int, novel: int) -> None:
        """``rows`` were answered, of which ``novel`` hold something training never saw."""
        with self._lock:
            self._row[_AT["rows"]] += rows
            self._row[_AT["novel rows"]] += novel

    def note_record(self, state: dict[str, int]) -> None:
        """The recorder's own counters, as they stand."""
        with self._lock:
            for name in RECORD:
                self._row[_AT[f"record {name}"]] = state[name]

    def totals(self) -> dict[str, int]:
        """Sums over all processes of the endpoint."""
        rows: list[Sequence[int]] = [self._row]
        if self._folder is not None:
            bodies = [path.read_bytes() for path in self._folder.glob("*.counters")]
            rows = [memoryview(body).cast("q") for body in bodies if len(body) == _BYTES]
        return {name: sum(row[at] for row in rows) for name, at in _AT.items()}


def prometheus_text(totals: dict[str, int], *, model: str) -> str:
    """Render `Counters.totals` in the Prometheus text format, version 0.0.4."""
    label = f'model="{model}"'
    lines = [
        *_metric("assay_requests_total", "counter", "Scoring requests by HTTP status."),
        *(
            f'assay_requests_total{{{label},status="{status}"}} {totals[f"status {status}"]}'
            for status in (*STATUSES, "other")
        ),
        *_metric(
            "assay_request_duration_seconds",
            "histogram",
            "Time in the server, from the last byte of the body to the answer.",
        ),
        *_histogram(totals, label),
    ]
    for name, help_text, key in _PLAIN:
        lines += [*_metric(name, "counter", help_text), f"{name}{{{label}}} {totals[key]}"]
    return "\n".join(lines) + "\n"


_PLAIN = (
    ("assay_rows_total", "Rows answered.", "rows"),
    ("assay_novel_rows_total", "Rows with a value that training never saw.", "novel rows"),
    ("assay_predictions_recorded_total", "Predictions in the record.", "record predictions"),
    ("assay_record_refusals_total", "Predictions not given: no room to record.", "record refused"),
    ("assay_record_written_bytes_total", "Bytes handed to the disk.", "record bytes_written"),
    ("assay_record_synced_bytes_total", "Bytes known to be on disk.", "record bytes_synced"),
)


def _metric(name: str, kind: str, help_text: str) -> tuple[str, str]:
    return f"# HELP {name} {help_text}", f"# TYPE {name} {kind}"


def _histogram(totals: dict[str, int], label: str) -> Iterable[str]:
    name, running = "assay_request_duration_seconds", 0
    for bound in (*BUCKETS_US, "+Inf"):
        running += totals[f"bucket {bound}"]
        upper = bound if isinstance(bound, str) else f"{bound / 1e6:g}"
        yield f'{name}_bucket{{{label},le="{upper}"}} {running}'
    yield f"{name}_sum{{{label}}} {totals['latency sum us'] / 1e6:.6f}"
    yield f"{name}_count{{{label}}} {running}"


def _anonymous() -> mmap.mmap:
    return mmap.mmap(-1, _BYTES)


def _shared(path: Path) -> mmap.mmap:
    """A file of zeros that only this process writes."""
    with path.open("wb+") as file:
        file.write(bytes(_BYTES))
        file.flush()
        return mmap.mmap(file.fileno(), _BYTES)

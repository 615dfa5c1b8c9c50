"""The prediction record: every answer an endpoint gave, kept before it was sent.

A server process appends to its own segment files, so that processes share nothing. A segment is
eight magic bytes, then frames: length and CRC-32 (both little-endian uint32), then one msgpack
value. The first frame is the `SegmentHeader`; each later one is one prediction.

A prediction is handed to the operating system before its answer is sent, so it survives the
death of the process. ``async`` syncs to disk every 50 ms (a power cut may lose that window);
``group`` answers only after the sync that covers the prediction, shared by all who wait.
"""

from __future__ import annotations

import errno
import os
import secrets
import struct
import threading
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

import msgspec

from assay.errors import InputError, InvalidFile, StoreUnavailable
from assay.records import Record, now

if TYPE_CHECKING:
    import polars as pl

Mode = Literal["async", "group", "off"]
Scalar = str | int | float | bool | None
Settled = Callable[[StoreUnavailable | None], None]

MAGIC = b"ASSAYPR1"
SUFFIX = ".segment"
_LEAST_ROOM = 2**20
_FRAME = struct.Struct("<II")
_sync: Callable[[int], None] = getattr(os, "fdatasync", os.fsync)


class SegmentHeader(Record, frozen=True, kw_only=True):
    """What every prediction of one segment has in common."""

    model: str
    """Name and number, ``car-price@1``."""
    model_digest: str
    kind: str
    columns: tuple[str, ...]
    """Columns of the inputs, in the order of each prediction's values."""
    column_kinds: tuple[str, ...]
    """Kind of each column, as the contract has it."""
    classes: tuple[str, ...] = ()
    unit: str = ""
    process: int = 0
    opened_at: str = ""
    format: int = 1


class Entry(NamedTuple):
    """One prediction as it is written: an array, whose names the header and this class know."""

    id: str
    """Of the request."""
    row: int
    """Position in the request."""
    at_us: int
    """Microseconds since 1970-01-01 UTC."""
    values: Sequence[Scalar]
    """What the model read: numbers as doubles, dates as days since 1970-01-01, None missing."""
    answer: float
    lower: float | None
    upper: float | None
    label: str | None
    probabilities: Sequence[float] | None
    latency_us: int
    """From the request's last byte to the answer being ready."""


class PredictionRecord(Record, frozen=True, kw_only=True):
    """One prediction as it is read."""

    id: str
    row: int
    at: str
    model: str
    model_digest: str
    inputs: dict[str, Scalar]
    """What the model read, by column; dates as ISO 8601, None where missing."""
    answer: float
    lower: float | None
    upper: float | None
    label: str | None
    probabilities: tuple[float, ...] | None
    latency_us: int


class Torn(Record, frozen=True, kw_only=True):
    """The end of a segment that holds no whole prediction."""

    segment: str
    offset: int
    bytes: int


class Recorder(Protocol):
    """Keeps predictions; `Segments` and `Unrecorded` are the two there are."""

    @property
    def mode(self) -> Mode:
        """How far a prediction is kept before its answer is sent."""

    def append(self, entries: Sequence[Entry]) -> int:
        """Write ``entries`` and return the ticket that `when_synced` takes."""

    def when_synced(self, ticket: int, then: Settled) -> None:
        """Call ``then`` once the ticket's entries are on disk, or can never be."""

    def state(self) -> dict[str, int]:
        """Counters: predictions, bytes written, bytes synced, refusals."""

    def problem(self) -> str:
        """Why a prediction could not be kept now; empty where it could."""

    def close(self) -> None:
        """Sync and close."""


@dataclass(frozen=True, kw_only=True)
class RecordSettings:
    """Where and how predictions are kept.

    Turning the record off takes ``mode="off"`` in so many words.
    """

    folder: Path | None
    mode: Mode = "async"
    segment_bytes: int = 64 * 2**20
    """A segment that has grown to this size is closed and a new one begun."""
    sync_every_s: float = 0.05
    """Longest wait before a written prediction is synced, in ``async``."""
    unsynced_limit: int = 64 * 2**20
    """Bytes that may wait for the disk; beyond them predictions are refused."""


class Unrecorded:
    """Keeps nothing. Only an explicit setting leads here, and ``/model`` says so."""

    mode: Mode = "off"

    def append(self, entries: Sequence[Entry]) -> int:  # noqa: ARG002
        """Forget ``entries``."""
        return 0

    def when_synced(self, ticket: int, then: Settled) -> None:  # noqa: ARG002
        """Nothing to wait for."""
        then(None)

    def state(self) -> dict[str, int]:
        """All zero."""
        return {"predictions": 0, "bytes_written": 0, "bytes_synced": 0, "refused": 0}

    def problem(self) -> str:
        """None: nothing is kept, as was asked."""
        return ""

    def close(self) -> None:
        """Nothing to close."""


class Segments:
    """Appends predictions to segment files of one process.

    Parameters
    ----------
    folder : Path
        Where segments lie; made if absent, readable by its owner only.
    header : SegmentHeader
        What all predictions have in common.
    settings : RecordSettings

    Raises
    ------
    StoreUnavailable
        The folder cannot be written, the disk is full, or it does not keep up. Nothing is ever
        dropped in silence: what could not be kept is not answered.
    """

    def __init__(self, folder: Path, header: SegmentHeader, settings: RecordSettings) -> None:
        self.folder = folder
        self.mode: Mode = settings.mode
        self._header = header
        self._settings = settings
        self._pause_s = settings.sync_every_s if settings.mode == "async" else 0.0
        self._encode = msgspec.msgpack.Encoder().encode
        self._lock = threading.Lock()
        self._file = -1
        self._size = 0
        self._retired: list[int] = []
        self._predictions = self._written = self._synced = self._settled = self._refused = 0
        self._waiting: list[tuple[int, Settled]] = []
        self._dirty = threading.Event()
        self._closing = threading.Event()
        try:
            self._open_segment()
        except OSError as error:
            raise _unavailable(error) from error
        self._syncer = threading.Thread(target=self._keep_syncing, name="record", daemon=True)
        self._syncer.start()

    def append(self, entries: Sequence[Entry]) -> int:
        """Write ``entries`` in one piece; all of them are kept or none."""
        body = b"".join([frame(self._encode(entry)) for entry in entries])
        with self._lock:
            try:
                self._admit(len(body))
                self._write(body)
            except OSError as error:
                self._refused += len(entries)
                raise _unavailable(error) from error
            self._predictions += len(entries)
            self._written += len(body)
            ticket = self._written
        if not self._dirty.is_set():
            self._dirty.set()
        return ticket

    def when_synced(self, ticket: int, then: Settled) -> None:
        """Call ``then`` (from another thread, as a rule) once ``ticket`` is on disk."""
        with self._lock:
            if self._settled < ticket:
                self._waiting.append((ticket, then))
                self._dirty.set()
                return
        then(None)

    def state(self) -> dict[str, int]:
        """Counters since the start of the process."""
        with self._lock:
            return {
                "predictions": self._predictions,
                "bytes_written": self._written,
                "bytes_synced": self._synced,
                "refused": self._refused,
            }

    def problem(self) -> str:
        """Why a prediction could not be kept now: no folder, no right, no room."""
        if self._closing.is_set():
            return "the server is stopping"
        try:
            room = os.statvfs(self.folder)
        except OSError as error:
            return f"prediction record: {error.strerror}"
        if not os.access(self.folder, os.W_OK):
            return "prediction record: no right to write"
        free = room.f_bavail * room.f_frsize
        return "prediction record: the disk is full" if free < _LEAST_ROOM else ""

    def close(self) -> None:
        """Sync what was written, stop the syncing thread, close the segment."""
        self._closing.set()
        self._dirty.set()
        self._syncer.join()
        with self._lock:
            if self._file >= 0:
                os.close(self._file)
                self._file = -1

    def _admit(self, size: int) -> None:
        """Make sure that a segment is open and that the disk keeps up."""
        if self._closing.is_set():
            raise OSError(errno.ESHUTDOWN, "the server is stopping")
        if self._written + size - self._settled > max(self._settings.unsynced_limit, size):
            raise OSError(errno.EAGAIN, "the disk does not keep up")
        if self._file >= 0 and self._size >= self._settings.segment_bytes:
            self._retire()
        if self._file < 0:
            self._open_segment()

    def _open_segment(self) -> None:
        """Begin a segment: magic and header on disk before the first prediction."""
        header = msgspec.structs.replace(self._header, process=os.getpid(), opened_at=now())
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")
        path = self.folder / f"{stamp}-{os.getpid()}-{secrets.token_hex(2)}{SUFFIX}"
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        self._file, self._size = os.open(path, flags, 0o600), 0
        try:
            self._write(MAGIC + frame(self._encode(header)))
            _sync(self._file)
            _sync_folder(self.folder)
        except OSError:
            path.unlink()
            self._retire()
            raise

    def _write(self, body: bytes) -> None:
        """Write all of ``body``, or leave the segment as it was."""
        done = 0
        try:
            while done < len(body):
                done += os.write(self._file, body[done:] if done else body)
        except OSError:
            self._undo()
            raise
        self._size += len(body)

    def _undo(self) -> None:
        """Cut a half-written frame off; if even that fails, go on in another segment."""
        try:
            os.ftruncate(self._file, self._size)
        except OSError:
            self._retire()

    def _retire(self) -> None:
        """Leave the segment to the syncing thread, which alone closes files."""
        if self._file >= 0:
            self._retired.append(self._file)
            self._file = -1

    def _keep_syncing(self) -> None:
        while not self._closing.is_set():
            self._dirty.wait()
            if self._pause_s:
                self._closing.wait(self._pause_s)
            self._sync_once()
        self._sync_once()

    def _sync_once(self) -> None:
        """Bring everything written so far to disk, then tell those who wait."""
        with self._lock:
            self._dirty.clear()
            target, current, retired = self._written, self._file, self._retired
            self._retired = []
        failure = None
        for file in retired:
            failure = _try_sync(file) or failure
            os.close(file)
        broken = _try_sync(current) if current >= 0 else None
        with self._lock:
            self._settled = target
            if failure is None and broken is None:
                self._synced = target
            if broken is not None and self._file == current:
                os.close(current)  # a file whose sync failed once may lie about the next
                self._file = -1
            due = [then for ticket, then in self._waiting if ticket <= target]
            self._waiting = [(ticket, then) for ticket, then in self._waiting if ticket > target]
        for then in due:
            then(failure or broken)


def open_recorder(settings: RecordSettings, header: SegmentHeader) -> Recorder:
    """Begin to record.

    Raises
    ------
    InputError
        No folder is given, and the record is not turned off.
    StoreUnavailable
        The folder cannot be written.
    """
    if settings.mode == "off":
        return Unrecorded()
    if settings.folder is None:
        raise InputError(
            "Where shall predictions be recorded?",
            hint="Give a folder, or turn the record off in so many words.",
        )
    return Segments(settings.folder, header, settings)


class RecordReader:
    """Iterates over the predictions of a folder, oldest segment first.

    After (or during) iteration, ``torn`` lists segments that end in something that is not a
    whole prediction: the process died while writing, or is writing now.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.torn: list[Torn] = []

    @property
    def torn_bytes(self) -> int:
        """Bytes that hold no whole prediction, over all segments."""
        return sum(torn.bytes for torn in self.torn)

    def __iter__(self) -> Iterator[PredictionRecord]:
        """Read from the start; each iteration reads the folder anew."""
        self.torn = []
        for path in segments(self.folder):
            yield from self._read(path)

    def _read(self, path: Path) -> Iterator[PredictionRecord]:
        header, entries, torn = read_segment(path)
        if torn is not None:
            self.torn.append(torn)
        if header is not None:
            for entry in entries:
                yield _prediction(header, entry)


def read_records(folder: Path) -> RecordReader:
    """Read every prediction under ``folder``.

    Parameters
    ----------
    folder : Path
        The record folder of one or more server processes.

    Returns
    -------
    RecordReader
        Iterate over it; ask ``torn_bytes`` afterwards.

    Raises
    ------
    InvalidFile
        There is no such folder, or a segment in it is of another format.
    """
    if not folder.is_dir():
        raise InvalidFile(
            "There is no prediction record here.",
            hint="Give the folder that the endpoint was started with.",
            where=str(folder),
        )
    return RecordReader(folder)


def count_records(folder: Path) -> int:
    """How many predictions lie under ``folder``, without decoding them."""
    read_records(folder)
    frames = (len(_whole_frames(path.read_bytes())[0]) for path in segments(folder))
    return sum(max(0, count - 1) for count in frames)


def segments(folder: Path) -> list[Path]:
    """Segment files under ``folder``, oldest first."""
    return sorted(folder.glob(f"*{SUFFIX}"))


def read_segment(path: Path) -> tuple[SegmentHeader | None, list[Entry], Torn | None]:
    """Read one segment up to its last whole frame.

    Returns
    -------
    tuple
        The header (None where not even that is whole), the entries, and what is torn.
    """
    body = path.read_bytes()
    if not MAGIC.startswith(body[: len(MAGIC)]):
        raise InvalidFile(
            "Not a segment of a prediction record.",
            hint=f"Segments begin with {MAGIC.decode()}.",
            where=str(path),
        )
    frames, end = _whole_frames(body)
    torn = Torn(segment=path.name, offset=end, bytes=len(body) - end) if end < len(body) else None
    if not frames:
        return None, [], torn
    header = msgspec.msgpack.decode(frames[0], type=SegmentHeader)
    decode = msgspec.msgpack.Decoder(Entry).decode
    return header, [decode(frame_) for frame_ in frames[1:]], torn


def read_frame(folder: Path) -> pl.DataFrame:
    """Every prediction under ``folder`` as a table.

    Returns
    -------
    polars.DataFrame
        ``id``, ``row``, ``at`` (UTC), ``model``, ``model_digest``, ``answer``, ``lower``,
        ``upper``, ``label``, ``probabilities``, ``latency_us``, and one column
        ``input.<name>`` for each input.
    """
    import polars as pl

    read_records(folder)
    tables = []
    for path in segments(folder):
        header, entries, _ = read_segment(path)
        if header is not None:
            tables.append(_table(header, entries))
    return pl.concat(tables, how="diagonal_relaxed") if tables else pl.DataFrame()


def to_parquet(folder: Path, target: Path) -> int:
    """Write `read_frame` of ``folder`` to the Parquet file ``target``; return its rows."""
    frame_ = read_frame(folder)
    half = target.with_name(f".{target.name}.{os.getpid()}")
    frame_.write_parquet(half, compression="zstd")
    half.replace(target)
    return frame_.height


def frame(body: bytes) -> bytes:
    """Length and CRC-32 before ``body``.

    Examples
    --------
    >>> frame(b"abc").hex()
    '03000000c2412435616263'
    """
    return _FRAME.pack(len(body), zlib.crc32(body)) + body


def _whole_frames(body: bytes) -> tuple[list[bytes], int]:
    """The frames up to the first that is cut short or does not match its checksum."""
    frames: list[bytes] = []
    offset = len(MAGIC)
    while offset + _FRAME.size <= len(body):
        length, checksum = _FRAME.unpack_from(body, offset)
        start = offset + _FRAME.size
        inside = body[start : start + length]
        # An empty frame is never written; a hole of zeros after a power cut looks like one.
        if length == 0 or len(inside) < length or zlib.crc32(inside) != checksum:
            break
        frames.append(inside)
        offset = start + length
    return frames, min(offset, len(body))


def _prediction(header: SegmentHeader, entry: Entry) -> PredictionRecord:
    at = datetime.fromtimestamp(entry.at_us / 1e6, UTC).isoformat(timespec="microseconds")
    return PredictionRecord(
        id=entry.id,
        row=entry.row,
        at=at.replace("+00:00", "Z"),
        model=header.model,
        model_digest=header.model_digest,
        inputs={
            name: _iso(value) if kind == "date" and isinstance(value, float) else value
            for name, kind, value in zip(
                header.columns, header.column_kinds, entry.values, strict=True
            )
        },
        answer=entry.answer,
        lower=entry.lower,
        upper=entry.upper,
        label=entry.label,
        probabilities=None if entry.probabilities is None else tuple(entry.probabilities),
        latency_us=entry.latency_us,
    )


def _iso(days: float) -> str:
    """A date, with the time of day where it has one."""
    try:
        moment = datetime(1970, 1, 1) + timedelta(days=days)
    except OverflowError:
        return f"day {days:g}"
    return moment.isoformat() if days % 1 else moment.date().isoformat()


def _table(header: SegmentHeader, entries: Sequence[Entry]) -> pl.DataFrame:
    """One segment's predictions as a table."""
    import polars as pl

    columns: dict[str, Any] = {
        "id": pl.Series([e.id for e in entries], dtype=pl.String),
        "row": pl.Series([e.row for e in entries], dtype=pl.Int64),
        "at": pl.Series([e.at_us for e in entries], dtype=pl.Int64).cast(pl.Datetime("us", "UTC")),
        "model": pl.Series([header.model] * len(entries), dtype=pl.String),
        "model_digest": pl.Series([header.model_digest] * len(entries), dtype=pl.String),
        "answer": pl.Series([e.answer for e in entries], dtype=pl.Float64),
        "lower": pl.Series([e.lower for e in entries], dtype=pl.Float64),
        "upper": pl.Series([e.upper for e in entries], dtype=pl.Float64),
        "label": pl.Series([e.label for e in entries], dtype=pl.String),
        "probabilities": pl.Series([e.probabilities for e in entries], dtype=pl.List(pl.Float64)),
        "latency_us": pl.Series([e.latency_us for e in entries], dtype=pl.Int64),
    }
    for position, (name, kind) in enumerate(zip(header.columns, header.column_kinds, strict=True)):
        columns[f"input.{name}"] = _input_column([e.values[position] for e in entries], kind)
    return pl.DataFrame(columns)


def _input_column(values: list[Scalar], kind: str) -> pl.Series:
    import polars as pl

    if kind == "date":
        days = pl.Series(values, dtype=pl.Float64)
        return (days * 86_400_000_000).round().cast(pl.Int64).cast(pl.Datetime("us"))
    if kind in {"number", "integer"}:
        return pl.Series(values, dtype=pl.Float64)
    return pl.Series(values, dtype=pl.Boolean if kind == "boolean" else pl.String)


def _try_sync(file: int) -> StoreUnavailable | None:
    try:
        _sync(file)
    except OSError as error:
        return _unavailable(error)
    return None


def _unavailable(error: OSError) -> StoreUnavailable:
    return StoreUnavailable(
        f"The prediction cannot be recorded, so it is not given: {error.strerror}.",
        hint="See that the disk which holds the prediction record has room, then try again.",
    )


def _sync_folder(folder: Path) -> None:
    """Make a new file's name durable, where the system can sync folders."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

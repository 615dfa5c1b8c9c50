"""An immutable version of a table, kept under the digest of its content."""

from __future__ import annotations

import base64
import hashlib
import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from assay.data.source import describe, opened, read_table
from assay.errors import VerificationFailed
from assay.records import Record, now
from assay.store.artifacts import ArtifactStore

_ROW_GROUP = 131_072
_ROWS_AT_ONCE = 8 * _ROW_GROUP


class Dataset(Record, frozen=True, kw_only=True):
    """A version of a table.

    The same rows in the same columns have the same digest, wherever they were read from.
    """

    digest: str
    """Of the canonical Parquet file, by which the artifact store keeps it."""
    source: str
    """Where it was read from: the path as it was given, without folders above the working
    folder, or the type of the object."""
    source_digest: str = ""
    """Of the file as it was read; empty for objects in memory."""
    rows: int
    columns: int
    arrow_schema: str
    """Arrow schema: base64 of an Arrow IPC stream without rows."""
    read_at: str

    def schema(self) -> pl.Schema:
        """Names and types of the columns."""
        return pl.read_ipc_stream(io.BytesIO(base64.b64decode(self.arrow_schema))).schema


def add_dataset(
    artifacts: ArtifactStore, source: str | Path | object, *, base: Path | None = None
) -> Dataset:
    """Read a table and keep it as a version.

    Parameters
    ----------
    artifacts : ArtifactStore
        Where its content is kept.
    source : str, Path or object
        As for `read_table`.
    base : Path, optional
        Folder that a relative path starts from; the working folder by default.

    Returns
    -------
    Dataset
        Adding the same content twice keeps it once.
    """
    source_digest = ""
    table: object = source
    if isinstance(source, str | Path):
        path = (base or Path()) / source
        with opened(path, str(source)) as file:
            source_digest = f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
        table = path
    frame = read_table(table)
    return Dataset(
        digest=artifacts.put(canonical_parquet(frame)),
        source=_told(source),
        source_digest=source_digest,
        rows=frame.height,
        columns=frame.width,
        arrow_schema=_schema(frame),
        read_at=now(),
    )


def load_dataset(artifacts: ArtifactStore, digest: str) -> pl.DataFrame:
    """Read back the exact rows of a version.

    Raises
    ------
    VerificationFailed
        The content under this digest is no table, or not what was kept.
    """
    return scan_dataset(artifacts, digest).collect()


def scan_dataset(artifacts: ArtifactStore, digest: str) -> pl.LazyFrame:
    """A version as a lazy frame, so that only the rows and columns in use are held.

    Raises
    ------
    VerificationFailed
        The content under this digest is no table, or not what was kept.
    """
    path = artifacts.path(digest)
    try:
        if path is None or not _unchanged(path, digest):
            table = pl.scan_parquet(io.BytesIO(artifacts.read(digest)))
        else:
            table = pl.scan_parquet(path, glob=False, hive_partitioning=False)
        table.collect_schema()
    except pl.exceptions.PolarsError:
        raise VerificationFailed(
            "The artifact is not a table.", hint="Name the digest of a dataset.", where=digest
        ) from None
    return table


def _unchanged(path: Path, digest: str) -> bool:
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}" == digest


def take_rows(table: pl.LazyFrame, rows: npt.NDArray[np.int64]) -> pl.DataFrame:
    """Rows by their ascending numbers, read piece by piece.

    Parameters
    ----------
    table : pl.LazyFrame
        As `scan_dataset` gives it.
    rows : ndarray of int, shape (n_rows,)
        From 0, ascending.

    Examples
    --------
    >>> take_rows(pl.LazyFrame({"a": [1, 2, 3]}), np.array([0, 2]))["a"].to_list()
    [1, 3]
    """
    starts = range(0, int(rows[-1]) + 1, _ROWS_AT_ONCE)
    ends = np.searchsorted(rows, [start + _ROWS_AT_ONCE for start in starts])
    begins = [0, *ends[:-1]]
    return pl.concat(
        table.slice(start, _ROWS_AT_ONCE).collect()[rows[begin:end] - start]
        for start, begin, end in zip(starts, begins, ends, strict=True)
        if begin < end
    )


def canonical_parquet(frame: pl.DataFrame) -> bytes:
    """A table as Parquet, the same bytes for the same content.

    zstd at a fixed level, row groups of a fixed size, statistics on.
    """
    buffer = io.BytesIO()
    frame.lazy().sink_parquet(
        buffer, compression="zstd", compression_level=3, row_group_size=_ROW_GROUP, statistics=True
    )
    return buffer.getvalue()


def _schema(frame: pl.DataFrame) -> str:
    buffer = io.BytesIO()
    frame.clear().write_ipc_stream(buffer, compat_level=pl.CompatLevel.oldest())
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def _told(source: object) -> str:
    """The source as the record tells it; of an absolute path only what lies below here."""
    told = Path(describe(source))
    if not isinstance(source, str | Path) or not told.is_absolute():
        return describe(source)
    below = told.is_relative_to(Path.cwd())
    return str(told.relative_to(Path.cwd())) if below else told.name

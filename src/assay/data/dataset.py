"""An immutable version of a table, kept under the digest of its content."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import polars as pl

from assay.data.source import describe, read_body, read_table
from assay.errors import VerificationFailed
from assay.records import Record, digest, now
from assay.store.artifacts import ArtifactStore

_ROW_GROUP = 131_072


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
        source_digest = digest(read_body(path, str(source)))
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
        The content under this digest is no table.
    """
    try:
        return pl.read_parquet(io.BytesIO(artifacts.read(digest)))
    except pl.exceptions.PolarsError:
        raise VerificationFailed(
            "The artifact is not a table.", hint="Name the digest of a dataset.", where=digest
        ) from None


def canonical_parquet(frame: pl.DataFrame) -> bytes:
    """A table as Parquet, the same bytes for the same content.

    One chunk a column, zstd at a fixed level, row groups of a fixed size, statistics on.
    """
    buffer = io.BytesIO()
    frame.rechunk().write_parquet(
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

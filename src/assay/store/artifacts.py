"""Artifacts: bytes kept under their SHA-256. Nothing kept ever changes."""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, runtime_checkable
from uuid import uuid4

from assay.errors import InputError, InvalidFile, StoreUnavailable, VerificationFailed

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_CHUNK = 1 << 20
_STALE_S = 24 * 3600.0


@runtime_checkable
class ArtifactStore(Protocol):
    """Keeps bytes under their digest, ``sha256:`` and 64 hexadecimal digits.

    Guarantees, which `assay.testing.ArtifactStoreExam` examines: the same bytes have the same
    digest and are kept once; what is kept never changes; a process that dies while it puts
    leaves nothing half-kept; `read` never returns bytes that do not match their digest.
    """

    def put(self, body: bytes) -> str:
        """Keep ``body``; returns its digest. Safe to repeat."""

    def put_file(self, path: Path) -> str:
        """Keep a file's bytes, without holding them in memory."""

    def read(self, digest: str) -> bytes:
        """The bytes; `VerificationFailed` if they are missing or do not match."""

    def path(self, digest: str) -> Path | None:
        """A local file that holds the bytes, or None where there is none."""

    def has(self, digest: str) -> bool:
        """Whether the bytes are kept."""


class FolderStore:
    """Artifacts as files of one folder: ``ab/cd/abcd…``, read-only, synced to disk.

    Parameters
    ----------
    root : Path
        The folder; made on the first `put`.

    Examples
    --------
    >>> import tempfile
    >>> store = FolderStore(Path(tempfile.mkdtemp()))
    >>> digest = store.put(b"a table")
    >>> store.read(digest)
    b'a table'
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(root)

    def put(self, body: bytes) -> str:
        """Keep ``body``; returns its digest."""
        name = f"sha256:{hashlib.sha256(body).hexdigest()}"
        with self._answering():
            if not self._is_whole(name):
                partial, written = self._write_partial((body,))
                self._install(partial, written)
        return name

    def put_file(self, path: Path) -> str:
        """Keep a file's bytes, a mebibyte at a time.

        Raises
        ------
        InvalidFile
            The file cannot be read.
        """
        try:
            with Path(path).open("rb") as source, self._answering():
                partial, written = self._write_partial(iter(lambda: source.read(_CHUNK), b""))
        except OSError as error:
            raise InvalidFile(
                f"The file cannot be read: {error.strerror}.",
                hint="Check the path and its permissions.",
                where=str(path),
            ) from None
        with self._answering():
            if self._is_whole(written):
                partial.unlink()
            else:
                self._install(partial, written)
        return written

    def read(self, digest: str) -> bytes:
        """The bytes, verified.

        Raises
        ------
        VerificationFailed
            They are missing, or do not match their digest.
        """
        try:
            body = self._spot(digest).read_bytes()
        except FileNotFoundError:
            raise VerificationFailed(
                f"Artifact {digest} is not in the store.",
                hint="Restore the folder of artifacts from a backup.",
                where=str(self.root),
            ) from None
        if f"sha256:{hashlib.sha256(body).hexdigest()}" != digest:
            raise VerificationFailed(
                f"Artifact {digest} was changed on disk.",
                hint="Restore it from a backup, or put the original bytes again.",
                where=str(self._spot(digest)),
            )
        return body

    def path(self, digest: str) -> Path | None:
        """The file that holds the bytes (not verified; `read` verifies), or None."""
        spot = self._spot(digest)
        return spot if spot.is_file() else None

    def has(self, digest: str) -> bool:
        """Whether there is a file for it."""
        return self._spot(digest).is_file()

    def sweep(self) -> None:
        """Remove what processes that died while putting left behind more than a day ago."""
        oldest = time.time() - _STALE_S
        for partial in (self.root / ".partial").glob("*"):
            try:
                if partial.stat().st_mtime < oldest:
                    partial.unlink()
            except FileNotFoundError:
                continue

    def _spot(self, digest: str) -> Path:
        if not _DIGEST.fullmatch(digest):
            raise InputError(
                "That is not a digest.", hint="A digest is sha256: and 64 hexadecimal digits."
            )
        name = digest.removeprefix("sha256:")
        return self.root / name[:2] / name[2:4] / name

    def _is_whole(self, digest: str) -> bool:
        """Whether it is kept and still matches; a damaged copy is then put again."""
        try:
            with self._spot(digest).open("rb") as file:
                return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}" == digest
        except FileNotFoundError:
            return False

    def _write_partial(self, chunks: Iterable[bytes]) -> tuple[Path, str]:
        """Write beside the store, synced; returns the file and the digest of its bytes."""
        folder = self.root / ".partial"
        folder.mkdir(parents=True, exist_ok=True)
        partial = folder / uuid4().hex
        seen = hashlib.sha256()
        try:
            with partial.open("xb") as file:
                for chunk in chunks:
                    seen.update(chunk)
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            partial.chmod(0o444)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        return partial, f"sha256:{seen.hexdigest()}"

    def _install(self, partial: Path, digest: str) -> None:
        """Move a finished file to its place in one step, and make the move durable."""
        spot = self._spot(digest)
        spot.parent.mkdir(parents=True, exist_ok=True)
        partial.replace(spot)
        for folder in (spot.parent, spot.parent.parent, self.root):
            _sync_folder(folder)

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """Turn a full or read-only disk into `StoreUnavailable`."""
        try:
            yield
        except OSError as error:
            raise StoreUnavailable(
                f"The artifact cannot be written: {error.strerror or error}.",
                hint="Check the free space and the permissions of the folder.",
                where=str(self.root),
            ) from error


def _sync_folder(folder: Path) -> None:
    """Make the names in a folder durable, where the system can."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

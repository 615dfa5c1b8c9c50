"""A bundle: one folder with a hallmarked version and all that explains it, and no row of data."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from assay.errors import GateRefused, InvalidFile, UnknownName, VerificationFailed
from assay.registry.hallmark import FILE as HALLMARK
from assay.registry.hallmark import Hallmark, open_hallmark
from assay.registry.version import ModelVersion

if TYPE_CHECKING:
    from assay.store.store import Store


def write_bundle(version: ModelVersion, store: Store, folder: Path) -> Path:
    """Write a hallmarked version as a folder that verifies offline.

    The same version always gives the same bytes. The folder appears whole or not at all; an
    older bundle in its place is replaced.

    Parameters
    ----------
    version : ModelVersion
        A version with a hallmark.
    store : Store
        Where its artifacts and hallmark are.
    folder : Path
        Where to write: absent, empty, or an older bundle.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    GateRefused
        The version has no hallmark yet.
    InvalidFile
        The folder holds something that is not a bundle.
    VerificationFailed
        An artifact is gone or was changed.
    """
    folder = Path(folder)
    hallmark = _hallmark_of(version, store)
    statement, _ = open_hallmark(hallmark, trusted_keys=[store.keys.public_pem()])
    _refuse_other_content(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        partial.chmod(0o755)
        for subject in statement.subject:
            _write(partial / subject.name, store.artifacts.read(subject.sha256))
        _write(partial / HALLMARK, hallmark.to_json())
        _put_in_place(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder


def _hallmark_of(version: ModelVersion, store: Store) -> Hallmark:
    try:
        kept = store.records.get("hallmark", version.name, version.label)
    except UnknownName:
        raise GateRefused(
            f"{version.label} has no hallmark yet.",
            hint=f'Approve it first: assay approve {version.label} --note "…"',
        ) from None
    return msgspec.convert(kept, Hallmark)


def _refuse_other_content(folder: Path) -> None:
    """Refuse to replace anything but a bundle or an empty folder."""
    if not folder.exists() and not folder.is_symlink():
        return
    replaceable = folder.is_dir() and not folder.is_symlink()
    if not replaceable or (any(folder.iterdir()) and not (folder / HALLMARK).is_file()):
        raise InvalidFile(
            "This place holds something that is not a bundle.",
            hint="Give a new or an empty folder.",
            where=str(folder),
        )


def _write(path: Path, body: bytes) -> None:
    with path.open("xb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())


def _put_in_place(partial: Path, folder: Path) -> None:
    """Rename; an older bundle steps aside first, and comes back if the new one cannot come."""
    if not folder.exists():
        partial.rename(folder)
        return
    aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    folder.replace(aside)
    try:
        partial.rename(folder)
    except OSError as error:
        with suppress(OSError):
            aside.rename(folder)
        raise VerificationFailed(
            "Another process wrote this bundle at the same time.",
            hint="Try again.",
            where=str(folder),
        ) from error
    shutil.rmtree(aside)

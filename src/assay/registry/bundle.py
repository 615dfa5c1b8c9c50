"""A bundle: one folder with a hallmarked version and all that explains it, and no row of data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from assay.errors import GateRefused, UnknownName
from assay.registry.hallmark import FILE as HALLMARK
from assay.registry.hallmark import Hallmark, open_hallmark
from assay.registry.version import ModelVersion
from assay.store.folder import whole_folder

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
    with whole_folder(folder, mark=HALLMARK, what="a bundle") as partial:
        for subject in statement.subject:
            (partial / subject.name).write_bytes(store.artifacts.read(subject.sha256))
        (partial / HALLMARK).write_bytes(hallmark.to_json())
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

"""What Assay remembers: records, artifacts, the ledger, leases and the key that signs.

`Store.open` gives one handle to all of them.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOME = {
    "ArtifactStore": "assay.store.artifacts",
    "Checkpoint": "assay.store.ledger",
    "Entry": "assay.store.ledger",
    "FolderStore": "assay.store.artifacts",
    "Keys": "assay.store.keys",
    "Lease": "assay.store.leases",
    "Leases": "assay.store.leases",
    "Ledger": "assay.store.ledger",
    "LedgerReport": "assay.store.ledger",
    "Records": "assay.store.records",
    "Store": "assay.store.store",
    "StoredRecord": "assay.store.records",
    "verify_signature": "assay.store.keys",
}
__all__ = sorted(_HOME)  # noqa: PLE0605 - derived from the one list above


def __getattr__(name: str) -> Any:
    try:
        home = _HOME[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    return getattr(import_module(home), name)

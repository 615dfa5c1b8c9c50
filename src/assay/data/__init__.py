"""From a source to rows a model may learn from.

A source is read (`read_table`), kept as an immutable version (`add_dataset`), described
(`profile_table`), held to a contract (`derive_contract`) and split (`split_rows`).
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOME = {
    "CheckedTable": "assay.data.suitability",
    "Column": "assay.data.contract",
    "ColumnKind": "assay.data.contract",
    "ColumnProfile": "assay.data.profile",
    "Contract": "assay.data.contract",
    "Dataset": "assay.data.dataset",
    "Novelty": "assay.data.contract",
    "PersonalData": "assay.data.personal",
    "Profile": "assay.data.profile",
    "Role": "assay.data.contract",
    "Split": "assay.data.split",
    "add_dataset": "assay.data.dataset",
    "check_table": "assay.data.suitability",
    "derive_contract": "assay.data.derivation",
    "find_personal_data": "assay.data.personal",
    "infer_kind": "assay.data.kinds",
    "load_dataset": "assay.data.dataset",
    "profile_table": "assay.data.profile",
    "read_table": "assay.data.source",
    "render_datasheet": "assay.data.datasheet",
    "scan_dataset": "assay.data.dataset",
    "split_rows": "assay.data.split",
}
__all__ = sorted(_HOME)  # noqa: PLE0605 - derived from the one list above


def __getattr__(name: str) -> Any:
    try:
        home = _HOME[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return list(__all__)

"""Where work runs, and how it survives the death of its process."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOME = {
    "Job": "assay.compute.workers",
    "Json": "assay.compute.durable",
    "Shared": "assay.compute.workers",
    "Step": "assay.compute.durable",
    "TimeLimit": "assay.compute.slots",
    "WorkerLost": "assay.compute.slots",
    "Workers": "assay.compute.workers",
    "open_workers": "assay.compute.workers",
    "run_durably": "assay.compute.durable",
}
__all__ = sorted(_HOME)  # noqa: PLE0605 - derived from the one list above


def __getattr__(name: str) -> Any:
    try:
        home = _HOME[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    return getattr(import_module(home), name)

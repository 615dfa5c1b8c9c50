"""Where work runs, and how it survives the death of its process."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOME = {
    "Json": "assay.compute.durable",
    "Step": "assay.compute.durable",
    "run_durably": "assay.compute.durable",
}
__all__ = sorted(_HOME)  # noqa: PLE0605 - derived from the one list above


def __getattr__(name: str) -> Any:
    try:
        home = _HOME[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    return getattr(import_module(home), name)

"""What a treatment does to an outcome, from a table alone: no model is needed.

from assay.assess.causal import effect

report = effect("surgery.csv", treatment="chemotherapy", outcome="died", groups=["menopausal"])
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOME = {
    "CausalReport": "assay.assess.causal.record",
    "effect": "assay.assess.causal.analysis",
}
__all__ = ["CausalReport", "effect"]


def __getattr__(name: str) -> Any:
    """Load a public name on first use."""
    try:
        home = _HOME[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    return getattr(import_module(home), name)

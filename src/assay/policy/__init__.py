"""The policy and its gate: written rules, held against evidence, give a decision."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOME = {
    "Approvals": "assay.policy.policy",
    "Decision": "assay.policy.gate",
    "Outcome": "assay.policy.gate",
    "Policy": "assay.policy.policy",
    "Rule": "assay.policy.policy",
    "Waiver": "assay.policy.policy",
    "confidence_at": "assay.policy.looks",
    "decide": "assay.policy.gate",
    "look_of": "assay.policy.looks",
    "read_policy": "assay.policy.policy",
    "record_policy": "assay.policy.record",
    "validate_policy": "assay.policy.validation",
}
__all__ = sorted(_HOME)  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    try:
        home = _HOME[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    return getattr(import_module(home), name)

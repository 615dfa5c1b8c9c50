"""Checks measure one thing each; an assessment is all their findings about one model."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOME = {
    "Assessment": "assay.assess.finding",
    "BaseCheck": "assay.assess.check",
    "Check": "assay.assess.check",
    "Contributions": "assay.assess.subject",
    "Finding": "assay.assess.finding",
    "GroupValue": "assay.assess.finding",
    "Request": "assay.assess.request",
    "Scored": "assay.assess.subject",
    "Subject": "assay.assess.subject",
    "all_checks": "assay.assess.check",
    "explainer_of": "assay.assess.subject",
    "requests_of": "assay.assess.request",
}
__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    """Load a public name on first use."""
    try:
        home = _HOME[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    return getattr(import_module(home), name)

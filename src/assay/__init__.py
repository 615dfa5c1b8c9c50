"""Assay: from a business question and a table to a signed model that you can stand behind.

The public names are listed here and loaded on first use, so that ``import assay`` costs
almost nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from assay.assess import causal
    from assay.automl.estimators import AssayClassifier, AssayRegressor
    from assay.errors import AssayError
    from assay.evidence import RemoteModel, assess_predictions
    from assay.policy.policy import Policy
    from assay.project import Project
    from assay.question import Question
    from assay.settings import Settings

__version__ = "0.1.0"

_HOME = {
    "AssayClassifier": "assay.automl.estimators",
    "AssayError": "assay.errors",
    "AssayRegressor": "assay.automl.estimators",
    "Policy": "assay.policy.policy",
    "Project": "assay.project",
    "Question": "assay.question",
    "RemoteModel": "assay.evidence",
    "Settings": "assay.settings",
    "assess_predictions": "assay.evidence",
}
__all__ = [
    "AssayClassifier",
    "AssayError",
    "AssayRegressor",
    "Policy",
    "Project",
    "Question",
    "RemoteModel",
    "Settings",
    "__version__",
    "assess_predictions",
    "causal",
]


_ROOMS = {"causal": "assay.assess.causal"}
"""Rooms that have a name of their own: ``assay.causal.effect(...)``."""


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return import_module(_ROOMS[name])
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)

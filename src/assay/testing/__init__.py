"""Exams for people who extend: what any plug-in must pass, built-in ones included."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOME = {
    "ArtifactStoreExam": "assay.testing.artifact_store",
    "CheckExam": "assay.testing.check",
    "FamilyExam": "assay.testing.family",
}
__all__ = ["ArtifactStoreExam", "CheckExam", "FamilyExam"]


def __getattr__(name: str) -> Any:
    try:
        home = _HOME[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    return getattr(import_module(home), name)

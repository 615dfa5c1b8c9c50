"""Exams for people who extend: what any plug-in must pass, built-in ones included."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOME = {"FamilyExam": "assay.testing.family"}
__all__ = ["FamilyExam"]


def __getattr__(name: str) -> Any:
    try:
        home = _HOME[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    return getattr(import_module(home), name)

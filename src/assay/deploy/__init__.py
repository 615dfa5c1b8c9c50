"""From a hallmarked bundle to an endpoint that verifies, answers and records."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOME = {
    "Bundle": "assay.deploy.bundle",
    "LocalEndpoint": "assay.deploy.targets.local",
    "PredictionRecord": "assay.deploy.record",
    "Reply": "assay.deploy.scoring",
    "ScoringService": "assay.deploy.scoring",
    "load_bundle": "assay.deploy.bundle",
    "read_records": "assay.deploy.record",
}
__all__ = sorted(_HOME)  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    try:
        home = _HOME[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    return getattr(import_module(home), name)

"""Search for a model: families, cross-validation, a leaderboard, an ensemble, calibration."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOME = {
    "AssayClassifier": "assay.automl.estimators",
    "AssayRegressor": "assay.automl.estimators",
    "Family": "assay.automl.family",
    "Fitted": "assay.automl.family",
    "Task": "assay.automl.family",
    "find_families": "assay.automl.family",
    "Leaderboard": "assay.automl.leaderboard",
    "Trial": "assay.automl.leaderboard",
    "METRICS": "assay.automl.metrics",
    "default_metric": "assay.automl.metrics",
    "find_metric": "assay.automl.metrics",
    "fit_table": "assay.automl.whole_table",
    "SearchResult": "assay.automl.search",
    "SearchSpec": "assay.automl.spec",
}
__all__ = [
    "METRICS",
    "AssayClassifier",
    "AssayRegressor",
    "Family",
    "Fitted",
    "Leaderboard",
    "SearchResult",
    "SearchSpec",
    "Task",
    "Trial",
    "default_metric",
    "find_families",
    "find_metric",
    "fit_table",
]


def __getattr__(name: str) -> Any:
    try:
        home = _HOME[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted(__all__)

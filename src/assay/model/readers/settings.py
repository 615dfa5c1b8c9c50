"""What the readers ask of an estimator's parameters."""

from __future__ import annotations

from typing import Any

import numpy as np

from assay.errors import NotCompilable
from assay.model.plan import Float32, Float64

Numbers = Float32 | Float64
"""Features in single precision; in double where a scaler stands before the model."""


def parameters(model: Any) -> dict[str, Any]:
    """Parameters of an estimator; of a bare booster, those that it was trained with."""
    if hasattr(model, "get_params"):
        return dict(model.get_params(deep=False))
    return dict(getattr(model, "params", None) or {})


def refuse(model: Any, why: str, hint: str) -> NotCompilable:
    """The error to raise for a model."""
    return NotCompilable(type(model).__name__, why, hint=hint)


def require_two_classes(model: Any) -> None:
    """Refuse a classifier that saw one class, or answers several questions at once."""
    classes = getattr(model, "classes_", None)
    if isinstance(classes, list):
        raise refuse(
            model, "it answers several questions at once", "Fit one classifier a question."
        )
    if classes is not None and len(classes) < 2:
        raise refuse(model, "it saw a single class", "Give it rows of two classes or more.")


def chances(probabilities: Any) -> Float64:
    """Probabilities of two classes as that of the second, (n, 1); of more as they are."""
    table = np.asarray(probabilities, dtype=np.float64)
    return table[:, 1:] if table.shape[1] == 2 else table


def values(prediction: Any) -> Float64:
    """Predicted numbers as (n, n_targets)."""
    table = np.asarray(prediction, dtype=np.float64)
    return table.reshape(len(table), -1)


def doubles(X: Numbers) -> Float64:
    """Features in double, so that no library computes in single precision."""
    return np.asarray(X, dtype=np.float64)


def sigmoid(raw: Float64) -> Float64:
    """``1 / (1 + exp(-raw))`` in double."""
    with np.errstate(over="ignore"):
        return np.asarray(1.0 / (1.0 + np.exp(-raw)))


def softmax(raw: Float64) -> Float64:
    """Softmax along the last axis in double."""
    powers = np.exp(raw - raw.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))

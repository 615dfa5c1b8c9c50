"""Principal components and truncated singular values of scikit-learn, as linear members."""

from __future__ import annotations

from typing import Any

import numpy as np

from assay.model.plan import Float64, LinearMember
from assay.model.readers.settings import Numbers, doubles


def check(model: Any, *, classes: int) -> None:
    """Every projection can be read."""


def read(model: Any, *, columns: tuple[int, ...], family: str) -> LinearMember:
    """The components; whitened ones are divided by their standard deviation."""
    weights = np.asarray(model.components_, dtype=np.float64).T
    if getattr(model, "whiten", False):
        deviation = np.sqrt(np.asarray(model.explained_variance_, dtype=np.float64))
        weights = weights / np.maximum(deviation, np.finfo(np.float64).eps)
    mean = getattr(model, "mean_", None)
    center = np.zeros(len(weights)) if mean is None else np.asarray(mean, dtype=np.float64)
    return LinearMember(
        family=family,
        columns=columns,
        center=center,
        scale=np.ones(len(weights)),
        weights=weights,
        intercept=np.zeros(weights.shape[1]),
    )


def answer(model: Any, X: Numbers) -> Float64:
    """Components of rows by scikit-learn, in double."""
    return np.asarray(model.transform(doubles(X)), dtype=np.float64)

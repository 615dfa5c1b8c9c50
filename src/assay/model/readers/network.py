"""Feed-forward networks of scikit-learn, from their weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from assay.model.plan import Float64, Link, NetworkMember
from assay.model.readers.settings import (
    Numbers,
    chances,
    doubles,
    refuse,
    require_two_classes,
    values,
)

LINKS: dict[str, Link] = {
    "identity": "identity",
    "logistic": "sigmoid",
    "softmax": "softmax",
    "exp": "exp",
}


def check(model: Any, *, classes: int) -> None:  # noqa: ARG001 - any number of them
    """Refuse classifiers that saw one class or answer several questions."""
    require_two_classes(model)
    binarizer = getattr(model, "_label_binarizer", None)
    if binarizer is not None and binarizer.y_type_.startswith("multilabel"):
        raise refuse(
            model, "it answers several questions at once", "Fit one classifier a question."
        )


def read(model: Any, *, columns: tuple[int, ...], family: str) -> NetworkMember:
    """Layers on the features as they are."""
    weights = tuple(np.asarray(w, dtype=np.float64) for w in model.coefs_)
    return NetworkMember(
        family=family,
        columns=columns,
        center=np.zeros(len(weights[0])),
        scale=np.ones(len(weights[0])),
        weights=weights,
        biases=tuple(np.asarray(b, dtype=np.float64) for b in model.intercepts_),
        activation=model.activation,
        link=LINKS[model.out_activation_],
    )


def answer(model: Any, X: Numbers) -> Float64:
    """Rows by scikit-learn, in double."""
    if hasattr(model, "classes_"):
        return chances(model.predict_proba(doubles(X)))
    return values(model.predict(doubles(X)))

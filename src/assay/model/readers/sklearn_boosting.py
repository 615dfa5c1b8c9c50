"""Gradient boosting of scikit-learn (Friedman 2001)."""

from __future__ import annotations

from typing import Any

import numpy as np

from assay.model.plan import Float32, Float64, Link, Member
from assay.model.readers.outputs import mix_outputs
from assay.model.readers.settings import chances, parameters, refuse, require_two_classes, values
from assay.model.readers.sklearn_trees import nodes_of
from assay.model.readers.trees import plant, spread


def check(model: Any, *, classes: int) -> None:  # noqa: ARG001 - any number of them
    """Refuse boosting that starts from another model."""
    require_two_classes(model)
    init = parameters(model)["init"]
    constant = init is None or init == "zero" or type(init).__name__.startswith("Dummy")
    if not constant:
        raise refuse(model, "it starts from another model", "Use init=None or init='zero'.")


def read(model: Any, *, columns: tuple[int, ...], family: str) -> Member:
    """Every tree, its leaves times the learning rate, over the starting value."""
    width = model.estimators_.shape[1]
    trees = [
        nodes_of(
            one.tree_,
            spread(model.learning_rate * one.tree_.value[:, 0, 0], output, width),
            missing=False,
        )
        for row in model.estimators_
        for output, one in enumerate(row)
    ]
    # An exponential loss boosts half the logit.
    factor = 2.0 if getattr(model, "loss", "") == "exponential" else 1.0
    member = plant(trees, family=family, columns=columns, base=_start(model), link=_link(model))
    return mix_outputs(member, np.eye(width) * factor, np.zeros(width))


def answer(model: Any, X: Float32) -> Float64:
    """Rows by scikit-learn, which compares in single precision and sums in double."""
    if hasattr(model, "classes_"):
        return chances(model.predict_proba(X))
    return values(model.predict(X))


def _start(model: Any) -> Float64:
    """The raw value before the first tree: the same for every row."""
    row = np.zeros((1, model.n_features_in_), dtype=np.float32)
    return np.asarray(model._raw_predict_init(row)[0], dtype=np.float64)


def _link(model: Any) -> Link:
    if not hasattr(model, "classes_"):
        return "identity"
    return "sigmoid" if len(model.classes_) == 2 else "softmax"

"""Linear models of scikit-learn: weights, an intercept and a link."""

from __future__ import annotations

from typing import Any

import numpy as np

from assay.model.plan import Float64, LinearMember, Link
from assay.model.readers.settings import (
    Numbers,
    chances,
    doubles,
    parameters,
    refuse,
    require_two_classes,
    values,
)

LINKS: dict[str, Link] = {"IdentityLink": "identity", "LogLink": "exp"}


def check(model: Any, *, classes: int) -> None:
    """Refuse classifiers that give no chances, or chances that are no softmax."""
    require_two_classes(model)
    loss = parameters(model).get("loss")
    if loss is None or not _classifies(model):
        return
    if loss != "log_loss":
        raise refuse(model, f"its loss {loss!r} gives no logits", "Use loss='log_loss'.")
    if max(classes, len(getattr(model, "classes_", ()))) > 2:
        raise refuse(
            model,
            "it sets each of several classes against the rest",
            "Use LogisticRegression, which weighs them together.",
        )


def read(model: Any, *, columns: tuple[int, ...], family: str) -> LinearMember:
    """Weights and intercepts on the features as they are."""
    weights = np.atleast_2d(np.asarray(model.coef_, dtype=np.float64)).T
    intercept = np.asarray(model.intercept_, dtype=np.float64).reshape(-1)
    return LinearMember(
        family=family,
        columns=columns,
        center=np.zeros(len(weights)),
        scale=np.ones(len(weights)),
        weights=weights,
        intercept=np.broadcast_to(intercept, (weights.shape[1],)).copy(),
        link=_link(model),
    )


def answer(model: Any, X: Numbers) -> Float64:
    """Rows by scikit-learn, in double."""
    if _classifies(model):
        return chances(model.predict_proba(doubles(X)))
    return values(model.predict(doubles(X)))


def _classifies(model: Any) -> bool:
    from sklearn.base import is_classifier

    return bool(is_classifier(model))


def _link(model: Any) -> Link:
    if _classifies(model):
        return "sigmoid" if len(model.classes_) == 2 else "softmax"
    generalized = getattr(model, "_base_loss", None)  # Poisson, gamma and Tweedie regression
    return LINKS[type(generalized.link).__name__] if generalized is not None else "identity"

"""Models around models: pipelines with a scaler, scaled targets, one model a target."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from assay.model.plan import Float32, Float64, Member, TreesMember
from assay.model.readers.outputs import mix_outputs, n_outputs
from assay.model.readers.read import (
    check_compilable,
    predict_native,
    read_beside,
    read_member,
    reader_name,
)
from assay.model.readers.settings import doubles, refuse, values

SCALERS = ("StandardScaler", "MinMaxScaler", "MaxAbsScaler", "RobustScaler")
NO_TREES_AFTER_A_SCALER = (
    "a scaler stands before trees: their thresholds lie midway between scaled numbers, where "
    "single and double precision fall on different sides"
)

TREES = frozenset(
    {
        "lightgbm",
        "xgboost",
        "catboost",
        "ebm",
        "sklearn_trees",
        "sklearn_boosting",
        "sklearn_histograms",
        "isolation",
    }
)
"""Readers that give trees."""


def check(model: Any, *, classes: int) -> None:
    """Refuse what is in the wrapper, or around it, and cannot be read."""
    if hasattr(model, "steps"):
        _check_pipeline(model, classes=classes)
    elif hasattr(model, "regressor"):
        _check_scaled_target(model)
    else:
        check_compilable(model.estimator)


def read(model: Any, *, columns: tuple[int, ...], family: str) -> Member:
    """The member within, its scaling and that of the wrapper in one."""
    if hasattr(model, "steps"):
        return _read_pipeline(model, columns=columns, family=family)
    if hasattr(model, "regressor"):
        return _read_scaled_target(model, columns=columns, family=family)
    return read_beside(model.estimators_, columns=columns, family=family)


def answer(model: Any, X: Float32) -> Float64:
    """Rows by the whole of it."""
    if hasattr(model, "steps"):
        return _answer_pipeline(model, X)
    if hasattr(model, "regressor"):
        inner = predict_native(model.regressor_, X)
        return values(model.transformer_.inverse_transform(inner))
    return predict_native(model.estimators_, X)


def _check_pipeline(model: Any, *, classes: int) -> None:
    *before, last = _steps(model)
    for step in before:
        _check_scaler(model, step)
    check_compilable(last, classes=classes)
    if before and holds_trees(last):
        raise refuse(model, NO_TREES_AFTER_A_SCALER, "Trees need no scaling: leave the scaler out.")


def _check_scaler(model: Any, step: Any) -> None:
    name = type(step).__name__
    if name not in SCALERS or getattr(step, "clip", False):
        raise refuse(
            model,
            f"its step {name} is no plain scaler",
            f"Steps before the model: {', '.join(SCALERS)}, without clip.",
        )


def holds_trees(model: Any) -> bool:
    """Whether a model, fitted or not, would be read as trees, by the reader of its class."""
    name = reader_name(model)
    if name != "wrappers":
        return name in TREES
    if hasattr(model, "steps"):
        return holds_trees(_steps(model)[-1])
    inner = model.regressor if hasattr(model, "regressor") else model.estimator
    return inner is not None and holds_trees(inner)


def _steps(model: Any) -> list[Any]:
    return [step for _, step in model.steps if step is not None and step != "passthrough"]


def _read_pipeline(model: Any, *, columns: tuple[int, ...], family: str) -> Member:
    *before, last = _steps(model)
    if family == type(model).__name__:
        family = type(last).__name__
    member = read_member(last, columns=columns, family=family)
    for scaler in reversed(before):
        assert not isinstance(member, TreesMember)
        center, scale = _center_scale(scaler, len(member.center))
        member = replace(member, center=center + scale * member.center, scale=scale * member.scale)
    return member


def _answer_pipeline(model: Any, X: Float32) -> Float64:
    *before, last = _steps(model)
    if not before:
        return predict_native(last, X)
    Z = doubles(X)
    for scaler in before:
        Z = np.asarray(scaler.transform(Z), dtype=np.float64)
    return predict_native(last, Z)


def _center_scale(scaler: Any, n: int) -> tuple[Float64, Float64]:
    """``(x - center) / scale`` is what a scaler of scikit-learn gives."""
    if type(scaler).__name__ == "MinMaxScaler":
        times = np.asarray(scaler.scale_, dtype=np.float64)
        return -np.asarray(scaler.min_, dtype=np.float64) / times, 1.0 / times
    center = getattr(scaler, "mean_" if hasattr(scaler, "mean_") else "center_", None)
    if not getattr(scaler, "with_mean", getattr(scaler, "with_centering", True)):
        center = None
    scale = getattr(scaler, "scale_", None)
    return (
        np.zeros(n) if center is None else np.asarray(center, dtype=np.float64),
        np.ones(n) if scale is None else np.asarray(scale, dtype=np.float64),
    )


def _check_scaled_target(model: Any) -> None:
    if model.func is not None or model.inverse_func is not None:
        raise refuse(
            model,
            "it transforms the target by a function",
            "Transform the target through the plan's output (log, log1p, box-cox, yeo-johnson).",
        )
    if model.transformer is not None:
        _check_scaler(model, model.transformer)
    if model.regressor is not None:
        check_compilable(model.regressor)


def _read_scaled_target(model: Any, *, columns: tuple[int, ...], family: str) -> Member:
    inner = model.regressor_
    if family == type(model).__name__:
        family = type(inner).__name__
    member = read_member(inner, columns=columns, family=family)
    if member.link != "identity":
        raise refuse(
            model, "its regressor has a link of its own", "Fit that regressor on the target itself."
        )
    center, scale = _center_scale(model.transformer_, n_outputs(member))
    return mix_outputs(member, np.diag(scale), center)

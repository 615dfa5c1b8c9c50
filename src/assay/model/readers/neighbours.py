"""Nearest neighbours of scikit-learn: the training rows themselves."""

from __future__ import annotations

from typing import Any

import numpy as np

from assay.model.plan import Float64, NeighboursMember
from assay.model.readers.settings import Numbers, doubles, parameters, refuse, require_two_classes

MOST_ROWS = 20_000
"""Rows that a graph may store."""

SPARE = 16
"""Neighbours that are asked for beyond k: rounding may confuse rows that are equally far."""
_ROWS_AT_ONCE = 200


def check(model: Any, *, classes: int) -> None:  # noqa: ARG001 - any number of them
    """Refuse distances that are not Euclidean, weights of one's own, and too many rows."""
    require_two_classes(model)
    params = parameters(model)
    euclidean = params["metric"] in ("euclidean", "l2") or (
        params["metric"] == "minkowski" and params["p"] == 2
    )
    if not euclidean or params.get("metric_params"):
        raise refuse(model, "its distance is not Euclidean", "Use metric='euclidean'.")
    if params["weights"] not in ("uniform", "distance"):
        raise refuse(
            model, "its weights are a function", "Use weights='uniform' or weights='distance'."
        )
    stored = getattr(model, "n_samples_fit_", 0)
    if stored > MOST_ROWS:
        raise refuse(
            model,
            f"it stores {stored} training rows, more than {MOST_ROWS}",
            "Fit it on a sample of the rows.",
        )


def read(model: Any, *, columns: tuple[int, ...], family: str) -> NeighboursMember:
    """The stored rows, moved to their mean: distances stay, and lose fewer digits.

    The mean is rounded to single precision, so that differences of single features stay exact
    and equal distances equal.
    """
    rows = np.asarray(model._fit_X, dtype=np.float64)
    center = rows.mean(axis=0).astype(np.float32).astype(np.float64)
    return NeighboursMember(
        family=family,
        columns=columns,
        center=center,
        scale=np.ones(rows.shape[1]),
        rows=rows - center,
        values=_values(model),
        k=int(model.n_neighbors),
        by_distance=model.weights == "distance",
    )


def answer(model: Any, X: Numbers) -> Float64:
    """Rows by the neighbours that scikit-learn finds, their distances measured anew in double.

    Its own distances come from a matrix product, which loses the digits of a small distance
    between large numbers. Where several rows are as near as the last neighbour, it takes any of
    them; here those that come first in the table are taken, as members do.
    """
    parts = [
        _answer(model, doubles(X[i : i + _ROWS_AT_ONCE])) for i in range(0, len(X), _ROWS_AT_ONCE)
    ]
    return np.concatenate([np.zeros((0, _values(model).shape[1])), *parts])


def _answer(model: Any, X: Float64) -> Float64:
    distances, rows = _nearest(model, X)
    values = _values(model)[rows]
    if model.weights == "uniform":
        return np.asarray(values.mean(axis=1))
    weights = _inverse(distances)
    return np.asarray((weights[:, :, None] * values).sum(axis=1) / weights.sum(axis=1)[:, None])


def _nearest(model: Any, X: Float64) -> tuple[Float64, Any]:
    """Distances and numbers of the k nearest rows, nearest first."""
    k, stored = int(model.n_neighbors), int(model.n_samples_fit_)
    found = model.kneighbors(X, n_neighbors=min(k + SPARE, stored), return_distance=False)
    distances, rows = _measured(model, X, found)
    last = distances[:, -1].astype(np.float32)
    more = (found.shape[1] < stored) & (last <= distances[:, k - 1].astype(np.float32))
    distances, rows = distances[:, :k].copy(), rows[:, :k].copy()
    for row in np.flatnonzero(more):  # more rows are equally near than were found
        everything = np.arange(stored)[None, :]
        own, order = _measured(model, X[row : row + 1], everything)
        distances[row], rows[row] = own[0, :k], order[0, :k]
    return distances, rows


def _measured(model: Any, X: Float64, rows: Any) -> tuple[Float64, Any]:
    """Rows by their exact distance; those equal in single precision in the table's order."""
    stored = np.asarray(model._fit_X, dtype=np.float64)
    squares = ((X[:, None, :] - stored[rows]) ** 2).sum(axis=2)
    order = np.lexsort((rows, squares.astype(np.float32)), axis=1)
    distances = np.sqrt(np.take_along_axis(squares, order, axis=1))
    return distances, np.take_along_axis(rows, order, axis=1)


def _inverse(distances: Float64) -> Float64:
    """One over the distance; where some are 0, only those count."""
    same = distances == 0
    some = same.any(axis=1, keepdims=True)
    return np.asarray(np.where(some, same, 1.0 / np.where(same, 1.0, distances)))


def _values(model: Any) -> Float64:
    """What each stored row answers: numbers, or 1.0 in its class; of two classes, the second."""
    y = np.asarray(model._y)
    if not hasattr(model, "classes_"):
        return np.asarray(y.reshape(len(y), -1), dtype=np.float64)
    numbers = np.arange(len(model.classes_))
    member = (y.reshape(-1, 1) == numbers).astype(np.float64)
    return np.asarray(member[:, 1:] if len(numbers) == 2 else member)

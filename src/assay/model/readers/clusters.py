"""K-means and Gaussian mixtures of scikit-learn, as a bias less sums of squares."""

from __future__ import annotations

from typing import Any

import numpy as np

from assay.model.plan import Float64, QuadraticMember
from assay.model.readers.settings import Numbers, doubles


def check(model: Any, *, classes: int) -> None:
    """All of them can be read."""


def read(model: Any, *, columns: tuple[int, ...], family: str) -> QuadraticMember:
    """K-means: less the squared distance a centre. Mixtures: a chance a component."""
    if hasattr(model, "cluster_centers_"):
        centers = np.asarray(model.cluster_centers_, dtype=np.float64)
        one = np.eye(centers.shape[1])
        return _member(
            [one] * len(centers), centers, np.zeros(len(centers)), columns=columns, family=family
        )
    means = np.asarray(model.means_, dtype=np.float64)
    # At its own mean a component's square is 0, so that its log weight and density are left.
    bias = np.diag(model._estimate_weighted_log_prob(means)).astype(np.float64)
    return _member(
        _half_squares(model), means, bias, columns=columns, family=family, link="softmax"
    )


def answer(model: Any, X: Numbers) -> Float64:
    """Rows by scikit-learn, in double."""
    if hasattr(model, "cluster_centers_"):
        return -np.square(np.asarray(model.transform(doubles(X)), dtype=np.float64))
    return np.asarray(model.predict_proba(doubles(X)), dtype=np.float64)


def _half_squares(model: Any) -> list[Float64]:
    """For each component a matrix P: the exponent is less the squared length of (x - mean) P."""
    n, p = model.means_.shape
    roots = np.asarray(model.precisions_cholesky_, dtype=np.float64) / np.sqrt(2.0)
    if model.covariance_type == "full":
        return list(roots)
    if model.covariance_type == "tied":
        return [roots] * n
    if model.covariance_type == "diag":
        return [np.diag(root) for root in roots]
    return [np.eye(p) * root for root in roots]


def _member(
    directions: list[Float64], means: Float64, bias: Float64, **more: Any
) -> QuadraticMember:
    """Squares of ``(x - mean) @ directions``, added a cluster."""
    n, p = means.shape
    center = means.mean(axis=0)
    offsets = [(mean - center) @ d for mean, d in zip(means, directions, strict=True)]
    return QuadraticMember(
        center=center,
        scale=np.ones(p),
        directions=np.hstack(directions),
        offsets=np.concatenate(offsets),
        group=np.repeat(np.arange(n), p).astype(np.int32),
        bias=bias,
        **more,
    )

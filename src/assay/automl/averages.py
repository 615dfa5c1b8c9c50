"""Mean answers by level, smoothed, and out of fold for the rows they are learned from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from assay.automl.table import Rows
from assay.model.plan import Float64

SMOOTHING = 10.0
"""Rows of the overall mean that are mixed into a level's mean (Micci-Barreca 2001)."""
STEADY = 200
"""Rows from which on a level's mean hardly holds any one row's own answer. Every row of such a
level gets the same mean: means out of fold differ between folds by more than levels of nearly
the same mean differ from each other, and would mix what the column tells apart."""


@dataclass(frozen=True, kw_only=True)
class Averages:
    """The answers of training rows, to be averaged by level.

    ``values``: (n_rows, n_answers); ``weights``: (n_rows,) with mean 1; ``labels``: what the
    mean of each answer is called.
    """

    values: Float64
    weights: Float64
    labels: tuple[str, ...]

    @property
    def prior(self) -> Float64:
        """Overall means, shape (n_answers,)."""
        return np.asarray(np.average(self.values, axis=0, weights=self.weights))

    def sums(self, groups: Rows, size: int) -> tuple[Float64, Float64]:
        """Weighted sums (size, n_answers) and weights (size,) of each group of rows."""
        columns = (self.weights * column for column in self.values.T)
        sums = [np.bincount(groups, weights=column, minlength=size) for column in columns]
        weight = np.bincount(groups, weights=self.weights, minlength=size)
        return np.stack(sums, axis=1), weight.astype(np.float64)

    def means(self, groups: Rows, size: int) -> Float64:
        """Mean answers of each group, smoothed towards the overall mean: (size, n_answers)."""
        sums, weight = self.sums(groups, size)
        return np.asarray((sums + SMOOTHING * self.prior) / (weight[:, None] + SMOOTHING))

    def fitting_means(self, groups: Rows, size: int, inner: Rows) -> Float64:
        """What each row is trained on, (n_rows, n_answers).

        The mean of its group where that is `STEADY`; else that of other inner folds.
        """
        steady = np.bincount(groups, minlength=size)[groups] >= STEADY
        means = self.means(groups, size)[groups]
        means[~steady] = self.cross_means(groups, size, inner)[~steady]
        return means

    def cross_means(self, groups: Rows, size: int, inner: Rows) -> Float64:
        """For each row its group's mean over the rows of other inner folds: (n_rows, n_answers)."""
        folds = int(inner.max()) + 1
        cells = groups * folds + inner
        sums, weight = self.sums(cells, size * folds)
        by_fold, weight_by_fold = sums.reshape(size, folds, -1), weight.reshape(size, folds, 1)
        others = by_fold.sum(axis=1, keepdims=True) - by_fold
        rest = weight_by_fold.sum(axis=1, keepdims=True) - weight_by_fold
        everywhere = rest.sum(axis=0)
        known = np.maximum(everywhere, np.finfo(float).tiny)
        prior = np.where(everywhere > 0, others.sum(axis=0) / known, self.prior)
        means = (others + SMOOTHING * prior) / (rest + SMOOTHING)
        return np.asarray(means.reshape(size * folds, -1)[cells])

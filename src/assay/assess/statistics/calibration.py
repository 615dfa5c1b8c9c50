"""Bounds of the expected calibration error."""

from __future__ import annotations

import numpy as np
from scipy import special

from assay.assess.statistics.bounds import Bounds, Float64, Int64
from assay.assess.statistics.means import mean_bounds, moments


def calibration_error(
    outcome: Float64, probability: Float64, bins: Int64, confidence: float
) -> Bounds:
    """Bounds of the expected calibration error over given bins.

    ``sum_b n_b / n * |mean outcome - mean probability|``. The upper bound takes the signs of
    the gaps as known, which makes the error one mean (intersection-union over signs). The
    measured error is too large on average even for calibrated probabilities; the lower bound
    subtracts the confidence quantile of what chance alone would add.

    Parameters
    ----------
    outcome : ndarray, shape (n,)
        0 or 1.
    probability : ndarray, shape (n,)
        In [0, 1].
    bins : ndarray of int, shape (n,)
        Bin of each row, from 0, chosen without looking at the outcomes.
    """
    n = outcome.size
    residual = outcome - probability
    gaps = np.bincount(bins, residual)
    value = float(np.abs(gaps).sum() / n)
    noise = np.sqrt(np.bincount(bins, residual**2)) / n  # standard error of each bin's share
    chance = _sum_of_half_normals(noise, confidence)
    signed = np.sign(gaps)[bins] * residual  # its mean is the value
    upper = float(mean_bounds(moments(signed), confidence).upper)
    return Bounds.of(value, max(value - chance, 0.0), min(upper, 1.0))


def _sum_of_half_normals(scales: Float64, confidence: float) -> float:
    """Quantile of a sum of absolute normal deviates (Cornish and Fisher 1938, third order)."""
    z = float(special.ndtri(confidence))
    deviation = np.sqrt((1 - 2 / np.pi) * np.sum(scales**2))
    third = np.sqrt(2 / np.pi) * (4 / np.pi - 1) * np.sum(scales**3)
    skew = third / deviation**3 if deviation > 0 else 0.0
    return float(np.sqrt(2 / np.pi) * scales.sum() + deviation * (z + skew * (z**2 - 1) / 6))

"""Bounds of the area under the curve and of quantiles."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import special

from assay.assess.statistics.bounds import Bounds, Float64


def auc(positive: npt.ArrayLike, negative: npt.ArrayLike, confidence: float) -> Bounds:
    """Chance that a random positive scores above a random negative, ties counting one half.

    The Mann-Whitney statistic with DeLong's variance (1988, Biometrics 44; midranks after Sun
    and Xu 2014) bounds it on the logit scale; that is too narrow for a dozen positives near 1,
    and gives nothing where the classes separate. The inversion of Hanley and McNeil's variance
    (Newcombe 2006, Statistics in Medicine 25) holds there; each bound is the wider of the two.

    Parameters
    ----------
    positive, negative : array-like, shape (m,), (n,)
        Scores of the two classes; at least two each.

    Examples
    --------
    >>> round(float(auc([0.8, 0.7, 0.4], [0.6, 0.3, 0.2], 0.95).value), 4)
    0.8889
    """
    x, y = np.asarray(positive, np.float64), np.asarray(negative, np.float64)
    both = _midranks(np.concatenate([x, y]))
    above = (both[: x.size] - _midranks(x)) / y.size
    below = 1.0 - (both[x.size :] - _midranks(y)) / x.size
    area = float(above.mean())
    other = _hanley_mcneil(area, x.size, y.size, confidence)
    variance = above.var(ddof=1) / x.size + below.var(ddof=1) / y.size
    if variance <= 1e-15 or not 0.0 < area < 1.0:
        return other
    logit = np.log(area / (1 - area))
    half = float(special.ndtri(confidence)) * np.sqrt(variance) / (area * (1 - area))
    return Bounds.of(
        area,
        np.minimum(special.expit(logit - half), other.lower),
        np.maximum(special.expit(logit + half), other.upper),
    )


def _midranks(values: Float64) -> Float64:
    """Ranks from 1, ties sharing their mean rank."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: Float64 = (last - (counts - 1) / 2)[inverse]
    return ranks


def _hanley_mcneil(area: float, positives: int, negatives: int, confidence: float) -> Bounds:
    """Bounds at which the area would lie just ``z`` of its standard errors away."""
    z = float(special.ndtri(confidence))
    half = (positives + negatives) / 2 - 1

    def too_far(a: float) -> bool:
        inner = 1 + half * ((1 - a) / (2 - a) + a / (1 + a))
        error = np.sqrt(max(a * (1 - a), 0.0) * inner / (positives * negatives))
        return bool(abs(area - a) > z * error)

    ends = []
    for end in (0.0, 1.0):
        inside, outside = area, end
        for _ in range(80):
            middle = (inside + outside) / 2
            inside, outside = (inside, middle) if too_far(middle) else (middle, outside)
        ends.append(inside)
    return Bounds.of(area, ends[0], ends[1])


def quantile_bounds(values: npt.ArrayLike, quantile: float, confidence: float) -> Bounds:
    """Distribution-free bounds of a quantile by order statistics (exact for continuous values).

    Ends that the rows cannot give are infinite.

    Examples
    --------
    >>> b = quantile_bounds(range(1, 12), 0.5, 0.95)
    >>> float(b.value), float(b.lower), float(b.upper)
    (6.0, 3.0, 9.0)
    """
    x = np.sort(np.asarray(values, np.float64))
    n = x.size
    below = special.bdtr(np.arange(n), n, quantile)  # P(fewer than k + 1 rows lie below)
    covers_above = np.flatnonzero(below >= confidence)
    covers_below = np.flatnonzero(below <= 1 - confidence)
    upper = x[covers_above[0]] if covers_above.size else np.inf
    lower = x[covers_below[-1]] if covers_below.size else -np.inf
    return Bounds.of(np.quantile(x, quantile), lower, upper)

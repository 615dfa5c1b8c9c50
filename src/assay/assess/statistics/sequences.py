"""Bounds that hold at every moment of a growing sample, however often one looks."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from assay.assess.statistics.bounds import Bounds
from assay.errors import InputError

MOST_BET = 0.5
"""Largest stake on a single value; see `mean_sequence`."""


def mean_sequence(values: npt.ArrayLike, confidence: float) -> Bounds:
    """Bounds of the mean after each value of a stream, holding at all times together.

    The predictable plug-in empirical Bernstein sequence (Waudby-Smith and Ramdas 2024, JRSS B
    86, theorem 2): with ``confidence`` the lower bound never exceeds the mean, however long one
    watches and whenever one stops; likewise the upper. Each is the best so far. The values may
    depend on one another as long as each has the same mean given those before.

    Parameters
    ----------
    values : array-like, shape (n,)
        In the order in which they came, each within [0, 1]. Scale others by limits that are
        known beforehand.
    confidence : float
        Of each of the two bounds, in (0, 1).

    Returns
    -------
    Bounds
        Shape (n,): the running mean with its bounds.

    Raises
    ------
    InputError
        A value lies outside [0, 1], or is none.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> b = mean_sequence(rng.random(4000), 0.95)
    >>> bool(b.lower[-1] <= 0.5 <= b.upper[-1]), bool(b.upper[-1] - b.lower[-1] < 0.05)
    (True, True)
    """
    x = np.asarray(values, np.float64)
    if not np.all((x >= 0.0) & (x <= 1.0)):
        raise InputError(
            "A value lies outside 0 to 1.", hint="Scale by limits that are known beforehand."
        )
    t = np.arange(1, x.size + 1)
    mean = (0.5 + np.cumsum(x)) / (t + 1)
    variance = (0.25 + np.cumsum((x - mean) ** 2)) / (t + 1)
    # The stake on a value rests on the values before it only.
    mean_before = np.concatenate([[0.5], mean[:-1]])[: x.size]
    variance_before = np.concatenate([[0.25], variance[:-1]])[: x.size]
    cost = -np.log1p(-confidence)  # log(1 / alpha)
    stake = np.sqrt(2 * cost / (variance_before * t * np.log1p(t)))
    stake = np.minimum(stake, MOST_BET)
    total = np.cumsum(stake)
    paid = np.cumsum((x - mean_before) ** 2 * (-np.log1p(-stake) - stake))
    centre, half = np.cumsum(stake * x) / total, (cost + paid) / total
    lower = np.maximum.accumulate(np.maximum(centre - half, 0.0))
    upper = np.minimum.accumulate(np.minimum(centre + half, 1.0))
    running = np.cumsum(x) / t
    return Bounds(running, lower, upper)

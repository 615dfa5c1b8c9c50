"""Values with their bounds, and how several looked at together are bounded."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Bounds:
    """Values with a lower and an upper one-sided bound, all of one shape."""

    value: Float64
    lower: Float64
    upper: Float64

    @classmethod
    def of(cls, value: float, lower: float, upper: float) -> Bounds:
        """One value with its bounds, as arrays without dimensions."""
        return cls(np.asarray(value, float), np.asarray(lower, float), np.asarray(upper, float))

    @classmethod
    def stack(cls, each: Iterable[Bounds]) -> Bounds:
        """Single values with their bounds as one array each."""
        parts = [(b.value, b.lower, b.upper) for b in each]
        value, lower, upper = np.array(parts, np.float64).T
        return cls(value, lower, upper)

    def __getitem__(self, where: Any) -> Bounds:
        """The bounds at an index, as numpy indexes."""
        return Bounds(self.value[where], self.lower[where], self.upper[where])


def bonferroni(confidence: float, tests: int) -> float:
    """Confidence of each of ``tests`` bounds so that all hold together at ``confidence``.

    Examples
    --------
    >>> round(bonferroni(0.95, 5), 4)
    0.99
    """
    return 1.0 - (1.0 - confidence) / max(tests, 1)


def holm(p: npt.ArrayLike) -> Float64:
    """Adjusted p-values that control the chance of any false alarm (Holm 1979).

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).round(4).tolist()
    [0.03, 0.06, 0.06]
    """
    raw = np.asarray(p, np.float64)
    order = np.argsort(raw, kind="stable")
    steps = np.maximum.accumulate(raw[order] * np.arange(raw.size, 0, -1))
    adjusted = np.empty_like(raw)
    adjusted[order] = np.minimum(steps, 1.0)
    return adjusted


def largest(bounds_at: Callable[[float], Bounds], *, tests: int, confidence: float) -> Bounds:
    """Bounds of the largest of several true values.

    Parameters
    ----------
    bounds_at : callable
        Gives the bounds of all values at a confidence.
    tests : int
        Number of values looked at, for the correction of the lower bound.
    confidence : float
        Of each of the two bounds, in (0.5, 1).
    """
    plain, strict = bounds_at(confidence), bounds_at(bonferroni(confidence, tests))
    return Bounds.of(plain.value.max(), strict.lower.max(), plain.upper.max())


def smallest(bounds_at: Callable[[float], Bounds], *, tests: int, confidence: float) -> Bounds:
    """Bounds of the smallest of several true values; see `largest`."""
    plain, strict = bounds_at(confidence), bounds_at(bonferroni(confidence, tests))
    return Bounds.of(plain.value.min(), plain.lower.min(), strict.upper.min())

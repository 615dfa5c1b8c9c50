"""What findings carry for the report to draw: small, and never one person's row."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from assay.assess.statistics import Float64, Int64, wilson
from assay.assess.subject import Scored, Subject

MOST_POINTS = 400


def points(subject: Subject, scored: Scored) -> dict[str, Any]:
    """True and predicted values of at most `MOST_POINTS` rows; nothing where rows are people."""
    if subject.about_people:
        return {}
    chosen = scored.sample(MOST_POINTS, seed=0)
    return {
        "actual": scored.truth[chosen],
        "predicted": scored.prediction[chosen],
        "rows": scored.rows,
    }


def histogram(values: Float64, *, bins: int = 20) -> dict[str, Any]:
    """Edges and counts of equal-width bins; one bin where the values are equal but for rounding."""
    low, high = float(values.min()), float(values.max())
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        return {"edges": [low, high], "counts": [values.size]}
    counts, edges = np.histogram(values, bins=bins)
    return {"edges": edges, "counts": counts}


def reliability_bins(
    outcome: Float64, probability: Float64, bins: Int64, *, confidence: float
) -> list[dict[str, float]]:
    """Mean forecast and observed rate of each bin, with Wilson bounds of the rate."""
    rows = np.bincount(bins)
    hits = np.bincount(bins, outcome)
    mean = np.bincount(bins, probability) / np.maximum(rows, 1)
    rate = wilson(hits, np.maximum(rows, 1), confidence)
    return [
        {
            "forecast": float(mean[i]),
            "observed": float(rate.value[i]),
            "lower": float(rate.lower[i]),
            "upper": float(rate.upper[i]),
            "rows": int(rows[i]),
        }
        for i in np.flatnonzero(rows)
    ]


def confusion(
    truth: npt.NDArray[Any], label: npt.NDArray[Any], classes: tuple[str, ...]
) -> dict[str, Any]:
    """Counts of answered class by true class."""
    size = len(classes)
    counts = np.bincount(truth.astype(int) * size + label.astype(int), minlength=size**2)
    return {"classes": list(classes), "counts": counts.reshape(size, size)}


def equal_bins(values: Float64, bins: int) -> Int64:
    """Bin of each value, in bins of about equal numbers of rows; ties stay together."""
    edges = np.unique(np.quantile(values, np.arange(1, bins) / bins))
    codes = np.searchsorted(edges, values, side="right")
    _, compact = np.unique(codes, return_inverse=True)
    return compact.astype(np.int64)

"""Bounds behind the verdicts: rates, means, ratios, gaps, areas, quantiles, calibration.

Every bound is one-sided: the lower bound alone, or the upper bound alone, holds at the stated
confidence. Only `count_bootstrap` draws random numbers, and always the same ones, so the same
rows in any order give the same bounds. Coverage is simulated in ``benchmarks/verdicts``.

How a worst group is bounded
    The largest of several measured values is too large on average, even where all true values
    are equal. `largest` therefore corrects the lower bound for the number of groups
    (Bonferroni). The upper bound needs no correction: the truly worst group is one fixed
    group, its own upper bound holds, and the largest upper bound is not smaller
    (intersection-union principle, Berger 1982, Technometrics 24). For the gap between the
    largest and the smallest `gap_of_rates` and `gap_of_means` do better.
"""

from __future__ import annotations

from assay.assess.statistics.bounds import (
    Bool,
    Bounds,
    Float64,
    Int64,
    bonferroni,
    holm,
    largest,
    smallest,
)
from assay.assess.statistics.calibration import calibration_error
from assay.assess.statistics.gaps import gap_of_means, gap_of_rates, ratio_of_rates
from assay.assess.statistics.means import (
    Moments,
    greater_p,
    group_moments,
    mean_bounds,
    moments,
    paired_ratio,
    rest_moments,
    weighted_moments,
)
from assay.assess.statistics.ranks import auc, quantile_bounds
from assay.assess.statistics.rates import (
    clopper_pearson,
    difference,
    ratio,
    weighted_counts,
    wilson,
)
from assay.assess.statistics.resampling import count_bootstrap
from assay.assess.statistics.sequences import mean_sequence

__all__ = [
    "Bool",
    "Bounds",
    "Float64",
    "Int64",
    "Moments",
    "auc",
    "bonferroni",
    "calibration_error",
    "clopper_pearson",
    "count_bootstrap",
    "difference",
    "gap_of_means",
    "gap_of_rates",
    "greater_p",
    "group_moments",
    "holm",
    "largest",
    "mean_bounds",
    "mean_sequence",
    "moments",
    "paired_ratio",
    "quantile_bounds",
    "ratio",
    "ratio_of_rates",
    "rest_moments",
    "smallest",
    "weighted_counts",
    "weighted_moments",
    "wilson",
]

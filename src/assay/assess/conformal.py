"""Reliability and safety: whether stated intervals and sets hold in every group."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from assay.assess.fairness.group_check import GroupCheck, of_weights
from assay.assess.finding import Finding, Principle
from assay.assess.groups import JudgedGroups
from assay.assess.reliability import covered
from assay.assess.statistics import (
    Bounds,
    Float64,
    Int64,
    clopper_pearson,
    largest,
    weighted_counts,
)
from assay.assess.subject import Scored, Subject


@dataclass(frozen=True, kw_only=True)
class GroupCoverage(GroupCheck):
    """Does the stated uncertainty hold in every group?"""

    code: ClassVar[str] = "REL013"
    title: ClassVar[str] = "Coverage by group"
    principle: ClassVar[Principle] = "reliability-safety"

    def run(self, subject: Subject) -> Finding:
        """Largest amount by which a group's coverage falls short of what is promised."""
        scored = self.scored(subject)
        inside = covered(scored).astype(np.float64)
        groups = self.judged(subject, scored, default=self.ROWS_FOR_RATE)
        weight = np.ones(scored.rows) if scored.weight is None else scored.weight
        hits, rows = weighted_counts(inside, weight, groups.codes, len(groups.names))

        def coverage(confidence: float) -> Bounds:
            return clopper_pearson(hits, rows, confidence)

        def shortfall(confidence: float) -> Bounds:
            rate = coverage(confidence)
            promise = subject.coverage
            return Bounds(promise - rate.value, promise - rate.upper, promise - rate.lower)

        tests = len(groups.names)
        return self.finding(
            largest(shortfall, tests=tests, confidence=self.confidence),
            measure="largest amount by which a group's coverage falls short of the promise",
            method=f"The promise, {subject.coverage:g}, less the coverage of each of {tests} "
            "groups with Clopper and Pearson's exact bounds (1934): the lower bound is corrected "
            "for their number (Bonferroni), the upper one holds without correction "
            "(intersection-union, Berger 1982). Below 0 every group has what is promised."
            + of_weights(scored, used=True),
            rows=int(groups.sizes.sum()),
            unit="share",
            groups=groups.table(coverage(self.confidence)),
            details={
                **groups.details(),
                "target": subject.coverage,
                "overall": np.average(inside, weights=scored.weight),
                "by_group": _by_group(subject, scored, groups),
            },
        )


def _by_group(subject: Subject, scored: Scored, groups: JudgedGroups) -> list[dict[str, Any]]:
    """How wide the stated uncertainty is in each group, and the quantile that would hold there."""
    needed = group_quantiles(
        nonconformity(subject, scored), groups.codes, len(groups.names), subject.coverage
    )
    width = _widths(scored)
    member = groups.codes >= 0
    mean = np.bincount(groups.codes[member], width[member], len(groups.names)) / groups.sizes
    return [
        {"group": name, "quantile": needed[i], "mean_width": mean[i]}
        for i, name in enumerate(groups.names)
    ]


def nonconformity(subject: Subject, scored: Scored) -> Float64:
    """How badly each true answer fits the model's: what conformal quantiles are taken of.

    Numbers: the absolute error. Classes: one minus the probability of the true class; 1 where it
    is not answered and there are no probabilities.
    """
    if subject.kind == "regression":
        return np.asarray(np.abs(scored.truth - scored.prediction), np.float64)
    truth = scored.truth.astype(int)
    if scored.probabilities is not None:
        return np.asarray(1 - scored.probabilities[np.arange(scored.rows), truth], np.float64)
    if subject.kind == "binary":
        return np.abs(truth - scored.prediction)
    return np.asarray(scored.prediction != truth, np.float64)


def group_quantiles(scores: Float64, codes: Int64, groups: int, coverage: float) -> Float64:
    """Conformal quantile of each group: the ``ceil((n + 1) * coverage)``-th smallest score.

    Intervals or sets that take every answer with a score up to its group's quantile cover a new
    row of that group with at least the chance ``coverage``, whatever the distribution, where the
    scores come from rows that the model has not seen (Mondrian conformal prediction: Vovk,
    Gammerman and Shafer 2005, section 4.5).

    Parameters
    ----------
    scores : ndarray, shape (n,)
    codes : ndarray of int, shape (n,)
        Group of each row, in ``range(groups)``; negative: in none.
    groups : int
    coverage : float
        In (0, 1).

    Returns
    -------
    ndarray, shape (groups,)
        Infinite where a group has too few rows.

    Examples
    --------
    >>> group_quantiles(np.array([3.0, 1.0, 2.0, 5.0, 7.0]), np.array([0, 0, 0, 0, 1]), 2, 0.8)
    array([ 5., inf])
    """
    order = np.lexsort((scores, codes))
    ranked = scores[order]
    start = np.searchsorted(codes[order], np.arange(groups + 1))
    quantiles = np.full(groups, np.inf)
    for group in range(groups):
        rows = int(start[group + 1] - start[group])
        rank = math.ceil(round((rows + 1) * coverage, 9))
        if rank <= rows:
            quantiles[group] = ranked[start[group] + rank - 1]
    return quantiles


def _widths(scored: Scored) -> Float64:
    """Width of each row's interval, or number of classes in its set."""
    if scored.sets is not None:
        return np.asarray(scored.sets.sum(axis=1), np.float64)
    assert scored.lower is not None
    assert scored.upper is not None
    return scored.upper - scored.lower

"""Reliability and safety: whether the model knows which of its answers to trust."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from assay.assess.check import BaseCheck
from assay.assess.fairness.group_check import of_weights
from assay.assess.finding import Finding, Principle
from assay.assess.losses import loss_name, row_loss, wrong
from assay.assess.reliability import require_rows
from assay.assess.statistics import Float64, Int64, paired_ratio
from assay.assess.subject import Scored, Subject
from assay.errors import NotApplicable


@dataclass(frozen=True, kw_only=True)
class SelectiveRisk(BaseCheck):
    """Does leaving the least certain rows to a person make errors fewer?"""

    code: ClassVar[str] = "REL020"
    title: ClassVar[str] = "Selective risk"
    principle: ClassVar[Principle] = "reliability-safety"

    fewest: ClassVar[int] = 100

    def run(self, subject: Subject) -> Finding:
        """Area under the risk-coverage curve, divided by that of rows left out at random."""
        scored = self.scored(subject)
        require_rows(scored.rows, self.fewest)
        certain = certainty(subject, scored)
        if np.ptp(certain) <= 1e-9 * np.abs(certain).max():
            raise NotApplicable("The model is equally certain of every answer.")
        regression = subject.kind == "regression"
        loss = (
            row_loss(subject.kind, scored.truth, scored)
            if regression
            else wrong(subject, scored).astype(np.float64)
        )
        if loss.mean() == 0:
            raise NotApplicable("The model makes no error on these rows.")
        area = area_by_row(loss, certain)
        what = loss_name(subject.kind) if regression else "error rate"
        return self.finding(
            paired_ratio(area, loss, self.confidence),
            measure="area under the risk-coverage curve, divided by that at random",
            method=f"Mean {what} of the most certain rows, averaged over every share of rows kept "
            "(Geifman and El-Yaniv 2017), divided by that of all rows; below 1 certainty tells "
            "good answers from bad. Fieller's bounds with Hall's correction, from each row's "
            "influence on the area (Hajek's projection). Rows of equal certainty share their "
            "ranks." + of_weights(scored, used=False),
            rows=scored.rows,
            details={
                "risk": loss.mean(),
                "area": area.mean(),
                "best_area": area_by_row(loss, -loss).mean(),
                "curve": risk_curve(loss, certain),
            },
        )


def certainty(subject: Subject, scored: Scored) -> Float64:
    """How certain the model is of each answer; larger is more.

    Numbers: minus the width of the interval. Classes: the largest probability.
    """
    if subject.kind == "regression":
        if scored.lower is None or scored.upper is None:
            raise NotApplicable("The model states no intervals.")
        return scored.lower - scored.upper
    if scored.probabilities is not None:
        return np.asarray(scored.probabilities.max(axis=1), np.float64)
    if subject.kind == "binary":
        return np.abs(scored.prediction - 0.5)
    raise NotApplicable("The model gives no probabilities.")


def area_by_row(loss: Float64, certain: Float64) -> Float64:
    """Each row's share in the area under the risk-coverage curve, so that their mean is the area.

    The area is the mean over k of the mean loss of the k most certain rows, which weighs the
    row of rank i by ``1/i + ... + 1/n``. To this is added, with mean zero, what a row does to
    the ranks of the others, so that the variance of the result is that of the area.

    Parameters
    ----------
    loss, certain : ndarray, shape (n,)

    Returns
    -------
    ndarray, shape (n,)

    Examples
    --------
    >>> area = area_by_row(np.array([0.0, 0.0, 1.0]), np.array([0.9, 0.8, 0.6]))
    >>> round(float(area.mean()), 4)  # the mean of 0, 0 and 1/3
    0.1111
    """
    n = loss.size
    ties, rows = _tied(certain)
    tail = np.cumsum((1.0 / np.arange(1, n + 1))[::-1])[::-1]
    last = np.cumsum(rows)
    summed = np.concatenate([[0.0], np.cumsum(tail)])
    weight = (summed[last] - summed[last - rows]) / rows
    rank = (last - (rows - 1) / 2) / n  # share of rows at least as certain, ties in the middle
    pushed = np.bincount(ties, loss) / rank / n
    less_certain = pushed.sum() - np.cumsum(pushed) + pushed / 2
    effect = less_certain[ties]
    own: Float64 = loss * weight[ties] - (effect - effect.mean())
    return own


def _tied(certain: Float64) -> tuple[Int64, Int64]:
    """Rank of each row's certainty among the distinct ones, most certain first, and their rows."""
    _, ties, rows = np.unique(-certain, return_inverse=True, return_counts=True)
    return ties.astype(np.int64), rows.astype(np.int64)


def risk_curve(loss: Float64, certain: Float64, *, points: int = 20) -> dict[str, Any]:
    """Mean loss of the most certain rows at some shares of rows kept.

    Returns
    -------
    dict
        ``coverage``: shares of rows kept, rising to 1; ``risk``: mean loss of these rows.
    """
    ties, rows = _tied(certain)
    kept = np.cumsum(rows)
    risk = np.cumsum(np.bincount(ties, loss)) / kept
    wanted = np.ceil(np.arange(1, points + 1) / points * loss.size)
    at = np.unique(np.searchsorted(kept, wanted))
    return {"coverage": kept[at] / loss.size, "risk": risk[at]}

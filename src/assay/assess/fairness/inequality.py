"""How unequally errors spread benefit over rows, within groups and between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from assay.assess.check import BaseCheck
from assay.assess.fairness.group_check import of_weights
from assay.assess.finding import Finding, Principle
from assay.assess.groups import groupings_of
from assay.assess.losses import labels
from assay.assess.statistics import (
    Bounds,
    Float64,
    Moments,
    clopper_pearson,
    mean_bounds,
    weighted_moments,
)
from assay.assess.subject import Scored, Subject
from assay.errors import NotApplicable

FEWEST = 30


@dataclass(frozen=True, kw_only=True)
class GeneralisedEntropy(BaseCheck):
    """How unequally do errors spread benefit over rows?"""

    code: ClassVar[str] = "FAI010"
    title: ClassVar[str] = "Inequality of benefit"
    principle: ClassVar[Principle] = "fairness"

    def run(self, subject: Subject) -> Finding:
        """Generalised entropy, index 2, of answered minus true plus 1; 0 where all are right."""
        scored = self.scored(subject)
        if subject.kind != "binary":
            raise NotApplicable("The answer is not one of two classes.")
        if scored.rows < FEWEST:
            raise NotApplicable(f"There are {scored.rows} rows; {FEWEST} are needed.")
        benefit = (labels(subject, scored) - scored.truth + 1).astype(np.float64)
        weight = np.ones(scored.rows) if scored.weight is None else scored.weight
        if np.sum(weight * benefit) == 0:
            raise NotApplicable("Every row is a positive that was missed.")
        return self.finding(
            entropy_bounds(benefit, weight, self.confidence),
            measure="generalised entropy (index 2) of the benefit from errors",
            method="Half the squared coefficient of variation of answered minus true plus 1 "
            "(Speicher and others 2018). Each bound is the wider of two: the delta method with "
            "Hall's correction for skewness (1992), and exact bounds of the rates of missed "
            "positives and false alarms, squared and added (MOVER, Zou and Donner 2008)."
            + of_weights(scored, used=True),
            rows=scored.rows,
            details={
                "mean_benefit": np.average(benefit, weights=weight),
                "decomposition": _decomposition(subject, scored, benefit, weight),
            },
        )


def entropy(missed: Float64, alarms: Float64) -> Float64:
    """Generalised entropy from the rates of missed positives and of false alarms.

    The benefit is 0, 2 and otherwise 1, so its mean is ``1 + alarms - missed`` and its mean
    square ``1 + 3 * alarms - missed``. It grows with ``missed`` throughout, and with ``alarms``
    up to a third of ``1 - missed``.

    Examples
    --------
    >>> float(entropy(np.array(0.25), np.array(0.25)))
    0.25
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Float64 = ((1 + 3 * alarms - missed) / (1 + alarms - missed) ** 2 - 1) / 2
    return found


def entropy_bounds(benefit: Float64, weight: Float64, confidence: float) -> Bounds:
    """Bounds of the generalised entropy of benefits 0, 1 and 2.

    Parameters
    ----------
    benefit, weight : ndarray of float64, shape (n,)
    """
    total = weight.sum()
    rows = total**2 / np.sum(weight**2)
    missed, alarms = (np.sum(weight[benefit == b]) / total for b in (0, 2))
    value = entropy(missed, alarms)
    m, a = (clopper_pearson(part * rows, rows, confidence) for part in (missed, alarms))
    peak = np.clip((1 - missed) / 3, a.lower, a.upper)
    up = (entropy(m.upper, alarms) - value, entropy(missed, peak) - value)
    ends = np.minimum(entropy(missed, a.lower), entropy(missed, a.upper))
    down = (value - entropy(m.lower, alarms), value - ends)
    delta = mean_bounds(_influence(benefit, weight), confidence)[0]
    return Bounds.of(
        float(value),
        float(max(0.0, value - max(np.hypot(*down), delta.value - delta.lower))),
        float(value + max(np.hypot(*up), delta.upper - delta.value)),
    )


def _influence(benefit: Float64, weight: Float64) -> Moments:
    """Moments of what each row adds to the entropy, to first order; one entry."""
    mean = np.average(benefit, weights=weight)
    square = np.average(benefit**2, weights=weight)
    added = (benefit**2 / mean**2 - 2 * square * benefit / mean**3) / 2
    return weighted_moments(added, weight, np.zeros(added.size, np.int64), 1)


def _decomposition(
    subject: Subject, scored: Scored, benefit: Float64, weight: Float64
) -> list[dict[str, Any]]:
    """The part of the entropy between groups and the part within, by each affected column."""
    mean = np.average(benefit, weights=weight)
    whole = float((np.average(benefit**2, weights=weight) / mean**2 - 1) / 2)
    parts = []
    for key, groups in groupings_of(subject, scored.frame):
        count = len(groups.names)
        share = np.bincount(groups.codes, weight, count)
        level = np.bincount(groups.codes, weight * benefit, count)[share > 0]
        share = share[share > 0]
        ratio = level / share / mean
        between = float(np.sum(share * (ratio**2 - 1)) / share.sum() / 2)
        parts.append(
            {
                "column": key,
                "groups": count,
                "between": between,
                "within": whole - between,
                "between_share": between / whole if whole > 0 else None,
            }
        )
    return parts

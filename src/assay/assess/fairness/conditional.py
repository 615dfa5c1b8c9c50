"""Parity between groups that share the same legitimate factors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
from scipy import special

from assay.assess.fairness.decisions import classes_of
from assay.assess.fairness.errors import SKEWED
from assay.assess.fairness.group_check import LARGEST, GroupCheck, of_weights
from assay.assess.finding import Finding, Principle
from assay.assess.groups import Groups, JudgedGroups, groups_of
from assay.assess.statistics import (
    Bool,
    Bounds,
    Float64,
    Int64,
    group_moments,
    largest,
    mean_bounds,
    wilson,
)
from assay.assess.subject import Scored, Subject
from assay.data.groupings import factors_of
from assay.errors import NotApplicable
from assay.question import CROSS


class Measured(NamedTuple):
    """A mean in each group and stratum: its name, and bounds of shape (n_groups, n_strata)."""

    name: str
    bounds: Callable[[float], Bounds]


@dataclass(frozen=True, eq=False, kw_only=True)
class Strata:
    """Judged groups by strata of the factors.

    Attributes
    ----------
    groups : JudgedGroups
    cell : ndarray of int, shape (n,)
        Group and stratum of each row as one number; -1 where its group is not judged.
    rows : ndarray of float64, shape (n_groups, n_strata)
    fewest : int
        Rows of a group from which a stratum counts.
    """

    groups: JudgedGroups
    cell: Int64
    rows: Float64
    fewest: int

    @classmethod
    def of(cls, groups: JudgedGroups, factors: Groups, *, fewest: int) -> Strata:
        """Groups crossed with the strata that the factors form."""
        width = len(factors.names)
        cell = np.where(groups.codes >= 0, groups.codes * width + factors.codes, -1)
        rows = np.bincount(cell[cell >= 0], minlength=len(groups.names) * width)
        return cls(
            groups=groups,
            cell=cell,
            rows=rows.reshape(-1, width).astype(np.float64),
            fewest=fewest,
        )

    @property
    def counted(self) -> Float64:
        """Rows of each cell that counts, 0 elsewhere."""
        return np.where(self.rows >= self.fewest, self.rows, 0.0)

    def rates(self, name: str, happens: Bool) -> Measured:
        """How often an event happens in each cell, with Wilson's bounds."""
        inside = self.cell >= 0
        hits = np.bincount(self.cell[inside], happens[inside], self.rows.size)
        shaped, rows = hits.reshape(self.rows.shape), np.maximum(self.rows, 1)
        return Measured(name, lambda confidence: wilson(shaped, rows, confidence))

    def means(self, values: Float64) -> Measured:
        """The mean of some values in each cell, with Student's bounds."""
        sample = group_moments(values, self.cell, self.rows.size)

        def bounds(confidence: float) -> Bounds:
            b = mean_bounds(sample, confidence)
            return Bounds(*(side.reshape(self.rows.shape) for side in (b.value, b.lower, b.upper)))

        return Measured("", bounds)

    def comparisons(self, min_rows: int) -> list[tuple[int, Int64, Float64]]:
        """Each group, those it can be compared with, and the weights of the strata for each.

        Two groups can be compared where each has ``min_rows`` rows in strata that both are in.
        A stratum weighs ``m * n / (m + n)``, as in Mantel and Haenszel's difference.
        """
        counted = self.counted
        return [(i, *_against(counted, i, min_rows)) for i in range(len(counted))]


@dataclass(frozen=True, kw_only=True)
class ConditionalParity(GroupCheck):
    """Do groups get different answers where legitimate factors are the same?"""

    code: ClassVar[str] = "FAI017"
    title: ClassVar[str] = "Gap in answers given legitimate factors"
    principle: ClassVar[Principle] = "fairness"

    ROWS_OF_A_MEAN: ClassVar[int] = 5

    def run(self, subject: Subject) -> Finding:
        """Largest difference between two groups' answers within strata, weighted over these.

        Of the rate of the positive answer, of each class, or of the mean answer.
        """
        scored = self.scored(subject)
        regression = subject.kind == "regression"
        groups = self.judged(subject, scored, default=self.ROWS_FOR_RATE)
        factors = self._factors(subject, scored)
        strata = Strata.of(
            groups,
            groups_of(subject, scored.frame, CROSS.join(factors)),
            fewest=self.ROWS_OF_A_MEAN if regression else 1,
        )
        compared = strata.comparisons(groups.min_rows)
        pairs = sum(others.size for _, others, _ in compared)
        if not pairs:
            raise NotApplicable(
                f"No two groups have {groups.min_rows} rows each with the same factors."
            )
        measured = _measured(subject, scored, strata)
        errors = [
            _sparse_errors(m.bounds(self.confidence).value, strata, compared) for m in measured
        ]

        def gaps(confidence: float) -> Bounds:
            each = [_gaps(m.bounds(confidence), compared) for m in measured]
            if not regression:
                each = [_no_narrower(b, e, confidence) for b, e in zip(each, errors, strict=True)]
            return _joined(each)

        values = gaps(self.confidence).value.reshape(len(measured), -1)
        widest = measured[int(np.argmax(values.max(axis=1)))]
        worst = largest(gaps, tests=pairs * len(measured), confidence=self.confidence)
        return self.finding(
            Bounds(worst.value, np.maximum(worst.lower, 0.0), worst.upper),
            measure="largest difference between groups in the "
            + _what(subject)
            + f", given {', '.join(factors)}",
            method=LARGEST.format(
                tests=pairs * len(measured), what="differences between two groups"
            )
            + "Each is a mean over strata of equal factors, weighted as by Mantel and Haenszel "
            "(Greenland and Robins 1985), with the bounds of a linear function of "
            + (
                f"means (MOVER, Zou and Donner 2008): {SKEWED}"
                if regression
                else "proportions (Zou, Huang and Zhang 2009) from Wilson's; Sato's (1989), which "
                "hold for strata of few rows, where these are wider."
            )
            + of_weights(scored, used=False),
            rows=int(groups.sizes.sum()),
            unit=subject.question.unit if regression else "share",
            groups=groups.table(_standardised(widest.bounds(self.confidence), strata)),
            details={
                **groups.details(),
                **({"event": widest.name} if widest.name else {}),
                "given": factors,
                "strata": strata.rows.shape[1],
                "groups_show": "the answers at everyone's mix of factors",
                "without_factors": _raw_gap(widest.bounds(self.confidence), strata),
            },
        )

    def _factors(self, subject: Subject, scored: Scored) -> tuple[str, ...]:
        """The columns that may explain a gap between these groups."""
        factors = factors_of(subject.question, scored.frame.columns, self.column)
        if not factors:
            raise NotApplicable("The question names no legitimate factors (given) of these groups.")
        return factors


def _measured(subject: Subject, scored: Scored, strata: Strata) -> list[Measured]:
    if subject.kind == "regression":
        return [strata.means(scored.prediction)]
    return [strata.rates(one.name, one.answered) for one in classes_of(subject, scored)]


def _what(subject: Subject) -> str:
    if subject.kind == "regression":
        return "mean answer"
    return "rate of " + ("the positive answer" if subject.kind == "binary" else "any one class")


def _against(counted: Float64, i: int, min_rows: int) -> tuple[Int64, Float64]:
    """Groups that can be compared with group ``i``, and normed weights of the strata."""
    shared = (counted[i] > 0) & (counted > 0)
    fewer = np.minimum((counted[i] * shared).sum(axis=1), (counted * shared).sum(axis=1))
    fewer[i] = 0
    others = np.flatnonzero(fewer >= min_rows)
    product, total = counted[i] * counted[others], counted[i] + counted[others]
    weight = product / np.maximum(total, 1)
    return others, weight / weight.sum(axis=1, keepdims=True)


def _gaps(each: Bounds, compared: list[tuple[int, Int64, Float64]]) -> Bounds:
    """Weighted differences of every group to those it can be compared with, flat."""
    parts = []
    for i, others, weight in compared:
        one, other = each[i], each[others]
        below = np.hypot(one.value - one.lower, other.upper - other.value)
        above = np.hypot(one.upper - one.value, other.value - other.lower)
        parts.append(_weighted(weight, one.value - other.value, below, above))
    return _joined(parts)


def _sparse_errors(
    rate: Float64, strata: Strata, compared: list[tuple[int, Int64, Float64]]
) -> Float64:
    """Standard errors of the weighted differences of rates, in the order of `_gaps`.

    Sato's (1989, Biometrics 45), consistent for many strata of few rows as well as for few of
    many.
    """
    parts = []
    for i, others, _ in compared:
        m, n = strata.counted[i], strata.counted[others]
        a, b = rate[i] * m, rate[others] * n
        total = np.maximum(m + n, 1)
        shared = (m > 0) & (n > 0)
        tilt = (m**2 * b - n**2 * a + m * n * (n - m) / 2) / total**2
        spread = (a * (n - b) + b * (m - a)) / (2 * total)
        weight = m * n / total
        gap = np.sum(weight * (rate[i] - rate[others]), axis=1) / weight.sum(axis=1)
        both = gap * np.sum(tilt * shared, axis=1) + np.sum(spread * shared, axis=1)
        parts.append(np.sqrt(np.maximum(both, 0.0)) / weight.sum(axis=1))
    return np.concatenate(parts)


def _no_narrower(bounds: Bounds, error: Float64, confidence: float) -> Bounds:
    """Bounds at least as wide as those of the normal law."""
    half = float(special.ndtri(confidence)) * error
    return Bounds(
        bounds.value,
        np.minimum(bounds.lower, bounds.value - half),
        np.maximum(bounds.upper, bounds.value + half),
    )


def _weighted(weight: Float64, value: Float64, below: Float64, above: Float64) -> Bounds:
    """Bounds of weighted sums over strata, which are independent: arms are squared and added."""
    mean = np.sum(weight * value, axis=1)
    return Bounds(
        mean,
        mean - np.sqrt(np.sum((weight * below) ** 2, axis=1)),
        mean + np.sqrt(np.sum((weight * above) ** 2, axis=1)),
    )


def _standardised(each: Bounds, strata: Strata) -> Bounds:
    """Each group's mean at everyone's mix of strata, over those that it is in."""
    mix = np.where(strata.counted > 0, strata.rows.sum(axis=0), 0.0)
    weight = mix / np.maximum(mix.sum(axis=1, keepdims=True), 1)
    return _weighted(weight, each.value, each.value - each.lower, each.upper - each.value)


def _raw_gap(each: Bounds, strata: Strata) -> float:
    """The largest difference between two groups where the factors are left out."""
    means = np.sum(each.value * strata.rows, axis=1) / strata.rows.sum(axis=1)
    return float(np.ptp(means))


def _joined(parts: list[Bounds]) -> Bounds:
    return Bounds(
        np.concatenate([b.value for b in parts]),
        np.concatenate([b.lower for b in parts]),
        np.concatenate([b.upper for b in parts]),
    )

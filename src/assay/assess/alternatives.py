"""Less discriminatory alternatives: models as good as the chosen one, with a smaller gap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy import special

from assay.assess.check import BaseCheck
from assay.assess.finding import Evidence, Finding, Principle
from assay.assess.groups import JudgedGroups, groups_of, judge_groups
from assay.assess.losses import labels
from assay.assess.statistics import Bounds, Float64, bonferroni, mean_bounds, moments
from assay.assess.subject import Candidate, Scored, Subject
from assay.errors import NotApplicable

MOST = 40
"""Candidates that are looked at, in the order of the leaderboard."""
TIE_CONFIDENCE = 0.95
"""Of the test whether a candidate is worse: fixed, so that no rule's confidence moves the value."""


@dataclass(frozen=True, kw_only=True)
class LessDiscriminatoryAlternative(BaseCheck):
    """Was there a model as good as the chosen one, under which groups differ less?

    ``margin``: by how much more error a model counts as equally good although it is worse, as a
    share of the chosen one's. ``min_rows``: rows from which a group is judged.
    """

    margin: float = 0.01
    min_rows: int = 30
    evidence: Evidence = "cross-fitted"

    code: ClassVar[str] = "FAI018"
    title: ClassVar[str] = "Less discriminatory alternative"
    principle: ClassVar[Principle] = "fairness"
    sources: ClassVar[tuple[Evidence, ...]] = ("cross-fitted",)
    takes_column: ClassVar[bool] = True

    def run(self, subject: Subject) -> Finding:
        """Gap of the chosen model less the smallest gap among models tied with it; at least 0."""
        chosen = self.scored(subject)
        candidates = subject.candidates[:MOST]
        if not candidates:
            raise NotApplicable("The leaderboard holds no candidate to compare with.")
        found = groups_of(subject, chosen.frame, self.column)
        groups = judge_groups(found, min_rows=self.min_rows)
        view = _View.of(subject, chosen)
        others = [view.other(subject, candidate.answers) for candidate in candidates]
        tied = np.array([self._is_tied(view, other) for other in others])
        pairs = [_Pair.of(view, other, groups) for other in others]
        saved = np.array([pair.saved for pair in pairs])
        bounds = _largest_saving(pairs, tied, self.confidence)
        best = int(np.argmax(np.where(tied, saved, -np.inf)))
        named = bool(tied[best]) and saved[best] > 0
        listed = _listed(candidates, others, pairs, tied)
        return self.finding(
            bounds,
            measure=f"{_GAP[subject.kind]}: the chosen model's less the smallest among models "
            "tied with it",
            method=self._method(subject, len(candidates), int(tied.sum())),
            rows=chosen.rows,
            unit="share",
            groups=groups.table(pairs[0].group_bounds(self.confidence)),
            details={
                **groups.details(),
                "chosen": {"gap": pairs[0].chosen_gap, "error": float(view.mean_error)},
                "alternative": listed[best] if named else None,
                "alternatives": listed,
                "margin": self.margin,
                "looked_at": len(candidates),
                "left_out": len(subject.candidates) - len(candidates),
            },
        )

    def _is_tied(self, view: _View, other: _View) -> bool:
        """Not shown to be worse, or shown to be worse by less than the margin."""
        worse = (other.error - view.error) * view.weight
        bounds = mean_bounds(moments(worse), TIE_CONFIDENCE)
        return bool(bounds.lower <= 0 or bounds.upper < self.margin * view.mean_error)

    def _method(self, subject: Subject, looked_at: int, tied: int) -> str:
        cut = (
            "Each candidate selects as many rows as the chosen model does. "
            if subject.kind == "binary"
            else ""
        )
        return (
            f"{tied} of {looked_at} candidates are tied: a paired test on cross-fitted rows does "
            f"not show a larger {_ERROR[subject.kind]} at {TIE_CONFIDENCE:.0%}, or shows one that "
            f"is larger by less than {self.margin:.0%}. {cut}Gaps are compared on the same rows "
            "with their covariance; rates with half a row added to each cell of the paired table "
            "(Agresti and Min 2005). The lower bound is corrected for all candidates and all pairs "
            "of groups (Bonferroni), so that choosing among them cannot make it too large; the "
            "upper bound needs no correction (intersection-union, Berger 1982)."
        )


_GAP = {
    "binary": "largest difference between groups in the rate of the positive answer",
    "multiclass": "largest difference between groups in the rate of right labels",
    "regression": "largest difference between groups in mean error, as a share of the mean true "
    "value",
}
_ERROR = {
    "binary": "share of wrong labels",
    "multiclass": "share of wrong labels",
    "regression": "mean absolute error",
}


@dataclass(frozen=True, eq=False)
class _View:
    """What the gap and the error of a model are means of, row by row.

    ``weight``: what a row counts, with mean 1.
    """

    counted: Float64
    error: Float64
    weight: Float64
    rate: bool
    selected: int = 0
    scale: float = 1.0

    @classmethod
    def of(cls, subject: Subject, scored: Scored) -> _View:
        weight = np.ones(scored.rows) if scored.weight is None else scored.weight
        weight = weight / weight.mean()
        if subject.kind == "regression":
            scale = abs(float(np.average(scored.truth, weights=weight)))
            if scale == 0:
                raise NotApplicable("The mean true value is zero.")
            off = (scored.prediction - scored.truth) / scale
            return cls(off, np.abs(off), weight, rate=False, scale=scale)
        label = labels(subject, scored)
        wrong = (label != scored.truth).astype(np.float64)
        if subject.kind == "multiclass":
            return cls(1.0 - wrong, wrong, weight, rate=True)
        chosen = (label == 1).astype(np.float64)
        return cls(chosen, wrong, weight, rate=True, selected=int(chosen.sum()))

    @property
    def mean_error(self) -> float:
        return float(np.average(self.error, weights=self.weight))

    def other(self, subject: Subject, answers: Scored) -> _View:
        """The same of another model on the same rows."""
        if subject.kind == "regression":
            off = (answers.prediction - answers.truth) / self.scale
            return _View(off, np.abs(off), self.weight, rate=False, scale=self.scale)
        if subject.kind == "multiclass":
            wrong = (labels(subject, answers) != answers.truth).astype(np.float64)
            return _View(1.0 - wrong, wrong, self.weight, rate=True)
        chosen = _highest(answers.prediction, self.selected)
        wrong = (chosen != answers.truth).astype(np.float64)
        return _View(chosen, wrong, self.weight, rate=True, selected=self.selected)


def _highest(values: Float64, count: int) -> Float64:
    """1 for the ``count`` largest values, else 0; of rows that tie there, all or none.

    Whichever comes nearer to ``count``: no order of the rows decides.
    """
    if count == 0:
        return np.zeros(values.size)
    least = np.partition(values, values.size - count)[values.size - count]
    with_ties, without = values >= least, values > least
    nearer = with_ties.sum() - count <= count - without.sum()
    return np.asarray(with_ties if nearer else without, dtype=np.float64)


@dataclass(frozen=True, eq=False)
class _Pair:
    """Group means of the chosen model and of another, with their variances and covariance.

    ``chosen`` and ``other`` are as measured; ``centre`` holds both as bounds are put around
    them. All have one entry a group.
    """

    chosen: Float64
    other: Float64
    centre: tuple[Float64, Float64]
    variance: tuple[Float64, Float64]
    covariance: Float64
    freedom: float

    @classmethod
    def of(cls, view: _View, other: _View, groups: JudgedGroups) -> _Pair:
        inside = groups.codes >= 0
        code, weight = groups.codes[inside], view.weight[inside]
        c, o = view.counted[inside], other.counted[inside]
        count = len(groups.names)

        def mean(values: Float64) -> Float64:
            sums = np.bincount(code, weight * values, count)
            return np.asarray(sums / np.bincount(code, weight, count))

        total = np.bincount(code, weight, count)
        rows = total**2 / np.bincount(code, weight**2, count)  # effective, after Kish 1965
        means = mean(c), mean(o)
        if view.rate:
            centre, both = _padded(means, mean(c * o), rows)
        else:
            centre = means
            deviations = c - means[0][code], o - means[1][code]
            both = np.stack(
                [mean(deviations[i] * deviations[k]) for i, k in ((0, 0), (1, 1), (0, 1))]
            )
            both = both * rows / np.maximum(rows - 1, 1)
        own, others, shared = both / rows
        freedom = float(rows.min()) - 1
        return cls(means[0], means[1], centre, (own, others), shared, freedom)

    @property
    def chosen_gap(self) -> float:
        return float(np.ptp(self.chosen))

    @property
    def other_gap(self) -> float:
        return float(np.ptp(self.other))

    @property
    def saved(self) -> float:
        """How much smaller the other's gap is, as measured."""
        return self.chosen_gap - self.other_gap

    def lower(self, confidence: float) -> float:
        """Lower bound of what is saved; ``confidence`` corrected for candidates and pairs.

        For the chosen model's widest pair of groups: whichever pair the other's gap is, it is
        one of those that are tried, and the least bound holds for it.
        """
        a, b = int(np.argmax(self.chosen)), int(np.argmin(self.chosen))
        groups = self.chosen.size
        own, other = self.variance
        sign = np.zeros((groups, groups, 2))
        place = np.arange(groups)
        for which, group in enumerate((a, b)):  # where j's pair shares a group with c's
            sign[place == group, :, which] += 1.0
            sign[:, place == group, which] -= 1.0
        shared = sign[..., 0] * self.covariance[a] - sign[..., 1] * self.covariance[b]
        spread = own[a] + own[b] + other[:, None] + other[None, :] - 2 * shared
        c, o = self.centre
        saved = (c[a] - c[b]) - (o[:, None] - o[None, :])
        bound = saved - self._quantile(confidence) * np.sqrt(np.maximum(spread, 0.0))
        return float(bound[~np.eye(groups, dtype=bool)].min())

    def upper(self, confidence: float) -> float:
        """Upper bound of what is saved.

        Whichever pair of groups the chosen model's gap is, the other's gap is no smaller than
        its difference in that pair, whatever the sign: two bounds hold for it together
        (Bonferroni), the lesser one counts, and the largest over pairs needs no correction.
        """
        own, other = self.variance
        quantile = self._quantile(bonferroni(confidence, 2))
        saved = []
        for sign in (-1.0, 1.0):
            spread = np.maximum(own + other + 2 * sign * self.covariance, 0.0)
            both = self.centre[0] + sign * self.centre[1]
            half = quantile * np.sqrt(spread[:, None] + spread[None, :])
            saved.append(both[:, None] - both[None, :] + half)
        return float(np.minimum(*saved)[~np.eye(own.size, dtype=bool)].max())

    def group_bounds(self, confidence: float) -> Bounds:
        """The chosen model's group means with bounds."""
        half = self._quantile(confidence) * np.sqrt(self.variance[0])
        return Bounds(
            self.chosen,
            np.minimum(self.centre[0] - half, self.chosen),
            np.maximum(self.centre[0] + half, self.chosen),
        )

    def _quantile(self, confidence: float) -> float:
        return float(special.stdtrit(max(self.freedom, 1.0), confidence))


def _padded(
    means: tuple[Float64, Float64], joint: Float64, rows: Float64
) -> tuple[tuple[Float64, Float64], Float64]:
    """Rates and their (co)variances a row, with half a row added to each cell of the table."""
    c, o = ((rows * mean + 1.0) / (rows + 2.0) for mean in means)
    both = (rows * joint + 0.5) / (rows + 2.0)
    return (c, o), np.stack([c * (1 - c), o * (1 - o), both - c * o])


def _largest_saving(pairs: list[_Pair], tied: Any, confidence: float) -> Bounds:
    """Bounds of the largest saving among tied models; the chosen one itself saves 0."""
    kept = [pair for pair, equal in zip(pairs, tied, strict=True) if equal]
    groups = pairs[0].chosen.size
    strict = bonferroni(confidence, len(pairs) * groups * (groups - 1))
    value = max([0.0, *(pair.saved for pair in kept)])
    lower = max([0.0, *(pair.lower(strict) for pair in kept)])
    upper = max([0.0, *(pair.upper(confidence) for pair in kept)])
    return Bounds.of(value, min(lower, value), max(upper, value))


def _listed(
    candidates: tuple[Candidate, ...], others: list[_View], pairs: list[_Pair], tied: Any
) -> list[dict[str, Any]]:
    """What the report shows of each candidate."""
    return [
        {
            "number": candidate.number,
            "family": candidate.family,
            "transparent": candidate.transparent,
            "gap": pair.other_gap,
            "error": other.mean_error,
            "tied": bool(equal),
        }
        for candidate, other, pair, equal in zip(candidates, others, pairs, tied, strict=True)
    ]

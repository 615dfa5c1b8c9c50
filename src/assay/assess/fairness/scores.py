"""Scores by group: whether forecasts come true, and whether they are distributed alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from assay.assess import pictures
from assay.assess.fairness.group_check import LARGEST, GroupCheck, of_weights
from assay.assess.finding import Finding, Principle
from assay.assess.groups import JudgedGroups
from assay.assess.statistics import Bounds, Float64, Int64, bonferroni, calibration_error
from assay.assess.subject import Scored, Subject
from assay.errors import NotApplicable

MOST_THRESHOLDS = 4_096
"""Different scores at which distributions are compared; beyond, at as many of their quantiles."""

SHOWN_QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)


class Forecast(NamedTuple):
    """An outcome of 0 or 1 and the probability that it was given, for every row."""

    name: str
    outcome: Float64
    probability: Float64


def forecasts_of(subject: Subject, scored: Scored) -> list[Forecast]:
    """The forecast of the positive class (without a name), or of each of several.

    Raises
    ------
    NotApplicable
        The answer is a number, or the model gives no probabilities.
    """
    if subject.kind == "regression":
        raise NotApplicable("The answer is a number, not a probability.")
    if subject.kind == "binary":
        return [Forecast("", scored.truth.astype(np.float64), scored.prediction)]
    if scored.probabilities is None:
        raise NotApplicable("The model gives no probabilities.")
    return [
        Forecast(name, (scored.truth == place).astype(np.float64), scored.probabilities[:, place])
        for place, name in enumerate(subject.classes)
    ]


@dataclass(frozen=True, kw_only=True)
class CalibrationByGroup(GroupCheck):
    """Do forecasts come true as often as they say in every group?"""

    code: ClassVar[str] = "FAI008"
    title: ClassVar[str] = "Calibration of the worst group"
    principle: ClassVar[Principle] = "fairness"

    ROWS: ClassVar[int] = 100
    ROWS_A_BIN: ClassVar[int] = 50

    def run(self, subject: Subject) -> Finding:
        """Largest expected calibration error of a group; of whichever class is worst."""
        scored = self.scored(subject)
        forecasts = forecasts_of(subject, scored)
        groups = self.judged(subject, scored, default=self.ROWS)
        members = rows_by_group(groups)
        bins = [[self._bins(f, rows) for rows in members] for f in forecasts]

        def errors(confidence: float) -> Bounds:
            return Bounds.stack(
                calibration_error(f.outcome[rows], f.probability[rows], cut, confidence)
                for f, cuts in zip(forecasts, bins, strict=True)
                for rows, cut in zip(members, cuts, strict=True)
            )

        each, tests = errors(self.confidence), len(forecasts) * len(members)
        strict = errors(bonferroni(self.confidence, tests))
        worst, group = divmod(int(np.argmax(each.value)), len(members))
        shown, rows = forecasts[worst], members[group]
        by_group = slice(worst * len(members), (worst + 1) * len(members))
        return self.finding(
            Bounds(each.value.max(), strict.lower.max(), each.upper.max()),
            measure="largest expected calibration error of a group",
            method=LARGEST.format(tests=tests, what="errors")
            + "Each is the mean gap between forecast and observed rate over up to ten bins of "
            "the group's rows. Its upper bound is that of the gap's mean with its signs as "
            "measured; its lower bound subtracts what chance alone adds (Cornish-Fisher)."
            + of_weights(scored, used=False),
            rows=int(groups.sizes.sum()),
            unit="share",
            groups=groups.table(each[by_group]),
            details={
                **groups.details(),
                **({"event": shown.name} if shown.name else {}),
                "worst_group": groups.names[group],
                "bins": pictures.reliability_bins(
                    shown.outcome[rows],
                    shown.probability[rows],
                    bins[worst][group],
                    confidence=self.confidence,
                ),
            },
        )

    def _bins(self, forecast: Forecast, rows: Int64) -> Int64:
        count = min(10, max(2, rows.size // self.ROWS_A_BIN))
        return pictures.equal_bins(forecast.probability[rows], count)


@dataclass(frozen=True, kw_only=True)
class ScoreDistributionGap(GroupCheck):
    """Are answers distributed alike in every group?"""

    code: ClassVar[str] = "FAI016"
    title: ClassVar[str] = "Gap between distributions of answers"
    principle: ClassVar[Principle] = "fairness"

    def run(self, subject: Subject) -> Finding:
        """Largest Kolmogorov-Smirnov distance between two groups' answers, in [0, 1].

        Regression: of the answers. Classes: of the probabilities, of whichever differs most.
        """
        scored = self.scored(subject)
        groups = self.judged(subject, scored, default=self.ROWS_FOR_RATE)
        scores = _scores(subject, scored)
        counted = [(name, distributions(score, groups)) for name, score in scores]
        largest_each = [largest_distance(d) for _, d in counted]
        worst = int(np.argmax(largest_each))
        name, shown = counted[worst]
        return self.finding(
            distance_bounds(
                largest_each[worst],
                [d for _, d in counted],
                confidence=self.confidence,
            ),
            measure="largest distance between the distributions of two groups' "
            + ("answers" if subject.kind == "regression" else "probabilities"),
            method="Kolmogorov and Smirnov's distance. The lower bound subtracts bands that hold "
            "for all groups at once (Dvoretzky, Kiefer and Wolfowitz 1956 with Massart's constant "
            "1990, Bonferroni); the upper bound is Hoeffding's (1963) at the point where the true "
            "distance lies (intersection-union, Berger 1982). Both hold for any number of rows."
            + _thinned(shown)
            + of_weights(scored, used=False),
            rows=int(groups.sizes.sum()),
            unit="share",
            groups=groups.table(distance_to_rest(shown, self.confidence)),
            details={
                **groups.details(),
                **({"event": name} if name else {}),
                "groups_show": "distance of the group's answers from those of all other groups",
                "quantiles": _quantiles(shown, groups),
            },
        )


class Distributions(NamedTuple):
    """How many answers of each group lie at or below each threshold."""

    thresholds: Float64
    counts: Float64
    """Shape (n_groups, n_thresholds)."""
    sizes: Float64

    @property
    def shares(self) -> Float64:
        """The empirical distribution of each group at each threshold."""
        shares: Float64 = self.counts / self.sizes[:, None]
        return shares


def distributions(score: Float64, groups: JudgedGroups) -> Distributions:
    """Distributions of a score in the judged groups, at its values or at quantiles of them."""
    inside = groups.codes >= 0
    values, codes = score[inside], groups.codes[inside]
    thresholds = np.unique(values)
    if thresholds.size > MOST_THRESHOLDS:
        at = np.linspace(0, thresholds.size - 1, MOST_THRESHOLDS).round().astype(np.int64)
        thresholds = thresholds[at]
    width = thresholds.size
    place = codes * width + np.searchsorted(thresholds, values)
    counts = np.bincount(place, minlength=len(groups.names) * width).reshape(-1, width)
    return Distributions(thresholds, np.cumsum(counts, axis=1).astype(np.float64), groups.sizes)


def largest_distance(found: Distributions) -> float:
    """Largest distance between two groups' distributions."""
    shares = found.shares
    return float(max(np.abs(shares[i + 1 :] - s).max() for i, s in enumerate(shares[:-1])))


def distance_bounds(value: float, found: list[Distributions], *, confidence: float) -> Bounds:
    """Bounds of the largest distance between two groups over one or more scores.

    The distance of two true distributions is at least the measured one less what each group's
    empirical distribution may be off, and at most, at the one point where it lies, the measured
    difference there plus what two means of 0 and 1 may be off.
    """
    each = bonferroni(confidence, len(found))
    lower = [_lower(d, each) for d in found]
    upper = [_upper(d, confidence) for d in found]
    return Bounds.of(value, max(0.0, *lower), min(1.0, max(upper)))


def distance_to_rest(found: Distributions, confidence: float) -> Bounds:
    """Bounds of the distance of each group from all other judged groups together."""
    rest = found.counts.sum(axis=0) - found.counts
    others = found.sizes.sum() - found.sizes
    value = np.abs(found.shares - rest / others[:, None]).max(axis=1)
    off = _band(found.sizes, 2, confidence) + _band(others, 2, confidence)
    above = _pointwise(1 / found.sizes + 1 / others, confidence)
    return Bounds(value, np.maximum(value - off, 0.0), np.minimum(value + above, 1.0))


def rows_by_group(groups: JudgedGroups) -> list[Int64]:
    """Positions of each judged group's rows."""
    order = np.argsort(groups.codes, kind="stable")
    first = np.searchsorted(groups.codes[order], np.arange(len(groups.names) + 1))
    return [order[first[i] : first[i + 1]] for i in range(len(groups.names))]


def _scores(subject: Subject, scored: Scored) -> list[tuple[str, Float64]]:
    if subject.kind == "regression":
        return [("", scored.prediction)]
    return [(f.name, f.probability) for f in forecasts_of(subject, scored)]


def _lower(found: Distributions, confidence: float) -> float:
    shares, band = found.shares, _band(found.sizes, found.sizes.size, confidence)
    return float(
        max(
            (np.abs(shares[i + 1 :] - s).max(axis=1) - band[i + 1 :] - band[i]).max()
            for i, s in enumerate(shares[:-1])
        )
    )


def _upper(found: Distributions, confidence: float) -> float:
    shares, parts = found.shares, 1 / found.sizes
    return float(
        max(
            (
                np.abs(shares[i + 1 :] - s).max(axis=1)
                + _pointwise(parts[i + 1 :] + parts[i], confidence)
            ).max()
            for i, s in enumerate(shares[:-1])
        )
    )


def _band(rows: Float64, bands: int, confidence: float) -> Float64:
    """Half-width of a band around each empirical distribution; ``bands`` hold together."""
    half: Float64 = np.sqrt(np.log(2 * bands / (1 - confidence)) / (2 * rows))
    return half


def _pointwise(parts: Float64, confidence: float) -> Float64:
    """What a difference of two shares may be off at one point; ``parts`` is 1/m + 1/n."""
    off: Float64 = np.sqrt(np.log(1 / (1 - confidence)) * parts / 2)
    return off


def _thinned(found: Distributions) -> str:
    if found.thresholds.size < MOST_THRESHOLDS:
        return ""
    return f" Compared at {MOST_THRESHOLDS} thresholds that are evenly spread over the answers."


def _quantiles(found: Distributions, groups: JudgedGroups) -> list[dict[str, Any]]:
    """Some quantiles of each group's answers."""
    last = found.thresholds.size - 1
    return [
        {
            "group": name,
            **{
                f"{q:.0%}": found.thresholds[min(int(np.searchsorted(share, q)), last)]
                for q in SHOWN_QUANTILES
            },
        }
        for name, share in zip(groups.names, found.shares, strict=True)
    ]

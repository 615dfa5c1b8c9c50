"""Rates of groups that should be alike: which rates, how far apart, and at which thresholds.

Two classes; the label 1 is the one that is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from assay.automl.fairness import FEWEST_ROWS
from assay.automl.family import Answers
from assay.automl.table import Rows
from assay.model.plan import Float64

Parity = Literal["demographic_parity", "equal_opportunity", "equalised_odds"]

EVENTS: Mapping[str, tuple[tuple[int, ...], ...]] = {
    "demographic_parity": ((0, 1),),
    "equal_opportunity": ((1,),),
    "equalised_odds": ((0,), (1,)),
}
"""True classes of the rows among which the label 1 should be equally frequent in all groups."""
GAP_OF: Mapping[str, str] = {
    "demographic_parity": "largest difference between groups in the share that is selected",
    "equal_opportunity": "largest difference between groups in the true positive rate",
    "equalised_odds": "largest difference between groups in the true or the false positive rate",
}
TOLERANCE = 0.01
"""Gaps up to this are alike enough: what is then best for all rows counts."""
MOST_CUTS = 400
"""Thresholds that are tried in each group."""
TARGETS = (201, 41)
"""Rates that all groups are brought to, one by one: of one event, and of each of two."""


@dataclass(frozen=True, kw_only=True)
class _Curve:
    """What each threshold of a group leads to.

    ``cuts``: (n_cuts,); ``rates``: (n_cuts, n_events); ``gains``: (n_cuts,), summed over rows.
    """

    cuts: Float64
    rates: Float64
    gains: Float64


def group_cuts(
    chances: Float64,
    truth: Answers,
    groups: Rows,
    *,
    count: int,
    parity: Parity,
    gains: Float64,
    usual: float,
    weights: Float64 | None = None,
) -> Float64:
    """A threshold for each group, so that rates are alike and decisions good.

    All groups are brought as near to one rate (or one pair of rates) as their rows allow, for
    every rate of a grid; among those with a gap of at most `TOLERANCE` (or the smallest gap
    there is) the one whose labels bring most is taken. After M. Hardt, E. Price and N. Srebro,
    Equality of opportunity in supervised learning, NeurIPS 2016, but without chance: two people
    of one group with one probability get one label, so rates are equal to the nearest threshold
    only.

    Parameters
    ----------
    chances : array, shape (n,)
        Probability of class 1.
    truth, groups : array of int, shape (n,)
        True class; group, -1 for none.
    count : int
        Number of groups.
    parity : {"demographic_parity", "equal_opportunity", "equalised_odds"}
    gains : array, shape (2,)
        What answering 1 rather than 0 brings, by true class.
    usual : float
        Threshold of groups with fewer than `FEWEST_ROWS` rows of some event, and of no group.
    weights : array, shape (n,), optional

    Returns
    -------
    array, shape (count + 1,)
        The last is for rows of no known group.

    Examples
    --------
    >>> chances = np.concatenate([np.linspace(0, 0.5, 60), np.linspace(0.5, 1, 60)])
    >>> groups, truth = np.repeat([0, 1], 60), np.tile([0, 0, 1], 40)
    >>> low, high, usual = group_cuts(chances, truth, groups, count=2,
    ...     parity="demographic_parity", gains=np.array([-1.0, 3.0]), usual=0.5)
    >>> bool(low < 0.5 < high), float(usual)
    (True, 0.5)
    """
    one = np.ones(len(chances)) if weights is None else weights
    events = EVENTS[parity]
    members = [np.flatnonzero(groups == group) for group in range(count)]
    able = [
        group
        for group, rows in enumerate(members)
        if all(np.isin(truth[rows], event).sum() >= FEWEST_ROWS for event in events)
    ]
    cuts = np.full(count + 1, usual)
    if len(able) < 2:
        return cuts
    curves = [
        _curve(chances[rows], truth[rows], one[rows], events, gains)
        for rows in (members[group] for group in able)
    ]
    cuts[able] = _alike(curves)
    return cuts


def _curve(
    chances: Float64,
    truth: Answers,
    weights: Float64,
    events: tuple[tuple[int, ...], ...],
    gains: Float64,
) -> _Curve:
    """Every threshold between two chances, or some hundreds of many; none and all included."""
    order = np.argsort(-chances, kind="stable")
    chances, truth, weights = chances[order], truth[order].astype(np.int64), weights[order]
    ends = np.append(np.flatnonzero(np.diff(chances)), len(chances) - 1)  # last row of each tie
    if len(ends) > MOST_CUTS:
        ends = ends[np.linspace(0, len(ends) - 1, MOST_CUTS).astype(np.int64)]
    following = np.append(chances, 0.0)[ends + 1]
    between = np.clip((chances[ends] + following) / 2, 0.0, 1.0)
    rates = [
        np.cumsum(weights * np.isin(truth, event))
        / max(weights[np.isin(truth, event)].sum(), 1e-300)
        for event in events
    ]
    gained = np.cumsum(weights * gains[truth])
    return _Curve(
        cuts=np.concatenate([[np.nextafter(1.0, 2.0)], between]),
        rates=np.vstack([np.zeros(len(events)), np.stack(rates, axis=1)[ends]]),
        gains=np.concatenate([[0.0], gained[ends]]),
    )


def _alike(curves: list[_Curve]) -> Float64:
    """The threshold of each group at the best target."""
    events = curves[0].rates.shape[1]
    grid = np.linspace(0.0, 1.0, TARGETS[events - 1])
    targets = np.stack(np.meshgrid(*[grid] * events), axis=-1).reshape(-1, events)
    places = np.array([_nearest(curve, targets) for curve in curves])
    reached = np.array([c.rates[p] for c, p in zip(curves, places, strict=True)])
    gaps = np.ptp(reached, axis=0).max(axis=1)
    gained = np.sum([c.gains[p] for c, p in zip(curves, places, strict=True)], axis=0)
    allowed = gaps <= max(TOLERANCE, float(gaps.min()))
    best = int(np.argmax(np.where(allowed, gained, -np.inf)))
    return np.array([c.cuts[p[best]] for c, p in zip(curves, places, strict=True)])


def _nearest(curve: _Curve, targets: Float64) -> Rows:
    """The threshold whose rates come nearest to each target, by the larger distance."""
    far = np.abs(curve.rates[None, :, :] - targets[:, None, :]).max(axis=2)
    return np.asarray(far.argmin(axis=1), dtype=np.int64)


def rates_of(
    labels: Rows,
    truth: Answers,
    groups: Rows,
    *,
    count: int,
    parity: Parity,
    weights: Float64 | None = None,
) -> Float64:
    """Rate of the label 1 by event and group, (n_events, count); NaN below `FEWEST_ROWS` rows."""
    one = np.ones(len(labels)) if weights is None else weights
    rates = np.full((len(EVENTS[parity]), count), np.nan)
    for place, event in enumerate(EVENTS[parity]):
        inside = np.isin(truth, event) & (groups >= 0)
        own, weight = groups[inside], one[inside]
        rows = np.bincount(own, minlength=count)
        total = np.bincount(own, weight, count)
        chosen = np.bincount(own, weight * labels[inside], count)
        known = (rows >= FEWEST_ROWS) & (total > 0)
        rates[place, known] = chosen[known] / total[known]
    return rates


def gap_in(rates: Float64) -> float:
    """Largest difference between two groups in any event; 0 where fewer than two have a rate.

    Examples
    --------
    >>> gap_in(np.array([[0.2, 0.5, np.nan], [0.1, 0.1, 0.2]]))
    0.3
    """
    spans = [np.ptp(row[~np.isnan(row)]) if (~np.isnan(row)).sum() > 1 else 0.0 for row in rates]
    return float(max(spans))


def gains_of(
    truth: Answers, *, costs: Float64 | None, balanced: bool, weights: Float64 | None = None
) -> Float64:
    """What answering 1 rather than 0 brings, by true class: (2,), of mean size 1 over the rows.

    With costs, what it saves; ``balanced``: both classes count alike as wholes (balanced
    accuracy); else a right label brings 1 (accuracy).

    Examples
    --------
    >>> gains_of(np.array([0, 0, 0, 1]), costs=None, balanced=True).round(2).tolist()
    [-0.67, 2.0]
    """
    share = float(np.average(truth, weights=weights))
    gains = np.array([-1.0, 1.0])
    if costs is not None:
        gains = np.array([costs[0, 0] - costs[0, 1], costs[1, 0] - costs[1, 1]])
    elif balanced and 0 < share < 1:
        gains = np.array([-1 / (1 - share), 1 / share])
    size = abs(gains[0]) * (1 - share) + abs(gains[1]) * share
    return gains / size if size > 0 else gains

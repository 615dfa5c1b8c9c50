"""Effects with bounds: doubly robust for levels, partially linear for numbers.

Levels: augmented inverse-propensity weighting (Robins, Rotnitzky and Zhao 1994) with
cross-fitting (Chernozhukov et al. 2018, The Econometrics Journal 21): each row has a score

    m_k(x) + 1[t = k] (y - m_k(x)) / e_k(x)

whose mean is the mean outcome if everybody had level k. It is right where either the outcome
model m or the chances e are. Numbers: the residual of the outcome on the residual of the
treatment (Robinson 1988), cross-fitted, with a sandwich variance; the effect is of one unit more.
Bounds of means are Student's with Hall's correction for skewness.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from assay.assess.causal.nuisance import deal, expected_chances, expected_outcome
from assay.assess.causal.prepare import Prepared
from assay.assess.causal.record import Effect
from assay.assess.statistics import Bool, Bounds, Float64, mean_bounds, moments

FEWEST_KEPT = 50
"""Rows with overlap that an effect needs."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Scores:
    """What the rows say of the effects.

    Attributes
    ----------
    scores : ndarray, shape (n, n_levels) or None
        Doubly robust score of each level; None for a number.
    chances : ndarray, shape (n, n_levels) or None
    dose, response : ndarray, shape (n,), or None
        Residuals of treatment and outcome; None for levels.
    spread : float or None
        Share of the dose's variance that the columns do not explain.
    kept : ndarray of bool, shape (n,)
        Rows with overlap.
    """

    kept: Bool
    scores: Float64 | None = None
    chances: Float64 | None = None
    dose: Float64 | None = None
    response: Float64 | None = None
    spread: float | None = None

    def effect(
        self, confidence: float, *, level: int = 1, among: Bool | None = None
    ) -> tuple[Effect, float]:
        """The effect among some rows, and its standard error.

        Without enough rows the effect has no value.
        """
        rows = self.kept if among is None else self.kept & among
        count = int(rows.sum())
        if count < FEWEST_KEPT:
            return Effect(value=None, rows=count), float("nan")
        influence = self.influence(level, rows)
        return of_bounds(mean_bounds(moments(influence), confidence), count), _error(influence)

    def influence(self, level: int, rows: Bool) -> Float64:
        """Numbers whose mean is the effect among ``rows``, and whose spread gives its error."""
        if self.scores is not None:
            return np.asarray(self.scores[rows, level] - self.scores[rows, 0])
        assert self.dose is not None
        assert self.response is not None
        dose, response = self.dose[rows], self.response[rows]
        power = float(np.mean(dose**2))
        slope = float(np.mean(dose * response)) / power
        return np.asarray(slope + dose * (response - slope * dose) / power)


def score_rows(
    data: Prepared,
    *,
    folds: int,
    seed: int,
    trim: float,
    design: Float64 | None = None,
    treatment: Float64 | None = None,
) -> Scores:
    """Cross-fit expectations, and what they say of each row.

    Parameters
    ----------
    trim : float
        Rows with a smaller chance of some level are not kept.
    design, treatment : ndarray, optional
        In place of the table's own, for refutations.
    """
    X = data.design if design is None else design
    given = data.treatment if treatment is None else treatment
    if not data.levels:
        return _score_number(data, X, np.asarray(given, np.float64), folds=folds, seed=seed)
    codes = np.asarray(given, np.int64)
    levels = len(data.levels)
    fold = deal(codes, data.rows, folds=folds, seed=seed)
    chances = expected_chances(X, codes, levels, fold, seed=seed)
    scores = np.empty((data.rows, levels))
    for level in range(levels):
        own = codes == level
        mean = expected_outcome(X, data.outcome, fold, binary=data.binary, seed=seed, among=own)
        scores[:, level] = mean + own * (data.outcome - mean) / chances[:, level]
    kept = chances.min(axis=1) >= trim
    return Scores(kept=kept, scores=scores, chances=chances)


def _score_number(data: Prepared, X: Float64, given: Float64, *, folds: int, seed: int) -> Scores:
    fold = deal(None, data.rows, folds=folds, seed=seed)
    dose = given - expected_outcome(X, given, fold, binary=False, seed=seed)
    expected = expected_outcome(X, data.outcome, fold, binary=data.binary, seed=seed)
    return Scores(
        kept=np.ones(data.rows, bool),
        dose=dose,
        response=data.outcome - expected,
        spread=float(np.mean(dose**2) / np.var(given)),
    )


def of_bounds(bounds: Bounds, rows: int) -> Effect:
    """A record of bounds."""
    return Effect(
        value=float(bounds.value), lower=float(bounds.lower), upper=float(bounds.upper), rows=rows
    )


def _error(influence: Float64) -> float:
    return float(influence.std(ddof=1) / np.sqrt(influence.size))

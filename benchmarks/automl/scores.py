"""How good predictions are, and whether one tool's are better than another's.

Every score takes a weight for each row, so that a bootstrap sample is a vector of counts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
SAMPLES = 1000
CONFIDENCE = 0.95
CALIBRATION_BINS = 15
_TINY = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, kw_only=True)
class Answered:
    """Test rows and what a tool said of them.

    Attributes
    ----------
    truth : ndarray, shape (n_rows,)
        Class positions, or values.
    said : ndarray, shape (n_rows, n_classes) or (n_rows,)
        Probabilities, or values.
    """

    truth: Ints | Float64
    said: Float64

    @property
    def rows(self) -> int:
        return len(self.truth)


Weighted = Callable[[Float64], float]
"""A score of rows that are weighted, weights of shape (n_rows,)."""


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A score; ``of`` prepares what does not depend on the weights."""

    name: str
    better: Literal["lower", "higher"]
    of: Callable[[Answered], Weighted]

    def score(self, answered: Answered) -> float:
        return self.of(answered)(np.ones(answered.rows))


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One tool's score less another's on the same rows, with its 95 % bootstrap interval.

    Attributes
    ----------
    gain : float
        Above 0 where the first tool is better, whichever way the score points.
    low, high : float
    """

    gain: float
    low: float
    high: float

    @property
    def tied(self) -> bool:
        """Whether the interval holds 0."""
        return self.low <= 0 <= self.high

    @property
    def worse(self) -> bool:
        return self.high < 0


def compare(metric: Metric, one: Answered, other: Answered, *, seed: int = 0) -> Difference:
    """Paired bootstrap over test rows of the difference between two tools (percentiles)."""
    sign = 1.0 if metric.better == "higher" else -1.0
    first, second = metric.of(one), metric.of(other)
    rng = np.random.default_rng(seed)
    chances = np.full(one.rows, 1 / one.rows)
    gains = []
    for _ in range(SAMPLES):
        counts = rng.multinomial(one.rows, chances).astype(np.float64)
        gains.append(sign * (first(counts) - second(counts)))
    tail = (1 - CONFIDENCE) / 2
    low, high = np.nanquantile(gains, [tail, 1 - tail])
    gain = sign * (metric.score(one) - metric.score(other))
    return Difference(gain=gain, low=float(low), high=float(high))


def _mean_of(losses: Callable[[Answered], Float64]) -> Callable[[Answered], Weighted]:
    def prepare(answered: Answered) -> Weighted:
        each = losses(answered)
        return lambda weights: float(weights @ each / weights.sum())

    return prepare


def _log_losses(answered: Answered) -> Float64:
    chances = answered.said / answered.said.sum(axis=1, keepdims=True)
    own = chances[np.arange(answered.rows), answered.truth.astype(np.int64)]
    return np.asarray(-np.log(np.clip(own, _TINY, 1.0)))


def _squares(answered: Answered) -> Float64:
    """Squared error of values, or of the second class's probability."""
    said = answered.said[:, 1] if answered.said.ndim == 2 else answered.said
    return np.asarray((said - answered.truth) ** 2)


def _hits(answered: Answered) -> Float64:
    return np.asarray(answered.said.argmax(axis=1) == answered.truth, dtype=np.float64)


def _rmse(answered: Answered) -> Weighted:
    mean_square = _mean_of(_squares)(answered)
    return lambda weights: float(np.sqrt(mean_square(weights)))


def _r2(answered: Answered) -> Weighted:
    squares, truth = _squares(answered), answered.truth

    def weighted(weights: Float64) -> float:
        mean = weights @ truth / weights.sum()
        return float(1 - weights @ squares / (weights @ (truth - mean) ** 2))

    return weighted


def _roc_auc(answered: Answered) -> Weighted:
    """Chance that a row of the second class is ranked above one of the first; ties count half."""
    order = np.argsort(answered.said[:, 1], kind="stable")
    ranked, positive = answered.said[order, 1], answered.truth[order] == 1
    starts = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])

    def weighted(weights: Float64) -> float:
        mine = weights[order]
        ups = np.add.reduceat(np.where(positive, mine, 0.0), starts)
        downs = np.add.reduceat(np.where(positive, 0.0, mine), starts)
        pairs = ups.sum() * downs.sum()
        below = np.cumsum(downs) - downs
        return float((ups @ (below + downs / 2)) / pairs) if pairs else float("nan")

    return weighted


def _calibration_error(answered: Answered) -> Weighted:
    """Expected calibration error over 15 bins of equal mass.

    Two classes: of the second one's probability. More: of the likeliest one's. Bins are those of
    the rows as they are, whatever the weights.
    """
    if answered.said.shape[1] == 2:
        sure, right = answered.said[:, 1], (answered.truth == 1).astype(np.float64)
    else:
        sure, right = answered.said.max(axis=1), _hits(answered)
    bins = np.array_split(np.argsort(sure, kind="stable"), CALIBRATION_BINS)

    def weighted(weights: Float64) -> float:
        gaps = [abs(weights[rows] @ (sure[rows] - right[rows])) for rows in bins if rows.size]
        return float(sum(gaps) / weights.sum())

    return weighted


METRICS = {
    metric.name: metric
    for metric in (
        Metric(name="roc_auc", better="higher", of=_roc_auc),
        Metric(name="log_loss", better="lower", of=_mean_of(_log_losses)),
        Metric(name="brier", better="lower", of=_mean_of(_squares)),
        Metric(name="accuracy", better="higher", of=_mean_of(_hits)),
        Metric(name="ece", better="lower", of=_calibration_error),
        Metric(name="rmse", better="lower", of=_rmse),
        Metric(
            name="mae",
            better="lower",
            of=_mean_of(lambda answered: np.asarray(np.abs(answered.said - answered.truth))),
        ),
        Metric(name="r2", better="higher", of=_r2),
    )
}
SCORED = {
    "binary": ("roc_auc", "log_loss", "brier", "ece"),
    "multiclass": ("log_loss", "accuracy", "ece"),
    "regression": ("rmse", "mae", "r2"),
}
"""What is scored by kind; the first is what tools are asked for."""

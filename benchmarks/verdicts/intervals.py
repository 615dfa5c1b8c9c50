"""Coverage of every interval: how often a one-sided bound lies on the right side of the truth.

Rates and what is made of two rates are enumerated, not sampled: the table shows the worst true
rates of a grid. All else is simulated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from scipy import stats

from assay.assess import statistics as s

ROWS = (50, 100, 300, 1000)
RATES = np.array([0.005, 0.01, *np.arange(0.02, 0.99, 0.02), 0.99, 0.995])
Draw = Callable[[np.random.Generator, int], np.ndarray]

LOSSES: dict[str, tuple[Draw, float]] = {
    "normal": (lambda r, n: r.normal(size=n), 0.0),
    "half-normal": (lambda r, n: np.abs(r.normal(size=n)), float(np.sqrt(2 / np.pi))),
    "exponential": (lambda r, n: r.exponential(size=n), 1.0),
    "gamma 0.5": (lambda r, n: r.gamma(0.5, size=n), 0.5),
    "log-normal 0.5": (lambda r, n: np.exp(0.5 * r.normal(size=n)), float(np.exp(0.125))),
    "log-normal 1": (lambda r, n: np.exp(r.normal(size=n)), float(np.exp(0.5))),
    "abs. Student 4": (lambda r, n: np.abs(r.standard_t(4, size=n)), 1.0),
    "squared errors": (lambda r, n: r.normal(size=n) ** 2, 1.0),
    "four in five are 0": (lambda r, n: r.exponential(size=n) * (r.random(n) < 0.2), 0.2),
}


class Coverage(NamedTuple):
    """One interval in one setting."""

    interval: str
    setting: str
    rows: int
    lower: float
    """Share of samples whose lower bound is at or below the truth."""
    upper: float
    exact: bool
    """Worst case by enumeration, without chance; otherwise a simulation."""


def coverages(samples: int, confidence: float) -> Iterator[Coverage]:
    """Every interval in every setting."""
    yield from rates(confidence)
    yield from means(samples * 10, confidence)
    yield from single(samples, confidence)


def rates(confidence: float) -> Iterator[Coverage]:
    for rows in ROWS:
        bounds = s.clopper_pearson(np.arange(rows + 1), rows, confidence)
        chance = stats.binom.pmf(np.arange(rows + 1), rows, RATES[:, None])
        yield Coverage(
            "rate (Clopper-Pearson)",
            "worst rate",
            rows,
            float((chance * (bounds.lower <= RATES[:, None])).sum(axis=1).min()),
            float((chance * (bounds.upper >= RATES[:, None])).sum(axis=1).min()),
            exact=True,
        )
    for rows, other in ((50, 50), (50, 200), (50, 2000), (300, 300)):
        grid = RATES[RATES <= 0.5][::2]
        for name, join, truth in (
            ("difference of two rates", s.difference, np.subtract),
            ("ratio of two rates", s.ratio, np.divide),
        ):
            lower, upper = two_rates((rows, other), grid, join, truth, confidence)
            yield Coverage(
                name, f"worst rates, {other} rows beside", rows, lower, upper, exact=True
            )


def two_rates(
    sizes: tuple[int, int],
    grid: np.ndarray,
    join: Callable[[s.Bounds, s.Bounds], s.Bounds],
    truth: Callable[[float, float], float],
    confidence: float,
) -> tuple[float, float]:
    """Smallest coverage of both bounds over all pairs of true rates."""
    rows, other = sizes
    a = s.clopper_pearson(np.arange(rows + 1), rows, confidence)
    b = s.clopper_pearson(np.arange(other + 1), other, confidence)
    both = join(a[:, None], b[None, :])
    lower = np.where(np.isnan(both.lower), -np.inf, both.lower)  # 0 / 0 tells nothing
    upper = np.where(np.isnan(both.upper), np.inf, both.upper)
    worst = [1.0, 1.0]
    for p in grid:
        chance_a = stats.binom.pmf(np.arange(rows + 1), rows, p)
        for q in grid:
            chance_b = stats.binom.pmf(np.arange(other + 1), other, q)
            target = truth(p, q)
            covers = (lower <= target + 1e-12, upper >= target - 1e-12)
            found = [float(chance_a @ c @ chance_b) for c in covers]
            worst = [min(w, f) for w, f in zip(worst, found, strict=True)]
    return worst[0], worst[1]


def means(samples: int, confidence: float) -> Iterator[Coverage]:
    for name, (draw, truth) in LOSSES.items():
        rng = np.random.default_rng(0)
        for rows in ROWS:
            count = min(samples, 20_000_000 // rows)
            codes = np.repeat(np.arange(count), rows)
            found = s.group_moments(draw(rng, count * rows), codes, count)
            yield covered(f"mean of {name}", "", rows, s.mean_bounds(found, confidence), truth)


def covered(
    interval: str, setting: str, rows: int, bounds: s.Bounds, truth: float | np.ndarray
) -> Coverage:
    lower, upper = np.mean(bounds.lower <= truth), np.mean(bounds.upper >= truth)
    return Coverage(interval, setting, rows, float(lower), float(upper), exact=False)


def single(samples: int, confidence: float) -> Iterator[Coverage]:
    """Intervals that are computed one sample at a time."""
    big = np.exp(0.5 * np.random.default_rng(0).normal(size=4_000_000))
    against = 0.15 * np.exp(0.125) * np.sqrt(2 / np.pi) / np.mean(np.abs(big - 1))

    def paired(rng: np.random.Generator, rows: int) -> s.Bounds:
        y = np.exp(0.5 * rng.normal(size=rows))
        return s.paired_ratio(0.15 * y * np.abs(rng.normal(size=rows)), np.abs(y - 1), confidence)

    def median(rng: np.random.Generator, rows: int) -> s.Bounds:
        return s.quantile_bounds(rng.exponential(size=rows), 0.5, confidence)

    for rows in ROWS[:3]:
        yield one("ratio of two errors of the same rows", rows, paired, against, samples)
        yield one("median", rows, median, float(np.log(2)), samples)
        for shift in (0.0, 1.0, 2.0):

            def area(rng: np.random.Generator, rows: int, d: float = shift) -> s.Bounds:
                return s.auc(rng.normal(size=rows) + d, rng.normal(size=2 * rows), confidence)

            truth = float(stats.norm.cdf(shift / np.sqrt(2)))
            yield one(f"area under the curve, {truth:.2f}", rows, area, truth, samples)
    for power in (1.0, 1.8):
        yield calibration(samples, power, confidence)
    yield from bootstrap(samples, confidence)
    yield anytime(samples, confidence)


def one(
    interval: str,
    rows: int,
    draw: Callable[[np.random.Generator, int], s.Bounds],
    truth: float,
    samples: int,
) -> Coverage:
    rng = np.random.default_rng(2)
    found = s.Bounds.stack(draw(rng, rows) for _ in range(samples))
    return covered(interval, "", rows, found, truth)


def calibration(samples: int, power: float, confidence: float) -> Coverage:
    """Eight bins of 50 rows; chances are right where ``power`` is 1."""
    rng = np.random.default_rng(11)
    bins = np.repeat(np.arange(8), 50)
    found, truths = [], []
    for _ in range(samples):
        p = np.sort(rng.beta(1, 2, 400))
        true = p**power / (p**power + (1 - p) ** power)
        outcome = (rng.random(400) < true).astype(float)
        found.append(s.calibration_error(outcome, p, bins, confidence))
        truths.append(np.abs(np.bincount(bins, true - p)).sum() / 400)
    setting = "calibrated" if power == 1 else "not calibrated"
    truth = np.array(truths) + 1e-12
    return covered("calibration error, 8 bins", setting, 50, s.Bounds.stack(found), truth)


def bootstrap(samples: int, confidence: float) -> Iterator[Coverage]:
    """The share of right positive answers, group against group, from counts."""
    chances = np.array([[0.4, 0.1, 0.15, 0.35], [0.5, 0.1, 0.1, 0.3]])
    precision = chances[:, 3] / (chances[:, 1] + chances[:, 3])

    def ratio(tables: np.ndarray) -> np.ndarray:
        rate = tables[..., 3] / (tables[..., 1] + tables[..., 3])
        return np.asarray(rate[:, 1] / rate[:, 0])

    for rows in (100, 300):
        rng = np.random.default_rng(5)
        found = s.Bounds.stack(
            s.count_bootstrap(
                np.stack([rng.multinomial(rows, p) for p in chances]), ratio, confidence
            )
            for _ in range(samples)
        )
        truth = precision[1] / precision[0]
        yield covered("precision ratio (bootstrap of counts)", "", rows, found, truth)


def anytime(samples: int, confidence: float) -> Coverage:
    """Whether the bounds hold at every one of 2,000 moments."""
    rng = np.random.default_rng(6)
    found = []
    for _ in range(samples):
        bounds = s.mean_sequence(rng.beta(0.5, 4.5, 2000), confidence)
        found.append((bounds.value[-1], bounds.lower.max(), bounds.upper.min()))
    value, lower, upper = np.array(found).T
    return covered("mean at any time", "2,000 looks", 2000, s.Bounds(value, lower, upper), 0.1)

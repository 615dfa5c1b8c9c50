"""One-sided coverage of the bounds behind verdicts, by simulation.

Run: python benchmarks/verdicts/coverage.py [samples]
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version

import numpy as np
from scipy import stats

from assay.assess import statistics as s

Draw = Callable[[np.random.Generator, tuple[int, int]], np.ndarray]

ERRORS: dict[str, tuple[Draw, float]] = {
    "normal": (lambda r, n: r.normal(size=n), 0.0),
    "half-normal": (lambda r, n: np.abs(r.normal(size=n)), np.sqrt(2 / np.pi)),
    "exponential": (lambda r, n: r.exponential(size=n), 1.0),
    "gamma 0.5": (lambda r, n: r.gamma(0.5, size=n), 0.5),
    "log-normal 0.5": (lambda r, n: np.exp(0.5 * r.normal(size=n)), np.exp(0.125)),
    "log-normal 1": (lambda r, n: np.exp(r.normal(size=n)), np.exp(0.5)),
    "abs. Student 4": (lambda r, n: np.abs(r.standard_t(4, size=n)), 1.0),
}


def shares(bounds: s.Bounds, truth: float) -> str:
    """How often the lower, upper bound lies on the right side."""
    return f"{np.mean(bounds.lower <= truth):.3f} / {np.mean(bounds.upper >= truth):.3f}"


def row(*cells: object) -> None:
    print("| " + " | ".join(map(str, cells)) + " |")


def means(samples: int, confidence: float) -> None:
    row("mean of", *(f"{n} rows" for n in ROWS), "Student, 30 rows")
    row(*["---"] * (len(ROWS) + 2))
    for name, (draw, truth) in ERRORS.items():
        rng = np.random.default_rng(0)
        cells = []
        for rows in ROWS:
            x = draw(rng, (samples, rows)).ravel()
            codes = np.repeat(np.arange(samples), rows)
            cells.append(
                shares(s.mean_bounds(s.group_moments(x, codes, samples), confidence), truth)
            )
        row(name, *cells, student(draw(rng, (samples, 30)), truth, confidence))


def student(x: np.ndarray, truth: float, confidence: float) -> str:
    half = stats.t.ppf(confidence, 29) * x.std(axis=1, ddof=1) / np.sqrt(30)
    mean = x.mean(axis=1)
    return shares(s.Bounds(mean, mean - half, mean + half), truth)


def rates(samples: int, confidence: float) -> None:
    rng = np.random.default_rng(1)
    row("rates of 0.2 in n and 0.1 in 2n rows", "n = 30", "n = 100", "n = 400")
    row("---", "---", "---", "---")
    pairs = [
        (rng.binomial(n, 0.2, samples), rng.binomial(2 * n, 0.1, samples), n)
        for n in (30, 100, 400)
    ]
    for name, join, truth in (
        ("difference (Newcombe)", s.difference, 0.1),
        ("ratio (MOVER-R)", s.ratio, 2.0),
    ):
        row(
            name,
            *(
                shares(join(s.wilson(a, n, confidence), s.wilson(b, 2 * n, confidence)), truth)
                for a, b, n in pairs
            ),
        )
    row(
        "rate of 0.2 (Clopper-Pearson)",
        *(shares(s.clopper_pearson(a, n, confidence), 0.2) for a, _, n in pairs),
    )


def each(samples: int, draw: Callable[[np.random.Generator], s.Bounds], truth: float) -> str:
    rng = np.random.default_rng(2)
    return shares(s.Bounds.stack(draw(rng) for _ in range(samples)), truth)


def one_by_one(samples: int, confidence: float) -> None:
    row("bound", "setting", "lower / upper")
    row("---", "---", "---")
    big = np.exp(0.5 * np.random.default_rng(0).normal(size=4_000_000))
    truth = 0.15 * np.exp(0.125) * np.sqrt(2 / np.pi) / np.mean(np.abs(big - 1))
    for rows in (30, 100):

        def paired(rng: np.random.Generator, rows: int = rows) -> s.Bounds:
            y = np.exp(0.5 * rng.normal(size=rows))
            return s.paired_ratio(
                0.15 * y * np.abs(rng.normal(size=rows)), np.abs(y - 1), confidence
            )

        row("error against the baseline", f"{rows} rows", each(samples, paired, truth))
    for shift in (0.0, 1.0, 2.0):
        for positives in (15, 40):

            def area(rng: np.random.Generator, d: float = shift, m: int = positives) -> s.Bounds:
                return s.auc(rng.normal(size=m) + d, rng.normal(size=100), confidence)

            truth = float(stats.norm.cdf(shift / np.sqrt(2)))
            row(
                "area under the curve",
                f"{truth:.2f}, {positives} and 100 rows",
                each(samples, area, truth),
            )
    for rows in (30, 100):

        def median(rng: np.random.Generator, rows: int = rows) -> s.Bounds:
            return s.quantile_bounds(rng.exponential(size=rows), 0.5, confidence)

        row("median", f"{rows} rows", each(samples, median, float(np.log(2))))


def equal_groups(samples: int, confidence: float) -> None:
    row("equal groups", "measured maximum above 1", "lower bound above 1", "upper bound below 1")
    row("---", "---", "---", "---")
    for groups, rows in ((3, 20), (8, 20), (8, 10), (20, 30)):
        rng = np.random.default_rng(3)
        codes = np.repeat(np.arange(groups), rows)
        worst = []
        for _ in range(samples):
            sample = s.group_moments(rng.exponential(size=groups * rows), codes, groups)
            worst.append(
                s.largest(
                    lambda c, m=sample: s.mean_bounds(m, c), tests=groups, confidence=confidence
                )
            )
        found = s.Bounds.stack(worst)
        row(
            f"{groups} of {rows} rows",
            f"{np.mean(found.value > 1):.3f}",
            f"{np.mean(found.lower > 1):.3f}",
            f"{np.mean(found.upper < 1):.3f}",
        )


ROWS = (10, 20, 30, 100)

if __name__ == "__main__":
    samples = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    print(f"{datetime.now(UTC):%Y-%m-%d}, python benchmarks/verdicts/coverage.py {samples}")
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}, "
        f"Python {platform.python_version()}, numpy {version('numpy')}, scipy {version('scipy')}"
    )
    for confidence in (0.95, 0.99):
        print(f"\nOne-sided confidence {confidence:.0%}: share of samples on the right side\n")
        means(samples, confidence)
        print()
        rates(samples, confidence)
        print()
        one_by_one(max(samples // 10, 200), confidence)
        print()
        equal_groups(max(samples // 10, 200), confidence)

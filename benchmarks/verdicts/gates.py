"""Gates side by side: how often each says *met* or *not met* where it should not, and power.

The rule is the plainest of fairness: the largest difference of a rate between two groups is at
most so much. A gate that compares the measured gap with the limit is called naive here; most
published gates are. The former gate of Assay took each pair's Newcombe bounds with Bonferroni's
correction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from benchmarks.verdicts.worlds import World, world

from assay.assess import statistics as s
from assay.assess.finding import Assessment, Finding
from assay.policy.gate import decide
from assay.policy.policy import Policy, Rule

Judge = Callable[[np.ndarray, np.ndarray, float], tuple[float, float]]
"""From events, rows and confidence to the bounds that a verdict rests on."""


class Errors(NamedTuple):
    """How often a gate was wrong in one world; the limit lies where being wrong is likeliest."""

    gate: str
    world: World
    false_not_met: float
    """Share of samples called *not met* although the true gap equals the limit."""
    false_met: float
    """Share of samples called *met* although the true gap is a hair above the limit."""
    width: float
    """Mean distance of the upper from the lower bound."""


class Power(NamedTuple):
    """Shares of the verdicts of one gate in one world, at one limit."""

    gate: str
    groups: int
    rows: int
    gap: float
    met: float
    not_met: float


def assay_bounds(events: np.ndarray, rows: np.ndarray, confidence: float) -> tuple[float, float]:
    bounds = s.gap_of_rates(events, rows, confidence)
    return float(bounds.lower), float(bounds.upper)


def former_bounds(events: np.ndarray, rows: np.ndarray, confidence: float) -> tuple[float, float]:
    def pairs(at: float) -> s.Bounds:
        rate = s.wilson(events, rows, at)
        return s.difference(rate[:, None], rate[None, :])

    bounds = s.largest(pairs, tests=rows.size * (rows.size - 1), confidence=confidence)
    return float(bounds.lower), float(bounds.upper)


def naive_bounds(events: np.ndarray, rows: np.ndarray, confidence: float) -> tuple[float, float]:
    del confidence
    gap = float(np.ptp(events / rows))
    return gap, gap


def percentile_bounds(
    events: np.ndarray, rows: np.ndarray, confidence: float
) -> tuple[float, float]:
    """What a bootstrap of the measured gap gives: it is too large in each replicate, too."""
    drawn = np.random.default_rng(0).binomial(rows, events / rows, (400, rows.size))
    gaps = np.ptp(drawn / rows, axis=1)
    lower, upper = np.quantile(gaps, [1 - confidence, confidence])
    return float(lower), float(upper)


GATES: dict[str, Judge] = {
    "Assay": assay_bounds,
    "Assay before": former_bounds,
    "bootstrap of the gap": percentile_bounds,
    "naive": naive_bounds,
}


def errors(
    worlds: Iterable[World],
    samples: int,
    confidence: float,
    *,
    gates: Iterable[str] = GATES,
    seed: int = 0,
) -> Iterator[Errors]:
    """False verdicts of each gate in each world."""
    chosen = list(gates)
    for number, one in enumerate(worlds):
        rng = np.random.default_rng([seed, number])
        found = np.array(
            [
                [GATES[gate](events, one.rows, confidence) for gate in chosen]
                for events in (one.sample(rng) for _ in range(samples))
            ]
        )
        for place, gate in enumerate(chosen):
            lower, upper = found[:, place].T
            yield Errors(
                gate,
                one,
                float(np.mean(lower > one.gap + 1e-12)),
                float(np.mean(upper < one.gap - 1e-12)),
                float(np.mean(upper - lower)),
            )


def confirmed(found: Sequence[Errors], samples: int, confidence: float) -> Iterator[Errors]:
    """The worlds in which each gate did worst, sampled anew.

    The worst of many simulated figures is too bad by the luck of the draw. So a first pass only
    finds the worlds, for each gate, number of groups, sizes and kind of error, and what counts
    is a second one on fresh samples.
    """
    settings = dict.fromkeys((e.gate, e.world.groups, e.world.sizes) for e in found)
    for gate, groups, sizes in settings:
        here = [
            e for e in found if (e.gate, e.world.groups, e.world.sizes) == (gate, groups, sizes)
        ]
        for kind in ("false_not_met", "false_met"):
            worst = max(here, key=lambda e: getattr(e, kind))
            (again,) = errors([worst.world], samples, confidence, gates=[gate], seed=1)
            if kind == "false_not_met":
                yield again._replace(false_met=0.0)
            else:
                yield again._replace(false_not_met=0.0)


def power(
    gaps: Iterable[float],
    samples: int,
    *,
    groups: int,
    rows: int,
    limit: float,
    confidence: float,
    shape: str = "one high",
) -> Iterator[Power]:
    """Verdicts over true gaps, through the real gate."""
    for gap in gaps:
        one = world(groups, rows, shape, 0.2, gap)
        rng = np.random.default_rng(round(gap * 1000))
        sampled = [one.sample(rng) for _ in range(samples)]
        for gate, judge in GATES.items():
            verdicts = [
                verdict(judge(events, one.rows, confidence), one, limit, confidence)
                for events in sampled
            ]
            met, not_met = verdicts.count("met"), verdicts.count("not met")
            yield Power(gate, groups, rows, gap, met / samples, not_met / samples)


def verdict(bounds: tuple[float, float], one: World, limit: float, confidence: float) -> str:
    """What Assay's own gate says of bounds."""
    lower, upper = bounds
    finding = Finding(
        check="FAI003",
        title="Gap",
        principle="fairness",
        measure="largest difference between groups in a rate",
        value=(lower + upper) / 2,
        lower=lower,
        upper=upper,
        confidence=confidence,
        rows=int(one.rows.sum()),
    )
    policy = Policy(name="p", rules=(Rule(check="FAI003", at_most=limit, confidence=confidence),))
    evidence = Assessment(subject="sha256:00", findings=(finding,))
    return decide(policy, evidence, today="2026-01-01").outcomes[0].status


def shopping(samples: int, tries: int, confidence: float) -> dict[str, float]:
    """How often any of several models with the gap just above the limit passes.

    Each model is new, and each is judged on the same held-out rows: here five groups of 400
    rows and a true gap of 0.1, at a limit of 0.1.
    """
    from assay.policy.looks import confidence_at

    one = world(5, 400, "one high, one low", 0.2, 0.1)
    rng = np.random.default_rng(0)
    passed = {"every look at full confidence": 0, "spent over looks": 0, "naive": 0}
    for _ in range(samples):
        tried = [one.sample(rng) for _ in range(tries)]
        uppers = [assay_bounds(events, one.rows, confidence)[1] for events in tried]
        spent = [
            assay_bounds(events, one.rows, confidence_at(confidence, look))[1]
            for look, events in enumerate(tried, start=1)
        ]
        gaps = [float(np.ptp(events / one.rows)) for events in tried]
        passed["every look at full confidence"] += min(uppers) < one.gap
        passed["spent over looks"] += min(spent) < one.gap
        passed["naive"] += min(gaps) < one.gap
    return {name: count / samples for name, count in passed.items()}

"""Fairlearn's bootstrap of the demographic parity difference, as its users would gate on it."""

from __future__ import annotations

import time
from typing import NamedTuple

import numpy as np
from benchmarks.verdicts.gates import assay_bounds
from benchmarks.verdicts.worlds import World, world


class Peer(NamedTuple):
    """False verdicts and cost of one tool in one world."""

    tool: str
    world: World
    samples: int
    false_not_met: float
    false_met: float
    seconds: float
    """CPU seconds a verdict."""


def fairlearn_errors(samples: int, replicates: int, confidence: float) -> list[Peer]:
    """Both tools on the same samples; nothing where Fairlearn is not installed."""
    try:
        from fairlearn.metrics import (  # type: ignore[import-untyped]
            MetricFrame,
            selection_rate,
        )
    except ImportError:
        return []
    found = []
    for groups in (2, 5, 20):
        one = world(groups, 50, "one high", 0.2, 0.0)
        group = np.repeat(np.arange(groups), one.rows)

        def fairlearn(
            events: np.ndarray, one: World = one, group: np.ndarray = group
        ) -> tuple[float, float]:
            answer = np.concatenate(
                [np.arange(n) < k for k, n in zip(events, one.rows, strict=True)]
            ).astype(int)
            frame = MetricFrame(
                metrics=selection_rate,
                y_true=answer,
                y_pred=answer,
                sensitive_features=group,
                n_boot=replicates,
                ci_quantiles=[1 - confidence, confidence],
                random_state=0,
            )
            lower, upper = frame.difference_ci()
            return float(lower), float(upper)

        def ours(events: np.ndarray, one: World = one) -> tuple[float, float]:
            return assay_bounds(events, one.rows, confidence)

        for tool, judge in (("Fairlearn", fairlearn), ("Assay", ours)):
            rng = np.random.default_rng(1)
            start = time.process_time()
            bounds = np.array([judge(one.sample(rng)) for _ in range(samples)])
            spent = (time.process_time() - start) / samples
            found.append(
                Peer(
                    tool,
                    one,
                    samples,
                    float(np.mean(bounds[:, 0] > one.gap + 1e-12)),
                    float(np.mean(bounds[:, 1] < one.gap - 1e-12)),
                    spent,
                )
            )
    return found

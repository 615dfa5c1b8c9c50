"""Before and after: what making groups more alike changed, on the same out-of-fold rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from assay.automl.bench import Bench
from assay.automl.fairness import FEWEST_ROWS
from assay.automl.leaderboard import Estimate, Mitigation
from assay.automl.parity import EVENTS, GAP_OF
from assay.automl.table import Rows
from assay.model.answer import Answer
from assay.model.plan import Float64

SAMPLES = 400
"""Bootstrap samples behind an interval of 90 %."""
TAILS = (0.05, 0.95)
SEVERAL = "largest difference between groups in the share of any one class"


def compare(
    before: Answer, after: Answer, bench: Bench, *, thresholds: dict[str, float], models: int
) -> Mitigation:
    """Gap, right labels and score of two answers to the judged rows.

    Intervals are percentile bootstrap over rows (Efron 1979), with weights counted as so many
    rows that the effective number is kept (Kish 1965). Gap and right labels depend on counts
    alone, so the counts are drawn, which has the same distribution as drawing rows. The gap is
    a largest difference, which is too large on average where groups are alike: its interval
    then lies above 0.

    Parameters
    ----------
    before, after : Answer
        Of the judged rows, out of fold.
    thresholds : dict of str to float
        By group; empty where there is one for all.
    models : int
        Members of the model.
    """
    spec, groups = bench.spec, bench.problem.groups
    assert groups is not None
    assert bench.groups is not None
    assert before.label is not None
    assert after.label is not None
    assert spec.mitigate
    several = len(bench.problem.classes) > 2
    cells = _Cells.of(
        bench.groups, np.asarray(bench.truth, np.int64), before.label, after.label, bench.weights
    )
    parity = _parity(spec.mitigate, spec.parity)
    events = (tuple(range(len(bench.problem.classes))),) if several else EVENTS[parity]
    named = range(len(bench.problem.classes)) if several else (1,)
    drawn = np.vstack([cells.weight, cells.samples(bench.seed)])
    gaps = [cells.gaps(drawn, side, events, named, len(groups.names)) for side in (0, 1)]
    right = [cells.right(drawn, side) for side in (0, 1)]
    return Mitigation(
        method=spec.mitigate,
        column=groups.column,
        parity=parity,
        gap_of=SEVERAL if several else GAP_OF[parity],
        gap_before=_estimate(gaps[0]),
        gap_after=_estimate(gaps[1]),
        gap_change=_estimate(gaps[1] - gaps[0]),
        right_before=_estimate(right[0]),
        right_after=_estimate(right[1]),
        right_change=_estimate(right[1] - right[0]),
        score_before=_score(before, bench),
        score_after=_score(after, bench),
        thresholds=thresholds,
        models=models,
    )


def _parity(method: str, parity: str) -> str:
    """Reweighing makes class and group independent, which is demographic parity."""
    return "demographic_parity" if method == "reweighing" else parity


@dataclass(frozen=True, kw_only=True)
class _Cells:
    """Rows that are alike in group, true class and both labels; their weight."""

    group: Rows
    truth: Rows
    labels: tuple[Rows, Rows]
    rows: Rows
    weight: Float64

    @classmethod
    def of(
        cls, groups: Rows, truth: Rows, before: Rows, after: Rows, weights: Float64 | None
    ) -> _Cells:
        table = np.stack([groups, truth, before, after], axis=1)
        kinds, place, rows = np.unique(table, axis=0, return_inverse=True, return_counts=True)
        given = np.ones(len(table)) if weights is None else weights
        effective = given.sum() ** 2 / (given**2).sum()
        weight = np.bincount(place.ravel(), given) * effective / given.sum()
        return cls(
            group=kinds[:, 0],
            truth=kinds[:, 1],
            labels=(kinds[:, 2], kinds[:, 3]),
            rows=rows,
            weight=weight,
        )

    def samples(self, seed: int) -> Float64:
        """Bootstrap samples of the cells' weights: (SAMPLES, n_cells)."""
        total = max(1, round(float(self.weight.sum())))
        shares = self.weight / self.weight.sum()
        drawn = np.random.default_rng(seed).multinomial(total, shares, size=SAMPLES)
        return drawn.astype(np.float64)

    def right(self, drawn: Float64, side: int) -> Float64:
        """Share of right labels in each sample."""
        hit = self.labels[side] == self.truth
        return np.asarray(drawn[:, hit].sum(axis=1) / drawn.sum(axis=1))

    def gaps(
        self,
        drawn: Float64,
        side: int,
        events: Sequence[tuple[int, ...]],
        classes: Sequence[int],
        count: int,
    ) -> Float64:
        """Largest difference between groups in each sample."""
        spans = [np.zeros(len(drawn))]
        for event in events:
            inside = np.isin(self.truth, event)
            member = (self.group[:, None] == np.arange(count)) & inside[:, None]
            kept = member[:, self.rows @ member >= FEWEST_ROWS]
            if kept.shape[1] < 2:
                continue
            total = np.maximum(drawn @ kept, 1e-300)
            for label in classes:
                chosen = kept & (self.labels[side] == label)[:, None]
                spans.append(np.ptp(drawn @ chosen / total, axis=1))
        return np.asarray(np.max(spans, axis=0))


def _estimate(values: Float64) -> Estimate:
    """The first is the measured one, the others are bootstrap samples of it."""
    low, high = np.quantile(values[1:], TAILS)
    return Estimate(value=float(values[0]), low=float(low), high=float(high))


def _score(answer: Answer, bench: Bench) -> Estimate:
    """By the search's metric, labels as they were cut."""
    assert answer.probabilities is not None
    told = answer.probabilities if answer.probabilities.shape[1] > 2 else answer.prediction
    if bench.metric.labels and told.ndim == 1:
        assert answer.label is not None
        told = answer.label.astype(np.float64)  # at any threshold in (0, 1] these are the labels
    low, high = bench.metric.interval(
        bench.truth, told, seed=bench.seed, weights=bench.weights, threshold=_middle(bench)
    )
    value = bench.metric.score(bench.truth, told, weights=bench.weights, threshold=_middle(bench))
    return Estimate(value=value, low=low, high=high)


def _middle(bench: Bench) -> float | None:
    return 0.5 if bench.metric.labels else None

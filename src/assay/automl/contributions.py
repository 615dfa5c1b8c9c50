"""What each column and each engineered feature brought to the best trial."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from assay.automl.bench import Attempt, Bench
from assay.automl.features import Features
from assay.automl.fitting import FitOrder, fit_models, shown
from assay.automl.leaderboard import Contribution
from assay.automl.metrics import Metric
from assay.compute.workers import Shared
from assay.model.plan import Float32, Float64, columns_of

REPEATS = 3
MOST_ROWS = 2000
MOST_PARTS = 200
"""Columns and engineered features that are measured one by one."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """Features that are shuffled together."""

    name: str
    columns: tuple[str, ...]
    places: tuple[int, ...]
    engineered: bool


def contributions(attempt: Attempt, bench: Bench, *, seconds: float) -> tuple[Contribution, ...]:
    """Permutation importance (Breiman 2001) on rows that the model was not fitted on.

    The trial is fitted once more on the rows of its first fold; then the features of one column
    at a time (engineered ones that read it included) are shuffled among the fold's held rows,
    and the loss that this costs is what the column brought. Engineered features are also
    shuffled on their own.

    Returns
    -------
    tuple of Contribution
        Largest first; shares of all losses. Empty where it could not be done in ``seconds``.
    """
    fold = bench.problem.judging[0]
    read = bench.columns(attempt.candidate, str(fold))
    parts = _parts(bench.features_of[str(fold)], read)
    order = replace(
        bench.order(attempt.candidate, str(fold), seconds),
        params=attempt.settled,
        stops=False,
    )
    truth = bench.problem.y[bench.problem.folds == fold]
    job = bench.workers.submit(
        measure,
        bench.shared,
        order,
        bench.metric,
        parts,
        truth,
        seconds=max(2.0, seconds),
    )
    try:
        brought = job.result()
    except Exception:
        return ()
    if not np.isfinite(brought).all():  # a fold of one class has no ranking to lose
        return ()
    total = float(brought.sum()) or 1.0
    found = [
        Contribution(
            feature=part.name,
            columns=part.columns,
            share=float(value) / total,
            engineered=part.engineered,
        )
        for part, value in zip(parts, brought, strict=True)
    ]
    return tuple(sorted(found, key=lambda c: (-c.share, c.feature)))


def measure(
    shared: Shared,
    order: FitOrder,
    metric: Metric,
    parts: Sequence[Part],
    truth: Float64,
) -> Float64:
    """In a worker: what shuffling each part costs, never below 0."""
    arrays = shared.load()
    held = np.ascontiguousarray(arrays[f"held-{order.part}"][:, order.columns])
    rng = np.random.default_rng(order.seed)
    rows = np.sort(rng.permutation(len(held))[:MOST_ROWS])
    held, truth = held[rows], truth[rows]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        models = fit_models(arrays, order)

        def loss(X: Float32) -> float:
            answer = np.hstack([model.predict(X) for model in models])
            return metric.loss(metric.score(truth, shown(answer, order.transform)))

        plain = loss(held)
        costs = np.zeros(len(parts))
        for place, part in enumerate(parts):
            for _ in range(REPEATS):
                mixed = held.copy()
                mixed[:, part.places] = held[rng.permutation(len(held))][:, part.places]
                costs[place] += (loss(mixed) - plain) / REPEATS
    return np.maximum(costs, 0.0)


def _parts(features: Features, read: tuple[int, ...]) -> tuple[Part, ...]:
    """One part a column, one an engineered feature; places count within ``read``."""
    place_of = {feature: place for place, feature in enumerate(read)}
    by_column: dict[str, list[int]] = {}
    engineered: list[Part] = []
    for places, feature in features.placed():
        inside = tuple(place_of[p] for p in places if p in place_of)
        columns = tuple(dict.fromkeys(columns_of(feature.encoder)))
        for column in columns if inside else ():
            by_column.setdefault(column, []).extend(inside)
        if feature.engineered and inside:
            name = feature.names[0]
            engineered.append(Part(name=name, columns=columns, places=inside, engineered=True))
    own = [
        Part(name=column, columns=(column,), places=tuple(places), engineered=False)
        for column, places in by_column.items()
    ]
    return (*own, *engineered)[:MOST_PARTS]

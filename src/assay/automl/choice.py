"""Which trials make up the model: a greedy blend, within size and, if asked, fairness."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from assay.automl.bench import Attempt, Bench
from assay.automl.ensemble import blend
from assay.automl.fairness import gap_between
from assay.automl.fitting import shown
from assay.model.plan import Float64

CANDIDATES = 24
"""Best trials that the ensemble chooses from, and the best of each family beside them."""
BLENDING_ROWS, BLENDING_CELLS = 10_000, 400_000
"""Rows, and rows times outputs, on which the ensemble is chosen, at most."""
USUAL_MEGABYTES, MOST_MEGABYTES = 10.0, 100.0
"""What the graph should not exceed where no other limit is given, and must not."""
WORTH = 0.01
"""What a larger graph must gain: a share of the smaller one's gain on the constant answer."""
GROWTH = 1.25
"""How much larger than in a fold a member is when it is fitted on all rows, about."""
BARE_ROW_US = 15.0
"""What a graph takes for one row beside its members, in microseconds, about."""
VISIT_US, NUMBER_US = 0.008, 0.0005
"""For one node of a tree, for one weight, as measured with graphs of the benchmark."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The ensemble: trials with their weights, and its out-of-fold mean."""

    attempts: dict[int, Attempt]
    weights: dict[int, float]
    mean: Float64
    score: float
    single: Attempt
    for_fairness: bool = False
    """Whether a tied model with a smaller gap was preferred."""
    plain: Choice | None = None
    """What was chosen before groups were made more alike; None where they were not."""

    def without(self, numbers: set[int]) -> Choice:
        """The same mixture without some members, weights brought to 1 again."""
        kept = {n: w for n, w in self.weights.items() if n not in numbers}
        total = sum(kept.values())
        weights = {n: w / total for n, w in kept.items()}
        attempts = {n: self.attempts[n] for n in kept}
        mean = sum(w * attempts[n].answer for n, w in weights.items())
        return Choice(
            attempts=attempts,
            weights=weights,
            mean=np.asarray(mean),
            score=self.score,
            single=self.single,
            for_fairness=self.for_fairness,
            plain=self.plain,
        )


def grown_kilobytes(attempt: Attempt) -> float:
    """About what a member takes in the graph."""
    return GROWTH * attempt.kilobytes


def row_us(attempt: Attempt) -> float:
    """About what a member adds to the time of one row, in microseconds.

    A tree is read from its root to a leaf, whatever it weighs; of all else every number is read.
    """
    settled, family = attempt.settled, attempt.family
    trees = settled.get("rounds", settled.get("trees", 0)) if family.needs == "trees" else 0
    if not trees:
        return attempt.nodes * NUMBER_US
    depth = np.log2(max(2.0, attempt.nodes / trees))
    return float(trees * depth * VISIT_US)


def choose_within(
    usable: dict[int, Attempt], bench: Bench, megabytes: float | None, row_ms: float | None = None
) -> Choice:
    """The best blend within a limit; without one, a large graph only where it gains much.

    Where both are limited, the time of a row is what members are chosen by.
    """
    if row_ms is not None:
        room = max(0.0, 1000 * row_ms - BARE_ROW_US)
        return choose(usable, bench, cost=row_us, room=room)
    if megabytes is not None:
        return choose(usable, bench, cost=grown_kilobytes, room=1000 * megabytes)
    small, large = (
        choose(usable, bench, cost=grown_kilobytes, room=1000 * room)
        for room in (USUAL_MEGABYTES, MOST_MEGABYTES)
    )
    gained = bench.constant_loss - bench.metric.loss(small.score)
    gains = bench.metric.loss(small.score) - bench.metric.loss(large.score)
    return large if gains > WORTH * max(gained, 0.0) else small


def choose(
    usable: dict[int, Attempt], bench: Bench, *, cost: Callable[[Attempt], float], room: float
) -> Choice:
    """Blend the best trials; a single one where no blend is better.

    Parameters
    ----------
    usable : dict of int to Attempt
        Finished trials by number, best first; at least one.
    cost : callable
        What a member takes of the room: `grown_kilobytes` or `row_us`.
    room : float
        For all members together. Where not even one trial fits, the least dear is taken.
    """
    fitting = {n: a for n, a in usable.items() if cost(a) <= room}
    if not fitting:
        number = min(usable, key=lambda n: cost(usable[n]))
        fitting = {number: usable[number]}
    candidates = _candidates(fitting)
    numbers, attempts = list(candidates), list(candidates.values())
    weights = _weights(attempts, bench, np.array([cost(a) for a in attempts]), room)
    mean = np.asarray(np.tensordot(weights, [a.answer for a in attempts], axes=1))
    score = bench.score(mean, attempts[0].transform)
    if bench.metric.loss(score) >= attempts[0].loss:
        weights = (np.arange(len(attempts)) == 0).astype(np.float64)
        mean, score = attempts[0].answer, attempts[0].score
    chosen = [i for i in np.argsort(-weights, kind="stable") if weights[i] > 0]
    choice = Choice(
        attempts={numbers[i]: attempts[i] for i in chosen},
        weights={numbers[i]: float(weights[i]) for i in chosen},
        mean=mean,
        score=score,
        single=attempts[0],
    )
    return choice if bench.problem.groups is None else _fairest(choice, candidates, bench)


def _candidates(usable: dict[int, Attempt]) -> dict[int, Attempt]:
    """The best trials, and the best of each family."""
    first: dict[str, int] = {}
    for number, attempt in usable.items():
        first.setdefault(attempt.family.name, number)
    kept = {*list(usable)[:CANDIDATES], *first.values()}
    return {n: a for n, a in usable.items() if n in kept}


def _weights(attempts: list[Attempt], bench: Bench, sizes: Float64, room: float) -> Float64:
    most = min(BLENDING_ROWS, BLENDING_CELLS // max(1, attempts[0].answer[0].size))
    rows = np.random.default_rng(bench.seed).permutation(len(bench.truth))[:most]
    truth, transform, metric = bench.truth[rows], attempts[0].transform, bench.metric
    weights = None if bench.weights is None else bench.weights[rows]

    def loss(mean: Float64) -> float:
        return metric.loss(metric.score(truth, shown(mean, transform), weights=weights))

    return blend([a.answer[rows] for a in attempts], loss, sizes=sizes, room=room)


def _fairest(choice: Choice, candidates: dict[int, Attempt], bench: Bench) -> Choice:
    """Of the blend and the trials tied with it, the one with the smallest gap between groups."""
    low, high = interval_of(bench, choice.mean, choice.single)
    worst = max(bench.metric.loss(low), bench.metric.loss(high))
    best, least = choice, gap_of(bench, choice.mean, choice.single)
    for number, attempt in candidates.items():
        gap = gap_of(bench, attempt.answer, attempt)
        if attempt.loss <= worst and gap < least:
            least = gap
            best = Choice(
                attempts={number: attempt},
                weights={number: 1.0},
                mean=attempt.answer,
                score=attempt.score,
                single=choice.single,
                for_fairness=True,
            )
    return best


def gap_of(bench: Bench, answer: Float64, attempt: Attempt) -> float:
    """Gap between groups of out-of-fold answers on the attempt's scale."""
    problem = bench.problem
    assert problem.groups is not None
    told = shown(answer, attempt.transform)
    return gap_between(problem.groups, problem.judged, bench.truth, told, problem.task.kind)


def interval_of(bench: Bench, answer: Float64, attempt: Attempt) -> tuple[float, float]:
    """90 % bootstrap interval of a score."""
    samples = int(min(200, max(50, 2e6 / len(bench.truth))))
    return bench.metric.interval(
        bench.truth,
        shown(answer, attempt.transform),
        seed=bench.seed,
        samples=samples,
        weights=bench.weights,
    )

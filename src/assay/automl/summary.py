"""The leaderboard of a search that is over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from assay.automl.assemble import Assembled
from assay.automl.bench import Attempt
from assay.automl.calibrate import Finish
from assay.automl.choice import Choice, gap_of, interval_of
from assay.automl.fairness import GAP_OF, on_front
from assay.automl.hunt import Hunt
from assay.automl.leaderboard import Contribution, CurvePoint, Leaderboard, Trial
from assay.automl.verdict import engineering, how, slanted, why
from assay.model.plan import ModelPlan

MOST_BOUNDED = 40
"""Trials that get a bootstrap interval, best first."""


@dataclass(frozen=True, kw_only=True)
class Learned:
    """What was measured beside the model, as far as time allowed."""

    contributions: tuple[Contribution, ...] = ()
    curve: tuple[CurvePoint, ...] = ()
    missing: tuple[str, ...] = ()


def summarise(
    hunt: Hunt,
    choice: Choice,
    built: Assembled,
    learned: Learned,
    notes: tuple[str, ...],
) -> Leaderboard:
    """Every trial, what was chosen of them, and why."""
    bench, problem, metric = hunt.bench, hunt.bench.problem, hunt.bench.metric
    interval = interval_of(bench, choice.mean, choice.single)
    return Leaderboard(
        metric=metric.name,
        better=metric.better,
        baseline=bench.score(bench.constant_answers(), "identity"),
        trials=_ranked(hunt, choice),
        ensemble_score=choice.score,
        ensemble_low=interval[0],
        ensemble_high=interval[1],
        transform=hunt.transform,
        budget_s=hunt.clock.budget_s,
        spent_s=hunt.clock.spent_s,
        why=" ".join(_reasons(hunt, choice, built.finish, built.plan)),
        features=built.plan.feature_names,
        seed=bench.seed,
        rows=problem.rows,
        folds=len(problem.judging),
        contributions=learned.contributions,
        curve=learned.curve,
        gap_of=GAP_OF[problem.task.kind] if problem.groups else "",
        resumed=sum(attempt.before for attempt in hunt.attempts.values()),
        notes=(*notes, *learned.missing),
    )


def _reasons(hunt: Hunt, choice: Choice, finish: Finish, plan: ModelPlan) -> list[str]:
    plain = choice.plain or choice
    members = [(a, plain.weights[n]) for n, a in plain.attempts.items()]
    metric, problem = hunt.bench.metric, hunt.bench.problem
    scales = {attempt.transform for attempt in hunt.attempts.values()}
    return [
        why(members, score=plain.score, single=plain.single, metric=metric),
        *slanted(hunt.spec.mitigate, choice.plain is not None, metric=metric, score=choice.score),
        *engineering(hunt.chosen, used=hunt.recipe == "engineered"),
        *how(finish, plan.output, problem=problem, scales_tried=len(scales) > 1),
    ]


def _ranked(hunt: Hunt, choice: Choice) -> tuple[Trial, ...]:
    """Trials best first, then those that did not finish."""
    finished = sorted(hunt.attempts.items(), key=lambda item: (item[1].loss, item[0]))
    bounded = {n for n, _ in finished[:MOST_BOUNDED]} | set(choice.weights)
    gaps = _gaps(hunt)
    done = [
        msgspec.structs.replace(
            _finished(hunt, number, attempt, number in bounded),
            weight=choice.weights.get(number, 0.0),
            **gaps.get(number, {}),
        )
        for number, attempt in finished
    ]
    rest = [trial for number, trial in hunt.trials.items() if number not in hunt.attempts]
    return (*done, *rest)


def _gaps(hunt: Hunt) -> dict[int, dict[str, Any]]:
    """Gap of each trial and whether it lies on the front, where fairness is asked for."""
    if hunt.bench.problem.groups is None or not hunt.attempts:
        return {}
    numbers = list(hunt.attempts)
    losses = np.array([hunt.attempts[n].loss for n in numbers])
    gaps = np.array([gap_of(hunt.bench, a.answer, a) for a in hunt.attempts.values()])
    front = on_front(losses, gaps)
    return {
        n: {"gap": float(gap), "front": best}
        for n, gap, best in zip(numbers, gaps, front, strict=True)
    }


def _finished(hunt: Hunt, number: int, attempt: Attempt, bounded: bool) -> Trial:
    """The record of a finished trial."""
    low, high = interval_of(hunt.bench, attempt.answer, attempt) if bounded else (None, None)
    return msgspec.structs.replace(
        hunt.trials[number],
        params=attempt.settled,
        score=attempt.score,
        low=low,
        high=high,
        fit_s=round(attempt.fit_s, 4),
        took_s=round(attempt.wall_s, 3),
        began_s=round(attempt.began_s, 3),
        predict_us_per_row=round(attempt.predict_us_per_row, 3),
        nodes=attempt.nodes,
        kilobytes=round(attempt.kilobytes, 1),
        transparent=attempt.family.transparent,
    )

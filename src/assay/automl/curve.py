"""Would more data help? The best trial, fitted on growing shares of the rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from assay.automl.bench import Attempt, Bench
from assay.automl.choice import interval_of
from assay.automl.fitting import fit_part
from assay.automl.leaderboard import CurvePoint

SHARES = (0.1, 0.2, 0.4, 0.7)
"""Shares of each fold's rows; the trial itself is the point of all rows."""
FEWEST_ROWS = 20


def learning_curve(attempt: Attempt, bench: Bench, *, seconds: float) -> tuple[CurvePoint, ...]:
    """Out-of-fold scores by rows learned from, fewest first.

    Parameters
    ----------
    attempt : Attempt
        Parameters are kept, rounds that early stopping chose included.
    seconds : float
        After so many seconds the points that are there are returned.
    """
    problem, clock = bench.problem, bench.clock
    start = clock.spent_s
    rows = int(np.mean([len(problem.learned_from(k)) for k in problem.judging]))
    points: list[CurvePoint] = []
    for share in SHARES:
        left = seconds - (clock.spent_s - start)
        if rows * share < FEWEST_ROWS or left <= 0:
            continue
        answer = _answers(attempt, bench, share, left)
        if answer is not None:
            low, high = interval_of(bench, answer, attempt)
            score = bench.score(answer, attempt.transform)
            points.append(CurvePoint(rows=int(rows * share), score=score, low=low, high=high))
    low, high = interval_of(bench, attempt.answer, attempt)
    return (*points, CurvePoint(rows=rows, score=attempt.score, low=low, high=high))


def _answers(
    attempt: Attempt, bench: Bench, share: float, seconds: float
) -> np.ndarray[tuple[int, int], np.dtype[np.float64]] | None:
    problem = bench.problem
    jobs = []
    for fold in problem.judging:
        order = bench.order(attempt.candidate, str(fold), None)
        order = replace(order, params=attempt.settled, stops=False, share=share)
        jobs.append(bench.workers.submit(fit_part, bench.shared, order, seconds=seconds))
    answer = np.empty((len(bench.truth), problem.width))
    try:
        for fold, job in zip(problem.judging, jobs, strict=True):
            answer[bench.folds == fold] = job.result().answer
    except Exception:
        for job in jobs:
            job.cancel()
        return None
    return answer

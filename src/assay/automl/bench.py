"""Cross-validate one family with one set of parameters; keep what it answered out of fold."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

import numpy as np

from assay.automl.clock import Clock
from assay.automl.family import Answers, Family, Fitted, Params, Validation, average
from assay.automl.features import Features, fitting_matrix, learn_features
from assay.automl.metrics import Metric
from assay.automl.problem import Problem, Rows
from assay.model.encode import encode
from assay.model.plan import Float32, Float64, Member, TreesMember

Transform = Literal["identity", "log"]

STOPPING_ROWS = 2000
"""From so many rows on, boosting holds some out to choose its rounds; below, they are fixed."""
STOPPING_SHARE = 0.12
PROBED_ROWS = 4000
"""From so many rows on, a family's cost is first measured on a sample."""
PROBE_ROWS = 2000


@dataclass(frozen=True, kw_only=True)
class Fold:
    """The rows that a fold fits on and the rows it holds, as features."""

    number: int
    features: Features
    X: Float32
    fit: Rows
    X_held: Float32
    held: Rows


@dataclass(frozen=True, kw_only=True)
class FoldFit:
    """What one fold gave."""

    answer: Float64
    params: Params
    fit_s: float
    predict_s: float
    nodes: int


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """A finished cross-validation.

    ``answer``: (n_judged, width) out-of-fold, on the link scale and, for regression, on the
    scale of ``transform``.
    """

    family: Family
    params: Params
    """As asked for."""
    settled: Params
    """With the rounds averaged over folds."""
    transform: Transform
    answer: Float64
    score: float
    loss: float
    fit_s: float
    wall_s: float
    predict_us_per_row: float
    nodes: int


class Bench:
    """Training rows, encoded fold by fold once, and threads to fit on."""

    def __init__(
        self, problem: Problem, *, metric: Metric, seed: int, pool: Executor, threads: int
    ) -> None:
        self.problem = problem
        self.metric = metric
        self.seed = seed
        self.pool = pool
        self.threads = threads
        self.truth: Answers = problem.y[problem.judged]
        self.score_s = 0.0
        """The longest that scoring all rows once took: what the end of a search is made of."""
        everything = np.arange(problem.rows)
        jobs = [pool.submit(self._encode_fold, k) for k in problem.fold_numbers]
        whole = pool.submit(self._learn, everything)
        self.folds: list[Fold] = [job.result() for job in jobs]
        self.features, self.X = whole.result()

    def cross_validate(
        self, family: Family, params: Params, *, transform: Transform, clock: Clock
    ) -> Attempt:
        """Fit on every fold, as many at once as there are threads.

        Raises
        ------
        TooDear
            What was measured so far says that the rest does not fit the clock.
        """
        start = time.monotonic()
        y = transformed(self.problem.y, transform)
        fits: list[FoldFit] = []
        for first in range(0, len(self.folds), self.threads):
            wave = self.folds[first : first + self.threads]
            fits += _all([self.pool.submit(self._fit, family, params, f, y) for f in wave])
            waves = math.ceil((len(self.folds) - len(fits)) / self.threads)
            if waves:
                clock.demand(waves * (time.monotonic() - start) * self.threads / len(fits))
        wall_s = time.monotonic() - start
        return self._attempt(family, params, transform, fits, wall_s)

    def refit(self, attempts: Sequence[Attempt]) -> list[tuple[Fitted, Member]]:
        """Fit each on all training rows, with the rounds that cross-validation settled."""
        return _all([self.pool.submit(self._fit_all, attempt) for attempt in attempts])

    def probed_s(self, family: Family, params: Params, transform: Transform) -> float:
        """Seconds that a cross-validation may take, from a fit on a sample; 0 for few rows.

        Cost is taken to grow with rows. It hardly ever grows faster, so what is left out would
        not have fitted, and the waves of `cross_validate` correct the rest.
        """
        fold = self.folds[0]
        if len(fold.fit) < PROBED_ROWS:
            return 0.0
        chosen = np.random.default_rng(self.seed).permutation(len(fold.fit))[:PROBE_ROWS]
        part = replace(fold, X=fold.X[chosen], fit=fold.fit[chosen])
        y = transformed(self.problem.y, transform)
        start = time.monotonic()
        self.pool.submit(self._fit, family, params, part, y).result()
        one = (time.monotonic() - start) * len(fold.fit) / PROBE_ROWS
        return float(one * math.ceil(len(self.folds) / self.threads))

    def _encode_fold(self, number: int) -> Fold:
        fit = self.problem.learned_from(number)
        held = np.flatnonzero(self.problem.folds == number)
        features, X = self._learn(fit)
        X_held = encode(features.encoders, self.problem.some(held))
        return Fold(number=number, features=features, X=X, fit=fit, X_held=X_held, held=held)

    def _learn(self, rows: Rows) -> tuple[Features, Float32]:
        """Features learned from ``rows``, and the matrix to fit on."""
        problem = self.problem
        inputs, answers = problem.some(rows), problem.answers[rows]
        features = learn_features(problem.columns, inputs, answers, classes=problem.classes)
        return features, fitting_matrix(features, inputs, answers, seed=self.seed)

    def _fit(self, family: Family, params: Params, fold: Fold, y: Answers) -> FoldFit:
        columns = fold.features.columns(family.needs)
        X, answers = np.ascontiguousarray(fold.X[:, columns]), y[fold.fit]
        validation = None
        if family.stops_early and len(X) >= STOPPING_ROWS:
            X, answers, validation = self._hold_out(X, answers)
        start = time.monotonic()
        fitted = family.fit(
            X, answers, task=self.problem.task, params=params, seed=self.seed, validation=validation
        )
        fit_s = time.monotonic() - start
        answer = fitted.predict(np.ascontiguousarray(fold.X_held[:, columns]))
        predict_s = time.monotonic() - start - fit_s
        first = fold.number == self.folds[0].number
        return FoldFit(
            answer=answer,
            params=fitted.params,
            fit_s=fit_s,
            predict_s=predict_s,
            nodes=size_of(fitted.describe(columns)) if first else 0,
        )

    def _hold_out(self, X: Float32, y: Answers) -> tuple[Float32, Answers, Validation]:
        """Some of the fold's own fitting rows, to choose rounds; never the rows it is scored on."""
        order = np.random.default_rng(self.seed).permutation(len(X))
        cut = int(len(X) * STOPPING_SHARE)
        held, kept = order[:cut], order[cut:]
        return X[kept], y[kept], Validation(X=X[held], y=y[held])

    def _fit_all(self, attempt: Attempt) -> tuple[Fitted, Member]:
        columns = self.features.columns(attempt.family.needs)
        fitted = attempt.family.fit(
            np.ascontiguousarray(self.X[:, columns]),
            transformed(self.problem.y, attempt.transform),
            task=self.problem.task,
            params=attempt.settled,
            seed=self.seed,
        )
        return fitted, fitted.describe(columns)

    def _attempt(
        self,
        family: Family,
        params: Params,
        transform: Transform,
        fits: list[FoldFit],
        wall_s: float,
    ) -> Attempt:
        answer = np.empty((self.problem.rows, self.problem.task.width))
        for fold, fit in zip(self.folds, fits, strict=True):
            answer[fold.held] = fit.answer
        answer = answer[self.problem.judged]
        if not np.isfinite(answer).all():
            raise ArithmeticError("some answers are not finite")
        score = self.score(answer, transform)
        return Attempt(
            family=family,
            params=params,
            settled=average([fit.params for fit in fits]),
            transform=transform,
            answer=answer,
            score=score,
            loss=self.metric.loss(score),
            fit_s=sum(fit.fit_s for fit in fits) / len(fits),
            wall_s=wall_s,
            predict_us_per_row=1e6 * sum(fit.predict_s for fit in fits) / self.problem.rows,
            nodes=fits[0].nodes,
        )

    def score(self, answer: Float64, transform: Transform) -> float:
        """Score of out-of-fold answers, in the target's own unit."""
        start = time.monotonic()
        score = self.metric.score(self.truth, shown(answer, transform))
        self.score_s = max(self.score_s, time.monotonic() - start)
        return score


Result = TypeVar("Result")


def _all(jobs: list[Future[Result]]) -> list[Result]:
    """Results in order; what has not begun is called off when one fails."""
    try:
        return [job.result() for job in jobs]
    except BaseException:
        for job in jobs:
            job.cancel()
        raise


def transformed(y: Answers, transform: Transform) -> Answers:
    """Answers on the scale that members are fitted on."""
    return np.log(y) if transform == "log" else y


def shown(answer: Float64, transform: Transform) -> Float64:
    """Members' answers (n, width) as a metric takes them: in the target's unit."""
    if transform == "log":
        answer = np.exp(np.minimum(answer, 700.0))
    return answer[:, 0] if answer.shape[1] == 1 else answer


def size_of(member: Member) -> int:
    """Numbers that the graph would hold: tree nodes, or the entries of all other arrays."""
    if isinstance(member, TreesMember):
        return int(member.feature.size)
    parts = [getattr(member, field.name) for field in dataclasses.fields(member)]
    arrays = [a for part in parts for a in (part if isinstance(part, tuple) else (part,))]
    return sum(array.size for array in arrays if isinstance(array, np.ndarray))

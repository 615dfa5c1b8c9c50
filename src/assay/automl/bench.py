"""Cross-validate one family with one set of parameters; keep what it answered out of fold."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import median

import numpy as np
import numpy.typing as npt

import assay
from assay.automl.clock import Clock, TooDear
from assay.automl.encoding import encode_table
from assay.automl.family import Answers, Family, Params, Task, average
from assay.automl.features import (
    Extra,
    Features,
    fitting_matrix,
    learn_features,
    shown_classes,
)
from assay.automl.fitting import WHOLE, FitOrder, FoldFit, fit_part, shown
from assay.automl.journal import (
    Finished,
    Journal,
    Recipe,
    TrialFacts,
    TrialKey,
    digest_of,
)
from assay.automl.metrics import Metric
from assay.automl.problem import Problem, Rows, Transform
from assay.automl.slant import Slant
from assay.automl.spec import SearchSpec
from assay.compute.workers import Job, Workers
from assay.model.plan import Float64

RACED_FOLDS = 2
"""Folds after which a trial that is clearly behind is called off."""
RACE_MARGIN = 0.03
"""How far behind that is: a share of what the best trial gained on the constant answer."""
PROBED_ROWS = 4000
"""From so many rows on, a family's cost is first measured on a sample."""
PROBE_ROWS = 2000
PATIENCE_S = 30.0
"""How long at the least a fit may wait and run, however little of the budget is left."""
LEAST_REFIT_S = 0.5
"""What a final fit may take, however small its share of the time."""
GRACE_S = 1.5
"""What a fit may overrun its bound by before its worker is killed."""


class FallenBehind(Exception):
    """A trial was called off after its first folds; ``loss`` is what they suggest."""

    def __init__(self, loss: float) -> None:
        super().__init__(f"called off after {RACED_FOLDS} folds: clearly behind")
        self.loss = loss


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """What a trial tries."""

    family: Family
    params: Params
    transform: Transform = "identity"
    recipe: Recipe = "plain"
    self_taught: bool = False
    slant: Slant | None = None


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """A finished cross-validation.

    ``answer``: (n_judged, width) out-of-fold, on the link scale and, for regression, on the
    scale of the transform.
    """

    candidate: Candidate
    settled: Params
    """The parameters with the rounds averaged over folds."""
    answer: Float64
    score: float
    loss: float
    fit_s: float
    wall_s: float
    predict_us_per_row: float
    nodes: int
    kilobytes: float
    began_s: float
    before: bool = False
    """Whether it was finished by a search that was cut off."""

    @property
    def family(self) -> Family:
        """Its family."""
        return self.candidate.family

    @property
    def transform(self) -> Transform:
        """The scale it was fitted on."""
        return self.candidate.transform


@dataclass(frozen=True, kw_only=True)
class Running:
    """A cross-validation under way, or one that was found finished."""

    candidate: Candidate
    began_s: float
    jobs: tuple[Job[FoldFit], ...] = ()
    found: Finished | None = None


class Bench:
    """Training rows, encoded fold by fold once, and workers to fit on."""

    def __init__(
        self,
        problem: Problem,
        *,
        metric: Metric,
        spec: SearchSpec,
        workers: Workers,
        clock: Clock,
    ) -> None:
        self.problem = problem
        self.metric = metric
        self.spec = spec
        self.seed = spec.seed
        self.workers = workers
        self.clock = clock
        self.truth: Answers = problem.y[problem.judged]
        self.folds: Rows = problem.folds[problem.judged]
        self.weights = None if problem.weights is None else problem.weights[problem.judged]
        self.groups = None if problem.groups is None else problem.groups.of_row[problem.judged]
        self._scorings: list[float] = []
        self.extras: tuple[Extra, ...] = ()
        self.journal = Journal(None, "")
        self.features_of: dict[str, Features] = {}
        self.search_digest = self._encode()

    def engineer(self, extras: tuple[Extra, ...]) -> None:
        """Encode the rows anew, with engineered features after the others."""
        self.extras = extras
        self._encode()

    def begin(self, candidate: Candidate, *, seconds: float | None, limit: float) -> Running:
        """Start a cross-validation: all folds are handed to the workers.

        Parameters
        ----------
        seconds : float or None
            Wall-clock bound of one fit, for families that keep time.
        limit : float
            Seconds after which the worker of a fit is killed.
        """
        began = self.clock.spent_s
        found = self.journal.find(self.key(candidate))
        if found is not None:
            return Running(candidate=candidate, began_s=found.facts.began_s, found=found)
        jobs = tuple(
            self.workers.submit(
                fit_part,
                self.shared,
                self.order(candidate, str(k), seconds),
                seconds=limit,
            )
            for k in self.problem.judging
        )
        return Running(candidate=candidate, began_s=began, jobs=jobs)

    def settle(self, running: Running, *, rival: Attempt | None, clock: Clock) -> Attempt:
        """Wait for a cross-validation.

        Parameters
        ----------
        rival : Attempt or None
            Whom the first folds are raced against.

        Raises
        ------
        FallenBehind
            The first folds are clearly worse than the rival's.
        TooDear
            What was measured so far says that the rest does not fit the clock.
        """
        if running.found is not None:
            return self._attempt(running.candidate, running.found, before=True)
        start = time.monotonic()
        fits: list[FoldFit] = []
        try:
            for job in running.jobs:
                self._await(job)
                fits.append(job.result())
                if len(fits) == RACED_FOLDS < len(running.jobs):
                    self._race(running.candidate, fits, rival)
                    rest = len(running.jobs) - len(fits)
                    one = sum(fit.fit_s + fit.predict_s for fit in fits) / len(fits)
                    clock.demand(one * rest / self.workers.slots)
        except BaseException:
            for job in running.jobs:
                job.cancel()
            raise
        finished = self._finished(running, fits, time.monotonic() - start)
        self.journal.keep(finished, spent_s=self.clock.spent_s)
        return self._attempt(running.candidate, finished)

    def refit(
        self, attempts: Sequence[Attempt], *, seconds: float | None
    ) -> list[FoldFit | Exception]:
        """Fit each on all training rows, with the rounds that cross-validation settled.

        ``seconds`` bounds all fits together: each has its share by what it took in a fold. One
        that cannot be fitted in time is an error.
        """
        costs = [attempt.fit_s for attempt in attempts]
        dearest_first = sorted(range(len(attempts)), key=lambda i: -costs[i])
        whole = _last_end([costs[i] for i in dearest_first], self.workers.slots)
        jobs: dict[int, Job[FoldFit]] = {}
        for i in dearest_first:
            own = None if seconds is None else max(LEAST_REFIT_S, seconds * costs[i] / whole)
            limit = 3600.0 if own is None else max(5.0, 3 * own) + GRACE_S
            order = replace(
                self.order(attempts[i].candidate, WHOLE, own),
                params=attempts[i].settled,
                stops=False,
                describe=True,
            )
            jobs[i] = self.workers.submit(fit_part, self.shared, order, seconds=limit)
        return [_outcome(jobs[i]) for i in range(len(attempts))]

    def probed_s(self, candidate: Candidate, *, limit: float) -> float:
        """Seconds that one fit may take, from a fit on a sample; 0 for few rows.

        Cost is taken to grow with rows. It hardly ever grows faster, so what is left out would
        not have fitted.
        """
        part = str(self.problem.judging[0])
        rows = len(self.problem.learned_from(self.problem.judging[0]))
        if rows < PROBED_ROWS:
            return 0.0
        share = PROBE_ROWS / rows
        order = replace(self.order(candidate, part, None), share=share)
        fit = self.workers.submit(fit_part, self.shared, order, seconds=limit).result()
        return fit.fit_s / share

    def key(self, candidate: Candidate) -> TrialKey:
        """What makes the candidate's trial what it is."""
        engineered = candidate.recipe == "engineered"
        return TrialKey(
            family=candidate.family.name,
            params=candidate.params,
            transform=candidate.transform,
            recipe=candidate.recipe,
            extras=", ".join(extra.name for extra in self.extras) if engineered else "",
            self_taught=candidate.self_taught,
            slant="" if candidate.slant is None else repr(candidate.slant),
        )

    @property
    def features(self) -> Features:
        """The features of all training rows."""
        return self.features_of[WHOLE]

    def columns(self, candidate: Candidate, part: str = WHOLE) -> tuple[int, ...]:
        """Features of the part that the candidate reads."""
        engineered = candidate.recipe == "engineered"
        return self.features_of[part].columns(candidate.family.needs, engineered=engineered)

    def task(self, candidate: Candidate, part: str = WHOLE) -> Task:
        """The task, with the demands on the candidate's own columns."""
        task = self.problem.task
        if self.problem.quantiles:
            task = replace(task, losses=("quantile",))
        if not self.spec.monotone:
            return task
        signs = {n: 1 if way == "increasing" else -1 for n, way in self.spec.monotone.items()}
        engineered = candidate.recipe == "engineered"
        demands = self.features_of[part].monotone(
            signs, candidate.family.needs, engineered=engineered
        )
        return replace(task, monotone=demands)

    def order(self, candidate: Candidate, part: str, seconds: float | None) -> FitOrder:
        """The candidate's fit on one part."""
        return FitOrder(
            family=candidate.family,
            params=candidate.params,
            task=self.task(candidate, part),
            part=part,
            columns=self.columns(candidate, part),
            transform=candidate.transform,
            quantiles=self.problem.quantiles,
            seed=self.seed,
            seconds=seconds,
            self_taught=candidate.self_taught,
            slant=candidate.slant,
        )

    def score(self, answer: Float64, transform: Transform) -> float:
        """Score of out-of-fold answers, in the target's own unit."""
        start = time.monotonic()
        score = self.metric.score(self.truth, shown(answer, transform), weights=self.weights)
        self._scorings.append(time.monotonic() - start)
        return score

    @property
    def score_s(self) -> float:
        """What scoring all rows once takes: what the end of a search is made of.

        The median, for the first time also loads a library.
        """
        return median(self._scorings) if self._scorings else 0.0

    def loss_on(self, answer: Float64, transform: Transform, rows: npt.NDArray[np.bool_]) -> float:
        """Loss on some of the judged rows."""
        weights = None if self.weights is None else self.weights[rows]
        score = self.metric.score(self.truth[rows], shown(answer[rows], transform), weights=weights)
        return self.metric.loss(score)

    def _await(self, job: Job[FoldFit]) -> None:
        """Wait no longer than the budget: on a busy cluster a job may never begin."""
        if not self.clock.bounds:
            return
        patience = max(PATIENCE_S, self.clock.budget_s - self.clock.spent_s) + GRACE_S
        if not self.workers.wait([job], timeout=patience):
            raise TooDear(f"no worker was free for it within {patience:.3g} s")

    def _race(self, candidate: Candidate, fits: list[FoldFit], rival: Attempt | None) -> None:
        if rival is None:
            return
        rows = np.isin(self.folds, self.problem.judging[:RACED_FOLDS])
        answer = np.zeros((len(self.truth), self.problem.width))
        for fold, fit in zip(self.problem.judging, fits, strict=False):
            answer[self.folds == fold] = fit.answer
        behind = self.loss_on(answer, candidate.transform, rows) - self.loss_on(
            rival.answer, rival.transform, rows
        )
        if behind > RACE_MARGIN * self.gained(rival):
            raise FallenBehind(rival.loss + behind)

    def gained(self, attempt: Attempt) -> float:
        """How much better than the constant answer an attempt is; never below 0."""
        return max(0.0, self.constant_loss - attempt.loss)

    @cached_property
    def constant_loss(self) -> float:
        """Loss of the best answer that looks at no column."""
        return self.metric.loss(self.score(self.constant_answers(), "identity"))

    def constant_answers(self) -> Float64:
        """The best answer that looks at no column, for every judged row."""
        constant = constant_answer(self.truth, self.problem, self.metric, self.weights)
        return np.tile(constant, (len(self.truth), 1))

    def _finished(self, running: Running, fits: list[FoldFit], wall_s: float) -> Finished:
        answer = np.empty((len(self.truth), self.problem.width))
        for fold, fit in zip(self.problem.judging, fits, strict=True):
            answer[self.folds == fold] = fit.answer
        facts = TrialFacts(
            key=self.key(running.candidate),
            settled=average([fit.params for fit in fits]),
            fit_s=sum(fit.fit_s for fit in fits) / len(fits),
            wall_s=wall_s,
            predict_us_per_row=1e6 * sum(fit.predict_s for fit in fits) / len(answer),
            nodes=fits[0].nodes,
            kilobytes=fits[0].kilobytes,
            began_s=running.began_s,
        )
        return Finished(facts=facts, answer=answer)

    def _attempt(
        self, candidate: Candidate, finished: Finished, *, before: bool = False
    ) -> Attempt:
        facts = finished.facts
        score = self.score(finished.answer, candidate.transform)
        if not np.isfinite(score):
            raise ArithmeticError(f"its {self.metric.name} is not finite")
        return Attempt(
            candidate=candidate,
            settled=facts.settled,
            answer=finished.answer,
            score=score,
            loss=self.metric.loss(score),
            fit_s=facts.fit_s,
            wall_s=facts.wall_s,
            predict_us_per_row=facts.predict_us_per_row,
            nodes=facts.nodes,
            kilobytes=facts.kilobytes,
            began_s=facts.began_s,
            before=before,
        )

    def _encode(self) -> str:
        """Learn features part by part, and share the matrices with the workers.

        Returns the digest of all that trials depend on besides their keys.
        """
        problem = self.problem
        arrays: dict[str, npt.NDArray[np.generic]] = {"y": problem.y}
        if problem.weights is not None:
            arrays["weights"] = problem.weights
        if problem.groups is not None:
            arrays["groups"] = problem.groups.of_row
        for fold in problem.judging:
            self._encode_part(str(fold), problem.learned_from(fold), arrays)
            held = problem.table.take(np.flatnonzero(problem.folds == fold))
            encoders = self.features_of[str(fold)].encoders
            arrays[f"held-{fold}"] = encode_table(encoders, held)
        self._encode_part(WHOLE, np.arange(problem.rows), arrays)
        self.shared = self.workers.share(arrays)
        return digest_of(
            assay.__version__,
            arrays[f"fit-{WHOLE}"],
            problem.y,
            problem.folds,
            arrays.get("weights", ""),
            list(problem.judging),
            list(problem.quantiles),
            self.features.names,
            self.seed,
            sorted(self.spec.monotone.items()),
        )

    def _encode_part(
        self, part: str, rows: Rows, arrays: dict[str, npt.NDArray[np.generic]]
    ) -> None:
        problem = self.problem
        table, answers = problem.table.take(rows), problem.answers[rows]
        weights = None if problem.weights is None else problem.weights[rows]
        features = learn_features(
            problem.columns,
            table,
            answers,
            classes=[problem.classes[k] for k in shown_classes(problem.y, problem.task)],
            ordered=self.spec.ordered,
            extras=self.extras,
            monotone=tuple(self.spec.monotone),
            weights=weights,
        )
        arrays[f"rows-{part}"] = rows
        arrays[f"fit-{part}"] = fitting_matrix(
            features, table, answers, seed=self.seed, weights=weights
        )
        if problem.unlabelled is not None:
            arrays[f"unlabelled-{part}"] = encode_table(features.encoders, problem.unlabelled)
        self.features_of[part] = features


def _last_end(costs: Sequence[float], slots: int) -> float:
    """When the last of some jobs ends that are taken in this order; a little more than 0.

    Examples
    --------
    >>> _last_end([8.0, 3.0, 2.0], 2), _last_end([8.0, 3.0, 2.0], 1)
    (8.0, 13.0)
    """
    ends = [0.0] * max(1, slots)
    for cost in costs:
        ends[ends.index(min(ends))] += cost
    return max(*ends, 1e-6)


def _outcome(job: Job[FoldFit]) -> FoldFit | Exception:
    """What a fit gave, or why it ended badly, which costs a member and not the search."""
    try:
        return job.result()
    except Exception as error:
        return error


def constant_answer(
    y: Answers, problem: Problem, metric: Metric, weights: Float64 | None = None
) -> Float64:
    """The best answer that looks at no column: (width,)."""
    task = problem.task
    if problem.quantiles:
        return np.asarray(np.quantile(y, problem.quantiles))
    if task.kind == "multiclass":
        counts = np.bincount(y.astype(np.int64), weights=weights, minlength=task.classes)
        return np.asarray(counts / counts.sum())
    if metric.constant == "median":
        return np.array([np.median(y)])
    return np.array([np.average(y, weights=weights)])

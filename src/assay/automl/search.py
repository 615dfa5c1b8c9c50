"""Search for the best model of a table within a wall-clock budget.

Defaults of every family in a learned order, refinement of the best ones, a greedy ensemble, and
what turns its mean into an answer: calibration, threshold, interval. Only training rows are
seen, and every choice is made on out-of-fold answers.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace

import msgspec
import numpy as np
import numpy.typing as npt
import optuna
import polars as pl
from threadpoolctl import threadpool_limits

from assay.automl.bench import Attempt, Bench, Transform, shown
from assay.automl.calibrate import Finish, calibration_helps, threshold_metric
from assay.automl.clock import Clock
from assay.automl.ensemble import blend
from assay.automl.family import Answers, Family, Fitted, Task, find_families
from assay.automl.hunt import Hunt
from assay.automl.leaderboard import Leaderboard, Trial
from assay.automl.metrics import Metric, find_metric
from assay.automl.problem import Problem, pose
from assay.automl.spec import SearchSpec
from assay.automl.verdict import how, why
from assay.data.contract import Contract
from assay.errors import InputError
from assay.model.answer import Answer
from assay.model.plan import Float32, Float64, Member, ModelPlan
from assay.progress import Progress, Silent
from assay.question import Kind

CANDIDATES = 20
"""Best trials that the ensemble chooses from."""
BLENDING_ROWS = 10_000
"""Rows on which the ensemble is chosen, at most."""
SKEWED = 1.0
SPLIT_NOTE = (
    "Ensemble weights, parameters and the scale were chosen on the same out-of-fold answers; "
    "calibration, threshold and interval are cross-fitted by fold."
)


@dataclass(frozen=True, kw_only=True)
class SearchResult:
    """What a search found.

    Attributes
    ----------
    plan : ModelPlan
        The model, fitted on all training rows.
    leaderboard : Leaderboard
    out_of_fold : polars.DataFrame, one row a training row that some fold answers
        What the procedure answers for rows it did not fit on: ``row`` (position among the
        training rows) and ``fold``; ``truth`` and
        ``baseline`` (numbers, or class positions as in ``plan.output.classes``); ``prediction``
        (as in `assay.model.answer.Answer`); ``lower`` and ``upper`` (regression, null where there
        are too few rows); ``label`` and ``p_<class>`` (classification; ``baseline_<class>`` are
        the class shares in the other folds).
    native : callable
        ``native(features) -> [array (n, width), ...]``: the members' answers by the libraries
        that fitted them, for the proof of parity.
    notes : tuple of str
        What to know when reading the out-of-fold answers.
    """

    plan: ModelPlan
    leaderboard: Leaderboard
    out_of_fold: pl.DataFrame
    native: Callable[[Float32], list[Float64]]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The ensemble: trials with their weights, and its out-of-fold mean."""

    attempts: dict[int, Attempt]
    weights: dict[int, float]
    mean: Float64
    score: float
    single: Attempt


def search(
    frame: pl.DataFrame,
    *,
    contract: Contract,
    kind: Kind,
    target: str,
    folds: Sequence[int] | npt.NDArray[np.integer],
    spec: SearchSpec,
    progress: Progress | None = None,
    positive: str | None = None,
    families: dict[str, Family | Exception] | None = None,
) -> SearchResult:
    """Search for the best model.

    Parameters
    ----------
    frame : polars.DataFrame
        Training rows, conformed to ``contract``.
    contract : Contract
        Its feature columns are the model's inputs.
    kind : {"regression", "binary", "multiclass"}
    target : str
        Column that holds the answer.
    folds : sequence of int, one a row
        Which fold holds each row, as `assay.data.split.Split.folds` tells: -1 marks the earliest
        rows of folds that follow time, where each fold is fitted on the folds before it.
    spec : SearchSpec
        Budget, metric, allow-list of families, seed.
    progress : Progress, optional
        Told the share of the budget that is spent, and the best score so far.
    positive : str, optional
        Binary: the class that is asked for; the second in order of name if not given.
    families : dict, optional
        Families to try instead of the installed ones.

    Raises
    ------
    UnknownName, InputError
        A family or metric that does not exist or does not fit.
    InvalidTable
        The rows cannot carry the question.
    InputError
        No family could be fitted; the message gives each one's reason.
    """
    clock = Clock(spec.budget_s, bounds=spec.max_trials is None)
    metric = find_metric(spec.metric, kind)
    problem = pose(
        frame, contract=contract, kind=kind, target=target, folds=folds, positive=positive
    )
    threads = spec.threads or os.cpu_count() or 1
    news = progress or Silent()
    with _quiet(), ThreadPoolExecutor(threads) as pool:
        bench = Bench(problem, metric=metric, seed=spec.seed, pool=pool, threads=threads)
        hunt = Hunt(
            bench,
            find_families(spec.families) if families is None else families,
            clock=clock,
            max_trials=spec.max_trials,
            report=lambda note: news.update(clock.fraction, note),
        )
        hunt.run(scales=_is_skewed(problem))
        if not hunt.usable():
            raise _nothing_fitted(hunt)
        choice = _choose(hunt, bench)
        fitted = bench.refit(list(choice.attempts.values()))
    finish = _finish(choice, bench, spec)
    answer = finish.cross_fit(choice.mean, bench.truth, problem.folds[problem.judged])
    plan = _plan(bench, choice, [member for _, member in fitted], finish)
    leaderboard = _leaderboard(hunt, choice, finish, plan)
    news.update(1.0, leaderboard.why)
    return SearchResult(
        plan=plan,
        leaderboard=leaderboard,
        out_of_fold=_out_of_fold(problem, answer, metric),
        native=_native([model for model, _ in fitted], [m.columns for _, m in fitted]),
        notes=(SPLIT_NOTE,),
    )


def _is_skewed(problem: Problem) -> bool:
    """Whether log y is worth a try: a positive target with a long right tail."""
    if problem.task.kind != "regression" or problem.y.min() <= 0:
        return False
    centered = problem.y - problem.y.mean()
    return bool(np.mean(centered**3) / np.std(problem.y) ** 3 > SKEWED)


def _choose(hunt: Hunt, bench: Bench) -> Choice:
    """Blend the best trials; a single one where no blend is better."""
    candidates = dict(list(hunt.usable().items())[:CANDIDATES])
    numbers, attempts = list(candidates), list(candidates.values())
    rows = np.random.default_rng(bench.seed).permutation(len(bench.truth))[:BLENDING_ROWS]
    truth, transform = bench.truth[rows], hunt.transform
    metric = bench.metric

    def loss(mean: Float64) -> float:
        return metric.loss(metric.score(truth, shown(mean, transform)))

    weights = blend([attempt.answer[rows] for attempt in attempts], loss)
    mean = np.asarray(np.tensordot(weights, [a.answer for a in attempts], axes=1))
    score = bench.score(mean, transform)
    if metric.loss(score) >= attempts[0].loss:
        weights = (np.arange(len(attempts)) == 0).astype(np.float64)
        mean, score = attempts[0].answer, attempts[0].score
    chosen = [i for i in np.argsort(-weights, kind="stable") if weights[i] > 0]
    return Choice(
        attempts={numbers[i]: attempts[i] for i in chosen},
        weights={numbers[i]: float(weights[i]) for i in chosen},
        mean=mean,
        score=score,
        single=attempts[0],
    )


def _finish(choice: Choice, bench: Bench, spec: SearchSpec) -> Finish:
    """Decide the form of the answer."""
    problem = bench.problem
    finish = Finish(
        task=problem.task,
        classes=problem.classes,
        transform=choice.single.transform,
        coverage=spec.coverage,
        cut_by=threshold_metric(bench.metric.name, problem.y, problem.task),
    )
    folds = problem.folds[problem.judged]
    helps = calibration_helps(finish, choice.mean, bench.truth, folds)
    return replace(finish, calibrated=helps)


def _plan(bench: Bench, choice: Choice, members: list[Member], finish: Finish) -> ModelPlan:
    problem = bench.problem
    return ModelPlan(
        inputs=problem.inputs,
        encoders=bench.features.encoders,
        members=tuple(members),
        weights=tuple(choice.weights.values()),
        output=finish.learn(choice.mean, bench.truth),
        feature_names=bench.features.names,
    )


def _native(
    models: list[Fitted], columns: list[tuple[int, ...]]
) -> Callable[[Float32], list[Float64]]:
    def native(features: Float32) -> list[Float64]:
        return [
            model.predict(np.ascontiguousarray(features[:, list(own)]))
            for model, own in zip(models, columns, strict=True)
        ]

    return native


def constant_answer(y: Answers, task: Task, metric: Metric) -> Float64:
    """The best answer that looks at no column: (1,) or, for more than two classes, (n_classes,).

    Examples
    --------
    >>> constant_answer(np.array([1.0, 2.0, 9.0]), Task(kind="regression"),
    ...                 find_metric("mae", "regression")).tolist()
    [2.0]
    """
    if task.kind == "multiclass":
        return np.asarray(np.bincount(y.astype(np.int64), minlength=task.classes) / len(y))
    middle = np.median(y) if metric.constant == "median" else np.mean(y)
    return np.array([middle])


def _leaderboard(hunt: Hunt, choice: Choice, finish: Finish, plan: ModelPlan) -> Leaderboard:
    bench, problem, metric = hunt.bench, hunt.bench.problem, hunt.bench.metric
    constant = constant_answer(bench.truth, problem.task, metric)
    baseline = bench.score(np.tile(constant, (len(bench.truth), 1)), "identity")
    interval = _interval(bench, choice.mean, choice.single.transform)
    return Leaderboard(
        metric=metric.name,
        better=metric.better,
        baseline=baseline,
        trials=_ranked(hunt, choice),
        ensemble_score=choice.score,
        ensemble_low=interval[0],
        ensemble_high=interval[1],
        transform=hunt.transform,
        budget_s=hunt.clock.budget_s,
        spent_s=hunt.clock.spent_s,
        why=" ".join(_reasons(hunt, choice, finish, plan)),
        features=plan.feature_names,
        seed=bench.seed,
        rows=problem.rows,
        folds=len(bench.folds),
    )


def _reasons(hunt: Hunt, choice: Choice, finish: Finish, plan: ModelPlan) -> list[str]:
    members = [(a, choice.weights[n]) for n, a in choice.attempts.items()]
    metric, problem = hunt.bench.metric, hunt.bench.problem
    scales = {attempt.transform for attempt in hunt.attempts.values()}
    return [
        why(members, score=choice.score, single=choice.single, metric=metric),
        *how(finish, plan.output, problem=problem, scales_tried=len(scales) > 1),
    ]


def _ranked(hunt: Hunt, choice: Choice) -> tuple[Trial, ...]:
    """Trials best first, then those that did not finish; the best of each family with bounds."""
    finished = sorted(hunt.attempts.items(), key=lambda item: (item[1].loss, item[0]))
    bounded = set(choice.weights)
    for name in hunt.families:
        bounded |= {n for n, _ in [i for i in finished if i[1].family.name == name][:1]}
    done = [
        _finished(hunt, number, attempt, choice.weights.get(number, 0.0), number in bounded)
        for number, attempt in finished
    ]
    rest = [trial for number, trial in hunt.trials.items() if number not in hunt.attempts]
    return (*done, *rest)


def _finished(hunt: Hunt, number: int, attempt: Attempt, weight: float, bounded: bool) -> Trial:
    """The record of a finished trial."""
    low, high = None, None
    if bounded:
        low, high = _interval(hunt.bench, attempt.answer, attempt.transform)
    return msgspec.structs.replace(
        hunt.trials[number],
        params=attempt.settled,
        score=attempt.score,
        low=low,
        high=high,
        fit_s=round(attempt.fit_s, 4),
        predict_us_per_row=round(attempt.predict_us_per_row, 3),
        nodes=attempt.nodes,
        transparent=attempt.family.transparent,
        weight=weight,
    )


def _interval(bench: Bench, answer: Float64, transform: Transform) -> tuple[float, float]:
    truth = bench.truth
    samples = int(min(200, max(50, 2e6 / len(truth))))
    return bench.metric.interval(truth, shown(answer, transform), seed=bench.seed, samples=samples)


def _out_of_fold(problem: Problem, answer: Answer, metric: Metric) -> pl.DataFrame:
    """The procedure's answers on rows it did not fit on, and the constant answer's."""
    baseline = np.empty((problem.rows, problem.task.width))
    for fold in problem.fold_numbers:
        known = problem.y[problem.learned_from(fold)]
        baseline[problem.folds == fold] = constant_answer(known, problem.task, metric)
    judged = problem.judged
    baseline = baseline[judged]
    columns: dict[str, npt.NDArray[np.generic] | None] = {
        "row": judged,
        "fold": problem.folds[judged],
        "truth": problem.y[judged],
        "prediction": answer.prediction,
        "lower": answer.lower,
        "upper": answer.upper,
    }
    if problem.task.kind == "regression":
        return _table({**columns, "baseline": baseline[:, 0]})
    shares = baseline if baseline.shape[1] > 1 else np.hstack([1 - baseline, baseline])
    assert answer.probabilities is not None
    return _table(
        {
            **columns,
            "label": answer.label,
            **{f"p_{c}": answer.probabilities[:, i] for i, c in enumerate(problem.classes)},
            "baseline": shares.argmax(axis=1) if baseline.shape[1] > 1 else baseline[:, 0],
            **{f"baseline_{c}": shares[:, i] for i, c in enumerate(problem.classes)},
        }
    )


def _table(columns: dict[str, npt.NDArray[np.generic] | None]) -> pl.DataFrame:
    """A frame; columns that do not exist for this kind of answer are null."""
    rows = max(len(c) for c in columns.values() if c is not None)
    return pl.DataFrame(
        [
            pl.Series(name, [None] * rows, dtype=pl.Float64) if c is None else pl.Series(name, c)
            for name, c in columns.items()
        ]
    )


def _nothing_fitted(hunt: Hunt) -> InputError:
    reasons = "; ".join(f"{t.family}: {t.note}" for t in hunt.trials.values())
    return InputError(
        f"No model family could be fitted ({reasons}).",
        hint="Check the table and the target, or allow other families.",
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Libraries tell the search's record, not the terminal; one thread of linear algebra each."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        with warnings.catch_warnings(), threadpool_limits(1, user_api="blas"):
            warnings.simplefilter("ignore")
            yield
    finally:
        optuna.logging.set_verbosity(before)

"""The search: within a budget, from training rows to a plan, with everything a reader may ask.

All choices are made on out-of-fold answers of the training rows; held-out rows are never seen
here.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from assay.automl.affordable import affordable_folds, affordable_rows
from assay.automl.assemble import Assembled, assemble, breaks_limit
from assay.automl.bench import Bench
from assay.automl.calibrate import Finish, choose_calibration, threshold_metric
from assay.automl.choice import Choice, choose_within, grown_kilobytes, row_us
from assay.automl.clock import Clock
from assay.automl.comparison import compare
from assay.automl.contributions import contributions
from assay.automl.curve import learning_curve
from assay.automl.families.private import PrivateLinear
from assay.automl.family import Family, Loss, find_families
from assay.automl.fitting import FoldFit, shown
from assay.automl.hunt import Hunt
from assay.automl.journal import Journal
from assay.automl.leaderboard import Contribution, CurvePoint, Leaderboard
from assay.automl.metrics import Metric, cost_matrix, find_metric
from assay.automl.mitigation import check_mitigation, mitigate
from assay.automl.out_of_fold import out_of_fold_table
from assay.automl.privacy import private_family, promised
from assay.automl.problem import Problem, pose
from assay.automl.spec import SearchSpec
from assay.automl.summary import Learned, summarise
from assay.compute.workers import open_workers
from assay.data.contract import Contract
from assay.errors import InputError
from assay.model.answer import Answer
from assay.model.plan import Float32, Float64, ModelPlan
from assay.progress import Progress, Silent, Standing
from assay.question import Kind

SHORT_S = 15.0
"""Budgets up to this one run in this process: starting others would take much of it."""
LIBRARIES = {
    "linear": "sklearn.linear_model",
    "forest": "sklearn.ensemble",
    "random_forest": "sklearn.ensemble",
    "lightgbm": "lightgbm",
    "xgboost": "xgboost",
    "catboost": "catboost",
    "ebm": "interpret.glassbox",
    "network": "scipy.special",
}
"""What workers import before they are asked for anything, by the family that needs it."""
CURVE_SHARE = 0.5
"""Of the budget, that a learning curve may take beyond it: whoever asks for one waits for it."""
SPLIT_NOTE = (
    "Ensemble weights, parameters, engineered features and the scale were chosen on the same "
    "out-of-fold answers; calibration, threshold and interval are cross-fitted by fold."
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
    trial_answers : dict of int to array, shape (n_judged, width)
        Out-of-fold answers of every finished trial by number, in the target's unit; rows as in
        ``out_of_fold``.
    """

    plan: ModelPlan
    leaderboard: Leaderboard
    out_of_fold: pl.DataFrame
    native: Callable[[Float32], list[Float64]]
    notes: tuple[str, ...] = ()
    trial_answers: dict[int, Float64] = field(default_factory=dict)


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
    weights: Float64 | None = None,
    unlabelled: pl.DataFrame | None = None,
    warm_start: Leaderboard | None = None,
    journal: Path | None = None,
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
        What to search for, and for how long.
    progress : Progress, optional
        Told the share of the budget that is spent, and the best score so far.
    positive : str, optional
        Binary: the class that is asked for; the second in order of name if not given.
    families : dict, optional
        Families to try instead of the installed ones.
    weights : array, shape (n_rows,), optional
        What each row counts, in fits and in scores.
    unlabelled : polars.DataFrame, optional
        Rows without an answer. The best trials are repeated with them (self-training), and
        such a trial counts only where it does better on rows with an answer.
    warm_start : Leaderboard, optional
        Of an earlier search: what made up its model is tried first.
    journal : Path, optional
        Folder in which finished trials are kept. The same search, called again after it was cut
        off, takes them over and has the rest of the budget.

    Raises
    ------
    UnknownName, InputError
        A family or metric that does not exist or does not fit; a limit that no model keeps; no
        family could be fitted (the message gives each one's reason).
    InvalidTable
        The rows cannot carry the question.
    """
    if spec.epsilon is not None:
        spec = msgspec.structs.replace(spec, max_trials=1)  # another trial would cost epsilon too
    started = Clock(spec.budget_s, bounds=spec.max_trials is None)
    news = progress or Silent()
    kept, sampled = affordable_rows(frame, np.asarray(folds), spec, len(contract.features))
    problem = pose(
        frame if kept is None else frame[kept],
        contract=contract,
        kind=kind,
        target=target,
        folds=np.asarray(folds) if kept is None else np.asarray(folds)[kept],
        spec=spec,
        positive=positive,
        weights=weights if weights is None or kept is None else weights[kept],
        unlabelled=unlabelled,
    )
    metric = _metric(spec, problem)
    check_mitigation(spec, problem)
    problem, judged = affordable_folds(problem, spec)
    problem = replace(problem, task=replace(problem.task, losses=_losses(metric, problem)))
    promise = promised(spec, problem)
    if promise is not None:
        families = {PrivateLinear.name: private_family(promise)}
    with (
        _quiet(),
        open_workers(_where(spec), slots=_slots(spec), preload=_preloaded(spec)) as workers,
    ):
        bench = Bench(problem, metric=metric, spec=spec, workers=workers, clock=started)
        clock = _resume(bench, journal, started)
        hunt = Hunt(
            bench,
            find_families(spec.families) if families is None else families,
            clock=clock,
            spec=spec,
            report=_reporter(news, clock),
            warm=warm_start.trials if warm_start else (),
        )
        hunt.run()
        if not hunt.usable():
            raise _nothing_fitted(hunt)
        choice, built = _build(hunt, bench, spec)
        extra = _learned(hunt, choice, bench, spec)
    finish = built.finish
    answer = _answers(choice, finish, bench)
    notes = tuple(note for note in (SPLIT_NOTE, sampled, judged, *_told(hunt, choice)) if note)
    board = summarise(hunt, choice, built, extra, notes)
    board = msgspec.structs.replace(board, privacy=promise)
    if spec.mitigate:
        board = _with_mitigation(board, choice, built, answer, bench)
    news.update(1.0, board.why)
    return SearchResult(
        plan=built.plan,
        leaderboard=board,
        out_of_fold=out_of_fold_table(problem, answer, metric, kept),
        native=built.native,
        notes=notes,
        trial_answers={n: shown(a.answer, a.transform) for n, a in hunt.attempts.items()},
    )


def _preloaded(spec: SearchSpec) -> tuple[str, ...]:
    """Libraries of the families that will be tried; of all where none is named."""
    names = [name for name in spec.families or LIBRARIES if name in LIBRARIES]
    return ("numpy", *dict.fromkeys(LIBRARIES[name] for name in names))


def _metric(spec: SearchSpec, problem: Problem) -> Metric:
    return find_metric(
        spec.metric,
        problem.task.kind,
        costs=spec.costs or None,
        classes=problem.classes,
        quantiles=problem.quantiles,
    )


def _losses(metric: Metric, problem: Problem) -> tuple[Loss, ...]:
    """Losses that suit the metric and the answers, the best guess first."""
    if problem.task.kind != "regression":
        return ("squared",)
    if metric.constant == "median":
        return ("absolute", "squared")
    counts = bool(problem.y.min() >= 0 and (problem.y == np.round(problem.y)).all())
    return ("squared", "poisson") if counts else ("squared",)


def _where(spec: SearchSpec) -> str:
    if spec.compute != "auto":
        return spec.compute
    brief = spec.max_trials is None and spec.budget_s <= SHORT_S
    return "threads" if brief or spec.max_trials is not None else "processes"


def _slots(spec: SearchSpec) -> int:
    """Fits at a time; a cluster knows best itself."""
    if spec.compute.startswith("ray"):
        return spec.threads
    return spec.threads or os.cpu_count() or 1


def _resume(bench: Bench, folder: Path | None, started: Clock) -> Clock:
    """Take up what the same search left on disk, its seconds included."""
    bench.journal = Journal(folder, bench.search_digest)
    spent = bench.journal.spent_s
    if not spent:
        return started
    bench.clock = Clock(started.budget_s, bounds=started.bounds, spent_s=spent + started.spent_s)
    return bench.clock


def _reporter(news: Progress, clock: Clock) -> Callable[[str, Sequence[Standing]], None]:
    """Tell the share of the budget, and the standings to whoever shows them."""

    def report(note: str, best: Sequence[Standing]) -> None:
        news.update(clock.fraction, note)
        board = getattr(news, "board", None)
        if board is not None:
            board(best)

    return report


def _build(hunt: Hunt, bench: Bench, spec: SearchSpec) -> tuple[Choice, Assembled]:
    """Choose, refit and assemble; again without the dearest member where a limit is broken."""
    usable, room = hunt.usable(), spec.max_megabytes
    cost = grown_kilobytes if spec.max_row_ms is None else row_us
    while True:
        choice = choose_within(usable, bench, room, spec.max_row_ms)
        built = _refitted(mitigate(choice, hunt, spec, _finish), bench, hunt.clock, spec)
        reason = breaks_limit(built.plan, spec)
        if not reason:
            return built.choice, built
        plain = (built.choice.plain or built.choice).attempts
        dearest = max(plain, key=lambda n: cost(plain[n]))
        usable = {n: a for n, a in usable.items() if n != dearest}
        if not usable:
            raise InputError(
                f"No model that was tried keeps the limit: {reason}.",
                hint="Raise `max_megabytes` or `max_row_ms`, or allow families with small models.",
            )
        most = max(map(grown_kilobytes, usable.values())) / 1000
        room = min(most, spec.max_megabytes or most)


def _refitted(choice: Choice, bench: Bench, clock: Clock, spec: SearchSpec) -> Assembled:
    """Fit the chosen trials on all rows; a member that fails or comes too late is left out."""
    numbers = list(choice.attempts)
    seconds = None
    if clock.bounds:
        seconds = max(0.5, 0.9 * (clock.budget_s - clock.spent_s))
    fits = bench.refit(list(choice.attempts.values()), seconds=seconds)
    done = {n: fit for n, fit in zip(numbers, fits, strict=True) if isinstance(fit, FoldFit)}
    if not done:
        number, (fit,) = numbers[0], bench.refit([choice.attempts[numbers[0]]], seconds=None)
        if isinstance(fit, Exception):
            raise fit
        done = {number: fit}
    late = set(numbers) - set(done)
    if late:
        choice = choice.without(late)
    return assemble(choice, done, bench, _finish(choice, bench, spec))


def _finish(choice: Choice, bench: Bench, spec: SearchSpec) -> Finish:
    """Decide the form of the answer."""
    problem = bench.problem
    finish = Finish(
        task=problem.task,
        classes=problem.classes,
        transform=choice.single.transform,
        coverage=spec.coverage,
        cut_by=threshold_metric(bench.metric.name, problem.y, problem.task),
        costs=cost_matrix(spec.costs, problem.classes) if spec.costs else None,
        quantiles=problem.quantiles,
    )
    if spec.mitigate == "constrained" and choice.plain is not None:
        finish = replace(finish, cut_at=0.5, cut_by="", costs=None)
    finish = choose_calibration(finish, choice.mean, bench.truth, bench.folds, bench.weights)
    if spec.mitigate == "thresholds" and problem.groups is not None:
        finish = replace(finish, parity=spec.parity, groups=len(problem.groups.names))
    return finish


def _answers(choice: Choice, finish: Finish, bench: Bench) -> Answer:
    """What the procedure answers out of fold."""
    return finish.cross_fit(choice.mean, bench.truth, bench.folds, bench.weights, bench.groups)


def _with_mitigation(
    board: Leaderboard, choice: Choice, built: Assembled, after: Answer, bench: Bench
) -> Leaderboard:
    """The leaderboard with what mitigation changed, and what it cost."""
    plain = choice.plain or choice
    usual = msgspec.structs.replace(bench.spec, mitigate="")
    before = _answers(plain, _finish(plain, bench, usual), bench)
    found = compare(
        before,
        after,
        bench,
        thresholds=_thresholds(choice, built, bench),
        models=len(choice.weights),
    )
    return msgspec.structs.replace(board, mitigation=found, notes=(found.words, *board.notes))


def _thresholds(choice: Choice, built: Assembled, bench: Bench) -> dict[str, float]:
    """The threshold of each group, under the empty name that of none; empty: one for all."""
    if built.finish.parity is None:
        return {}
    assert bench.groups is not None
    assert bench.problem.groups is not None
    cuts = built.finish.cuts(
        built.plan.output, choice.mean, bench.truth, bench.groups, bench.weights
    )
    return dict(zip((*bench.problem.groups.names, ""), cuts.tolist(), strict=True))


def _learned(hunt: Hunt, choice: Choice, bench: Bench, spec: SearchSpec) -> Learned:
    """What each column brought, and whether more rows would help: in the time that is left."""
    clock = hunt.clock
    spare = clock.budget_s - clock.spent_s if clock.bounds else 600.0
    brought: tuple[Contribution, ...] = ()
    missing = []
    if spare > choice.single.fit_s and spec.epsilon is None:
        brought = contributions(choice.single, bench, seconds=spare)
    if not brought:
        missing.append("What each column brought was not measured: the budget was spent.")
    curve: tuple[CurvePoint, ...] = ()
    if spec.learning_curve:
        spare = max(clock.budget_s - clock.spent_s, CURVE_SHARE * clock.budget_s)
        curve = learning_curve(choice.single, bench, seconds=spare)
    return Learned(contributions=brought, curve=curve, missing=tuple(missing))


def _told(hunt: Hunt, choice: Choice) -> list[str]:
    """What a reader should know about how the search went."""
    told = []
    before = sum(attempt.before for attempt in hunt.attempts.values())
    if before:
        told.append(f"{before} trials were taken over from the same search, which was cut off.")
    if hunt.bench.journal.full:
        told.append("Finished trials could not be kept on disk: it is full.")
    if choice.for_fairness:
        told.append(
            "Among models whose scores cannot be told apart, the one with the smallest gap "
            f"between the groups of {hunt.spec.fairness} was chosen."
        )
    return told


def _nothing_fitted(hunt: Hunt) -> InputError:
    reasons = "; ".join(f"{t.family}: {t.note}" for t in hunt.trials.values())
    return InputError(
        f"No model family could be fitted ({reasons}).",
        hint="Check the table and the target, or allow other families.",
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Libraries tell the search's record, not the terminal; one thread of linear algebra each."""
    import optuna
    from threadpoolctl import threadpool_limits

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        with warnings.catch_warnings(), threadpool_limits(1, user_api="blas"):
            warnings.simplefilter("ignore")
            yield
    finally:
        optuna.logging.set_verbosity(before)

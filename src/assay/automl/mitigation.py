"""Groups made more alike as an option of a search: by weights, by thresholds, by constraints.

The search itself is as ever. What it chose is then fitted anew (or cut anew), recorded beside
the trials it came from, and both are measured on the same out-of-fold rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from assay.automl.bench import Attempt, Bench, Candidate
from assay.automl.calibrate import Finish
from assay.automl.choice import Choice
from assay.automl.clock import Clock
from assay.automl.parity import EVENTS, gap_in, rates_of
from assay.automl.problem import Groups, Problem
from assay.automl.slant import Slant, cell_sums, cost_sensitive, reweighing
from assay.automl.spec import SearchSpec
from assay.errors import InputError
from assay.model.encode import feature_count, name_features
from assay.model.plan import (
    Encoder,
    Float64,
    LinearMember,
    MissingEncoder,
    ModelPlan,
    NumberEncoder,
    OneHotEncoder,
)

if TYPE_CHECKING:
    from assay.automl.hunt import Hunt

KINDS = {
    "reweighing": ("binary", "multiclass"),
    "thresholds": ("binary",),
    "constrained": ("binary",),
}
"""What each method can be asked of."""
ROUNDS, LEAST_ROUNDS = 8, 3
"""Fits under prices, each cross-validated: at most, and even where time is short."""
STEP = 3.0
"""How far a group's price moves, in right labels, for a rate that is 1 too high."""
NEAR = 0.02
"""Gaps up to this meet the constraint."""
SLOWEST_S = 600.0
"""After which the worker of a slanted fit is killed where no clock bounds it."""


def mitigation_s(method: str, walls: Sequence[float]) -> float:
    """Seconds to keep for mitigation, from what cross-validating the best trials took."""
    if not walls or method not in ("reweighing", "constrained"):
        return 0.0
    return sum(walls) if method == "reweighing" else LEAST_ROUNDS * walls[0]


def check_mitigation(spec: SearchSpec, problem: Problem) -> None:
    """Refuse what cannot be done, before anything is fitted.

    Raises
    ------
    InputError
        No column of groups is named, the method is not for such answers, or thresholds would
        need a column that the model does not read.
    """
    if not spec.mitigate:
        return
    if problem.groups is None:
        raise InputError(
            f"Mitigation by {spec.mitigate} needs a column of groups.",
            hint="Name it under `fairness`.",
            where="mitigate",
        )
    kind = problem.task.kind
    if kind not in KINDS[spec.mitigate]:
        raise InputError(
            f"Mitigation by {spec.mitigate} is for {' or '.join(KINDS[spec.mitigate])} answers, "
            f"and these are {kind}.",
            hint=_other_method(kind),
            where="mitigate",
        )
    if spec.mitigate == "thresholds":
        _check_column(problem, problem.groups.column)


def _other_method(kind: str) -> str:
    able = [method for method, kinds in KINDS.items() if kind in kinds]
    if able:
        return f"Use {' or '.join(able)}, or leave `mitigate` out."
    return "Leave `mitigate` out; `fairness` alone prefers the smaller gap among equals."


def _check_column(problem: Problem, column: str) -> None:
    if column not in {item.name for item in problem.inputs}:
        raise InputError(
            f"Thresholds by group need {column!r} when a row is answered, and the model does not "
            "read it.",
            hint="Let the model read the column, or use reweighing or constrained.",
            where="mitigate",
        )
    numbers = problem.table.numbers.get(column)
    if numbers is not None and len(np.unique(numbers[~np.isnan(numbers)])) != 2:
        raise InputError(
            f"Thresholds by group need a category or two numbers, and {column!r} holds more.",
            hint="Bin the column into a category, or use reweighing or constrained.",
            where="mitigate",
        )


def mitigate(choice: Choice, hunt: Hunt, spec: SearchSpec, finish: Callable[..., Finish]) -> Choice:
    """What the search chose, fitted so that groups come out more alike.

    Parameters
    ----------
    choice : Choice
        Of the plain trials.
    finish : callable
        ``finish(choice, bench, spec)`` decides how an answer is made from the members' mean.

    Returns
    -------
    Choice
        With ``plain`` where something was fitted anew; thresholds need no fit.
    """
    if spec.mitigate == "reweighing":
        return _reweighed(choice, hunt)
    if spec.mitigate == "constrained":
        return _constrained(choice, hunt, spec, finish(choice, hunt.bench, spec))
    return choice


def _reweighed(choice: Choice, hunt: Hunt) -> Choice:
    """The same members and shares, learned from rows whose class and group are independent."""
    bench, problem = hunt.bench, hunt.bench.problem
    assert problem.groups is not None
    slant = reweighing(
        problem.y,
        problem.groups.of_row,
        count=len(problem.groups.names),
        classes=problem.task.classes,
        weights=problem.weights,
    )
    note = f"rows weighed by {problem.groups.column} and class"
    attempts, weights = {}, {}
    for number, attempt in choice.attempts.items():
        found = _cross_validated(attempt.candidate, slant, hunt.clock, bench)
        new = hunt.admit(found, f"trial {number}, {note}")
        attempts[new], weights[new] = found, choice.weights[number]
    return _mixed(attempts, weights, choice, bench)


def _cross_validated(candidate: Candidate, slant: Slant, clock: Clock, bench: Bench) -> Attempt:
    """A candidate once more, on slanted rows; never called off, for the model depends on it."""
    limit = SLOWEST_S if not clock.bounds else max(30.0, 2 * clock.budget_s)
    running = bench.begin(replace(candidate, slant=slant), seconds=None, limit=limit)
    return bench.settle(running, rival=None, clock=Clock(clock.budget_s, bounds=False))


def _mixed(
    attempts: dict[int, Attempt], weights: dict[int, float], plain: Choice, bench: Bench
) -> Choice:
    mean = np.asarray(sum(weights[n] * attempts[n].answer for n in attempts))
    first = next(iter(attempts.values()))
    return Choice(
        attempts=attempts,
        weights=weights,
        mean=mean,
        score=bench.score(mean, first.transform),
        single=first,
        for_fairness=plain.for_fairness,
        plain=plain,
    )


@dataclass(frozen=True, kw_only=True)
class _Rows:
    """The rows that models are judged on, and what labels bring."""

    spec: SearchSpec
    bench: Bench
    gains: Float64
    count: int

    def rates(self, votes: Float64) -> Float64:
        """Rate of the label 1 by event and group."""
        assert self.bench.groups is not None
        return rates_of(
            votes.astype(np.int64),
            self.bench.truth,
            self.bench.groups,
            count=self.count,
            parity=self.spec.parity,
            weights=self.bench.weights,
        )

    def excess(self, votes: Float64) -> Float64:
        """How much higher each group's rate is than the mean of groups; 0 with too few rows."""
        rates = self.rates(votes)
        known = ~np.isnan(rates)
        middle = np.where(known, rates, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
        return np.where(known, rates - middle[:, None], 0.0)

    def gained(self, votes: Float64) -> float:
        """What labels bring, a row."""
        gains = self.gains[np.asarray(self.bench.truth, dtype=np.int64)]
        return float(np.average(gains * votes, weights=self.bench.weights))

    def prices(self, of_group: Float64) -> Float64:
        """What answering 1 costs by group and class, (count + 1, 2), from (n_events, count).

        Prices of an event are centred by its rows, so that they move rates apart and do not
        forbid the answer as such.
        """
        assert self.bench.groups is not None
        table = cell_sums(self.bench.truth, self.bench.groups, count=self.count, classes=2)[
            : self.count
        ]
        prices = np.zeros((self.count + 1, 2))
        for own, event in zip(of_group, EVENTS[self.spec.parity], strict=True):
            shares = table[:, list(event)].sum(axis=1)
            centred = own - np.average(own, weights=shares)
            prices[: self.count, list(event)] += centred[:, None]
        return prices


def _constrained(choice: Choice, hunt: Hunt, spec: SearchSpec, finish: Finish) -> Choice:
    """The best trial's family under prices for each group, moved until rates are alike.

    The game of Agarwal et al. (ICML 2018) between a learner that answers best at given prices
    and a player that raises the price of whom the rate is too high for, here by additive steps
    (Zinkevich 2003) and on out-of-fold rates. Of the rounds' models, the means of two of them
    and those of the last ones, the one that brings most is taken among those with a gap of at
    most `NEAR`, or the one with the smallest gap.
    """
    bench, clock = hunt.bench, hunt.clock
    groups = bench.problem.groups
    assert groups is not None
    rows = _Rows(
        spec=spec,
        bench=bench,
        gains=finish.gains(bench.truth, bench.weights),
        count=len(groups.names),
    )
    base = _able(choice)
    of_group = np.zeros((len(EVENTS[spec.parity]), rows.count))
    votes = _labels(finish, choice, bench)
    found: list[Attempt] = []
    for number in range(ROUNDS):
        step = STEP / np.sqrt(number + 1)  # ever smaller, so that prices come to rest
        of_group = of_group + step * rows.excess(votes)
        slant = cost_sensitive(rows.gains, rows.prices(of_group))
        found.append(_cross_validated(base.candidate, slant, clock, bench))
        votes = _votes([found[-1]])
        late = clock.bounds and clock.left_s < found[-1].wall_s
        if number + 1 >= LEAST_ROUNDS and late:
            break
    chosen = _best_of(found, rows)
    note = f"learned under prices for {groups.column}, from trial {_number(choice, base)}"
    numbers = [hunt.admit(attempt, note) for attempt in chosen]
    weights = {n: 1 / len(chosen) for n in numbers}
    return _mixed(dict(zip(numbers, chosen, strict=True)), weights, choice, bench)


def _able(choice: Choice) -> Attempt:
    """The member with the largest share."""
    number = max(choice.weights, key=choice.weights.__getitem__)
    return choice.attempts[number]


def _number(choice: Choice, base: Attempt) -> int:
    return next(n for n, a in choice.attempts.items() if a is base)


def _labels(finish: Finish, choice: Choice, bench: Bench) -> Float64:
    """The plain model's labels out of fold: 0 or 1."""
    answer = finish.cross_fit(choice.mean, bench.truth, bench.folds, bench.weights, bench.groups)
    assert answer.label is not None
    return answer.label.astype(np.float64)


def _votes(attempts: Sequence[Attempt]) -> Float64:
    """The label of the mean of some models, cut in the middle: 0 or 1."""
    mean = np.mean([attempt.answer[:, 0] for attempt in attempts], axis=0)
    return np.asarray(mean >= 0.5, dtype=np.float64)


def _best_of(found: list[Attempt], rows: _Rows) -> list[Attempt]:
    """The round, the pair or the last rounds whose labels do best under the constraint."""
    options = [[attempt] for attempt in found]
    options += [list(pair) for pair in combinations(found, 2)]
    options += [found[-last:] for last in range(3, len(found))]
    votes = [_votes(option) for option in options]
    gaps = np.array([gap_in(rows.rates(vote)) for vote in votes])
    gained = np.array([rows.gained(vote) for vote in votes])
    meets = gaps <= NEAR
    best = np.argmax(np.where(meets, gained, -np.inf)) if meets.any() else np.argmin(gaps)
    return options[int(best)]


def cut_by_group(plan: ModelPlan, cuts: Float64, problem: Problem) -> ModelPlan:
    """The plan with a threshold for each group.

    Parameters
    ----------
    cuts : array, shape (n_groups + 1,)
        In the order of the problem's groups; the last is for rows of no known group.
    """
    groups = problem.groups
    assert groups is not None
    encoders, cut = _by_text(groups, cuts)
    if groups.column in problem.table.numbers:
        encoders, cut = _by_number(problem.table.numbers[groups.column], groups, cuts)
    first = feature_count(plan.encoders)
    return replace(
        plan,
        encoders=(*plan.encoders, *encoders),
        feature_names=(*plan.feature_names, *name_features(encoders)),
        cut=replace(cut, columns=tuple(first + place for place in cut.columns)),
        output=replace(plan.output, threshold=float(cuts[-1])),
    )


def _by_text(groups: Groups, cuts: Float64) -> tuple[tuple[Encoder, ...], LinearMember]:
    """A category: one feature a group, whose weight is its threshold."""
    encoder = OneHotEncoder(column=groups.column, levels=groups.names)
    return (encoder,), _line(weights=cuts, intercept=0.0, center=[0.0] * len(cuts))


def _by_number(
    numbers: Float64, groups: Groups, cuts: Float64
) -> tuple[tuple[Encoder, ...], LinearMember]:
    """Two numbers: the line through both thresholds, flat beyond them; missing has its own."""
    low, high = (float(np.float32(x)) for x in np.unique(numbers[~np.isnan(numbers)]))
    at_low, at_high = (
        float(cuts[groups.of_row[np.argmax(numbers.astype(np.float32) == x)]]) for x in (low, high)
    )
    encoders = (
        NumberEncoder(column=groups.column, fill=low, low=low, high=high),
        MissingEncoder(column=groups.column),
    )
    slope = (at_high - at_low) / (high - low)
    line = _line(weights=[slope, cuts[-1] - at_low], intercept=at_low, center=[low, 0.0])
    return encoders, line


def _line(*, weights: Float64 | list[float], intercept: float, center: list[float]) -> LinearMember:
    return LinearMember(
        family="threshold",
        columns=tuple(range(len(center))),
        center=np.array(center),
        scale=np.ones(len(center)),
        weights=np.array(weights, dtype=np.float64)[:, None],
        intercept=np.array([intercept]),
    )

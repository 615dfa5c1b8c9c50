"""Features of two columns, made where they are measured to help.

Boosted trees cut one column at a time, so a quotient or a mean by two categories together costs
them many cuts. Which of these a table needs is found on a sample: candidates of the columns that
matter are screened against what a first model leaves unexplained, the best are given to a second
one, and those that it leans on stay if they lower the loss on rows that no step has seen.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.automl.encoding import encode_table, observed_pairs
from assay.automl.family import Answers, Task
from assay.automl.features import (
    Extra,
    Features,
    answers_of,
    fitting_matrix,
    learn_features,
    shown_classes,
)
from assay.automl.table import Table
from assay.data.contract import Column
from assay.errors import InvalidTable
from assay.model.encode import feature_columns
from assay.model.plan import Arithmetic, CrossEncoder, Float32, Float64, PairEncoder

if TYPE_CHECKING:
    import lightgbm

LEAST_ROWS, MOST_ROWS = 200, 20_000
"""Fewer rows cannot tell a gain from luck; more are sampled."""
JUDGES = 1 / 3
"""Share of the rows that only judge."""
MOST_NUMBERS, MOST_CATEGORIES = 10, 8
"""The columns that matter most, of which candidates are made."""
MOST_PAIRS_OF_LEVELS = 2000
"""A crossing with more pairs is not tried: too few rows each, and a large graph."""
MOST_CANDIDATES, MOST_EXTRAS = 40, 12
"""Candidates that are left by the screen; those that may stay."""
BINS = 32
LEAN = 0.2
"""An extra that gains less than this share of what the best one gains is left out."""
ERRORS = 1.645
"""By how many standard errors the loss must fall: luck alone does that once in twenty times."""
ROUNDS, MANY_CLASS_TREES = 100, 240
"""Rounds of the quick models; with many classes, trees of all classes together."""
LEAST_ROUNDS = 12
SMALL_ROWS = 2000
"""Fewer rows are fitted with fewer, smaller trees."""
OPERATIONS: tuple[Arithmetic, ...] = ("divide", "subtract", "multiply", "add")


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """What was found to help.

    Attributes
    ----------
    extras : tuple of Extra
        The best first; empty where nothing helped or nothing could be measured.
    gains : dict of str to float
        By name of the extra: its share of all that the cuts of the model with them gained.
    before, after : float
        Mean loss on the judging rows without and with the extras: log-loss in nats, or the
        task's own loss. NaN where it was not measured. Where nothing was kept, ``after`` is of
        the best that was tried.
    rows : int
        Rows that were looked at, judges included.
    """

    extras: tuple[Extra, ...] = ()
    gains: dict[str, float]
    before: float = float("nan")
    after: float = float("nan")
    rows: int


def propose(
    columns: Sequence[Column],
    table: Table,
    *,
    importances: Mapping[str, float] | None = None,
    left_out: Collection[str] = (),
) -> tuple[Extra, ...]:
    """Pairs of numbers and crossings of categories that are worth a look.

    Parameters
    ----------
    columns : sequence of Column
    table : Table
        Training rows.
    importances : mapping of str to float, optional
        By column; the `MOST_NUMBERS` and `MOST_CATEGORIES` greatest are combined, the first ones
        without it.
    left_out : collection of str
        Columns that no extra may read, as monotone ones. Dates and booleans never are read.

    Examples
    --------
    >>> import polars as pl
    >>> from assay.model.plan import Input
    >>> frame = pl.DataFrame({"debt": [1.0, 0.0, 3.0], "income": [2.0, 4.0, 9.0]})
    >>> table = Table.from_frame([Input(name=n, kind="number") for n in frame.columns], frame)
    >>> columns = [Column(name=n, kind="number") for n in frame.columns]
    >>> [extra.name for extra in propose(columns, table)]
    ['debt / income', 'debt - income', 'debt × income', 'debt + income']
    """
    weigh = importances or {}
    free = [c for c in columns if c.name not in left_out]
    numbers = [c.name for c in free if c.kind in ("number", "integer")]
    categories = [c.name for c in free if c.kind == "category"]
    pairs = combinations(_greatest(numbers, weigh, MOST_NUMBERS), 2)
    crosses = combinations(_greatest(categories, weigh, MOST_CATEGORIES), 2)
    return (
        *(
            Extra(kind="pair", columns=_in_order(pair, operation, table), operation=operation)
            for pair in pairs
            for operation in OPERATIONS
        ),
        *(Extra(kind="cross", columns=pair) for pair in crosses if _few_pairs(pair, table)),
    )


def choose_extras(
    columns: Sequence[Column],
    table: Table,
    y: Answers,
    task: Task,
    *,
    seed: int,
    seconds: float,
    threads: int = 1,
    monotone: Collection[str] = (),
    ordered: Mapping[str, tuple[str, ...]] | None = None,
    weights: Float64 | None = None,
) -> Chosen:
    """Find the extras that help boosted trees.

    Parameters
    ----------
    columns : sequence of Column
    table : Table
        Training rows.
    y : array, shape (n_rows,)
        Answers or class numbers, on the scale that families are fitted on.
    task : Task
    seed : int
        Of the sample and the models. Same seed, same result, unless time runs out.
    seconds : float
        Wall-clock bound. Where it is too short nothing is kept.
    threads : int
    monotone, ordered, weights
        As for `learn_features`; no extra reads a monotone column.
    """
    rows = np.random.default_rng(seed).permutation(table.rows)[:MOST_ROWS]
    nothing = Chosen(gains={}, rows=len(rows))
    if len(rows) < LEAST_ROWS:
        return nothing
    cut = int(len(rows) * JUDGES)
    judges, fitting = rows[:cut], rows[cut:]
    weigh = np.ones(table.rows) if weights is None else weights
    sample = _Sample(
        task=task,
        answers=answers_of(y[rows], task)[cut:],
        shown=shown_classes(y[rows], task),
        fit=_Rows(table=table.take(fitting), y=y[fitting], weights=weigh[fitting]),
        judge=_Rows(table=table.take(judges), y=y[judges], weights=weigh[judges]),
        seed=seed,
        threads=threads,
        deadline=time.monotonic() + seconds,
    )
    try:
        return _choose(columns, sample, monotone, ordered or {}) or nothing
    except _OutOfTime:
        return nothing


class _OutOfTime(Exception):
    """What is next would go beyond the bound."""


@dataclass(frozen=True, kw_only=True)
class _Rows:
    """Rows with their answers."""

    table: Table
    y: Answers
    weights: Float64


@dataclass(frozen=True, kw_only=True)
class _Matrices:
    """Features, and what they are of the fitting rows and of the judges."""

    features: Features
    X: Float32
    X_judge: Float32

    def some(self, columns: Sequence[int]) -> tuple[Float32, Float32]:
        """Some of the features of both."""
        return self.X[:, columns], self.X_judge[:, columns]


@dataclass(frozen=True, kw_only=True)
class _Sample:
    """The rows to fit quick models on and the rows to judge them by."""

    task: Task
    answers: Float64
    """Of the fitting rows, to be averaged by level."""
    shown: tuple[int, ...]
    fit: _Rows
    judge: _Rows
    seed: int
    threads: int
    deadline: float

    @property
    def left_s(self) -> float:
        """Seconds until the bound."""
        return self.deadline - time.monotonic()

    def learn(
        self,
        columns: Sequence[Column],
        *,
        extras: Sequence[Extra] = (),
        monotone: Collection[str] = (),
        ordered: Mapping[str, tuple[str, ...]] | None = None,
    ) -> _Matrices | None:
        """Features of the fitting rows; None where nothing varies."""
        rows, answers = self.fit, self.answers
        try:
            features = learn_features(
                columns,
                rows.table,
                answers,
                classes=[str(k) for k in self.shown],
                ordered=ordered,
                extras=extras,
                monotone=monotone,
                weights=rows.weights,
            )
        except InvalidTable:
            return None
        return _Matrices(
            features=features,
            X=fitting_matrix(features, rows.table, answers, seed=self.seed, weights=rows.weights),
            X_judge=encode_table(features.encoders, self.judge.table),
        )

    def boost(self, X: Float32) -> tuple[lightgbm.Booster, float]:
        """A quick model and its seconds; `_OutOfTime` where it would go beyond the bound."""
        import lightgbm  # late: reading this module must cost nothing

        def stop(_: Any) -> None:
            if self.left_s < 0:
                raise _OutOfTime

        start = time.monotonic()
        settings = _settings(self.task, rows=len(X), seed=self.seed, threads=self.threads)
        labelled = lightgbm.Dataset(X, label=self.fit.y, weight=self.fit.weights, params=settings)
        model = lightgbm.train(settings, labelled, callbacks=[stop])
        return model, time.monotonic() - start

    def residuals(self, model: lightgbm.Booster, X: Float32) -> Float64:
        """What the model leaves of each answer, (n_rows, n_answers)."""
        answer = np.asarray(model.predict(X, num_threads=self.threads), dtype=np.float64)
        told = answer[:, list(self.shown)] if self.shown else answer[:, None]
        return self.answers - told

    def losses(self, model: lightgbm.Booster, X: Float32) -> Float64:
        """Loss of each judging row, by its weight."""
        answer = np.asarray(model.predict(X, num_threads=self.threads), dtype=np.float64)
        weights = self.judge.weights / self.judge.weights.mean()
        return np.asarray(weights * _losses(self.task, self.judge.y, answer))


def _choose(
    columns: Sequence[Column],
    sample: _Sample,
    monotone: Collection[str],
    ordered: Mapping[str, tuple[str, ...]],
) -> Chosen | None:
    """Three quick models: without extras, with all that pass the screen, with the best."""
    plain = sample.learn(columns, monotone=monotone, ordered=ordered)
    if plain is None:
        return None
    X, X_judge = plain.some(plain.features.columns("trees"))
    first, once_s = sample.boost(X)
    proposed = propose(
        columns,
        sample.fit.table,
        importances=_by_column(first, plain.features),
        left_out=monotone,
    )
    made = sample.learn((), extras=proposed)
    if made is None:
        return None
    places = _places(made.features)
    most = _affordable(sample.left_s, once_s, X.shape[1])
    scores = _unexplained(made.X, sample.residuals(first, X))
    screened = sorted(places, key=lambda extra: -max(scores[i] for i in places[extra]))[:most]
    trial = [i for extra in screened for i in places[extra]]
    second, _ = sample.boost(np.hstack([X, made.X[:, trial]]))
    best = _leaned_on(second, X.shape[1], {extra: len(places[extra]) for extra in screened})
    if not best:
        return None
    own, own_judge = made.some([i for extra in best for i in places[extra]])
    third, _ = sample.boost(np.hstack([X, own]))
    before = sample.losses(first, X_judge)
    after = sample.losses(third, np.hstack([X_judge, own_judge]))
    gains = _gains(third, X.shape[1], {extra: len(places[extra]) for extra in best})
    helped = _is_lower(after, before)
    return Chosen(
        extras=tuple(sorted(gains, key=lambda extra: -gains[extra])) if helped else (),
        gains={extra.name: gain for extra, gain in gains.items()} if helped else {},
        before=float(before.mean()),
        after=float(after.mean()),
        rows=len(before) + len(X),
    )


def _affordable(left_s: float, once_s: float, columns: int) -> int:
    """Candidates for which a second and a third model are made in time."""
    if left_s == float("inf"):
        return MOST_CANDIDATES
    share = (left_s / max(once_s, 1e-3) - 2.5) * columns
    if share < 1:
        raise _OutOfTime
    return int(min(MOST_CANDIDATES, share))


def _settings(task: Task, *, rows: int, seed: int, threads: int) -> dict[str, Any]:
    objective: str = {"binary": "binary", "multiclass": "multiclass"}.get(task.kind, _loss(task))
    many = max(LEAST_ROUNDS, MANY_CLASS_TREES // task.width)
    few = ROUNDS if rows >= SMALL_ROWS else ROUNDS // 2
    return {
        "objective": OBJECTIVES.get(objective, objective),
        "alpha": task.quantile,
        "num_class": task.width,
        "num_iterations": min(few, many),
        "learning_rate": 0.1,
        "num_leaves": 8 if rows < SMALL_ROWS else 16,
        "min_data_in_leaf": 10 if rows < SMALL_ROWS else 20,
        "feature_fraction": 0.5,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
        "lambda_l2": 1.0,
        "num_threads": threads,
        "seed": seed,
        "deterministic": True,
        "force_col_wise": True,
        "verbosity": -1,
    }


OBJECTIVES = {
    "squared": "regression",
    "absolute": "regression_l1",
    "poisson": "poisson",
    "quantile": "quantile",
}
"""What LightGBM calls the losses of a `Task`."""


def _loss(task: Task) -> str:
    return task.losses[0] if task.losses else "squared"


def _losses(task: Task, y: Answers, answer: Float64) -> Float64:
    """Loss of each row."""
    if task.kind != "regression":
        chances = answer if answer.ndim == 2 else np.stack([1 - answer, answer], axis=1)
        own = chances[np.arange(len(y)), np.asarray(y, dtype=np.int64)]
        return np.asarray(-np.log(np.maximum(own, 1e-7)))
    off, loss = y - answer, _loss(task)
    if loss == "squared":
        return np.asarray(off**2)
    if loss == "absolute":
        return np.abs(off)
    if loss == "quantile":
        return np.maximum(task.quantile * off, (task.quantile - 1) * off)
    return np.asarray(answer - y * np.log(np.maximum(answer, 1e-7)))  # poisson


def _is_lower(after: Float64, before: Float64) -> bool:
    """Whether the loss fell by more than `ERRORS` standard errors of its mean, row by row."""
    fell = before - after
    return bool(fell.mean() > ERRORS * fell.std() / np.sqrt(len(fell)))


def _unexplained(X: Float32, residuals: Float64) -> Float64:
    """How much of the residuals each feature tells beyond chance, shape (n_features,).

    The sum of squares between `BINS` equal parts of the rows in the feature's order, as a
    chi-square less its degrees of freedom.
    """
    spread = residuals.var(axis=0)
    bins = np.arange(len(X)) * BINS // len(X)
    size = np.bincount(bins)[:, None]
    starts = np.searchsorted(bins, np.arange(BINS))
    centred = residuals - residuals.mean(axis=0)
    known = spread > 0
    scores = np.zeros(X.shape[1])
    for place, feature in enumerate(X.T):
        sums = np.add.reduceat(centred[np.argsort(feature, kind="stable")], starts)
        between = (sums**2 / size).sum(axis=0)
        scores[place] = (between[known] / spread[known]).mean() if known.any() else 0.0
    return scores - (BINS - 1)


def _leaned_on(
    model: lightgbm.Booster, plain: int, widths: Mapping[Extra, int]
) -> tuple[Extra, ...]:
    """The extras that gained more than features do on average, the best first.

    Those that gained less than `LEAN` of what the best one did are left out: mostly noise that
    the trees found something in.
    """
    gains = _gains(model, plain, widths)
    average = 1.0 / (plain + sum(widths.values()))
    least = LEAN * max(gains.values(), default=0.0)
    good = [extra for extra, gain in gains.items() if gain > max(least, average * widths[extra])]
    return tuple(sorted(good, key=lambda extra: -gains[extra])[:MOST_EXTRAS])


def _gains(model: lightgbm.Booster, plain: int, widths: Mapping[Extra, int]) -> dict[Extra, float]:
    """Share of all gain by extra; its features follow the ``plain`` ones in order."""
    gain = model.feature_importance("gain")
    total = max(float(gain.sum()), np.finfo(float).tiny)
    ends = plain + np.cumsum(list(widths.values()))
    return {
        extra: float(gain[end - width : end].sum()) / total
        for (extra, width), end in zip(widths.items(), ends, strict=True)
    }


def _by_column(model: lightgbm.Booster, features: Features) -> dict[str, float]:
    """Gain by the user's column."""
    made_of = feature_columns(features.encoders)
    found: dict[str, float] = {}
    gains = model.feature_importance("gain")
    for place, gain in zip(features.columns("trees"), gains, strict=True):
        name = made_of[place][0]
        found[name] = found.get(name, 0.0) + float(gain)
    return found


def _places(features: Features) -> dict[Extra, list[int]]:
    """Where the features of each extra lie."""
    places: dict[Extra, list[int]] = {}
    for positions, part in features.placed():
        if isinstance(part.encoder, (PairEncoder, CrossEncoder)):
            places.setdefault(Extra.of(part.encoder), []).extend(positions)
    return places


def _greatest(names: Sequence[str], importances: Mapping[str, float], most: int) -> list[str]:
    """Those of the greatest importance, in the order of the table."""
    common = sorted(names, key=lambda name: -importances.get(name, 0.0))[:most]
    return [name for name in names if name in common]


def _in_order(pair: tuple[str, str], operation: Arithmetic, table: Table) -> tuple[str, str]:
    """A quotient is taken by the column that is 0 less often."""
    if operation != "divide":
        return pair
    zeros = [int(np.count_nonzero(table.numbers[name] == 0)) for name in pair]
    return pair if zeros[1] <= zeros[0] else (pair[1], pair[0])


def _few_pairs(pair: tuple[str, str], table: Table) -> bool:
    found, _ = observed_pairs(*(table.categories[name] for name in pair))
    return len(found) <= MOST_PAIRS_OF_LEVELS

"""Why one answer is what it is, and which columns matter overall: in the user's own columns.

Both ask the graph only, so they explain what is served, preparation included.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from assay.errors import InvalidTable, NotApplicable, UnknownColumn
from assay.model.answer import Answer, Bool, Int64
from assay.model.inputs import graph_inputs, row_count
from assay.model.plan import Array, Float64, Input
from assay.model.scorer import BATCH_ROWS, Scorer
from assay.records import Record

if TYPE_CHECKING:
    import polars as pl

Reference = Mapping[str, float | str | None]
"""One value a column; None where it is missing. Plain JSON."""

PERMUTATIONS = 16
MOST_COLUMNS = 400
"""Columns that a model may read and still be explained: the work grows with their square."""


class Explanation(Record, frozen=True, kw_only=True):
    """One answer, taken apart.

    ``sum(contributions) == value - reference_value``, rounding aside.
    """

    columns: tuple[str, ...]
    contributions: tuple[float, ...]
    """Of each column, in the unit of ``value``."""
    value: float
    """Regression: the prediction. Binary: the probability of the second class. Multiclass: the
    probability of ``label``."""
    reference_value: float
    """The same for the reference row."""
    label: str = ""
    """The class whose probability is explained; empty for regression."""
    exact: bool = False
    """Whether every combination of columns was asked, rather than a sample of orders."""


class Importance(Record, frozen=True, kw_only=True):
    """How much worse the answers get when one column's values are shuffled among rows."""

    column: str
    value: float
    """Mean increase of the loss."""
    spread: float
    """Standard deviation of the increase over repeats."""
    baseline: float
    """Loss without shuffling."""


def reference_row(inputs: Sequence[Input], frame: pl.DataFrame) -> dict[str, float | str | None]:
    """A row of typical values, column by column: the median, or the most frequent level.

    It is no row of the table, so it shows no person's values together. Missing values are left
    out, and equally frequent levels are settled by the alphabet.

    Examples
    --------
    >>> inputs = (Input(name="age", kind="number"), Input(name="make", kind="category"))
    >>> import polars as pl
    >>> frame = pl.DataFrame({"age": [20.0, 30.0, None], "make": ["bmw", "audi", "bmw"]})
    >>> reference_row(inputs, frame)
    {'age': 20.0, 'make': 'bmw'}
    """
    if frame.is_empty():
        raise InvalidTable("A table without rows has no typical row.", hint="Pass training rows.")
    arrays = graph_inputs(inputs, frame)
    return {
        item.name: _median(arrays[item.name])
        if item.kind == "number"
        else _most_frequent(arrays[item.name])
        for item in inputs
    }


def reference_inputs(inputs: Sequence[Input], reference: Reference) -> dict[str, Array]:
    """The reference row as a graph takes it, each column of shape (1, 1).

    Raises
    ------
    UnknownColumn
        The reference row lacks a column.
    """
    return {item.name: _cell(item, reference) for item in inputs}


def explainable(scorer: Scorer) -> bool:
    """Whether the model reads few enough columns to explain its answers one by one."""
    return len(scorer.inputs) <= MOST_COLUMNS


def explain_row(
    scorer: Scorer,
    inputs: Mapping[str, Array],
    reference: Reference,
    *,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
) -> Explanation:
    """Explain one row against the reference row; see `contributions`.

    Parameters
    ----------
    inputs : mapping of str to ndarray, shape (1, 1)
    """
    both = {i.name: np.concatenate([inputs[i.name], _cell(i, reference)]) for i in scorer.inputs}
    answer = scorer.score(both)
    label = int(_explained_class(answer)[0])
    values = _explained(answer, np.full(2, label))
    shares = contributions(scorer, inputs, reference, permutations=permutations, seed=seed)
    changed = _changed(scorer.inputs, both)
    return Explanation(
        columns=tuple(item.name for item in scorer.inputs),
        contributions=tuple(shares[0].tolist()),
        value=float(values[0]),
        reference_value=float(values[1]),
        label=answer.classes[label] if answer.classes else "",
        exact=_coalitions(int(changed.sum()), permutations, seed).exact,
    )


def contributions(
    scorer: Scorer,
    inputs: Mapping[str, Array],
    reference: Reference,
    *,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
) -> Float64:
    """Shapley values of the user's columns against one reference row.

    A coalition of columns takes the row's values, all other columns the reference's. Columns
    that equal the reference get exactly 0. With few others, every coalition is asked and the
    values are exact; else orders of columns are sampled, each with its reverse, which makes
    the values exact wherever columns act alone or in pairs.

    Parameters
    ----------
    scorer : Scorer
    inputs : mapping of str to ndarray, shape (n, 1)
        The rows to explain.
    reference : mapping of str to value
        From `reference_row`.
    permutations : int
        Orders of columns to sample, at least 2 and even.
    seed : int
        The same seed gives the same orders for every row.

    Returns
    -------
    ndarray of float64, shape (n, n_columns)
        In the order of ``scorer.inputs``. Each row sums to f(row) - f(reference), rounding
        aside; f is the prediction, the probability of the second of two classes, or the
        probability of the row's label among more.

    Raises
    ------
    NotApplicable
        The model reads more than `MOST_COLUMNS` columns.

    Notes
    -----
    E. Štrumbelj and I. Kononenko, Explaining prediction models and individual predictions with
    feature contributions, Knowledge and Information Systems 41 (2014), for the sampling of
    orders; R. Mitchell et al., Sampling permutations for Shapley value estimation, JMLR 23
    (2022), for antithetic orders.
    """
    if not explainable(scorer):
        raise NotApplicable(
            f"The model reads {len(scorer.inputs):,} columns; answers are explained for up to "
            f"{MOST_COLUMNS}.",
            hint="Name columns to leave out under `ignore` in assay.yaml.",
        )
    n = row_count({item.name: inputs[item.name] for item in scorer.inputs})
    classes = _explained_class(scorer.score(inputs))
    games = (
        _row_game(scorer, inputs, reference, i, permutations=permutations, seed=seed)
        for i in range(n)
    )
    result = np.zeros((n, len(scorer.inputs)))
    first = 0
    for batch in _batches(games):
        values = _ask(scorer, batch, classes[first : first + len(batch)])
        for row, (game, value) in enumerate(zip(batch, values, strict=True), start=first):
            result[row, game.players] = game.coalitions.coefficients.T @ value
        first += len(batch)
    return result


def every_coalition_is_asked(players: int, permutations: int = PERMUTATIONS) -> bool:
    """Whether so few columns change that asking all their coalitions is no more work."""
    return players < 63 and 2**players <= permutations * (players + 1)


def half_of_orders(players: int, permutations: int = PERMUTATIONS, seed: int = 0) -> Int64:
    """Half of the sampled orders, (permutations / 2, players); the others are their reverses."""
    rng = np.random.default_rng(seed)
    return np.array([rng.permutation(players) for _ in range(max(1, permutations // 2))])


def global_importance(
    scorer: Scorer,
    frame: pl.DataFrame,
    loss: Callable[[Answer], Float64],
    *,
    repeats: int = 5,
    seed: int = 0,
) -> tuple[Importance, ...]:
    """Permutation importance of every column, most important first.

    Parameters
    ----------
    scorer : Scorer
    frame : polars.DataFrame
        Rows to shuffle, best held out.
    loss : callable
        From an `Answer` for these rows, in order, to each row's loss, shape (n,).
    repeats : int
        Shuffles per column; their spread is reported.

    Notes
    -----
    A. Fisher, C. Rudin and F. Dominici, All models are wrong, but many are useful, JMLR 20
    (2019). Columns that carry the same information share it: shuffling one alone then costs
    little.
    """
    inputs = graph_inputs(scorer.inputs, frame)
    baseline = float(np.mean(loss(scorer.score(inputs))))
    rng = np.random.default_rng(seed)
    orders = [rng.permutation(frame.height) for _ in range(repeats)]
    found = [
        _importance(scorer, inputs, item.name, loss=loss, orders=orders, baseline=baseline)
        for item in scorer.inputs
    ]
    return tuple(sorted(found, key=lambda i: -i.value))


@dataclass(frozen=True)
class _Coalitions:
    """Which coalitions of players to ask, and how their values make Shapley values.

    ``members``: (n_coalitions, n_players); ``coefficients``: of the same shape; the Shapley
    values are ``coefficients.T @ values``.
    """

    members: Bool
    coefficients: Float64
    exact: bool


@dataclass(frozen=True)
class _RowGame:
    """One row's columns for all its coalitions."""

    coalitions: _Coalitions
    players: Int64
    inputs: dict[str, Array]


@lru_cache(maxsize=256)
def _coalitions(players: int, permutations: int, seed: int) -> _Coalitions:
    if every_coalition_is_asked(players, permutations):
        return _every_coalition(players)
    return _sampled_coalitions(players, permutations, seed)


def _every_coalition(players: int) -> _Coalitions:
    numbers = np.arange(2**players)[:, None]
    members = (numbers >> np.arange(players)) & 1 == 1
    size = members.sum(axis=1)[:, None]
    orders = [math.factorial(s) * math.factorial(players - s - 1) for s in range(players)]
    weight = np.array([*orders, 0], dtype=np.float64) / math.factorial(players)
    return _Coalitions(members, np.where(members, weight[size - 1], -weight[size]), exact=True)


def _sampled_coalitions(players: int, permutations: int, seed: int) -> _Coalitions:
    half = half_of_orders(players, permutations, seed)
    orders = np.concatenate([half, half[:, ::-1]])
    rank = np.argsort(orders, axis=1)
    # Coalition s of an order holds the first s players of it.
    members = rank[:, None, :] < np.arange(players + 1)[None, :, None]
    distinct, place = np.unique(members.reshape(-1, players), axis=0, return_inverse=True)
    place = place.reshape(len(orders), players + 1)
    coefficients = np.zeros(distinct.shape)
    np.add.at(coefficients, (place[:, 1:], orders), 1.0 / len(orders))
    np.add.at(coefficients, (place[:, :-1], orders), -1.0 / len(orders))
    return _Coalitions(distinct, coefficients, exact=False)


def _row_game(
    scorer: Scorer,
    inputs: Mapping[str, Array],
    reference: Reference,
    row: int,
    *,
    permutations: int,
    seed: int,
) -> _RowGame:
    pairs = {
        i.name: np.concatenate([inputs[i.name][row : row + 1], _cell(i, reference)])
        for i in scorer.inputs
    }
    changed = _changed(scorer.inputs, pairs)
    players = np.flatnonzero(changed)
    coalitions = _coalitions(len(players), permutations, seed)
    columns = {
        name: np.repeat(pair[1:], len(coalitions.members), 0) for name, pair in pairs.items()
    }
    for player, column in enumerate(players):
        name = scorer.inputs[column].name
        columns[name][coalitions.members[:, player]] = pairs[name][0]
    return _RowGame(coalitions, players, columns)


def _ask(scorer: Scorer, games: list[_RowGame], classes: Int64) -> list[Float64]:
    """Values of the coalitions of several rows, in one call."""
    sizes = [len(game.coalitions.members) for game in games]
    joined = {
        item.name: np.concatenate([game.inputs[item.name] for game in games])
        for item in scorer.inputs
    }
    answer = scorer.score(joined)
    values = _explained(answer, np.repeat(classes, sizes))
    return np.split(values, np.cumsum(sizes)[:-1])


def _batches(games: Iterable[_RowGame]) -> Iterator[list[_RowGame]]:
    """Rows whose coalitions fit into one call of the graph together."""
    batch: list[_RowGame] = []
    size = 0
    for game in games:
        own = len(game.coalitions.members)
        if batch and size + own > BATCH_ROWS:
            yield batch
            batch, size = [], 0
        batch.append(game)
        size += own
    if batch:
        yield batch


def _explained_class(answer: Answer) -> Int64:
    """Whose probability is explained. Binary: the second class; else each row's label."""
    if answer.label is None or len(answer.classes) == 2:
        return np.ones(len(answer.prediction), dtype=np.int64)
    return answer.label


def _explained(answer: Answer, classes: Int64) -> Float64:
    """The number that is explained, row by row."""
    if answer.probabilities is None:
        return answer.prediction
    return np.asarray(answer.probabilities[np.arange(len(classes)), classes])


def _changed(items: Sequence[Input], pairs: Mapping[str, Array]) -> Bool:
    """Which columns differ between the two rows of ``pairs``; missing equals missing."""
    return np.array([not _same(pairs[item.name], item.kind) for item in items])


def _same(pair: Array, kind: str) -> bool:
    return bool(np.array_equal(pair[0], pair[1], equal_nan=kind == "number"))


def _cell(item: Input, reference: Reference) -> Array:
    if item.name not in reference:
        raise UnknownColumn(item.name, reference)
    value = reference[item.name]
    if item.kind == "number":
        return np.array([[np.nan if value is None else value]], dtype=np.float64)
    return np.array([["" if value is None else value]], dtype=object)


def _importance(
    scorer: Scorer,
    inputs: dict[str, Array],
    column: str,
    *,
    loss: Callable[[Answer], Float64],
    orders: list[Int64],
    baseline: float,
) -> Importance:
    increases = [
        float(np.mean(loss(scorer.score({**inputs, column: inputs[column][order]})))) - baseline
        for order in orders
    ]
    return Importance(
        column=column,
        value=float(np.mean(increases)),
        spread=float(np.std(increases, ddof=1)) if len(increases) > 1 else 0.0,
        baseline=baseline,
    )


def _median(column: Array) -> float | None:
    """The middle value (the lower of two), so that a flag stays 0 or 1."""
    known = np.sort(column[np.isfinite(column)])
    return float(known[(len(known) - 1) // 2]) if len(known) else None


def _most_frequent(column: Array) -> str | None:
    levels, counts = np.unique(column[column != ""].astype(str), return_counts=True)
    return str(levels[counts.argmax()]) if len(levels) else None

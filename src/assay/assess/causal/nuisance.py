"""What would be expected of each row, by models that were not fitted on it.

Each expectation is a mixture of a linear model and of boosted trees, in the shares that do best
out of fold (a small super learner: van der Laan, Polley and Hubbard 2007).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from assay.assess.statistics import Bool, Float64, Int64

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Of the trees in a mixture."""
ROUNDS, RATE, LEAVES = 120, 0.06, 12
"""Of the boosted trees: many small steps, as causal work wants smooth expectations."""
SMALLEST = 1e-6


def deal(codes: Int64 | None, rows: int, *, folds: int, seed: int) -> Int64:
    """A fold for each row; every level of the treatment is spread over all folds alike."""
    mixed = np.random.default_rng(seed).permutation(rows)
    fold = np.empty(rows, np.int64)
    if codes is None:
        fold[mixed] = np.arange(rows) % folds
        return fold
    for level in np.unique(codes):
        own = mixed[codes[mixed] == level]
        fold[own] = np.arange(own.size) % folds
    return fold


def expected_chances(X: Float64, codes: Int64, levels: int, fold: Int64, *, seed: int) -> Float64:
    """Chance of each level of the treatment, (n, levels), at least `SMALLEST`."""
    if X.shape[1] == 0:
        return _shares_elsewhere(codes, levels, fold)
    hit = np.eye(levels)[codes]
    with _quiet():
        told = [
            _out_of_fold(X, codes, fold, fit, width=levels)
            for fit in (_logistic(levels), _boosted_classes(levels, seed))
        ]
    mixed = _best_mixture(told, lambda p: -np.mean(np.log(np.maximum((p * hit).sum(1), SMALLEST))))
    kept = np.maximum(mixed, SMALLEST)
    return np.asarray(kept / kept.sum(axis=1, keepdims=True))


def expected_outcome(
    X: Float64,
    y: Float64,
    fold: Int64,
    *,
    binary: bool,
    seed: int,
    among: Bool | None = None,
) -> Float64:
    """Mean outcome of each row, (n,), by models of the rows ``among`` those in other folds."""
    learned = np.ones(len(y), bool) if among is None else among
    if X.shape[1] == 0:
        return _mean_elsewhere(y, fold, learned)
    both = bool(np.ptp(y[learned]) > 0)
    linear = _logistic_outcome if binary and both else _ridge
    trees = _boosted_outcome(seed, binary=binary and both)
    with _quiet():
        told = [_out_of_fold(X, y, fold, fit, width=1, among=learned) for fit in (linear, trees)]

    def loss(answer: Float64) -> float:
        return float(np.mean((answer[learned, 0] - y[learned]) ** 2))

    return np.asarray(_best_mixture(told, loss)[:, 0])


Predict = Callable[[Float64], Float64]
Fit = Callable[[Float64, Any], Predict]


def _out_of_fold(
    X: Float64, y: Any, fold: Int64, fit: Fit, *, width: int, among: Bool | None = None
) -> Float64:
    """Answers (n, width) of models fitted on the other folds."""
    answer = np.empty((len(X), width))
    for number in np.unique(fold):
        held = fold == number
        learned = ~held if among is None else ~held & among
        known = y[learned]
        if width == 1 and np.ptp(known) == 0:  # nothing to learn, and no classes to part
            answer[held] = known[0]
        else:
            answer[held] = fit(X[learned], known)(X[held])
    return answer


def _best_mixture(told: list[Float64], loss: Callable[[Float64], float]) -> Float64:
    first, second = told
    mixtures = [(1 - share) * first + share * second for share in SHARES]
    return mixtures[int(np.argmin([loss(m) for m in mixtures]))]


def _logistic(levels: int) -> Fit:
    from sklearn.linear_model import LogisticRegression

    def fit(X: Float64, y: Int64) -> Predict:
        model = LogisticRegression(C=1.0, max_iter=500).fit(X, y)

        def predict(rows: Float64) -> Float64:
            answer = np.zeros((len(rows), levels))
            answer[:, model.classes_] = model.predict_proba(rows)
            return answer

        return predict

    return fit


def _logistic_outcome(X: Float64, y: Float64) -> Predict:
    classes = _logistic(2)(X, y.astype(np.int64))
    return lambda rows: classes(rows)[:, 1:]


def _ridge(X: Float64, y: Float64) -> Predict:
    from sklearn.linear_model import Ridge

    model = Ridge(alpha=1.0).fit(X, y)
    return lambda rows: np.asarray(model.predict(rows))[:, None]


def _boosted(objective: str, seed: int, **further: Any) -> Callable[[Float64, Any], Any]:
    import lightgbm

    settings = {
        "objective": objective,
        "learning_rate": RATE,
        "num_leaves": LEAVES,
        "min_data_in_leaf": 20,
        "lambda_l2": 1.0,
        "num_threads": 1,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
        "seed": seed,
        **further,
    }

    def fit(X: Float64, y: Any) -> Any:
        return lightgbm.train(settings, lightgbm.Dataset(X, y), num_boost_round=ROUNDS)

    return fit


def _boosted_classes(levels: int, seed: int) -> Fit:
    several = {"num_class": levels} if levels > 2 else {}
    train = _boosted("multiclass" if several else "binary", seed, **several)

    def fit(X: Float64, y: Int64) -> Predict:
        model = train(X, y)

        def predict(rows: Float64) -> Float64:
            told = np.asarray(model.predict(rows, num_threads=1))
            return told if several else np.stack([1 - told, told], axis=1)

        return predict

    return fit


def _boosted_outcome(seed: int, *, binary: bool) -> Fit:
    train = _boosted("binary" if binary else "regression", seed)

    def fit(X: Float64, y: Float64) -> Predict:
        model = train(X, y)
        return lambda rows: np.asarray(model.predict(rows, num_threads=1))[:, None]

    return fit


def _shares_elsewhere(codes: Int64, levels: int, fold: Int64) -> Float64:
    """Without columns to hold equal, as in an experiment: shares in the other folds."""
    table = np.zeros((int(fold.max()) + 1, levels))
    np.add.at(table, (fold, codes), 1.0)
    rest = table.sum(axis=0) - table
    return np.asarray((rest / rest.sum(axis=1, keepdims=True))[fold])


def _mean_elsewhere(y: Float64, fold: Int64, learned: Bool) -> Float64:
    sums = np.bincount(fold[learned], y[learned], int(fold.max()) + 1)
    rows = np.bincount(fold[learned], minlength=int(fold.max()) + 1)
    return np.asarray(((sums.sum() - sums) / np.maximum(rows.sum() - rows, 1))[fold])


@contextmanager
def _quiet() -> Iterator[None]:
    from threadpoolctl import threadpool_limits

    with warnings.catch_warnings(), threadpool_limits(1, user_api="blas"):
        warnings.simplefilter("ignore")
        yield

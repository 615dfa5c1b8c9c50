"""Linear models trained under differential privacy: the promise that no one row shows.

What is promised
    The weights of one fit, and the centers and scales before them, are (epsilon, delta)
    differentially private with respect to adding or removing a row (Dwork and others 2006), by
    zero-concentrated privacy (Bun and Steinke 2016) of Gaussian noise throughout. Epsilon is a
    promise and not a setting to be tuned, so a search does not vary it.

What is not
    How cells became numbers, which of several trials won, what a score on held-out rows
    reveals; several fits on the same rows add up. The noise is of doubles and not of an exact
    Gaussian (Mironov 2012). The promise needs a secret: noise that can be computed from a seed
    on record protects nobody, so it comes from the system's own randomness.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy import special

from assay.automl.family import Answers, Params, Task, Validation, View
from assay.model.plan import Float32, Float64, LinearMember
from assay.question import Kind

if TYPE_CHECKING:
    import optuna

EPSILON, DELTA = 3.0, 1e-6
"""The promise by default; delta should be far below one over the number of rows."""
SHARES = (0.1, 0.1, 0.8)
"""Of the budget: magnitudes of columns, centers of columns, weights."""
EXPONENTS = range(-30, 61)
"""Powers of two among which the magnitude of a column is looked for."""
BINS = 16
STEPS, MOMENTUM, PENALTY = 40, 0.8, 1e-3
REACH = 2.0
"""Standardised answers of a regression are held within these many scales of their center."""


def rho_of(epsilon: float, delta: float) -> float:
    """Zero-concentrated privacy that gives (epsilon, delta) (Bun and Steinke 2016, prop. 1.3).

    Examples
    --------
    >>> rho = rho_of(1.0, 1e-6)
    >>> round(float(rho + 2 * (rho * np.log(1e6)) ** 0.5), 9)
    1.0
    """
    log = np.log(1.0 / delta)
    return float((np.sqrt(log + epsilon) - np.sqrt(log)) ** 2)


@dataclass(frozen=True)
class Noise:
    """Gaussian noise of a secret generator."""

    rng: np.random.Generator

    def added(self, value: Float64, *, sensitivity: float, rho: float) -> Float64:
        """A value that one row moves by at most ``sensitivity`` (Euclidean), made private."""
        deviation = sensitivity / np.sqrt(2.0 * rho)
        return np.asarray(value + deviation * self.rng.normal(size=np.shape(value)))


class PrivateLinear:
    """Linear and logistic regression under differential privacy.

    Regression: noisy sufficient statistics with a penalty as large as the noise needs
    (AdaSSP, Wang 2018). Classification: noisy full gradients (Bassily and others 2014; Song
    and others 2013).

    Parameters
    ----------
    epsilon, delta : float
        The promise.
    secret : int or None
        What the noise is made from; by default drawn from the system. The same secret, rows
        and seed give the same noise; other rows give other noise, so that no difference of
        two fits cancels it. Give one in tests only.
    """

    name = "private"
    transparent = True
    tasks: frozenset[Kind] = frozenset({"regression", "binary", "multiclass"})
    needs: View = "linear"
    place = 90
    stops_early = False
    takes_weights = False
    by_request = True

    def __init__(
        self, epsilon: float = EPSILON, delta: float = DELTA, *, secret: int | None = None
    ) -> None:
        self.epsilon, self.delta = epsilon, delta
        self._secret = secrets.randbits(128) if secret is None else secret

    def candidates(self, task: Task, *, rows: int, columns: int) -> tuple[Params, ...]:  # noqa: ARG002
        """The promise alone."""
        return ({"epsilon": self.epsilon, "delta": self.delta},)

    def suggest(self, trial: optuna.trial.BaseTrial, task: Task) -> Params:  # noqa: ARG002
        """The promise alone: it is not for the search to vary."""
        return {"epsilon": self.epsilon, "delta": self.delta}

    def fit(
        self,
        X: Float32,
        y: Answers,
        *,
        task: Task,
        params: Params,
        seed: int,
        weights: Float64 | None = None,  # noqa: ARG002 - a heavy row would break the promise
        validation: Validation | None = None,  # noqa: ARG002 - no rounds to choose
        threads: int = 1,  # noqa: ARG002 - the caller bounds the linear algebra
    ) -> FittedPrivate:
        """Find magnitudes and centers, bound every row, fit; all of it noisy."""
        rho = rho_of(params["epsilon"], params["delta"])
        noise = Noise(self._generator(X, y, seed))
        table = X.astype(np.float64)
        answers = y[:, None].astype(np.float64) if task.kind == "regression" else None
        center, scale = _standard(
            table if answers is None else np.hstack([table, answers]), noise, rho
        )
        columns = X.shape[1]
        rows = _bounded((table - center[:columns]) / scale[:columns])
        spent = SHARES[2] * rho
        if answers is None:
            solution = _by_gradients(rows, y.astype(np.int64), task.classes, noise, spent)
        else:
            target = np.clip((answers[:, 0] - center[-1]) / scale[-1], -REACH, REACH)
            solution = _by_statistics(rows, target, noise, spent)
            solution *= scale[-1]
            solution[-1] += center[-1]
        return FittedPrivate(
            params=dict(params),
            task=task,
            center=center[:columns],
            scale=scale[:columns],
            weights=solution[:-1],
            intercept=solution[-1],
        )

    def _generator(self, X: Float32, y: Answers, seed: int) -> np.random.Generator:
        """A generator that nobody can repeat without the secret, another for other rows."""
        told = hashlib.sha256(np.ascontiguousarray(X).tobytes())
        told.update(np.ascontiguousarray(y).tobytes())
        told.update(repr((X.shape, seed, self.epsilon, self.delta)).encode())
        return np.random.default_rng([self._secret, int.from_bytes(told.digest()[:16], "big")])


@dataclass(frozen=True)
class FittedPrivate:
    """Weights on standardised features; ``weights`` (n_columns, width), ``intercept`` (width,)."""

    params: Params
    task: Task
    center: Float64
    scale: Float64
    weights: Float64
    intercept: Float64

    def predict(self, X: Float32) -> Float64:
        """Answer rows."""
        score = (X.astype(np.float64) - self.center) / self.scale @ self.weights + self.intercept
        if self.task.kind == "regression":
            return score
        if self.task.kind == "binary":
            return np.asarray(special.expit(score))
        return np.asarray(special.softmax(score, axis=1))

    def describe(self, columns: tuple[int, ...]) -> LinearMember:
        """The same in plain numbers."""
        links = {"regression": "identity", "binary": "sigmoid", "multiclass": "softmax"}
        return LinearMember(
            family="private",
            columns=columns,
            center=self.center,
            scale=self.scale,
            weights=self.weights,
            intercept=self.intercept,
            link=links[self.task.kind],  # type: ignore[arg-type]
        )


def _standard(table: Float64, noise: Noise, rho: float) -> tuple[Float64, Float64]:
    """A private center and scale a column, (n_columns,).

    The magnitude is the power of two below which nineteen in twenty cells other than 0 lie, by
    a noisy histogram of exponents (Karwa and Vadhan 2018); the center is the median within it,
    by a noisy histogram of `BINS` parts; the scale is half the magnitude. One row changes at
    most one count of each column.
    """
    moved = float(np.sqrt(table.shape[1]))
    counts = noise.added(_magnitudes(table), sensitivity=moved, rho=SHARES[0] * rho)
    floor = 4.0 * moved / np.sqrt(2.0 * SHARES[0] * rho)
    counts = np.where(counts > floor, counts, 0.0)  # what is only noise is none
    above = np.cumsum(counts[:, ::-1], axis=1)[:, ::-1]
    last = (above > 0.05 * above[:, :1]).sum(axis=1) - 1
    exponent = np.where(counts.any(axis=1), last + EXPONENTS[0], 0)
    magnitude = 2.0 ** exponent.astype(np.float64)
    part = np.floor((np.clip(table / magnitude, -1.0, 1.0) + 1.0) / 2.0 * BINS)
    inside = _histograms(np.minimum(part, BINS - 1).astype(np.int64), BINS)
    inside = noise.added(inside, sensitivity=moved, rho=SHARES[1] * rho)
    share = np.cumsum(np.maximum(inside, 0.0), axis=1)
    middle = np.minimum((share < 0.5 * share[:, -1:]).sum(axis=1), BINS - 1)
    return magnitude * ((2.0 * middle + 1.0) / BINS - 1.0), magnitude / 2.0


def _magnitudes(table: Float64) -> Float64:
    """Counts of each column's cells by power of two; zeros are in none."""
    with np.errstate(divide="ignore"):
        place = np.ceil(np.log2(np.abs(table))) - EXPONENTS[0]
    inside = np.clip(place, 0, len(EXPONENTS) - 1).astype(np.int64)
    return _histograms(np.where(table == 0, -1, inside), len(EXPONENTS))


def _histograms(places: npt.NDArray[np.int64], size: int) -> Float64:
    """Counts of each column's places, (n_columns, size); negative places are in none."""
    columns = places.shape[1]
    flat = (places + size * np.arange(columns))[places >= 0]
    return np.bincount(flat, minlength=size * columns).reshape(columns, size).astype(np.float64)


def _bounded(table: Float64) -> Float64:
    """Rows with a 1 appended for the intercept, as long as `_bound` says at most."""
    rows = np.hstack([table, np.ones((len(table), 1))])
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows * np.minimum(1.0, _bound(rows) / length))


def _bound(rows: Float64) -> float:
    """The largest length of a row: that of one whose every entry is one scale."""
    return float(np.sqrt(rows.shape[1]))


def _by_statistics(rows: Float64, target: Float64, noise: Noise, rho: float) -> Float64:
    """Ridge regression from noisy sufficient statistics (AdaSSP); (n_columns + 1, 1)."""
    third, size, bound = rho / 3.0, rows.shape[1], _bound(rows)
    gram = rows.T @ rows
    deviation = bound**2 / np.sqrt(2.0 * third)
    least = float(np.linalg.eigvalsh(gram)[0])
    known = float(noise.added(np.array(least), sensitivity=bound**2, rho=third))
    wanted = np.sqrt(size * np.log(2.0 * size**2 / 0.05)) * deviation
    penalty = max(0.0, wanted - max(known - 1.645 * deviation, 0.0))
    upper = np.triu(noise.added(gram, sensitivity=bound**2, rho=third))
    noisy = upper + np.triu(upper, 1).T + penalty * np.eye(size)
    values, vectors = np.linalg.eigh(noisy)
    right = noise.added(rows.T @ target, sensitivity=bound * REACH, rho=third)
    solution = vectors @ ((vectors.T @ right) / np.maximum(values, deviation))
    return np.asarray(solution[:, None])


def _by_gradients(
    rows: Float64, y: npt.NDArray[np.int64], classes: int, noise: Noise, rho: float
) -> Float64:
    """Logistic regression by noisy gradients with momentum; (n_columns + 1, width)."""
    counts = np.bincount(y, minlength=classes).astype(np.float64)
    counts = np.maximum(noise.added(counts, sensitivity=1.0, rho=0.1 * rho), 1.0)
    total, binary = float(counts.sum()), classes == 2
    width = 1 if binary else classes
    hit = (y == 1).astype(np.float64)[:, None] if binary else np.eye(classes)[y]
    start = np.log(counts / total)
    solution = np.zeros((rows.shape[1], width))
    solution[-1] = start[1] - start[0] if binary else start
    # One row's gradient is its error, of length 1 or the root of 2, times the row.
    bound = _bound(rows)
    moved = bound if binary else float(np.sqrt(2.0)) * bound
    stride = (4.0 if binary else 2.0) / bound**2
    speed = np.zeros_like(solution)
    for _ in range(STEPS):
        ahead = solution + MOMENTUM * speed
        score = rows @ ahead
        chance = special.expit(score) if binary else special.softmax(score, axis=1)
        slope = noise.added(rows.T @ (chance - hit), sensitivity=moved, rho=0.9 * rho / STEPS)
        speed = MOMENTUM * speed - stride * (slope / total + PENALTY * ahead)
        solution = solution + speed
    return solution

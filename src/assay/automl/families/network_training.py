"""How the built-in network learns: gradients by hand, on arrays, without a library to load.

For the two or three layers of a table's network a framework's start and memory are dearer than
its training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

import numpy as np
from scipy import special

from assay.automl.families.lesson import RAN_OFF, Lesson, Rows, batch_rows, kept_share
from assay.automl.families.rounds import Rounds
from assay.automl.family import Answers
from assay.model.plan import Float32, Float64

FADING = (0.9, 0.999)
"""Share of the old in Adam's running means: of gradients, of their squares (Kingma, Ba 2015)."""
TINY = 1e-8
Numbers = TypeVar("Numbers", Float32, Float64)


class Layers:
    """Dense layers with rectifiers between them; all numbers lie in one array, ``flat``.

    Parameters
    ----------
    sizes : list of int
        Columns, hidden units of each layer, outputs.
    flat : array
        One number for each weight and bias; the views ``weights`` and ``biases`` show them as
        (inputs, outputs) and (outputs,) of each layer.
    """

    def __init__(self, sizes: list[int], flat: Float32) -> None:
        self.sizes, self.flat = sizes, flat
        self.weights: list[Float32] = []
        self.biases: list[Float32] = []
        place = 0
        for before, after in pairwise(sizes):
            self.weights.append(flat[place : place + before * after].reshape(before, after))
            place += before * after
            self.biases.append(flat[place : place + after])
            place += after

    @classmethod
    def drawn(cls, sizes: list[int], seed: int) -> Layers:
        """Layers to begin with: uniform within the root of 1 / inputs (LeCun et al. 1998)."""
        draw = np.random.default_rng(seed)
        parts = []
        for before, after in pairwise(sizes):
            bound = before**-0.5
            parts.append(draw.uniform(-bound, bound, (before + 1) * after))
        return cls(sizes, np.concatenate(parts).astype(np.float32))

    def like(self, flat: Float32) -> Layers:
        """Layers of the same sizes with other numbers."""
        return Layers(self.sizes, flat)

    def scores(self, X: Float32) -> Float32:
        """Raw scores, (n_rows, outputs)."""
        return scores(self.weights, self.biases, X)


def scores(weights: Sequence[Numbers], biases: Sequence[Numbers], X: Numbers) -> Numbers:
    """Raw scores of rows, in the precision of what is given."""
    hidden = X
    for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
        hidden = hidden @ weight
        hidden += bias
        np.maximum(hidden, 0.0, out=hidden)
    return hidden @ weights[-1] + biases[-1]


@dataclass(kw_only=True)
class _Adam:
    """Adam with decoupled decay of the weights (Loshchilov and Hutter 2019), in place."""

    layers: Layers
    rate: float
    decay: float

    def __post_init__(self) -> None:
        self.mean, self.square, self.room = (np.zeros_like(self.layers.flat) for _ in range(3))
        self.step = 0

    def move(self, slope: Float32) -> None:
        """One step against ``slope``, which is used up."""
        self.step += 1
        first, second = FADING
        self.mean *= first
        self.mean += np.multiply(slope, 1.0 - first, out=self.room)
        np.square(slope, out=slope)
        self.square *= second
        self.square += np.multiply(slope, 1.0 - second, out=self.room)
        np.sqrt(self.square, out=self.room)
        self.room /= np.float32((1.0 - second**self.step) ** 0.5)
        self.room += TINY
        np.divide(self.mean, self.room, out=self.room)
        self.room *= np.float32(self.rate / (1.0 - first**self.step))
        flat = self.layers.flat
        flat *= np.float32(1.0 - self.rate * self.decay)
        flat -= self.room


def train(
    layers: Layers,
    lesson: Lesson,
    rows: Rows,
    held: Rows | None,
    *,
    epochs: Rounds,
    rate: float,
    decay: float,
    dropout: float,
    seed: int,
) -> Layers:
    """The mean of the weights (Polyak and Juditsky 1992) after the best epoch, or after the last.

    The rate is constant, so that an epoch does the same however many follow it.

    Raises
    ------
    ArithmeticError
        The weights ran off to infinity.
    """
    adam = _Adam(layers=layers, rate=rate, decay=decay)
    slope = layers.like(np.zeros_like(layers.flat))
    mean = layers.like(layers.flat.copy())
    best, room = mean, np.empty_like(layers.flat)
    draw = np.random.default_rng(seed)
    batch, step = batch_rows(len(rows.y)), 0
    while not epochs.over:
        shuffled = draw.permutation(len(rows.y))
        for first in range(0, len(shuffled), batch):
            drawn = shuffled[first : first + batch]
            learn(layers, lesson, rows.take(drawn), into=slope, dropout=dropout, draw=draw)
            adam.move(slope.flat)
            step += 1
            mean.flat += np.multiply(
                np.subtract(layers.flat, mean.flat, out=room), 1.0 - kept_share(step), out=room
            )
        if not np.isfinite(layers.flat).all():
            raise ArithmeticError(RAN_OFF)
        if held is None:
            epochs.count(None)
            continue
        epochs.count(float(costs(lesson, mean.scores(held.X), held.y).mean()))
        if epochs.improved:
            best = layers.like(mean.flat.copy())
    return best


def learn(
    layers: Layers,
    lesson: Lesson,
    rows: Rows,
    *,
    into: Layers,
    dropout: float,
    draw: np.random.Generator,
) -> None:
    """Write the gradient of the rows' mean cost ``into`` such layers: back-propagation.

    Hidden units are left out with the chance ``dropout`` (Srivastava et al. 2014).
    """
    seen, hidden = [rows.X], rows.X
    for weight, bias in zip(layers.weights[:-1], layers.biases[:-1], strict=True):
        hidden = hidden @ weight
        hidden += bias
        np.maximum(hidden, 0.0, out=hidden)
        if dropout:
            kept = draw.random(hidden.shape, dtype=np.float32) >= dropout
            hidden *= kept
            hidden *= np.float32(1.0 / (1.0 - dropout))
        seen.append(hidden)
    error = slopes(lesson, hidden @ layers.weights[-1] + layers.biases[-1], rows.y)
    if rows.weights is not None:
        error *= rows.weights[:, None]
    error /= np.float32(len(rows.y))
    for place in reversed(range(len(seen))):
        np.matmul(seen[place].T, error, out=into.weights[place])
        error.sum(axis=0, out=into.biases[place])
        if place:
            error = error @ layers.weights[place].T
            error *= seen[place] > 0  # neither the rectifier nor dropout lets it through
            if dropout:
                error *= np.float32(1.0 / (1.0 - dropout))


def costs(lesson: Lesson, raw: Float32, y: Answers | Float32) -> Float64:
    """What raw scores, (n_rows, width), cost by the truth, (n_rows,): the loss of each row."""
    raw = raw.astype(np.float64)
    if lesson.width > 1:
        return np.asarray(special.logsumexp(raw, axis=1) - raw[np.arange(len(y)), y])
    if lesson.present:
        return np.asarray(np.logaddexp(0.0, raw[:, 0]) - y * raw[:, 0])
    short = y - raw[:, 0]
    if lesson.loss == "squared":
        return np.asarray(short**2)
    return np.asarray(np.maximum(lesson.share * short, (lesson.share - 1.0) * short))


def slopes(lesson: Lesson, raw: Float32, y: Answers | Float32) -> Float32:
    """The derivative of `costs` by each raw score, (n_rows, width)."""
    if lesson.width > 1:
        slope = special.softmax(raw, axis=1)
        slope[np.arange(len(y)), y] -= 1.0
        return np.asarray(slope, dtype=np.float32)
    truth = y[:, None]
    if lesson.present:
        return np.asarray(special.expit(raw) - truth, dtype=np.float32)
    if lesson.loss == "squared":
        return np.asarray(2.0 * (raw - truth), dtype=np.float32)
    return np.where(truth > raw, -lesson.share, 1.0 - lesson.share).astype(np.float32)

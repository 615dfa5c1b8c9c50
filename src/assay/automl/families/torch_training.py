"""How a torch module learns from a table: units, costs, steps."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from assay.automl.families.fitted import in_unit, numbered, standard_of, standardised, unit_of
from assay.automl.families.rounds import Rounds
from assay.automl.family import Answers, Loss, Task
from assay.model.plan import Float32, Float64

AVERAGED = 0.99
"""Share of the old in the running mean of the weights, a step."""
STEPS = 60
"""Steps that an epoch is cut into, where batches of `BATCH` rows allow it."""
BATCH = (32, 1024)


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Rows in the units of a lesson; ``weights`` have mean 1."""

    X: torch.Tensor
    y: torch.Tensor
    weights: torch.Tensor | None


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """What is learned, and in which units.

    ``present`` are the classes that the rows hold; ``center`` and ``scale``, (n_columns,), are
    those of the features, ``unit`` those of the answers.
    """

    task: Task
    loss: Loss
    present: tuple[int, ...]
    center: Float64
    scale: Float64
    unit: tuple[float, float]

    @property
    def width(self) -> int:
        """Raw scores a row: one a class where there are more than two."""
        return len(self.present) if len(self.present) > 2 else 1

    def rows(self, X: Float32, y: Answers, weights: Float64 | None = None) -> Rows:
        """Rows as tensors, less those of classes that are not learned."""
        if self.present:
            known = np.isin(y, self.present)
            X, y = X[known], np.searchsorted(self.present, y[known])
        return Rows(
            X=_singles(standardised(X, self.center, self.scale)),
            y=torch.from_numpy(y) if self.width > 1 else _singles(in_unit(y, self.unit)),
            weights=None if weights is None else _singles(weights / weights.mean()),
        )

    def costs(self, raw: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """What raw scores, (n_rows, width), cost by the truth, (n_rows,)."""
        one = torch.nn.functional
        if self.width > 1:
            return one.cross_entropy(raw, y, reduction="none")
        if self.present:
            return one.binary_cross_entropy_with_logits(raw[:, 0], y, reduction="none")
        short = y - raw[:, 0]
        if self.loss == "squared":
            return short**2
        share = 0.5 if self.loss == "absolute" else self.task.quantile
        return torch.maximum(share * short, (share - 1.0) * short)


def learn_units(
    X: Float32, y: Answers, *, task: Task, loss: Loss, weights: Float64 | None
) -> Lesson:
    """The units of a table's rows."""
    center, scale = standard_of(X, weights)
    present, _ = numbered(y, task)
    return Lesson(
        task=task,
        loss=loss,
        present=present,
        center=center,
        scale=scale,
        unit=unit_of(y, task, loss),
    )


def train(
    module: Any,
    lesson: Lesson,
    rows: Rows,
    held: Rows | None,
    *,
    epochs: Rounds,
    rate: float,
    decay: float,
    seed: int,
) -> Any:
    """The module with the mean of its weights after the best epoch, or after the last.

    The rate is constant, so that an epoch does the same however many follow it.

    Raises
    ------
    ArithmeticError
        The weights ran off to infinity.
    """
    optimiser = torch.optim.AdamW(module.parameters(), lr=rate, weight_decay=decay, fused=True)
    mean = deepcopy(module).eval().requires_grad_(False)
    pairs = list(zip(mean.parameters(), module.parameters(), strict=True))
    best = mean
    order = np.random.default_rng(seed)
    stream = torch.Generator().manual_seed(seed)
    batch = int(np.clip(len(rows.y) // STEPS, *BATCH))
    step = 0
    while not epochs.over:
        shuffled = order.permutation(len(rows.y))
        for first in range(0, len(shuffled), batch):
            drawn = torch.from_numpy(shuffled[first : first + batch])
            optimiser.zero_grad()
            costs = lesson.costs(_thinned(module, rows.X[drawn], stream), rows.y[drawn])
            cost = (costs if rows.weights is None else costs * rows.weights[drawn]).mean()
            torch.autograd.backward(cost)
            optimiser.step()
            step += 1
            _follow(pairs, share=min(AVERAGED, step / (step + 9)))
        if not torch.isfinite(cost):
            raise ArithmeticError("the weights ran off to infinity; take a smaller learning_rate")
        epochs.count(None if held is None else float(lesson.costs(mean(held.X), held.y).mean()))
        if held is not None and epochs.improved:
            best = deepcopy(mean)
    return best


def _thinned(module: Any, X: torch.Tensor, stream: torch.Generator) -> torch.Tensor:
    """Scores in training: dropout by a stream of one's own, as torch's is one for all threads."""
    for part in module.children():
        if isinstance(part, torch.nn.Sequential):
            X = _thinned(part, X, stream)
        elif isinstance(part, torch.nn.Dropout):
            kept = torch.empty_like(X).bernoulli_(1.0 - part.p, generator=stream)
            X = X * kept.div_(max(1.0 - part.p, 1e-6))
        else:
            X = part(X)
    return X


def _follow(pairs: list[tuple[torch.Tensor, torch.Tensor]], *, share: float) -> None:
    """Move the running mean of the weights towards the weights, which come second in a pair."""
    with torch.no_grad():
        for old, new in pairs:
            old.lerp_(new, 1.0 - share)


def _singles(numbers: Answers) -> torch.Tensor:
    return torch.from_numpy(numbers.astype(np.float32))

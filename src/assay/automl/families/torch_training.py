"""How a torch module learns from a table: costs and steps."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
import torch

from assay.automl.families.lesson import RAN_OFF, Lesson, Rows, batch_rows, kept_share
from assay.automl.families.rounds import Rounds


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

    The rate is constant, so that an epoch does the same however many follow it. It trains on a
    GPU where torch finds one, and gives back a module on the processor.

    Raises
    ------
    ArithmeticError
        The weights ran off to infinity.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    module = module.to(device)
    optimiser = torch.optim.AdamW(module.parameters(), lr=rate, weight_decay=decay, fused=True)
    mean = deepcopy(module).eval().requires_grad_(False)
    pairs = list(zip(mean.parameters(), module.parameters(), strict=True))
    best = mean
    order = np.random.default_rng(seed)
    stream = torch.Generator(device).manual_seed(seed)
    X, y, weights = _tensors(rows, device)
    X_held, y_held, _ = (None, None, None) if held is None else _tensors(held, device)
    batch = batch_rows(len(y))
    step = 0
    while not epochs.over:
        shuffled = order.permutation(len(y))
        for first in range(0, len(shuffled), batch):
            drawn = torch.from_numpy(shuffled[first : first + batch]).to(device)
            optimiser.zero_grad()
            costs = costs_of(lesson, _thinned(module, X[drawn], stream), y[drawn])
            cost = (costs if weights is None else costs * weights[drawn]).mean()
            torch.autograd.backward(cost)
            optimiser.step()
            step += 1
            _follow(pairs, share=kept_share(step))
        if not torch.isfinite(cost):
            raise ArithmeticError(RAN_OFF)
        if y_held is None:
            epochs.count(None)
            continue
        epochs.count(float(costs_of(lesson, mean(X_held), y_held).mean()))
        if epochs.improved:
            best = deepcopy(mean)
    return best.cpu()


def costs_of(lesson: Lesson, raw: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """What raw scores, (n_rows, width), cost by the truth, (n_rows,)."""
    one = torch.nn.functional
    if lesson.width > 1:
        return one.cross_entropy(raw, y, reduction="none")
    if lesson.present:
        return one.binary_cross_entropy_with_logits(raw[:, 0], y, reduction="none")
    short = y - raw[:, 0]
    if lesson.loss == "squared":
        return short**2
    return torch.maximum(lesson.share * short, (lesson.share - 1.0) * short)


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


def _tensors(
    rows: Rows, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
    X, y = (torch.from_numpy(part).to(device) for part in (rows.X, rows.y))
    return X, y, None if rows.weights is None else torch.from_numpy(rows.weights).to(device)

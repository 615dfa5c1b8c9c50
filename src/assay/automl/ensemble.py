"""Greedy weighted ensembles (Caruana, Niculescu-Mizil, Crew and Ksikes 2004)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from assay.model.plan import Float64

MOST_MEMBERS = 6
ROUNDS = 25


def blend(
    answers: Sequence[Float64],
    loss: Callable[[Float64], float],
    *,
    members: int = MOST_MEMBERS,
    rounds: int = ROUNDS,
    sizes: Float64 | None = None,
    room: float = np.inf,
) -> Float64:
    """Weights of the members whose mean has the least loss, chosen one at a time.

    Starting from the single best, each round adds, with replacement, the member that helps the
    mean most; the best mean of any round is kept. So the result is never worse than the single
    best on the rows it is chosen on.

    Parameters
    ----------
    answers : sequence of array
        Out-of-fold answers of each candidate, all of one shape.
    loss : callable
        Loss of a mean of answers; lower is better. The array it is given is used again.
    members : int
        Different candidates at most.
    rounds : int
        Additions.
    sizes : array, shape (n_candidates,), optional
        What each candidate takes.
    room : float
        What all members together may take; the first member is not asked.

    Returns
    -------
    array, shape (n_candidates,)
        Weights that sum to 1.

    Examples
    --------
    >>> truth = np.array([0.0, 0.0])
    >>> weights = blend([np.array([1.0, 0.0]), np.array([-1.0, 0.0]), np.array([9.0, 9.0])],
    ...                 lambda mean: float(np.abs(mean - truth).mean()))
    >>> weights.tolist()
    [0.5, 0.5, 0.0]
    """
    counts = np.zeros(len(answers), dtype=np.int64)
    total, mean = np.zeros_like(answers[0]), np.empty_like(answers[0])
    needs = np.zeros(len(answers)) if sizes is None else sizes
    best, best_loss = counts, np.inf
    for size in range(1, rounds + 1):
        full = np.count_nonzero(counts) >= members
        taken = float(needs[counts > 0].sum())
        open_to = [
            i
            for i in range(len(answers))
            if counts[i] or not (full or (taken and taken + needs[i] > room))
        ]
        losses = []
        for i in open_to:
            np.add(total, answers[i], out=mean)  # large arrays made anew cost more than the sum
            losses.append(loss(np.divide(mean, size, out=mean)))
        pick = open_to[int(np.argmin(losses))]
        counts = counts + (np.arange(len(answers)) == pick)
        total += answers[pick]
        if min(losses) < best_loss:
            best, best_loss = counts, min(losses)
    return np.asarray(best / best.sum(), dtype=np.float64)

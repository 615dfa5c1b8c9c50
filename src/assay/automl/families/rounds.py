"""When a fit that goes round by round is over: enough rounds, no progress, or no time left."""

from __future__ import annotations

import math
import time

from assay.automl.family import Task

PATIENCE = 40
"""Rounds without progress on the validation rows before boosting stops."""

SMALL_ROWS = 2000
"""Under so many rows nobody tells when to stop, so defaults are cautious."""
PACES = ((60_000, 400, 0.05), (300_000, 200, 0.1), (1_000_000, 70, 0.2), (math.inf, 40, 0.3))
"""Rounds and step up to so many rows, times classes where each has trees of its own."""


def pace(task: Task, rows: int) -> tuple[int, float]:
    """Rounds and step of a boosting's default: fewer and larger ones where a round is dear.

    Examples
    --------
    >>> pace(Task(kind="regression"), 5000), pace(Task(kind="multiclass", classes=26), 20_000)
    ((400, 0.05), (70, 0.2))
    """
    work = rows * task.width
    return next((rounds, step) for most, rounds, step in PACES if work <= most)


class Rounds:
    """Counts rounds from its making; there is always one.

    Parameters
    ----------
    most : int
        Rounds at most.
    seconds : float, optional
        Wall-clock bound: no round begins after it.
    patience : int
        Rounds without a smaller loss before it is over.

    Examples
    --------
    >>> rounds = Rounds(10, patience=2)
    >>> for loss in (0.5, 0.4, 0.6, 0.7):
    ...     rounds.count(loss)
    >>> rounds.over, rounds.used
    (True, 2)
    """

    def __init__(
        self, most: int, *, seconds: float | None = None, patience: int = PATIENCE
    ) -> None:
        self.done = 0
        self._most = most
        self._patience = patience
        self._end = math.inf if seconds is None else time.monotonic() + seconds
        self._best = 0
        self._least = math.inf

    def count(self, loss: float | None = None) -> None:
        """A round is done; ``loss`` is that of the validation rows, where there are any."""
        self.done += 1
        if loss is not None and (loss < self._least or not self._best):
            self._best, self._least = self.done, loss

    @property
    def improved(self) -> bool:
        """Whether the last round is the best so far."""
        return self._best == self.done

    @property
    def over(self) -> bool:
        """Whether no further round should begin."""
        if not self.done:
            return False
        stuck = bool(self._best) and self.done - self._best >= self._patience
        return stuck or self.done >= self._most or time.monotonic() >= self._end

    @property
    def used(self) -> int:
        """Rounds that the model should keep: those up to the best, or all."""
        return self._best or self.done

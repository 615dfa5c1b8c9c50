"""How work tells the person who waits for it what it is doing, and for how much longer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One of the best trials so far, while a search runs."""

    number: int
    family: str
    score: float
    took_s: float


class Progress(Protocol):
    """Receives news from a run. Implementations never raise."""

    def start(self, step: str, *, about_s: float | None = None) -> None:
        """A step begins; ``about_s`` is how many seconds it is expected to take."""

    def update(self, fraction: float, note: str = "") -> None:
        """The current step is ``fraction`` in [0, 1] done; ``note`` says with what."""

    def board(self, best: Sequence[Standing]) -> None:
        """The best trials so far, best first."""

    def finish(self, step: str, summary: str) -> None:
        """A step ended (or was found finished); ``summary`` is one line for a person."""


class Silent:
    """Tells nobody."""

    def start(self, step: str, *, about_s: float | None = None) -> None:
        """Ignore."""

    def update(self, fraction: float, note: str = "") -> None:
        """Ignore."""

    def board(self, best: Sequence[Standing]) -> None:
        """Ignore."""

    def finish(self, step: str, summary: str) -> None:
        """Ignore."""

"""What an estimator shows while it searches, and of what it found."""

from __future__ import annotations

import html
import sys
import time
from collections.abc import Sequence

from assay.automl.leaderboard import Leaderboard
from assay.progress import Progress, Silent, Standing

_MOST_ROWS = 15
"""Trials that a notebook shows."""


def progress_of(verbose: bool | Progress) -> Progress:
    """Who hears the news: the one given, lines on standard error, or nobody."""
    if isinstance(verbose, bool):
        return _Lines() if verbose else Silent()
    return verbose


class _Lines:
    """One plain line on standard error for each piece of news."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def start(self, step: str, *, about_s: float | None = None) -> None:
        """A step begins."""
        self._say(step + (f", about {about_s:.0f} s" if about_s else ""))

    def update(self, fraction: float, note: str = "") -> None:  # noqa: ARG002
        """The current step goes on."""
        self._say(note)

    def board(self, best: Sequence[Standing]) -> None:
        """The notes say what is best."""

    def finish(self, step: str, summary: str) -> None:
        """A step ended."""
        self._say(f"{step}: {summary}")

    def _say(self, text: str) -> None:
        print(f"{time.monotonic() - self._began:7.1f} s  {text}", file=sys.stderr)


def html_leaderboard(board: Leaderboard) -> str:
    """The best trials as an HTML table."""
    done = [t for t in board.trials if t.score is not None]
    rows = "".join(
        f"<tr><td>{t.number}</td><td>{html.escape(t.family)}</td><td>{t.score:.4g}</td>"
        f"<td>{t.weight:.0%}</td><td>{t.fit_s:.2f}</td></tr>"
        for t in done[:_MOST_ROWS]
    )
    cells = "".join(
        f"<th>{name}</th>" for name in ("trial", "family", board.metric, "weight", "fit s")
    )
    return (
        f"<p>{html.escape(board.why)}</p><table><caption>Leaderboard, {board.better} is better"
        f"</caption><thead><tr>{cells}</tr></thead><tbody>{rows}</tbody></table>"
    )

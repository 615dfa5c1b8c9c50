"""Rich output in notebooks: which fragment of HTML shows which record.

Records know nothing of pictures, so the notebook is told here, once, by name: no room is
loaded before something of it is shown.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

from assay.progress import Standing

FRAGMENTS = {
    ("assay.assess.finding", "Assessment"): "html_assessment",
    ("assay.automl.leaderboard", "Leaderboard"): "html_leaderboard",
    ("assay.data.profile", "Profile"): "html_profile",
    ("assay.policy.gate", "Decision"): "html_decision",
}
"""Home and name of a record, and the function of `assay.report` that shows it."""

_LEAST_S = 0.25
"""Seconds between two changes of a live display: a notebook keeps up with no more."""


def teach_notebook() -> bool:
    """Tell IPython, where it runs, how to show records; whether it runs."""
    shell = _shell()
    if shell is None:
        return False
    formatter = shell.display_formatter.formatters["text/html"]
    for (home, name), fragment in FRAGMENTS.items():
        formatter.for_type_by_name(home, name, _shower(fragment))
    return True


def html_run(run: Any) -> str:
    """A run: its leaderboard and its decision, as far as it got."""
    parts = [f"<p>Run {run.id}: {run.state}</p>"]
    if "search" in run.steps:
        parts.append(_shower("html_leaderboard")(run.leaderboard))
    if "decision" in run.steps:
        parts.append(_shower("html_decision")(run.decision))
    return "\n".join(parts)


def _shower(fragment: str) -> Callable[[Any], str]:
    def show(record: Any) -> str:
        html: str = getattr(import_module("assay.report"), fragment)(record)
        return html

    return show


class LiveBoard:
    """Progress in a notebook: one table that changes in place while a search runs.

    Outside IPython it shows nothing.

    Examples
    --------
    >>> from assay import AssayClassifier
    >>> model = AssayClassifier(budget="60s", verbose=LiveBoard())
    """

    def __init__(self) -> None:
        self._handle: Any = None
        self._step = self._note = ""
        self._fraction = 0.0
        self._about_s: float | None = None
        self._began = self._drawn = time.monotonic()
        self._best: tuple[Standing, ...] = ()

    def start(self, step: str, *, about_s: float | None = None) -> None:
        """Begin a new display."""
        self._step, self._note, self._about_s = step, "", about_s
        self._fraction, self._best = 0.0, ()
        self._began = time.monotonic()
        self._handle = None
        self._show()

    def update(self, fraction: float, note: str = "") -> None:
        """Show how far it is, at most a few times a second."""
        self._fraction, self._note = fraction, note
        if time.monotonic() - self._drawn >= _LEAST_S:
            self._show()

    def board(self, best: Sequence[Standing]) -> None:
        """Show the best trials so far, whenever they changed."""
        if tuple(best) != self._best:
            self._best = tuple(best)
            self._show()

    def finish(self, step: str, summary: str) -> None:
        """Leave one line and the best trials in place of what was live."""
        took = time.monotonic() - self._began
        self._step, self._note, self._about_s = step, f"{summary} ({took:.1f} s)", None
        self._fraction = 1.0
        self._show()

    def _show(self) -> None:
        if _shell() is None:
            return
        from assay.report import html_standings

        self._drawn = time.monotonic()
        page = html_standings(self._step, self._words(), self._best, fraction=self._fraction)
        self._publish({"text/html": page, "text/plain": f"{self._step}: {self._words()}"})

    def _publish(self, bundle: dict[str, str]) -> None:
        """Make a display, or change the one there is."""
        display: Any = import_module("IPython.display").display

        if self._handle is None:
            self._handle = display(bundle, raw=True, display_id=True)
        else:
            self._handle.update(bundle, raw=True)

    def _words(self) -> str:
        if self._about_s is None:
            return self._note
        left = max(self._about_s - (time.monotonic() - self._began), 0.0)
        return f"{self._note + '; ' if self._note else ''}about {left:.0f} s left"


def _shell() -> Any:
    """The IPython that runs this, or None."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython else None

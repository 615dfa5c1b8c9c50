"""Rich output in notebooks: which fragment of HTML shows which record.

Records know nothing of pictures, so the notebook is told here, once, by name: no room is
loaded before something of it is shown.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

FRAGMENTS = {
    ("assay.assess.finding", "Assessment"): "html_assessment",
    ("assay.automl.leaderboard", "Leaderboard"): "html_leaderboard",
    ("assay.data.profile", "Profile"): "html_profile",
    ("assay.policy.gate", "Decision"): "html_decision",
}
"""Home and name of a record, and the function of `assay.report` that shows it."""


def teach_notebook() -> bool:
    """Tell IPython, where it runs, how to show records; whether it runs."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
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

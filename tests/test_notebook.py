"""Records show themselves in a notebook, through a real IPython."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

from assay.assess.finding import Assessment, Finding
from assay.automl.leaderboard import Leaderboard, Trial
from assay.notebook import FRAGMENTS, html_run, teach_notebook
from assay.policy.gate import decide
from assay.policy.policy import Policy, Rule

FINDING = Finding(
    check="REL001",
    title="Error against the baseline",
    principle="reliability-safety",
    measure="error divided by the baseline's",
    value=0.21,
    lower=0.16,
    upper=0.27,
    rows=51,
)
ASSESSMENT = Assessment(subject="sha256:00", findings=(FINDING,))
POLICY = Policy(name="p", rules=(Rule(check="REL001", at_most=0.6),))
LEADERBOARD = Leaderboard(
    metric="mae",
    better="lower",
    baseline=5.0,
    trials=(Trial(number=1, family="<linear>", score=1.0),),
    ensemble_score=1.0,
)


@pytest.fixture
def shell() -> Iterator[InteractiveShell]:
    yield InteractiveShell.instance()
    InteractiveShell.clear_instance()


@pytest.mark.parametrize(
    ("record", "shown"),
    [
        (ASSESSMENT, "Error against the baseline"),
        (decide(POLICY, ASSESSMENT, today="2026-01-31"), "met"),
        (LEADERBOARD, "&lt;linear&gt;"),
    ],
    ids=["assessment", "decision", "leaderboard"],
)
def test_a_record_is_shown_as_html(shell: InteractiveShell, record: Any, shown: str) -> None:
    assert teach_notebook()
    formats, _ = shell.display_formatter.format(record)
    assert shown in formats["text/html"]


def test_outside_a_notebook_nothing_is_taught() -> None:
    assert not teach_notebook()


def test_every_fragment_exists() -> None:
    import assay.report

    assert set(FRAGMENTS.values()) <= set(assay.report.__all__)


def test_a_run_is_shown_as_far_as_it_got() -> None:
    class Begun:
        id = "r-1"
        state = "interrupted after search"
        steps = ("question", "data", "search")
        leaderboard = LEADERBOARD

    page = html_run(Begun())
    assert "interrupted after search" in page
    assert "&lt;linear&gt;" in page

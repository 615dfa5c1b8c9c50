"""Records show themselves in a notebook, through a real IPython."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from assay.assess.finding import Assessment, Finding
from assay.automl.leaderboard import Leaderboard, Trial
from assay.notebook import FRAGMENTS, LiveBoard, html_run, teach_notebook
from assay.policy.gate import decide
from assay.policy.policy import Policy, Rule
from assay.progress import Standing

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


def tell(live: LiveBoard) -> None:
    live.start("Searching", about_s=30)
    live.update(0.1, "trial 1, linear")
    live.board([Standing(number=1, family="linear", score=0.81, took_s=0.4)])
    live.finish("search", "9 trials; roc_auc 0.85")


@pytest.mark.usefixtures("shell")
def test_a_live_board_is_one_display_that_changes() -> None:
    with capture_output() as told:
        tell(LiveBoard())
    pages = [output.data["text/html"] for output in told.outputs]
    assert "about 30 s left" in pages[0]
    assert "linear #1" in pages[1]
    assert "9 trials; roc_auc 0.85" in pages[-1]
    assert "linear #1" in pages[-1]
    assert not told.outputs[0].update
    assert all(output.update for output in told.outputs[1:])


def test_a_live_board_outside_a_notebook_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    tell(LiveBoard())
    assert capsys.readouterr() == ("", "")

"""`assay leaderboard`, and what a terminal shows while a search runs."""

from __future__ import annotations

import io
import json
from pathlib import Path

import msgspec
import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from assay.automl.leaderboard import Leaderboard, Trial
from assay.cli import app, board
from assay.cli.live import Live
from assay.progress import Standing
from tests.report.boards import churn_board


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    (tmp_path / "leaderboard.json").write_bytes(churn_board().to_json())
    return tmp_path


def say(*words: str | Path) -> Result:
    return CliRunner().invoke(app, ["leaderboard", *map(str, words)])


def test_it_tells_trials_winner_features_curve_front_and_notes(saved: Path) -> None:
    done = say(saved)
    assert done.exit_code == 0, done.stderr
    for told in (
        "30 trials, 4 taken over in 59 s",
        "and 11 more",
        "2 stopped, 1 failed, 1 skipped",
        "29 neighbours: ValueError: no neighbours",
        "Why the winner won",
        "roc_auc 0.8512 (0.8398 to 0.8631)",
        "total_charges / tenure",
        "13.3%  engineered",
        "4,507",
        "difference in recall between groups of gender",
        "Note: Two columns hold one value each",
    ):
        assert told in " ".join(done.stdout.split()) or told in done.stdout


def test_all_shows_every_trial_and_why_some_did_not_finish(saved: Path) -> None:
    done = say(saved, "--all")
    assert "more." not in done.stdout
    assert "41 s of the 12 s that were left" in done.stdout


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_is_wider_than_the_terminal(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr(board, "console", lambda: Console(file=out, width=width))
    board.show_leaderboard(churn_board())
    rows = [line for line in out.getvalue().splitlines() if "lightgbm" in line]
    assert "0.8363 to 0.8603" in rows[0], "an interval stays on one line"
    assert max(map(len, out.getvalue().splitlines())) <= width


def test_one_trial_with_its_parameters(saved: Path) -> None:
    done = say(saved, "--trial", "12")
    assert "learning_rate" in done.stdout
    assert json.loads(say(saved, "--trial", "12", "--json").stdout)["params"]["rounds"] == 180
    missing = say(saved, "--trial", "99", "--json")
    assert json.loads(missing.stderr)["error"]["code"] == "unknown-name"


def test_json_is_the_record(saved: Path) -> None:
    done = say(saved / "leaderboard.json", "--json")
    assert msgspec.json.decode(done.stdout, type=Leaderboard) == churn_board()


def test_a_picture_is_written(saved: Path) -> None:
    done = say(saved, "--picture", saved / "trials.svg")
    assert done.exit_code == 0, done.stderr
    assert (saved / "trials.svg").read_text().startswith("<svg")
    assert say(saved, "--picture", saved / "trials.pdf").exit_code == 2


def test_a_file_that_is_no_leaderboard_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "leaderboard.json").write_text("[]")
    done = say(tmp_path, "--json")
    assert json.loads(done.stderr)["error"]["code"] == "invalid-file"


def test_an_older_record_shows_less(tmp_path: Path) -> None:
    old = Leaderboard(
        metric="mae",
        better="lower",
        baseline=9.0,
        trials=(Trial(number=1, family="linear", score=2.0, nodes=7),),
        ensemble_score=2.0,
    )
    (tmp_path / "leaderboard.json").write_bytes(old.to_json())
    done = say(tmp_path)
    assert done.exit_code == 0, done.stderr
    assert "7 n" in done.stdout
    assert "What each feature brought" not in done.stdout


def tell(live: Live) -> None:
    live.start("Searching", about_s=30)
    live.update(0.1, "trial 7, linear")
    live.board([Standing(number=n, family="linear", score=0.8, took_s=0.4) for n in range(1, 8)])


def test_a_terminal_shows_the_best_five_and_what_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    out = io.StringIO()
    live = Live(Console(file=out, force_terminal=True, width=80))
    tell(live)
    panel = Console(file=io.StringIO(), width=80)
    panel.print(live._draw())
    live.finish("search", "9 trials")
    shown = panel.file.getvalue()
    assert "s left" in shown
    assert "linear #5" in shown
    assert "linear #6" not in shown
    assert "now: trial 7, linear" in shown
    assert "9 trials" in out.getvalue()


def test_elsewhere_a_step_is_two_lines() -> None:
    out = io.StringIO()
    live = Live(Console(file=out, width=80))
    tell(live)
    live.finish("search", "9 trials")
    assert out.getvalue().splitlines()[0] == "  … Searching (about 30 s)"
    assert len(out.getvalue().splitlines()) == 2

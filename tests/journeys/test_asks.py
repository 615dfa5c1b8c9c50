"""What a question may ask of the search, from `assay.yaml` to the version that answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from assay import Project
from assay.cli import app
from assay.errors import AssayError

QUESTION = """\
name: credit
question: Is this applicant a bad risk?
data: table.csv
target: risk
positive: bad
decision: Whether a person looks at the application.
owner: ana
"""
POLICY = "name: credit\nrules:\n  - {check: ACC002, at_least: 1}\n"
BUDGET = "budget: {trials: 4, families: [lightgbm, xgboost]}\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    rng = np.random.default_rng(0)
    rows = 400
    amount, grade = rng.gamma(2, 1000, rows), rng.choice(["low", "middle", "high"], rows)
    rank = np.searchsorted(["high", "low", "middle"], grade)
    chance = 1 / (1 + np.exp(-(amount / 1500 - 2 + 0.8 * (rank == 0))))
    risk = np.where(rng.random(rows) < chance, "bad", "good").astype(object)
    risk[:60] = None
    pl.DataFrame(
        {
            "amount": amount,
            "grade": grade,
            "branch": rng.integers(1, 6, rows),
            "sex": rng.choice(["f", "m"], rows),
            "counts": rng.integers(1, 4, rows),
            "risk": risk.tolist(),
        }
    ).write_csv(tmp_path / "table.csv")
    (tmp_path / "policy.yaml").write_text(POLICY)
    return tmp_path


def asked(folder: Path, more: str) -> Any:
    (folder / "assay.yaml").write_text(QUESTION + more)
    return Project.open(folder).run()


def test_weights_costs_orders_and_demands(folder: Path) -> None:
    run = asked(
        folder,
        "weight_column: counts\ncosts: {bad: {good: 5}, good: {bad: 1}}\n"
        "ordered: {grade: [low, middle, high]}\nmonotone: {amount: increasing}\n"
        "kinds: {branch: category}\nunlabelled: true\nignore: [sex]\n"
        "budget: {trials: 6, families: [lightgbm, xgboost], fairness: sex, learning_curve: true}\n",
    )
    board = run.leaderboard
    assert board.metric == "cost"
    assert board.curve
    assert all(t.gap is not None for t in board.trials if t.status == "finished")
    assert any("60 rows without an answer" in t.note for t in board.trials)
    kinds = {c.name: (c.kind, c.role) for c in run.contract.columns}
    assert kinds["branch"] == ("category", "feature")
    assert kinds["counts"][1] == "ignored"
    assert run.version is not None
    version = Project.open(folder).registry.approve(run.version, note="seen", accept=["all"])
    rows = pl.DataFrame(
        {
            "amount": np.linspace(1, 9000, 40),
            "grade": ["low"] * 40,
            "branch": [3] * 40,
        }
    )
    chances = Project.open(folder).score(rows, version)["p_bad"].to_numpy()
    assert (np.diff(chances) >= -1e-12).all()
    assert np.ptp(chances) > 0.1


def test_a_warm_start_begins_with_what_won(folder: Path) -> None:
    first = asked(folder, BUDGET)
    again = asked(folder, BUDGET.replace("}", ", warm_start: true}"))
    taken = [t for t in again.leaderboard.trials if "earlier run" in t.note]
    assert {t.family for t in taken} <= {t.family for t in first.leaderboard.chosen}
    assert taken


def test_the_leaderboard_tells_of_rows_that_the_split_left_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import assay.data.split

    whole = asked(folder, BUDGET)
    assert not any("drawn at random" in note for note in whole.leaderboard.notes)
    for name, value in {"MOST_CELLS": 10, "LEAST_TRAIN": 150, "MOST_HELD_OUT": 40}.items():
        monkeypatch.setattr(assay.data.split, name, value)
    run = asked(folder, BUDGET.replace("trials: 4", "trials: 3"))
    assert run.leaderboard.notes[0].startswith("190 of 340 rows drawn at random, the others not")


def test_every_trial_s_answers_are_kept(folder: Path) -> None:
    import io

    run = asked(folder, BUDGET)
    store = Project.open(folder).store
    kept = pl.read_parquet(io.BytesIO(store.artifacts.read(run.searched.trial_answers)))
    finished = [str(t.number) for t in run.leaderboard.trials if t.status == "finished"]
    assert set(finished) <= set(kept.columns)
    assert (
        kept.height
        == pl.read_parquet(io.BytesIO(store.artifacts.read(run.searched.out_of_fold))).height
    )
    assert not (folder / "home" / "searches" / run.id).exists()


@pytest.mark.parametrize(
    ("more", "code", "word"),
    [
        ("weight_column: count\n", "unknown-column", "counts"),
        ("weight_column: grade\n", "invalid-table", "weight"),
        ("costs: {bed: {good: 5}}\n", "invalid-config", "bed"),
        ("monotone: {amont: increasing}\n", "unknown-column", "amount"),
        ("monotone: {grade: increasing}\n", "invalid-table", "grade"),
        ("ordered: {grad: [a, b]}\n", "unknown-column", "grade"),
        ("budget: {trials: 1, fairness: sexe}\n", "unknown-column", "sex"),
        ("budget: {trials: 1, compute: the moon}\n", "invalid-input", "moon"),
        ("budget: {transparent: very}\n", "invalid-config", "transparent"),
    ],
)
def test_demands_that_make_no_sense_are_refused(
    folder: Path, more: str, code: str, word: str
) -> None:
    with pytest.raises(AssayError) as caught:
        asked(folder, more if "budget" in more else more + BUDGET)
    assert caught.value.code == code
    assert word in f"{caught.value.message} {caught.value.hint}"
    (folder / "assay.yaml").write_text(QUESTION + (more if "budget" in more else more + BUDGET))
    told = CliRunner().invoke(app, ["run", str(folder), "--json"])
    assert told.exit_code != 0
    assert code in told.output

"""`assay automl`: a model of any table, without a project."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner, Result

from assay.automl.estimators import AssayClassifier
from assay.cli import app

TABLE = Path(__file__).parents[2] / "examples" / "churn" / "telco_churn.csv"
QUICK = ["--trials", "1", "--families", "linear", "--budget", "5s"]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A few hundred customers."""
    pl.read_csv(TABLE).head(400).write_csv(tmp_path / "customers.csv")
    return tmp_path / "customers.csv"


def say(*words: str | Path) -> Result:
    return CliRunner().invoke(app, ["automl", *map(str, words)])


def test_it_tells_the_leaderboard_and_writes_nothing(table: Path, tmp_path: Path) -> None:
    done = say(table, "--target", "churn", *QUICK)
    assert done.exit_code == 0, done.stderr
    assert "Leaderboard: 1 trial " in done.stdout
    assert "Nothing was written" in done.stdout
    assert "1 trials; roc_auc" in " ".join(done.stderr.split())
    assert [p.name for p in tmp_path.iterdir()] == ["customers.csv"]


def test_json_and_a_folder_that_answers(table: Path, tmp_path: Path) -> None:
    out = tmp_path / "model"
    done = say(table, "--target", "churn", *QUICK, "--out", out, "--json")
    assert done.exit_code == 0, done.stderr
    told = json.loads(done.stdout)
    assert not done.stderr
    assert told["estimator"] == "AssayClassifier"
    assert told["folder"] == str(out)
    assert told["leaderboard"] == json.loads((out / "leaderboard.json").read_text())
    rows = pl.read_csv(table)
    model = AssayClassifier.load(out)
    assert told["graph_bytes"] == len(model.graph_)
    assert model.score(rows, rows["churn"]) > 0.6


def test_options_reach_the_search(table: Path) -> None:
    done = say(
        *(table, "--target", "monthly_charges", *QUICK, "--metric", "rmse", "--seed", "7"),
        *("--ignore", "total_charges, tenure", "--transparent", "--json"),
    )
    assert done.exit_code == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["estimator"] == "AssayRegressor"
    assert (told["leaderboard"]["metric"], told["leaderboard"]["seed"]) == ("rmse", 7)
    assert not any("tenure" in f for f in told["leaderboard"]["features"])


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--target", "churnn"], "unknown-column", "churnn"),
        (["--target", "churn", "--budget", "soon"], "invalid-input", "duration"),
        (["--target", "churn", "--families", "linnear"], "unknown-name", "linnear"),
        (["--target", "churn", "--metric", "mae"], "invalid-input", "mae"),
        (["--target", "churn", "--quantiles", "0.5,two"], "invalid-input", "quantiles"),
        (["--target", "churn", "--quantiles", "0.5"], "invalid-table", "churn"),
        (["--target", "churn", "--groups", "grp"], "unknown-column", "grp"),
        (["--target", "churn", "--ignore", "nothing"], "unknown-column", "nothing"),
        (["--target", "churn", "--time", "when"], "unknown-column", "when"),
    ],
    ids=lambda value: " ".join(value[2:]) if isinstance(value, list) else "",
)
def test_a_wrong_word_is_one_clear_error(
    table: Path, words: list[str], code: str, said: str
) -> None:
    done = say(table, *words, "--json")
    error = json.loads(done.stderr)["error"]
    assert done.exit_code == 2
    assert error["code"] == code
    assert said in error["message"]
    assert error["hint"]


def test_a_table_that_is_not_there_is_one_clear_error(tmp_path: Path) -> None:
    done = say(tmp_path / "customer.csv", "--target", "churn", "--json")
    assert done.exit_code == 2
    assert json.loads(done.stderr)["error"]["code"] == "invalid-file"


def test_a_folder_of_something_else_is_kept(table: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    done = say(table, "--target", "churn", *QUICK, "--out", tmp_path / "mine", "--json")
    assert done.exit_code == 2
    assert json.loads(done.stderr)["error"]["code"] == "invalid-file"
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"

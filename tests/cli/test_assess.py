"""`assay assess` with a table: findings, the decision as an exit code, JSON, a report."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from assay.cli import app

from ..evidence import strangers
from ..evidence.strangers import serving


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rng = np.random.default_rng(1)
    hours = rng.uniform(0, 60, 400)
    path = tmp_path / "predictions.csv"
    pl.DataFrame(
        {
            "y": np.where(rng.random(400) < hours / 60, "yes", "no"),
            "p": hours / 60,
            "hours": hours,
            "sex": rng.choice(["f", "m"], 400),
            "w": 1,
        }
    ).write_csv(path)
    return path


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text("name: release\nrules:\n  - {check: REL001, at_most: 0.9}\n")
    return path


def run(*words: object):
    return CliRunner().invoke(app, ["assess", *map(str, words)])


def test_findings_are_a_table(table):
    done = run(table, "--truth", "y", "--prediction", "p", "--groups", "sex", "--weight", "w")
    assert done.exit_code == 0, done.stderr
    assert "FAI003" in done.stdout
    assert "Not examined" in done.stdout


def test_the_decision_is_the_exit_code(table, policy):
    words = (table, "--truth", "y", "--prediction", "p", "--policy", policy)
    allowed = run(*words, "--json")
    assert allowed.exit_code == 0, allowed.stderr
    assert json.loads(allowed.stdout)["decision"]["allowed"] is True
    policy.write_text(policy.read_text().replace("0.9", "0.1"))
    refused = run(*words)
    assert refused.exit_code == 3
    assert "Refused" in refused.stdout
    assert json.loads(run(*words, "--json").stdout)["decision"]["allowed"] is False


def test_json_holds_findings_and_no_decision_without_a_policy(table):
    told = json.loads(run(table, "--truth", "y", "--score", "yes=p", "--json").stdout)
    assert told["decision"] is None
    assert told["assessment"]["findings"]


def test_a_report_is_written(table, tmp_path):
    out = tmp_path / "out.html"
    done = run(table, "--truth", "y", "--prediction", "p", "--report", out)
    assert done.exit_code == 0, done.stderr
    assert out.read_text().lstrip().startswith("<!doctype html>")


def test_a_model_is_asked_by_its_address(table, monkeypatch):
    monkeypatch.setenv("MODEL_TOKEN", "open sesame")
    with serving(strangers.azure) as url:
        done = run(
            table, "--truth", "y", "--url", url, "--protocol", "azure", "--send", "hours",
            "--token-env", "MODEL_TOKEN", "--json",
        )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    assert "sesame" not in done.stdout + done.stderr
    found = {f["check"]: f for f in json.loads(done.stdout)["assessment"]["findings"]}
    assert found["REL005"]["value"] is not None


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--truth", "z", "--prediction", "p"], "unknown-column", "'z'"),
        (["--truth", "y"], "invalid-input", "No column holds answers"),
        (["--truth", "y", "--prediction", "hours"], "invalid-table", "rows have a score"),
        (["--truth", "y", "--prediction", "p", "--kind", "ranking"], "unknown-name", "'ranking'"),
        (["--truth", "y", "--url", "ftp://h"], "invalid-input", "begins with http"),
        ([], "invalid-input", "which column holds the truth"),
    ],
)
def test_mistakes_are_one_clear_error(table, words, code, said):
    done = run(table, *words, "--json")
    assert done.exit_code == 2
    error = json.loads(done.stderr)["error"]
    assert error["code"] == code
    assert said in error["message"]

"""`assay causal`: what it prints for people and for machines."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from assay.cli import app
from tests.assess.causal_tables import confounded


def test_it_tells_effect_groups_tests_and_policy(tmp_path: Path) -> None:
    table = tmp_path / "patients.csv"
    confounded(600).write_csv(table)
    words = ["causal", str(table), "--treatment", "treated", "--outcome", "wellbeing"]
    done = CliRunner().invoke(app, [*words, "--groups", "sex,ward", "--cost", "1"])
    assert done.exit_code == 0, done.stderr
    for told in ("Effect of treated", "Who benefits", "placebo treatment", "Whom to treat", "Note"):
        assert told in done.stdout
    machine = CliRunner().invoke(app, [*words, "--no-refute", "--json"])
    assert json.loads(machine.stdout)["contrasts"][0]["level"] == "yes"


def test_an_error_has_the_one_shape(tmp_path: Path) -> None:
    table = tmp_path / "patients.csv"
    confounded(200).write_csv(table)
    done = CliRunner().invoke(
        app, ["causal", str(table), "--treatment", "treatd", "--outcome", "wellbeing", "--json"]
    )
    assert done.exit_code == 2
    assert json.loads(done.stderr)["error"]["code"] == "unknown-column"

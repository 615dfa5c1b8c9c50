"""Every command has an example in its help, speaks JSON, and fails in the one shape."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from assay.cli import app


def commands() -> Iterator[tuple[str, Any]]:
    def walk(group: Any, path: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
        for name, command in sorted(group.commands.items()):
            if hasattr(command, "commands"):
                yield from walk(command, (*path, name))
            else:
                yield " ".join((*path, name)), command

    yield from walk(get_command(app), ())


COMMANDS = dict(commands())
PROMISED = {
    "init", "run", "status", "data", "runs", "assess", "policy", "registry", "approve", "verify",
    "serve", "predict", "export", "ledger", "schema", "doctor", "automl", "leaderboard", "score",
}  # fmt: skip


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))


def test_every_promised_command_is_there() -> None:
    assert {name.split()[0] for name in COMMANDS} >= PROMISED


@pytest.mark.parametrize("name", COMMANDS)
def test_help_ends_with_an_example(name: str) -> None:
    done = CliRunner().invoke(app, [*name.split(), "--help"])
    assert done.exit_code == 0
    assert f"Example: assay {name.split(maxsplit=1)[0]}" in " ".join(done.stdout.split())


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_speaks_json(name: str) -> None:
    options = {option for p in COMMANDS[name].params for option in p.opts}
    assert "--json" in options or name == "schema"


@pytest.mark.parametrize(
    "words",
    [
        ["status", "nowhere"],
        ["verify", "nowhere"],
        ["runs", "list", "nowhere"],
        ["serve", "nowhere"],
        ["predict", "nowhere", "{}"],
        ["registry", "show", "nowhere@1"],
    ],
    ids=" ".join,
)
def test_an_unknown_project_is_one_clear_error(words: list[str]) -> None:
    done = CliRunner().invoke(app, [*words, "--json"])
    error = json.loads(done.stderr)["error"]
    assert done.exit_code == 2
    assert error["code"] == "unknown-name"
    assert "nowhere" in error["message"]


def test_schema_prints_json_schema() -> None:
    printed = json.loads(CliRunner().invoke(app, ["schema", "policy"]).stdout)
    assert "rules" in json.dumps(printed)
    assert CliRunner().invoke(app, ["schema", "polcy"]).exit_code == 2


def test_doctor_finds_this_machine_well() -> None:
    done = CliRunner().invoke(app, ["doctor", "--json"])
    points = json.loads(done.stdout)
    assert {p["what"] for p in points} >= {"Python", "packages", "disk", "store", "ledger"}
    assert all(p["ok"] for p in points), points
    assert done.exit_code == 0


def test_init_writes_a_project_that_can_be_read(tmp_path: Path) -> None:
    table = tmp_path / "cars.csv"
    table.write_text("km,make,price\n" + "".join(f"{i},{'ab'[i % 2]},{i * 3}\n" for i in range(40)))
    done = CliRunner().invoke(
        app,
        ["init", str(tmp_path / "price"), "--data", str(table), "--target", "price",
         "--owner", "ana", "--group", "make", "--json"],
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["question"]["target"] == "price"
    shown = CliRunner().invoke(app, ["policy", "show", str(tmp_path / "price"), "--json"])
    assert len(json.loads(shown.stdout)["rules"]) > 10
    again = CliRunner().invoke(app, ["init", str(tmp_path / "price"), "--json"])
    assert again.exit_code == 2


def test_init_finds_a_misspelt_target_before_anything_is_written(tmp_path: Path) -> None:
    table = tmp_path / "cars.csv"
    table.write_text("km,price\n" + "".join(f"{i},{i * 3}\n" for i in range(40)))
    done = CliRunner().invoke(
        app,
        ["init", str(tmp_path / "price"), "--data", str(table), "--target", "prise",
         "--owner", "ana", "--json"],
    )  # fmt: skip
    error = json.loads(done.stderr)["error"]
    assert error["code"] == "unknown-column"
    assert "'price'" in error["hint"]
    assert not (tmp_path / "price").exists()

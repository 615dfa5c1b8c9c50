"""Bad input gets one clear error: what, where, what would work; and loses nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from assay.cli import app

from .test_story import quick_copy

HEADER = "age,make,price\n"
ROWS = "".join(f"{i},{'ab'[i % 2]},{100 + 7 * i}\n" for i in range(40))
QUESTION = """\
name: tiny
question: What is the price?
data: table.csv
target: price
decision: The asking price.
owner: ana
budget: {trials: 1, families: [linear]}
"""
POLICY = "name: tiny\nrules:\n  - {check: REL001, at_most: 0.9}\n"


def lines(*rows: str) -> bytes:
    return ("\n".join(rows) + "\n").encode()


CASES: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "file missing": (lambda f: (f / "table.csv").unlink(), "invalid-file", "table.csv"),
    "empty file": (lambda f: (f / "table.csv").write_bytes(b""), "invalid-file", "empty"),
    "header only": (lambda f: (f / "table.csv").write_text(HEADER), "invalid-table", "row"),
    "not a table": (
        lambda f: (f / "table.csv").write_bytes(bytes(range(256)) * 8),
        "invalid-file",
        "",
    ),
    "wrong encoding": (
        lambda f: (f / "table.csv").write_bytes(
            (HEADER + ROWS + "7,caf\u00e9,9\n").encode("latin-1")
        ),
        "invalid-file",
        "UTF-8",
    ),
    "ragged": (
        lambda f: (f / "table.csv").write_text(HEADER + ROWS + "1,2,3,4,5\n"),
        "invalid-file",
        "",
    ),
    "duplicate column names": (
        lambda f: (f / "table.csv").write_text("age,age,price\n" + ROWS),
        "invalid-table",
        "age",
    ),
    "target absent": (
        lambda f: (f / "table.csv").write_text("age,make,prices\n" + ROWS),
        "unknown-column",
        "price",
    ),
    "target constant": (
        lambda f: (f / "table.csv").write_text(HEADER + "1,a,5\n" * 40),
        "invalid-table",
        "price",
    ),
    "target all missing": (
        lambda f: (f / "table.csv").write_text(HEADER + "1,a,\n2,b,\n" * 20),
        "invalid-table",
        "price",
    ),
    "one row": (
        lambda f: (f / "table.csv").write_text(HEADER + "1,a,5\n"),
        "invalid-table",
        "row",
    ),
    "unknown key": (
        lambda f: (f / "assay.yaml").write_text(QUESTION + "onwer: bob\n"),
        "invalid-config",
        "onwer",
    ),
    "not YAML": (
        lambda f: (f / "assay.yaml").write_text("name: [tiny\n"),
        "invalid-config",
        "",
    ),
    "policy names an unknown check": (
        lambda f: (f / "policy.yaml").write_text(POLICY.replace("REL001", "REL099")),
        "invalid-config",
        "REL099",
    ),
    "policy missing": (lambda f: (f / "policy.yaml").unlink(), "invalid-config", "policy.yaml"),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ASSAY_THREADS", "1")
    place = tmp_path / "tiny"
    place.mkdir()
    (place / "table.csv").write_text(HEADER + ROWS)
    (place / "assay.yaml").write_text(QUESTION)
    (place / "policy.yaml").write_text(POLICY)
    return place


def run(folder: Path) -> tuple[int, dict[str, Any]]:
    done = CliRunner().invoke(app, ["run", str(folder), "--json"])
    text = done.stderr if done.exit_code == 2 else done.stdout
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, json.loads(text)


@pytest.mark.parametrize("case", CASES)
def test_it_is_refused_with_one_clear_error(folder: Path, case: str) -> None:
    spoil, code, named = CASES[case]
    spoil(folder)
    exit_code, told = run(folder)
    error = told["error"]
    assert exit_code == 2
    assert error["code"] == code
    assert set(error) >= {"code", "message", "where", "hint", "docs"}
    assert error["hint"]
    assert named.lower() in (error["message"] + error["where"] + error["hint"]).lower()


def test_after_the_table_is_mended_the_run_goes_through(folder: Path) -> None:
    (folder / "table.csv").unlink()
    assert run(folder)[0] == 2
    (folder / "table.csv").write_text(HEADER + ROWS)
    exit_code, told = run(folder)
    assert exit_code in {0, 3}
    assert told["state"] in {"finished", "refused by the gate"}


TOUGH: dict[str, Callable[[int], str]] = {
    "a number column with text": lambda i: "n/k" if i % 9 == 0 else str(i),
    "mixed types": lambda i: ("x", "1", "2.5", "true", "2024-01-02")[i % 5],
    "infinities": lambda i: "inf" if i == 3 else ("-inf" if i == 4 else str(i)),
    "integers past 2^53": lambda i: str(2**53 + 1 + i),
    "dates in several forms": lambda i: ("2024-03-04", "04.03.2024", "3/4/24")[i % 3],
    "all missing": lambda _: "",
    "a level a row": lambda i: f"level-{i}",
}


@pytest.mark.slow
@pytest.mark.parametrize("case", TOUGH)
def test_odd_columns_are_coped_with(folder: Path, case: str) -> None:
    ages = [(7 * i) % 23 for i in range(60)]
    rows = "".join(f"{a},{TOUGH[case](i)},{100 + 7 * a + i % 5}\n" for i, a in enumerate(ages))
    (folder / "table.csv").write_text("age,größe in m,price\n" + rows)
    exit_code, told = run(folder)
    assert exit_code in {0, 3}, told
    assert "registration" in told["steps"]


@pytest.mark.slow
@pytest.mark.parametrize("example", ["car-price", "churn"])
def test_the_examples_themselves_are_not_refused(
    example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ASSAY_THREADS", "1")
    exit_code, told = run(quick_copy(example, tmp_path))
    assert exit_code == 0, told
    assert told["version"] == f"{example}@1"

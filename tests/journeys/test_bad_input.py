"""Bad input gets one clear error: what, where, what would work; and loses nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from assay.cli import app
from assay.project import Project

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


N = 120
AGES = [(7 * i) % 23 for i in range(N)]
PRICES = [100 + 7 * age + i % 5 for i, age in enumerate(AGES)]
CLASSES = ["old" if age > 11 else "new" for age in AGES]
TWO_TRIALS = "budget: {trials: 2, families: [linear, lightgbm]}\n"

Columns = dict[str, list[Any]]


def ask(folder: Path, columns: Columns, *more: str) -> None:
    """Another table, and more lines of the question."""
    pl.DataFrame(columns, strict=False).write_csv(folder / "table.csv")
    head, _, _ = QUESTION.partition("budget:")
    (folder / "assay.yaml").write_text(head + "".join(more or (TWO_TRIALS,)))


def rare(at: tuple[int, ...]) -> list[str]:
    return ["rare" if i in at else label for i, label in enumerate(CLASSES)]


TIMES = list(range(N))
ANSWERED: dict[str, Columns] = {
    "two rows of a third class": {"age": AGES, "price": rare((5, 77))},
    "every column missing but one": {
        **{f"m{i}": [None] * N for i in range(6)},
        "age": AGES,
        "price": PRICES,
    },
    "a column of three cells": {
        "age": [age if i % 40 == 0 else None for i, age in enumerate(AGES)],
        "empty": [None] * N,
        "price": PRICES,
    },
    "a target with values of 10^12": {
        "age": AGES,
        "price": [{3: 1e12, 50: 1e12, 70: -1e12}.get(i, p) for i, p in enumerate(PRICES)],
    },
    "every row twice": {"age": AGES * 2, "place": TIMES * 2, "price": PRICES * 2},
    "half of the target missing": {
        "age": AGES,
        "price": [p if i % 2 else None for i, p in enumerate(PRICES)],
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("case", ANSWERED)
def test_odd_tables_are_answered(folder: Path, case: str) -> None:
    ask(folder, ANSWERED[case])
    exit_code, told = run(folder)
    assert exit_code in {0, 3}, told
    summary = told["steps"]["data"]["result"]["summary"]
    if case == "every row twice":
        assert "rows that repeat another kept together with it" in summary
    if case == "half of the target missing":
        assert summary.startswith("60 rows x 2 columns")
        assert "60 more rows without a target" in summary


@pytest.mark.slow
def test_a_class_that_occurs_only_among_the_latest_rows_is_left_out(folder: Path) -> None:
    latest = tuple(range(106, N, 2))
    ask(folder, {"age": AGES, "t": TIMES, "price": rare(latest)}, "time_column: t\n", TWO_TRIALS)
    exit_code, told = run(folder)
    assert exit_code in {0, 3}, told
    summary = told["steps"]["data"]["result"]["summary"]
    assert "7 of the held-out rows left out: no row to learn from has their class." in summary


REFUSED: dict[str, tuple[Columns, tuple[str, ...], str]] = {
    "one class until the latest rows": (
        {"age": AGES, "t": TIMES, "price": ["a" if i < 106 else "b" for i in range(N)]},
        ("time_column: t\n", TWO_TRIALS),
        "of one class",
    ),
    "all columns identifiers": (
        {"code": [f"K{i}" for i in range(N)], "id": [3 * i for i in range(N)], "price": PRICES},
        (),
        "all are identifiers",
    ),
    "one row of the rarer class": (
        {"age": AGES, "price": ["a"] * (N - 1) + ["b"]},
        (),
        "has one row",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_tables_that_cannot_answer_are_refused(folder: Path, case: str) -> None:
    columns, more, word = REFUSED[case]
    ask(folder, columns, *more)
    exit_code, told = run(folder)
    assert exit_code == 2
    assert told["error"]["code"] == "invalid-table"
    assert word in told["error"]["message"]
    assert told["error"]["hint"]


@pytest.mark.slow
def test_five_thousand_columns(folder: Path) -> None:
    rng = np.random.default_rng(0)
    noise = {f"x{i}": rng.normal(size=N).round(2).tolist() for i in range(4_999)}
    ask(
        folder, {"age": AGES, **noise, "price": PRICES}, "budget: {trials: 1, families: [linear]}\n"
    )
    project = Project.open(folder)
    acquired = project.data.add()
    assert "120 rows x 5001 columns, 5000 of them features" in acquired.summary
    # Without the assessment: it asks the model about each column, which takes minutes.
    searched = project.search(acquired)
    assert "proved equal" in searched.summary


@pytest.mark.slow
def test_a_budget_of_one_second(folder: Path) -> None:
    ask(folder, {"age": AGES, "price": PRICES}, "budget: {seconds: 1}\n")
    begun = time.monotonic()
    exit_code, told = run(folder)
    assert exit_code in {0, 3}, told
    assert time.monotonic() - begun < 60  # with imports, assessment and report, on a busy machine


def run_apart(folder: Path, *, file_limit: int | None = None) -> tuple[int, dict[str, Any]]:
    """Run in a process of its own, in which no file may grow beyond a limit."""

    def limited() -> None:
        import resource  # where there are such limits

        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_limit or hard, hard))

    done = subprocess.run(
        [sys.executable, "-m", "assay", "run", str(folder), "--json"],
        capture_output=True,
        text=True,
        preexec_fn=None if file_limit is None else limited,
        check=False,
    )
    said = done.stdout or done.stderr
    assert "Traceback" not in done.stderr
    assert said.startswith("{"), said
    return done.returncode, json.loads(said)


def large(folder: Path) -> None:
    """A table of a megabyte and more, so that a limit can lie between it and the small records."""
    rng = np.random.default_rng(0)
    columns = {f"x{i}": rng.normal(size=20_000) for i in range(8)}
    pl.DataFrame({**columns, "price": columns["x0"] * 3}).write_csv(folder / "table.csv")


def partial_files(home: Path) -> list[Path]:
    return [path for path in home.glob("artifacts/.partial/*") if path.is_file()]


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="no limit can be set")
def test_a_file_that_cannot_grow_is_one_clear_error_and_the_next_run_goes_through(
    folder: Path,
) -> None:
    large(folder)
    exit_code, told = run_apart(folder, file_limit=1_200_000)
    assert (exit_code, told["error"]["code"]) == (8, "store-unavailable")
    assert "free space" in told["error"]["hint"]
    assert not partial_files(folder.parent / "home")
    exit_code, told = run_apart(folder)
    assert exit_code in {0, 3}
    assert told["state"] in {"finished", "refused by the gate"}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own; only root may make one."""
    place = tmp_path / "disk"
    place.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(place)],
        capture_output=True,
        check=False,
    )
    if made.returncode:
        pytest.skip("no disk can be mounted here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.slow
@pytest.mark.skipif(
    os.name != "posix" or os.geteuid() != 0, reason="only root can mount a disk of its own"
)
@pytest.mark.parametrize("size", ["300k", "700k", "2200k"])
def test_a_full_disk_is_one_clear_error_and_loses_nothing(
    folder: Path, small_disk: Path, monkeypatch: pytest.MonkeyPatch, size: str
) -> None:
    home = small_disk / "home"
    monkeypatch.setenv("ASSAY_HOME", str(home))
    large(folder)
    subprocess.run(["mount", "-o", f"remount,size={size}", str(small_disk)], check=True)
    exit_code, told = run_apart(folder)
    assert (exit_code, told["error"]["code"]) == (8, "store-unavailable")
    assert told["error"]["hint"]
    assert not partial_files(home)
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    exit_code, told = run_apart(folder)
    assert exit_code in {0, 3}
    assert told["state"] in {"finished", "refused by the gate"}


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

"""`kill -9` at any moment, run again: it continues, nothing is done twice, the ledger holds."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from .test_story import quick_copy

ASSAY = [sys.executable, "-m", "assay"]
KILLS = 12

pytestmark = pytest.mark.slow


def environment(home: Path) -> dict[str, str]:
    return {**os.environ, "ASSAY_HOME": str(home), "ASSAY_ACTOR": "ana", "ASSAY_THREADS": "1"}


def say(home: Path, *words: str) -> Any:
    done = subprocess.run(
        [*ASSAY, *words, "--json"],
        capture_output=True,
        text=True,
        env=environment(home),
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def start(home: Path, folder: Path, *options: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*ASSAY, "run", str(folder), "--json", *options],
        env=environment(home),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def test_a_run_survives_being_killed_at_random_moments(tmp_path: Path) -> None:
    folder, home = quick_copy("car-price", tmp_path), tmp_path / "home"
    chance = random.Random(20261123)
    killed = 0
    for _ in range(KILLS):
        process = start(home, folder)
        try:
            process.wait(timeout=chance.uniform(0.3, 6.0))
            break
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            killed += 1
    assert killed >= 1

    last = say(home, "run", str(folder))
    assert last["state"] == "finished"
    assert say(home, "ledger", "verify")["ok"]
    entries = say(home, "ledger", "show", "car-price")
    per_run = Counter((e["body"].get("run"), e["action"]) for e in entries if "run" in e["body"])
    assert set(per_run.values()) == {1}
    finished = [r for r in say(home, "runs", "list", "car-price") if r["state"] == "finished"]
    versions = say(home, "registry", "list", str(folder))
    assert len(versions) == len(finished)


def test_two_processes_on_one_project_do_not_take_each_others_work(tmp_path: Path) -> None:
    folder, home = quick_copy("car-price", tmp_path), tmp_path / "home"
    first = start(home, folder)
    deadline = time.monotonic() + 60
    while not _begun(home):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    second = start(home, folder)
    errors = [process.communicate(timeout=300)[1] for process in (first, second)]
    assert first.returncode == 0, errors[0]
    if second.returncode != 0:
        assert json.loads(errors[1])["error"]["code"] == "run-busy"
    runs = say(home, "runs", "list", "car-price")
    assert all(run["state"] == "finished" for run in runs)
    assert say(home, "ledger", "verify")["ok"]


def _begun(home: Path) -> bool:
    """Whether the first process has recorded its run."""
    import sqlite3

    try:
        with sqlite3.connect(f"file:{home}/assay.db?mode=ro", uri=True) as database:
            rows = database.execute("select count(*) from record where kind = 'run'").fetchone()
        return bool(rows[0])
    except sqlite3.OperationalError:
        return False

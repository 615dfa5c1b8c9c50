from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.automl.journal import Finished, Journal, TrialFacts, TrialKey
from assay.automl.search import SearchResult, search
from assay.automl.spec import SearchSpec
from assay.model.plan_file import plan_to_bytes


def run(houses: Callable[..., Any], journal: Path | None, **spec: Any) -> SearchResult:
    frame, contract = houses(rows=160)
    options = {"families": ("linear", "lightgbm"), "max_trials": 9, "threads": 2, **spec}
    return search(
        frame,
        contract=contract,
        kind="regression",
        target="price",
        folds=np.random.default_rng(7).permutation(160) % 3,
        spec=SearchSpec(**options),
        journal=journal,
    )


def finished(number: int) -> Finished:
    key = TrialKey(family="linear", params={"C": number}, transform="identity", recipe="plain")
    facts = TrialFacts(
        key=key,
        settled={"C": number},
        fit_s=0.1,
        wall_s=0.2,
        predict_us_per_row=1.0,
        nodes=3,
        kilobytes=0.1,
        began_s=float(number),
    )
    return Finished(facts=facts, answer=np.full((4, 1), float(number)))


def test_what_is_kept_is_found_again(tmp_path: Path) -> None:
    first = Journal(tmp_path, "a" * 64)
    for number in (2, 1):
        first.keep(finished(number), spent_s=3.5)
    again = Journal(tmp_path, "a" * 64)
    assert [kept.facts.settled for kept in again.finished] == [{"C": 1}, {"C": 2}]
    found = again.find(finished(2).facts.key)
    assert found is not None
    assert np.array_equal(found.answer, np.full((4, 1), 2.0))
    assert again.spent_s == 3.5
    assert Journal(tmp_path, "b" * 64).finished == []


def test_a_trial_that_was_cut_off_while_written_does_not_count(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "a" * 64)
    journal.keep(finished(1), spent_s=1.0)
    folder = next(tmp_path.iterdir())
    (folder / "half.part").write_bytes(b"PK\x03\x04 half")
    assert len(Journal(tmp_path, "a" * 64).finished) == 1


def test_a_full_disk_ends_the_keeping_and_not_the_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path, "a" * 64)

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    journal.keep(finished(1), spent_s=1.0)
    assert journal.full
    assert [p.suffix for p in next(tmp_path.iterdir()).iterdir()] == []


def test_a_search_goes_on_where_it_was_cut_off(houses: Callable[..., Any], tmp_path: Path) -> None:
    """The model is the one that an uninterrupted search gives."""
    whole = run(houses, None)
    run(houses, tmp_path, max_trials=4)
    rest = run(houses, tmp_path)
    assert rest.leaderboard.resumed == 4
    assert plan_to_bytes(rest.plan) == plan_to_bytes(whole.plan)
    assert rest.out_of_fold.equals(whole.out_of_fold)
    assert any("cut off" in note for note in rest.leaderboard.notes)


PROGRAM = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    import numpy as np
    from assay.automl.search import search
    from assay.automl.spec import SearchSpec
    from tests.automl.conftest import make_houses

    frame, contract = make_houses(rows=160)
    search(
        frame, contract=contract, kind="regression", target="price",
        folds=np.random.default_rng(7).permutation(160) % 3,
        spec=SearchSpec(families=("linear", "lightgbm"), max_trials=40, threads=2,
                        compute=sys.argv[2]),
        journal=Path(sys.argv[1]),
    )
    """
)


@pytest.mark.slow
@pytest.mark.parametrize("where", ["threads", "processes"])
def test_kill_9_loses_no_finished_trial(
    houses: Callable[..., Any], tmp_path: Path, where: str
) -> None:
    command = [sys.executable, "-c", PROGRAM, str(tmp_path), where]
    process = subprocess.Popen(command, cwd=Path(__file__).parents[2], start_new_session=True)
    deadline = time.monotonic() + 60
    while len(list(tmp_path.glob("*/*.npz"))) < 5 and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    kept = len(list(tmp_path.glob("*/*.npz")))
    assert kept >= 5
    after = run(houses, tmp_path, max_trials=40)
    assert after.leaderboard.resumed >= kept
    whole = run(houses, None, max_trials=40)
    assert plan_to_bytes(after.plan) == plan_to_bytes(whole.plan)

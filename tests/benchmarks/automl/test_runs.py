"""The protocol from end to end with a tool made here; going on where a run stopped."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from benchmarks.automl.environments import ROOT
from benchmarks.automl.markdown import render
from benchmarks.automl.runs import TOOLS, Results, Tool, cases, run_all

from benchmarks.automl import runs

RUNNER = """
import sys
import numpy as np
import pandas as pd
import polars as pl
pd.read_parquet = lambda path: pd.DataFrame(pl.read_parquet(path).to_dict(as_series=False))
from benchmarks.automl.runners.job import run

class Model:
    def __init__(self, shares): self.shares = shares
    @property
    def classes(self): return list(self.shares.index)
    def predict(self, rows): return np.tile(self.shares.to_numpy(), (len(rows), 1))
    def save(self, folder): (folder / "model").write_bytes(b"12345")
    def facts(self, rows, /): return {"seen": len(rows)}

def fit(train, task):
    if task.options.get("fails"): raise RuntimeError("out of luck")
    return Model(train[task.target].value_counts(normalize=True).sort_index())

run(fit, "numpy")
"""


ASKED = cases(["wine"], part="development", seeds=[0], budgets=[1])
TRIED = [TOOLS["lightgbm"], Tool(name="flaml", runner="flaml", options={"fails": True})]
"""Class shares as predictions, under the baseline's name, and a tool that always fails."""


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The results of both tools on one table."""
    folder = tmp_path_factory.mktemp("automl")
    script = folder / "runner.py"
    script.write_text(RUNNER)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(runs, "command_of", lambda _: [sys.executable, str(script)])
        patched.setattr(runs, "python_of", lambda _: Path(sys.executable))
        patched.setattr(runs, "warm_up", lambda _: None)
        patched.setenv("PYTHONPATH", str(ROOT))
        run_all(ASKED, TRIED, Results(folder / "results.json"), retry=False)
        yield folder / "results.json"


def kept(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def test_run_scores_measures_and_compares(out: Path) -> None:
    good, bad = kept(out)["runs"].values()
    assert good["status"] == "ok"
    assert good["scores"]["log_loss"] == pytest.approx(1.09, abs=0.02)
    assert good["saved_bytes"] == 5
    assert good["one_row_ms"]["calls"] == 200
    assert good["facts"] == {"seen": 1000}
    assert good["peak_mb"] >= good["before_mb"] > 10
    assert (bad["status"], bad["why"]) == ("failed", "RuntimeError: out of luck")
    (comparison,) = kept(out)["comparisons"].values()
    assert comparison["metrics"]["log_loss"]["against_best"]["lightgbm"]["tied"]


def test_page_tells_scores_failures_and_the_command(out: Path) -> None:
    page = render(out.read_text())
    assert "| wine | 99 | log_loss | **1.0" in page
    assert "| best or tied | 1 of 1 | 0 of 1 |" in page
    assert "- wine, flaml: failed: RuntimeError: out of luck" in page
    assert "python -m benchmarks.automl" in page


def test_finished_runs_are_not_made_again(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = kept(out)["runs"]
    run_all(ASKED, TRIED, Results(out), retry=False)
    assert "0 runs to make, 2 are there" in capsys.readouterr().out
    assert kept(out)["runs"] == before
    run_all(ASKED, TRIED, Results(out), retry=True)
    assert "1 runs to make, 1 are there" in capsys.readouterr().out


def test_metric_is_asked_for_only_where_the_kind_has_it() -> None:
    names = ["wine", "diabetes", "breast_cancer"]
    asked = cases(names, part="report", seeds=[0], budgets=[60], metric="log_loss")
    assert [case.metric for case in asked] == ["log_loss", "rmse", "log_loss"]

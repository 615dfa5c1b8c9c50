"""From one line in `assay.yaml` to a version whose graph cuts each group at its own threshold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from assay import Project
from assay.cli import app
from assay.errors import InputError
from assay.model.scorer import Scorer

QUESTION = """\
name: hiring
question: Would this person do well?
data: table.csv
target: does_well
positive: yes
decision: Whom to invite.
owner: ana
affected_groups: [{column: sex, sensitive: true}]
"""
POLICY = "name: hiring\nrules:\n  - {check: ACC002, at_least: 1}\n"
BUDGET = "budget: {{trials: 2, families: [linear], fairness: sex, mitigate: {method}}}\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    rng = np.random.default_rng(0)
    woman, skill = rng.random(700) < 0.5, rng.normal(size=700)
    chance = 1 / (1 + np.exp(-(2 * skill + 0.8 - 1.6 * woman)))
    pl.DataFrame(
        {
            "skill": skill,
            "sex": np.where(woman, "f", "m"),
            "does_well": np.where(rng.random(700) < chance, "yes", "no"),
        }
    ).write_csv(tmp_path / "table.csv")
    (tmp_path / "policy.yaml").write_text(POLICY)
    return tmp_path


def test_thresholds_reach_the_version(folder: Path) -> None:
    (folder / "assay.yaml").write_text(QUESTION + BUDGET.format(method="thresholds"))
    project = Project.open(folder)
    run = project.run()
    told = run.leaderboard.mitigation
    assert told.gap_after.value < 0.5 * told.gap_before.value
    assert "gap" in run.searched.summary
    assert "thresholds by sex" in run.searched.summary
    scorer = Scorer(project.store.artifacts.read(run.searched.graph))
    people = pl.DataFrame({"skill": np.linspace(-2, 2, 200), "sex": ["f", "m"] * 100})
    answer = scorer.score_frame(people)
    cut = people["sex"].replace_strict(told.thresholds, return_dtype=pl.Float64).to_numpy()
    assert (answer.label == (answer.prediction >= cut)).all()
    shown = CliRunner().invoke(app, ["leaderboard", str(folder)])
    assert "made more alike by thresholds" in " ".join(shown.stdout.split())


def test_a_project_asks_what_a_treatment_does(folder: Path) -> None:
    (folder / "assay.yaml").write_text(QUESTION)
    report = Project.open(folder).causal(treatment="skill", refutations=False)
    assert report.outcome == "does_well"
    assert {g.column for g in report.contrasts[0].groups} == {"sex"}
    assert report.contrasts[0].effect.lower > 0


def test_groups_must_be_named(folder: Path) -> None:
    budget = "budget: {trials: 2, families: [linear], mitigate: reweighing}\n"
    (folder / "assay.yaml").write_text(QUESTION + budget)
    with pytest.raises(InputError, match="needs a column of groups"):
        Project.open(folder).run()

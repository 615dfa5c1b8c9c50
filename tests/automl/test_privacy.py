"""One promise over all fits of a row: shared among them, on record, told with what it covers."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from assay import Project
from assay.automl.families.private import rho_of
from assay.errors import InputError

QUESTION = """\
name: hiring
question: Would this person do well?
data: table.csv
target: does_well
positive: yes
decision: Whom to invite.
owner: ana
"""
POLICY = "name: hiring\nrules:\n  - {check: PRI010, at_most: 4.0, not_applicable: block}\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    rng = np.random.default_rng(0)
    skill = rng.normal(size=2000)
    does_well = rng.random(2000) < 1 / (1 + np.exp(-2 * skill))
    pl.DataFrame({"skill": skill, "does_well": np.where(does_well, "yes", "no")}).write_csv(
        tmp_path / "table.csv"
    )
    (tmp_path / "policy.yaml").write_text(POLICY)
    return Project.open(tmp_path)


def test_the_promise_of_a_line_reaches_the_verdict(project: Project) -> None:
    (project.folder / "assay.yaml").write_text(QUESTION + "budget: {epsilon: 4.0}\n")
    run = project.run()
    promise = run.leaderboard.privacy
    assert promise.epsilon == 4.0
    assert promise.fits == 5
    parts = promise.fits * rho_of(promise.epsilon_of_fit, promise.delta)
    assert math.isclose(parts, rho_of(4.0, promise.delta), rel_tol=1e-9)
    (trial,) = run.leaderboard.trials
    assert trial.family == "private"
    assert run.leaderboard.contributions == ()  # each would be another look at the rows
    finding = next(f for f in run.assessment.findings if f.check == "PRI010")
    assert finding.value == 4.0
    assert "calibration" in finding.details["covers"]
    assert run.decision.allowed
    assert run.leaderboard.ensemble_score > 0.75  # area under the curve; without noise about 0.86


def test_without_a_promise_nothing_is_private(project: Project) -> None:
    budget = "budget: {trials: 1, families: [linear]}\n"
    (project.folder / "assay.yaml").write_text(QUESTION + budget)
    run = project.run()
    assert run.leaderboard.privacy is None
    assert not run.decision.allowed


def test_a_search_within_a_budget_does_not_try_it_unasked(project: Project) -> None:
    (project.folder / "assay.yaml").write_text(QUESTION + "budget: {seconds: 4}\n")
    run = project.run()
    assert "private" not in {trial.family for trial in run.leaderboard.trials}


def test_the_family_is_refused_without_a_promise(project: Project) -> None:
    budget = "budget: {trials: 1, families: [private]}\n"
    (project.folder / "assay.yaml").write_text(QUESTION + budget)
    with pytest.raises(InputError, match="promises nothing without an epsilon"):
        project.run()


@pytest.mark.parametrize("other", ["families: [linear]", "learning_curve: true"])
def test_what_looks_at_rows_again_is_refused(project: Project, other: str) -> None:
    budget = f"budget: {{epsilon: 1.0, {other}}}\n"
    (project.folder / "assay.yaml").write_text(QUESTION + budget)
    with pytest.raises(InputError, match="cannot be had together with"):
        project.run()

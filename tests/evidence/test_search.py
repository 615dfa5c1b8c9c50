"""What a search leaves for the checks: candidates, the champion, the record; new rows."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

import assay
from assay.cli import app
from assay.data.source import read_table
from assay.errors import ContractViolation, InputError, InvalidTable, UnknownColumn, UnknownName
from assay.evidence import gather_subject, gather_subject_on

pytestmark = pytest.mark.slow

POLICY = """
name: release
rules:
  - {check: REL001, at_most: 1.5}
"""
QUESTION = """
name: cars
question: Is this car dear?
data: cars.csv
target: dear
decision: What to offer.
owner: ana
kind: %s
weight_column: count
affected_groups: [{column: make}]
budget: {trials: %d, families: [linear, lightgbm], seed: %d}
"""


def cars(rows: int = 260, seed: int = 0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    size, make = rng.uniform(0, 10, rows), rng.choice(["audi", "bmw", "kia"], rows)
    worth = 2 * size + 3 * (make == "bmw") + rng.normal(0, 2, rows)
    return pl.DataFrame(
        {
            "size": size.round(6),
            "make": make,
            "count": rng.integers(1, 4, rows),
            "dear": np.array(["no", "perhaps", "yes"])[np.digitize(worth, [8, 14])],
        }
    )


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> assay.Project:
    folder = tmp_path_factory.mktemp("cars")
    cars().write_csv(folder / "cars.csv")
    (folder / "policy.yaml").write_text(POLICY)
    (folder / "assay.yaml").write_text(QUESTION % ("multiclass", 2, 0))
    settings = assay.Settings.load(folder / "home", actor="ana", threads=1)
    return assay.Project.open(folder, settings=settings)


@pytest.fixture(scope="module")
def run(project: assay.Project):
    return project.run()


@pytest.fixture(scope="module")
def subject(project, run):
    return gather_subject(project._bench(), run.searched)


def test_every_finished_trial_is_a_candidate_with_its_answers(subject, run):
    board = run.leaderboard
    finished = [t for t in board.trials if t.status == "finished"]
    assert [c.number for c in subject.candidates] == [t.number for t in finished]
    assert [c.weight for c in subject.candidates] == [t.weight for t in finished]
    for candidate in subject.candidates:
        assert candidate.answers.frame is subject.cross_fitted.frame
        assert candidate.answers.probabilities.sum(axis=1) == pytest.approx(1.0)
        assert np.mean(candidate.answers.label == candidate.answers.truth) > 0.5


def test_weights_come_from_the_column_that_the_question_names(subject):
    for scored in (subject.held_out, subject.cross_fitted):
        assert np.array_equal(scored.weight, scored.frame["count"].to_numpy())


def test_the_record_says_who_trained_and_on_what(subject):
    assert subject.record["trained_by"] == "ana"
    assert any(c["name"] == "numpy" for c in subject.record["components"])
    assert subject.record["approvals"] == []  # registered, and nobody said yes yet


def test_a_version_is_measured_on_another_table(project, run):
    new = cars(120, seed=9).with_columns(
        dear=pl.when(pl.int_range(pl.len()) < 3).then(None).otherwise("dear")
    )
    found = project.assess(new)
    assert found.subject == run.searched.graph
    assert found.examined["held-out"] == 117
    assert "3 rows were set aside: without a truth." in found.not_examined
    assert not [s for s in found.not_examined if "learned from" in s]


def test_rows_that_the_model_knows_are_counted(project, run):
    found = project.assess(cars())
    known = next(s for s in found.not_examined if "learned from" in s)
    learned = gather_subject(project._bench(), run.searched).train.height
    assert known == f"Of the 260 rows, the model learned from {learned}."


@pytest.mark.parametrize(
    ("table", "error", "message"),
    [
        (cars().drop("dear"), UnknownColumn, "'dear'"),
        (cars().drop("size"), ContractViolation, "size"),
        (cars().with_columns(dear=pl.lit(None, pl.String)), InvalidTable, "missing in every row"),
        (
            cars().with_columns(dear=pl.lit("never")),
            InvalidTable,
            "260 of 260 rows have a true class that the model does not know",
        ),
        (None, InputError, "nothing to assess"),
    ],
)
def test_a_table_that_cannot_be_judged_is_one_clear_error(project, run, table, error, message):
    with pytest.raises(error, match=message):
        project.assess(table)


def test_a_version_that_does_not_exist_is_named(project, run):
    with pytest.raises(UnknownName):
        project.assess(cars(), version="cars@9")


def test_the_champion_is_the_hallmarked_version_of_another_model(project, run):
    bench = project._bench()
    project.registry.approve(run.version, note="read it")
    itself = gather_subject(bench, run.searched)
    assert itself.champion is None
    assert itself.record["approvals"][0]["by"] == "ana"
    later = assay.Project.open(project.folder, settings=project.settings)
    (project.folder / "assay.yaml").write_text(QUESTION % ("multiclass", 1, 3))
    other = gather_subject(bench, later.search())
    assert other.champion is not None
    answer = other.champion(other.held_out.frame)
    assert answer.probabilities.shape == (other.held_out.rows, 3)


def test_the_same_rows_as_a_file(project, run, tmp_path: Path):
    path = tmp_path / "new.csv"
    cars(80, seed=4).write_csv(path)
    table = gather_subject_on(project._bench(), run.searched, read_table(path))
    assert table.held_out.rows == 80
    assert project.assess(path).examined["held-out"] == 80


def test_the_command_line_measures_a_version_on_a_file(project, run, tmp_path, monkeypatch):
    monkeypatch.setenv("ASSAY_HOME", str(project.settings.home))
    path = tmp_path / "new.csv"
    cars(80, seed=4).write_csv(path)
    done = CliRunner().invoke(app, ["assess", str(project.folder), "--on", str(path), "--json"])
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["examined"]["held-out"] == 80
    shown = CliRunner().invoke(app, ["assess", str(project.folder), "--json"])
    assert json.loads(shown.stdout)["examined"]["held-out"] == run.assessment.examined["held-out"]

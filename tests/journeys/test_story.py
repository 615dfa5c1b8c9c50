"""One story, three ways in: the same question through SDK, command line and HTTP."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import assay

EXAMPLES = Path(__file__).parents[2] / "examples"
ASSAY = [sys.executable, "-m", "assay"]

pytestmark = pytest.mark.slow


def quick_copy(example: str, folder: Path) -> Path:
    """A copy of an example whose search makes few trials, the same ones every time."""
    copied = shutil.copytree(
        EXAMPLES / example, folder / example, ignore=shutil.ignore_patterns("reports")
    )
    question = (copied / "assay.yaml").read_text()
    head, _, _ = question.partition("budget:")
    families = "[linear, lightgbm]"
    (copied / "assay.yaml").write_text(f"{head}budget: {{trials: 3, families: {families}}}\n")
    return copied


def car() -> dict[str, Any]:
    row: dict[str, Any] = json.loads((EXAMPLES / "car-price" / "row.json").read_text())
    return row


@pytest.fixture(scope="module")
def by_sdk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The story told in Python."""
    place = tmp_path_factory.mktemp("sdk")
    settings = assay.Settings.load(place / "home", actor="ana", threads=1)
    project = assay.Project.open(quick_copy("car-price", place), settings=settings)
    run = project.run()
    assert run.version is not None
    version = project.registry.approve(run.version, note="read the report", accept=["all"])
    with project.deploy(version) as endpoint:
        yield {
            "project": project,
            "run": run,
            "version": version,
            "endpoint": endpoint,
            "answer": endpoint.predict(car()),
        }


@pytest.fixture(scope="module")
def by_cli(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The same story told on the command line, with ``--json``."""
    place = tmp_path_factory.mktemp("cli")
    folder = quick_copy("car-price", place)
    environment = {
        **os.environ,
        "ASSAY_HOME": str(place / "home"),
        "ASSAY_ACTOR": "ana",
        "ASSAY_THREADS": "1",
    }

    def say(*words: str, code: int = 0) -> Any:
        done = subprocess.run(
            [*ASSAY, *words, "--json"], capture_output=True, text=True, env=environment, timeout=300
        )
        assert done.returncode == code, done.stderr
        return json.loads(done.stdout if code == 0 else done.stderr)

    said = {"run": say("run", str(folder)), "say": say, "folder": folder}
    said["approved"] = say("approve", "car-price@1", "--note", "read the report", "--accept", "all")
    said["verified"] = say("verify", "car-price")
    said["served"] = say("serve", "car-price", "--background", "--port", "0")
    try:
        said["answer"] = say("predict", "car-price", json.dumps(car()))
        yield said
    finally:
        say("serve", "car-price", "--stop")


def ask(url: str, body: bytes) -> tuple[int, dict[str, Any]]:
    request = urllib.request.Request(
        f"{url}/score", data=body, headers={"content-type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as reply:
            return reply.status, json.loads(reply.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def azure_body(row: dict[str, Any]) -> bytes:
    table = {"columns": list(row), "index": [0], "data": [list(row.values())]}
    return json.dumps({"input_data": table}).encode()


def test_the_sdk_tells_the_whole_story(by_sdk: dict[str, Any]) -> None:
    run = by_sdk["run"]
    assert run.state == "finished"
    assert len(run.leaderboard.trials) == 3
    assert run.decision.allowed
    assert {f.principle for f in run.assessment.findings if f.applies} == {
        "fairness",
        "reliability-safety",
        "privacy-security",
        "inclusiveness",
        "transparency",
        "accountability",
    }
    assert by_sdk["project"].registry.status(by_sdk["version"]) == "hallmarked"
    prediction = by_sdk["answer"]["predictions"][0]
    assert prediction["lower"] < prediction["value"] < prediction["upper"]
    assert prediction["reasons"]


def test_the_command_line_gives_the_same_model(
    by_sdk: dict[str, Any], by_cli: dict[str, Any]
) -> None:
    """Same question, same seed, same number of trials: the same graph, to the byte."""
    searched = by_cli["run"]["steps"]["search"]["result"]
    assert searched["graph"] == by_sdk["run"].searched.graph
    assert by_cli["approved"]["status"] == "hallmarked"
    assert by_cli["verified"]["version"] == "car-price@1"
    by_http = by_cli["answer"]["predictions"][0]
    assert by_http["value"] == by_sdk["answer"]["predictions"][0]["value"]


def test_http_gives_the_same_answer(by_sdk: dict[str, Any]) -> None:
    status, answer = ask(by_sdk["endpoint"].url, azure_body(car()))
    assert status == 200
    assert answer["predictions"][0]["value"] == by_sdk["answer"]["predictions"][0]["value"]
    assert answer["model"] == "car-price@1"


def test_a_bad_row_gets_one_clear_error_in_one_shape(
    by_sdk: dict[str, Any], by_cli: dict[str, Any]
) -> None:
    bad = {**car(), "horsepower": "a-secret-text"}
    status, by_http = ask(by_sdk["endpoint"].url, azure_body(bad))
    with pytest.raises(assay.AssayError) as by_python:
        by_sdk["endpoint"].predict(bad)
    said = by_cli["say"]("predict", "car-price", json.dumps(bad), code=2)["error"]
    assert status == 422
    assert by_http["code"] == by_python.value.code == said["code"] == "contract-violation"
    assert "horsepower" in by_http["message"]
    assert by_http["message"] == said["message"] == by_python.value.message
    assert "a-secret-text" not in json.dumps(by_http) + json.dumps(said)


def test_a_strange_row_is_told(by_sdk: dict[str, Any], by_cli: dict[str, Any]) -> None:
    ordinary, strange = car(), {**car(), "horsepower": 9000, "curb_weight": 1, "peak_rpm": 9}
    answer = by_sdk["endpoint"].predict([ordinary, strange], strangeness=True)
    first, second = (p["strangeness"] for p in answer["predictions"])
    assert not first["strange"]
    assert second["p_value"] < first["p_value"]
    said = by_cli["say"]("predict", "car-price", json.dumps(ordinary), "--strangeness")
    assert said["predictions"][0]["strangeness"] == first
    assert "strangeness" not in by_sdk["answer"]["predictions"][0]


def test_the_board_is_worked_out_from_the_record(by_cli: dict[str, Any]) -> None:
    board = by_cli["say"]("status", "car-price")
    assert {item["state"] for item in board["items"]} == {"done"}
    assert len({item["stage"] for item in board["items"]}) == 5


def test_the_ledger_holds_and_tells_the_order(by_cli: dict[str, Any]) -> None:
    assert by_cli["say"]("ledger", "verify")["ok"]
    actions = [entry["action"] for entry in by_cli["say"]("ledger", "show", "car-price")]
    assert actions.index("policy recorded") < actions.index("training started")
    assert actions.index("gate decided") < actions.index("hallmark struck")


def test_the_documents_are_written(by_cli: dict[str, Any]) -> None:
    run = by_cli["run"]["id"]
    folder = by_cli["folder"] / "reports" / run
    names = {path.name for path in folder.iterdir()}
    assert {"report.html", "scorecard.pdf", "model-card.md", "exit-report.md"} <= names
    page = (folder / "report.html").read_text()
    assert "car-price@1" in page
    assert "http://" not in page.replace("http://www.w3.org", "")


def test_running_again_is_a_new_run_of_the_same_story(by_cli: dict[str, Any]) -> None:
    before = by_cli["say"]("runs", "list", "car-price")
    assert [run["state"] for run in before] == ["finished"]


def test_the_model_is_made_again_from_the_record(
    by_sdk: dict[str, Any], by_cli: dict[str, Any]
) -> None:
    project, run = by_sdk["project"], by_sdk["run"]
    found = project.reproduce(run.id)
    assert set(found.again) == {
        "profile",
        "contract",
        "split",
        "model",
        "coded model",
        "trained model",
    }
    assert found.differing == ()
    findings = {f.check: f for f in project.assess(run.searched).findings}
    assert findings["ACC005"].value == 1.0
    said = by_cli["say"]("reproduce", "car-price@1", "--no-train")
    assert said["again"]["model"] == found.again["model"]
    assert said["not_repeated"] == ["The search: not asked for."]


def test_the_bill_of_materials_names_model_table_and_packages(
    by_sdk: dict[str, Any], by_cli: dict[str, Any], tmp_path: Path
) -> None:
    bill = json.loads(by_sdk["project"].bill_of_materials(by_sdk["version"]))
    assert bill["specVersion"] == "1.6"
    assert bill["metadata"]["component"]["name"] == "car-price"
    names = {component["name"] for component in bill["components"]}
    assert {"numpy", "onnxruntime", "polars"} <= names
    said = by_cli["say"]("bom", "car-price@1", "--out", str(tmp_path / "bom.json"))
    assert json.loads(Path(said["file"]).read_bytes())["bomFormat"] == "CycloneDX"


def test_the_story_can_be_told_step_by_step(tmp_path: Path) -> None:
    settings = assay.Settings.load(tmp_path / "home", actor="ana", threads=1)
    folder = quick_copy("car-price", tmp_path)
    with (folder / "policy.yaml").open("a") as file:
        file.write("  - check: REL021\n    at_most: 0.9\n    because: To see another seed.\n")
    project = assay.Project.open(folder, settings=settings)
    acquired = project.data.add()
    searched = project.search(acquired)
    assessment = project.assess(searched)
    assert assessment.subject == searched.graph
    assert assessment.look == 1
    assert {f.check: f for f in assessment.findings}["REL021"].value is not None
    assert project.decide(assessment).allowed
    assert project.data.latest() == acquired
    actions = [entry.action for entry in project.store.ledger.entries("car-price")]
    assert actions.index("policy recorded") < actions.index("training started")
    project.store.close()


def test_a_whole_table_gets_the_same_answers_in_python_and_on_the_command_line(
    by_sdk: dict[str, Any], by_cli: dict[str, Any], tmp_path: Path
) -> None:
    import polars as pl

    table = by_sdk["project"].folder / "automobile.csv"
    answers = by_sdk["project"].score(table)
    one = by_sdk["project"].score({name: [cell] for name, cell in car().items()})
    assert one["prediction"][0] == by_sdk["answer"]["predictions"][0]["value"]
    written = by_cli["say"]("score", "car-price", str(table), "--out", str(tmp_path / "a.parquet"))
    assert written["rows"] == answers.height == 201
    assert pl.read_parquet(tmp_path / "a.parquet").equals(answers)
    refused = by_cli["say"]("score", "car-price", str(table), "--out", "a.xlsx", code=2)
    assert refused["error"]["code"] == "invalid-input"

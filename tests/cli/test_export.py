"""`assay export`, from a project with a real, hallmarked version to a folder that answers."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import assay
from assay.deploy.bundle import load_bundle
from assay.errors import GateRefused
from assay.project import Project, verify

from ..deploy.targets.outside import expected, run_bare

EXAMPLE = Path(__file__).parents[2] / "examples" / "car-price"
ROW = json.loads((EXAMPLE / "row.json").read_text())

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A run of three trials, approved as version 1; a second one awaits approval."""
    place = tmp_path_factory.mktemp("export")
    folder = shutil.copytree(EXAMPLE, place / "car-price", ignore=shutil.ignore_patterns("reports"))
    head, _, _ = (folder / "assay.yaml").read_text().partition("budget:")
    (folder / "assay.yaml").write_text(
        f"{head}budget: {{trials: 3, families: [linear, lightgbm]}}\n"
    )
    settings = assay.Settings.load(place / "home", actor="ana", threads=1)
    project = Project.open(folder, settings=settings)
    version = project.run().version
    assert version is not None
    project.registry.approve(version, note="read the report", accept=["all"])
    yield project
    project.store.close()


@pytest.fixture
def say(project: Project) -> Callable[..., Any]:
    """Run the command line with ``--json``."""
    environment = {
        **os.environ,
        "ASSAY_HOME": str(project.settings.home),
        "ASSAY_ACTOR": "ana",
        "ASSAY_THREADS": "1",
    }

    def run(*words: str, code: int = 0) -> Any:
        done = subprocess.run(
            [sys.executable, "-m", "assay", *words, "--json"],
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == code, done.stderr
        return json.loads(done.stdout if code == 0 else done.stderr)

    return run


def test_the_exported_folder_answers_as_the_version_does(
    project: Project, say: Callable[..., Any], tmp_path: Path
) -> None:
    told = say("export", "car-price@1", str(tmp_path / "out"), "--target", "python")
    assert told["export"]["version"] == "car-price@1"
    done = run_bare(tmp_path / "out" / "strict.py", given=json.dumps(ROW))
    assert done.returncode == 0, done.stderr
    bundle = load_bundle(
        project.registry.export("car-price@1", tmp_path / "bundle"),
        [project.store.keys.public_pem()],
    )
    assert json.loads(done.stdout) == expected(bundle, [ROW])


def test_the_default_is_the_graph_with_all_that_vouches_for_it(
    project: Project, say: Callable[..., Any], tmp_path: Path
) -> None:
    told = say("export", "car-price", str(tmp_path / "out"))
    assert told["export"]["target"] == "onnx"
    assert "car-price@1" in (tmp_path / "out" / "model-card.md").read_text()
    verified = say("verify", str(tmp_path / "out"))
    assert verified["version"] == "car-price@1"
    assert "car-price.onnx" in verified["files"]


def test_the_ledger_tells_of_the_export(project: Project, tmp_path: Path) -> None:
    made = project.version("car-price@1").export(tmp_path / "out", target="mlflow")
    entry = project.store.ledger.entries(project.name)[-1]
    assert (entry.action, entry.subject, entry.actor) == ("version exported", "car-price@1", "ana")
    assert entry.body == {"target": "mlflow", "model": made.hallmarked, "graph": made.graph}
    assert verify(str(tmp_path / "out"), settings=project.settings).model == made.hallmarked


def test_a_handle_is_a_record_and_its_project(project: Project) -> None:
    held = project.version()
    assert (held.label, held.status) == ("car-price@1", "hallmarked")
    assert held == project.version("car-price@1")


def test_refusals_come_in_the_one_shape(say: Callable[..., Any], tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    assert say("export", "car-price", out, "--target", "onyx", code=2)["error"]["code"] == (
        "unknown-name"
    )
    assert say("export", "car-price", out, "--int8", "--target", "c", code=2)["error"]["hint"]
    nothing = say("export", "car-price", out, "--int8", code=7)["error"]
    assert "nothing to gain" in nothing["message"]
    assert not (tmp_path / "out").exists()


def test_what_awaits_approval_or_was_retired_is_not_exported(
    project: Project, tmp_path: Path
) -> None:
    second = project.run(fresh=True).version
    assert second is not None
    with pytest.raises(GateRefused, match="awaits approval"):
        project.export(second, tmp_path / "out")
    project.registry.approve(second, note="read the report", accept=["all"])
    project.registry.retire(second, reason="a test")
    with pytest.raises(GateRefused, match="retired"):
        project.version(second.label).export(tmp_path / "out")
    assert not (tmp_path / "out").exists()

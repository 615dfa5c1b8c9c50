"""The same story for a team: records on PostgreSQL, two people, four eyes."""

from __future__ import annotations

from pathlib import Path

import pytest

import assay
from assay.errors import ApprovalRefused

from .test_story import car, quick_copy

pytestmark = [pytest.mark.slow, pytest.mark.postgres]


def test_the_story_on_postgresql_with_four_eyes(tmp_path: Path, postgres_url: str) -> None:
    folder = quick_copy("car-price", tmp_path)
    rules = (folder / "policy.yaml").read_text()
    (folder / "policy.yaml").write_text(
        rules.replace("required: 1", "required: 1\n  four_eyes: true")
    )

    def as_(person: str) -> assay.Project:
        settings = assay.Settings.load(
            tmp_path / "home", store_url=postgres_url, actor=person, threads=1
        )
        return assay.Project.open(folder, settings=settings)

    ana, luis = as_("ana"), as_("luis")
    run = ana.run()
    assert run.version is not None
    with pytest.raises(ApprovalRefused, match="four eyes"):
        ana.registry.approve(run.version, note="mine", accept=["all"])
    luis.registry.approve(run.version, note="read it", accept=["all"])
    with luis.deploy(run.version) as endpoint:
        assert endpoint.predict(car())["model"] == "car-price@1"
    assert {item.state for item in ana.status().items} == {"done"}
    assert ana.store.ledger.verify().ok
    for project in (ana, luis):
        project.store.close()

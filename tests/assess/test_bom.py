"""The bill of materials: what it says, and that it is CycloneDX."""

from __future__ import annotations

import json

import pytest

from assay.assess.bom import Material, ml_bom
from assay.assess.components import Component, Vulnerability
from assay.testing.check import KINDS, example_question

MODEL = Material(name="machines", version="3", digest="sha256:" + "a" * 64)
DATA = Material(name="machines.csv", version="1", digest="sha256:" + "b" * 64, licence="CC0-1.0")
NUMPY = Component(name="numpy", version="2.2.0", licence="BSD-3-Clause")
VECTOR = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N"
FLAW = Vulnerability(component="numpy", version="2.2.0", id="OSV-1", severity=VECTOR)


def written(kind="binary", **changes):
    arguments = {
        "kind": kind,
        "model": MODEL,
        "data": DATA,
        "at": "2026-01-01T00:00:00Z",
        "components": [NUMPY],
        "vulnerabilities": [FLAW],
        "metrics": {"log_loss": 0.31},
    }
    return ml_bom(example_question(kind), **(arguments | changes))


def test_model_data_and_packages_are_in_it():
    bom = json.loads(written())
    assert (bom["bomFormat"], bom["specVersion"]) == ("CycloneDX", "1.6")
    model = bom["metadata"]["component"]
    assert model["type"] == "machine-learning-model"
    assert model["hashes"] == [{"alg": "SHA-256", "content": "a" * 64}]
    card = model["modelCard"]
    assert card["considerations"]["technicalLimitations"] == ["Ships."]
    assert card["quantitativeAnalysis"]["performanceMetrics"][0]["value"] == "0.31"
    data, library = bom["components"]
    assert card["modelParameters"]["datasets"] == [{"ref": data["bom-ref"]}]
    assert library["purl"] == "pkg:pypi/numpy@2.2.0"
    assert bom["vulnerabilities"][0]["affects"] == [{"ref": library["bom-ref"]}]


def test_every_reference_is_there():
    bom = json.loads(written())
    refs = {bom["metadata"]["component"]["bom-ref"], *(c["bom-ref"] for c in bom["components"])}
    for dependency in bom["dependencies"]:
        assert {dependency["ref"], *dependency["dependsOn"]} <= refs


def test_the_same_content_gives_the_same_bytes():
    assert written() == written()
    serials = {json.loads(written(at=at))["serialNumber"] for at in ("2026-01-01Z", "2026-01-02Z")}
    assert len(serials) == 2


def test_what_is_installed_is_the_default():
    bom = json.loads(written(components=None))
    assert len(bom["components"]) > 20


@pytest.mark.parametrize("kind", KINDS)
def test_it_keeps_the_schema(kind):
    pytest.importorskip("cyclonedx")
    pytest.importorskip("jsonschema")
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(written(kind).decode())
    assert error is None, error

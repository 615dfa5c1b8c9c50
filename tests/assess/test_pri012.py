"""PRI012: it fires, it stays silent, it does not apply."""

from __future__ import annotations

import json

import pytest

from assay.assess.components import (
    Component,
    installed_components,
    known_vulnerabilities,
    read_advisories,
)
from assay.assess.environment import KnownVulnerabilities
from assay.errors import InvalidFile, NotApplicable
from assay.testing.check import example_subject

LEAKY = {
    "id": "GHSA-0000",
    "summary": "Reads what it should not.",
    "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N"}],
    "affected": [
        {
            "package": {"ecosystem": "PyPI", "name": "Leaky_Pack"},
            "ranges": [
                {
                    "type": "ECOSYSTEM",
                    "events": [
                        {"introduced": "0"},
                        {"fixed": "1.5"},
                        {"introduced": "2.0rc1"},
                        {"last_affected": "2.3"},
                    ],
                }
            ],
            "versions": ["1.7"],
        },
        {"package": {"ecosystem": "npm", "name": "leaky-pack"}, "versions": ["1.6"]},
    ],
}
ENVIRONMENT = [
    {"name": "leaky-pack", "version": "1.4", "licence": "MIT"},
    {"name": "quiet", "version": "3.0", "licence": "GPL-3.0-or-later"},
    {"name": "library", "version": "1.0", "licence": "LGPL-2.1"},
    {"name": "silent", "version": "0.1"},
]


def written(folder, content):
    path = folder / "osv.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def found(folder, content, components=ENVIRONMENT):
    record = {"components": components, "advisories": str(written(folder, content))}
    return KnownVulnerabilities().run(example_subject(record=record))


def test_a_package_with_an_advisory_is_found(tmp_path):
    finding = found(tmp_path, LEAKY)
    assert finding.value == finding.lower == finding.upper == 1
    assert finding.details["vulnerabilities"] == [
        {"package": "leaky-pack", "version": "1.4", "id": "GHSA-0000"}
    ]


@pytest.mark.parametrize(
    ("version", "affected"),
    [("0.1", 1), ("1.4.9", 1), ("1.5", 0), ("1.5rc1", 1), ("1.6", 0), ("1.7", 1), ("2.0", 1),
     ("2.0rc1", 1), ("2.3", 1), ("2.3.1", 0), ("not a version", 1)],
)  # fmt: skip
def test_versions_are_compared_as_versions(tmp_path, version, affected):
    advisories = read_advisories(written(tmp_path, LEAKY))
    component = Component(name="leaky-pack", version=version)
    assert len(known_vulnerabilities([component], advisories)) == affected


@pytest.mark.parametrize(
    "content",
    [
        [LEAKY],
        {"vulns": [LEAKY]},
        {"results": [{"vulns": [LEAKY]}, {}]},
        json.dumps(LEAKY) + "\n" + json.dumps(LEAKY) + "\n",
    ],
)
def test_every_shape_of_an_export_is_read(tmp_path, content):
    assert found(tmp_path, content).value == 1


def test_packages_without_advisories_stay_silent(tmp_path):
    assert found(tmp_path, LEAKY, ENVIRONMENT[1:]).value == 0
    assert found(tmp_path, {**LEAKY, "withdrawn": "2026-01-01T00:00:00Z"}).value == 0
    assert found(tmp_path, []).value == 0


def test_licences_are_told(tmp_path):
    details = found(tmp_path, LEAKY).details
    assert details["copyleft"] == ["quiet"]
    assert details["licence_not_stated"] == ["silent"]
    assert {"licence": "MIT", "packages": 1} in details["licences"]


def test_without_a_file_vulnerabilities_are_not_examined():
    finding = KnownVulnerabilities().run(example_subject(record={"components": ENVIRONMENT}))
    assert finding.value is None
    assert "not examined" in finding.reason
    assert finding.details["copyleft"] == ["quiet"]


def test_it_does_not_apply_to_packages_that_nobody_recorded():
    with pytest.raises(NotApplicable, match="does not name the packages"):
        KnownVulnerabilities().run(example_subject(record={}))


def test_what_is_installed_is_found():
    names = [c.name for c in installed_components()]
    assert names == sorted(set(names))
    assert "numpy" in names
    stated = {c.name: c.licence for c in installed_components()}
    assert "BSD" in stated["numpy"]


@pytest.mark.parametrize("content", ["no json", '["a"]', '{"a": 1}', "[1, 2]"])
def test_another_file_is_refused(tmp_path, content):
    with pytest.raises(InvalidFile) as refused:
        found(tmp_path, content)
    assert "osv.json" in refused.value.where


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InvalidFile, match="cannot be read"):
        read_advisories(tmp_path / "none.json")

"""The bill of materials of a model: CycloneDX 1.6 (ECMA-424), which scanners and auditors read."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from assay.assess.components import Component, Vulnerability, installed_components
from assay.question import Kind, Question
from assay.records import Record

SPECIFICATION = "1.6"


class Material(Record, frozen=True, kw_only=True):
    """Something of the model's own that has a digest: its graph, its table."""

    name: str
    version: str
    digest: str
    """``sha256:<hex>``."""
    licence: str = ""
    description: str = ""


def ml_bom(
    question: Question,
    *,
    kind: Kind,
    model: Material,
    data: Material,
    at: str,
    components: Sequence[Component] | None = None,
    vulnerabilities: Sequence[Vulnerability] = (),
    metrics: Mapping[str, float] | None = None,
) -> bytes:
    """A bill of materials of a model: CycloneDX 1.6, JSON.

    Parameters
    ----------
    question : Question
        As recorded: use, owner, limits.
    kind : {"regression", "binary", "multiclass"}
    model, data : Material
        The graph, and the table that it was trained on.
    at : str
        Time of writing, ISO 8601 with a ``Z``.
    components : sequence of Component
        Default: `installed_components`.
    vulnerabilities : sequence of Vulnerability
        As `known_vulnerabilities` gives them.
    metrics : mapping of str to float
        What was measured, by name.

    Returns
    -------
    bytes
        The same arguments give the same bytes: the serial number is made from the content.
    """
    installed = installed_components() if components is None else components
    content: dict[str, Any] = {
        "bomFormat": "CycloneDX",
        "specVersion": SPECIFICATION,
        "version": 1,
        "metadata": {
            "timestamp": at,
            "component": _model(question, kind, model, data, metrics or {}),
        },
        "components": [_data(question, data), *(_library(c) for c in installed)],
        "dependencies": [
            {"ref": _ref(model), "dependsOn": sorted({_ref(data), *(c.purl for c in installed)})}
        ],
        "vulnerabilities": [_vulnerability(v) for v in vulnerabilities],
    }
    serial = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(content, sort_keys=True))
    content = {"$schema": _SCHEMA, **content, "serialNumber": f"urn:uuid:{serial}"}
    return msgspec.json.format(msgspec.json.encode(content, order="sorted"), indent=2)


_SCHEMA = f"http://cyclonedx.org/schema/bom-{SPECIFICATION}.schema.json"


def _model(
    question: Question, kind: Kind, model: Material, data: Material, metrics: Mapping[str, float]
) -> dict[str, Any]:
    """The model with its card, as CycloneDX has it."""
    considerations = {
        "useCases": [question.intended_use] if question.intended_use else [question.decision],
        "technicalLimitations": [question.out_of_scope] if question.out_of_scope else [],
        "fairnessAssessments": [
            {"groupAtRisk": group.column, **({"harms": group.why} if group.why else {})}
            for group in question.affected_groups
        ],
    }
    return {
        "type": "machine-learning-model",
        "bom-ref": _ref(model),
        "name": model.name,
        "version": model.version,
        "description": question.question,
        "hashes": _hashes(model),
        "authors": [{"name": question.owner}],
        **_licences(model.licence),
        "modelCard": {
            "modelParameters": {
                "approach": {"type": "supervised"},
                "task": "regression" if kind == "regression" else f"{kind} classification",
                "datasets": [{"ref": _ref(data)}],
                "outputs": [{"format": "number" if kind == "regression" else "class"}],
            },
            "quantitativeAnalysis": {
                "performanceMetrics": [
                    {"type": name, "value": f"{value:g}"} for name, value in metrics.items()
                ]
            },
            "considerations": {k: v for k, v in considerations.items() if v},
        },
    }


def _data(question: Question, data: Material) -> dict[str, Any]:
    licence = data.licence or question.data_licence
    return {
        "type": "data",
        "bom-ref": _ref(data),
        "name": data.name,
        "version": data.version,
        "description": data.description or question.data_source or "Training table.",
        "hashes": _hashes(data),
        "data": [{"type": "dataset", "name": data.name}],
        **_licences(licence),
    }


def _library(component: Component) -> dict[str, Any]:
    return {
        "type": "library",
        "bom-ref": component.purl,
        "name": component.name,
        "version": component.version,
        "purl": component.purl,
        **_licences(component.licence),
    }


def _vulnerability(found: Vulnerability) -> dict[str, Any]:
    package = Component(name=found.component, version=found.version)
    vector = found.severity.startswith("CVSS:")
    rating = {"vector": found.severity} if vector else {}
    return {
        "bom-ref": f"{found.id}@{package.purl}",
        "id": found.id,
        "affects": [{"ref": package.purl}],
        **({"ratings": [rating]} if rating else {}),
    }


def _ref(material: Material) -> str:
    return f"{material.name}@{material.digest}"


def _hashes(material: Material) -> list[dict[str, str]]:
    return [{"alg": "SHA-256", "content": material.digest.removeprefix("sha256:")}]


def _licences(words: str) -> dict[str, Any]:
    """A licence by the words it is stated in; nothing where none is."""
    return {"licenses": [{"license": {"name": words}}]} if words else {}

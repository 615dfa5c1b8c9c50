"""The bill of materials of a registered version: its graph, its table, its packages."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from assay.bench import Bench
from assay.question import Question

if TYPE_CHECKING:
    from assay.assess.components import Component
    from assay.registry.version import ModelVersion


def bill_of_materials(
    bench: Bench, version: ModelVersion, *, advisories: Path | None = None
) -> bytes:
    """CycloneDX 1.6, JSON, of a version as it was made.

    Parameters
    ----------
    bench : Bench
    version : ModelVersion
    advisories : Path, optional
        Known vulnerabilities in OSV format; without it the bill lists none, which says nothing.

    Raises
    ------
    InvalidFile
        The advisories cannot be read.
    """
    from assay.assess.bom import Material, ml_bom
    from assay.assess.components import known_vulnerabilities, read_advisories
    from assay.assess.finding import Assessment
    from assay.data.dataset import Dataset
    from assay.model.scorer import Scorer

    question = bench.load(Question, version.question)
    rows = bench.load(Dataset, version.dataset).digest
    packages = _packages(bench.store.artifacts.read(version.environment).decode())
    known = () if advisories is None else read_advisories(advisories)
    found = bench.load(Assessment, version.assessment).findings
    kind = Scorer(bench.store.artifacts.read(version.model)).kind
    return ml_bom(
        question,
        kind=kind,  # type: ignore[arg-type]
        model=Material(name=version.name, version=str(version.number), digest=version.model),
        data=Material(
            name=Path(question.data).name,
            version=rows.removeprefix("sha256:")[:12],
            digest=rows,
            licence=question.data_licence,
            description=question.data_source,
        ),
        at=version.created_at,
        components=packages,
        vulnerabilities=known_vulnerabilities(packages, known),
        metrics={
            f.measure: f.value
            for f in found
            if f.check in ("REL001", "REL002") and f.evidence == "held-out" and f.value is not None
        },
    )


def _packages(environment: str) -> tuple[Component, ...]:
    """The recorded packages, with the licences of those that are still installed as they were."""
    from assay.assess.components import Component, installed_components

    licences = {(c.name, c.version): c.licence for c in installed_components()}
    pins = (line.split("==") for line in environment.splitlines() if "==" in line)
    return tuple(
        Component(name=name, version=number, licence=licences.get((name, number), ""))
        for name, number in pins
    )

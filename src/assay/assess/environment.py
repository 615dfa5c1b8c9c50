"""The environment a model was made in: packages with known vulnerabilities, and licences."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from assay.assess.accountability import RecordCheck
from assay.assess.components import (
    Component,
    known_vulnerabilities,
    read_advisories,
)
from assay.assess.finding import Finding, Principle
from assay.assess.subject import Subject
from assay.errors import NotApplicable

MOST_SHOWN = 50
_COPYLEFT = re.compile(r"\b(A?GPL|GNU (Affero )?General Public)", re.IGNORECASE)
_LESSER = re.compile(r"LGPL|Lesser|exception", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class KnownVulnerabilities(RecordCheck):
    """Do installed packages have known vulnerabilities, and under which licences do they come?"""

    code: ClassVar[str] = "PRI012"
    title: ClassVar[str] = "Known vulnerabilities of the environment"
    principle: ClassVar[Principle] = "privacy-security"

    def run(self, subject: Subject) -> Finding:
        """Number of advisories that installed packages have; licences in the details."""
        recorded = subject.record.get("components")
        if recorded is None:
            raise NotApplicable("The record does not name the packages that the model runs on.")
        components = msgspec.convert(recorded, list[Component])
        named = str(subject.record.get("advisories") or "")
        known = read_advisories(Path(named)) if named else ()
        found = known_vulnerabilities(components, known)
        finding = self.finding(
            float(len(found)),
            measure="advisories that installed packages have",
            method="Packages that Python finds, against a file of advisories in OSV format that "
            "was given; nothing is asked over the network, and the file is as old as its "
            "export. Versions are compared as PEP 440 has it.",
            unit="advisories",
            details={
                "components": len(components),
                "advisories_read": len(known),
                "vulnerabilities": [
                    {"package": v.component, "version": v.version, "id": v.id}
                    for v in found[:MOST_SHOWN]
                ],
                **_licences(components),
            },
        )
        return finding if named else _not_examined(finding)


def _not_examined(finding: Finding) -> Finding:
    """The licences alone: without advisories a count of 0 would look like a pass."""
    return msgspec.structs.replace(
        finding,
        value=None,
        lower=None,
        upper=None,
        reason="Known vulnerabilities were not examined: no file of advisories was given.",
    )


def _licences(components: Sequence[Component]) -> dict[str, Any]:
    """How many packages come under each licence, and which to look at."""
    tally = Counter(c.licence or "not stated" for c in components)
    copyleft = [
        c.name for c in components if _COPYLEFT.search(c.licence) and not _LESSER.search(c.licence)
    ]
    return {
        "licences": [{"licence": words, "packages": n} for words, n in tally.most_common()],
        "licence_not_stated": [c.name for c in components if not c.licence],
        "copyleft": copyleft,
    }

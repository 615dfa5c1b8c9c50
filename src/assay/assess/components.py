"""What a model stands on: installed packages, their licences, and their known weaknesses.

Nothing here asks the network: known vulnerabilities come from a file in the Open Source
Vulnerability format (OSV 1.6) that the user exports where there is a network.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

from assay.errors import InvalidFile
from assay.records import Record

_ECOSYSTEM = "PyPI"


class Component(Record, frozen=True, kw_only=True):
    """An installed package."""

    name: str
    version: str
    licence: str = ""
    """SPDX expression where the package states one, else its own words; empty: not stated."""

    @property
    def purl(self) -> str:
        """Package URL."""
        return f"pkg:pypi/{self.name}@{self.version}"


class Advisory(Record, frozen=True, kw_only=True):
    """A known vulnerability of one package."""

    id: str
    package: str
    summary: str = ""
    versions: tuple[str, ...] = ()
    """Affected versions, named one by one."""
    ranges: tuple[tuple[str, str, str], ...] = ()
    """Affected from, fixed in, last affected; empty where there is no such end."""
    severity: str = ""
    """CVSS vector or word, as stated."""

    def affects(self, component: Component) -> bool:
        """Whether an installed package has it."""
        if component.name != self.package:
            return False
        return component.version in self.versions or any(
            _within(component.version, *ends) for ends in self.ranges
        )


class Vulnerability(Record, frozen=True, kw_only=True):
    """An advisory that an installed package has."""

    component: str
    version: str
    id: str
    severity: str = ""


@cache
def installed_components() -> tuple[Component, ...]:
    """Every package that Python finds, once each, in the order of their names."""
    found: dict[str, Component] = {}
    for item in distributions():
        if item.name:
            name = canonical_name(item.name)
            found.setdefault(
                name, Component(name=name, version=item.version, licence=_licence(item))
            )
    return tuple(found[name] for name in sorted(found))


def canonical_name(name: str) -> str:
    """A package's name as indexes compare it (PEP 503).

    Examples
    --------
    >>> canonical_name("Scikit_Learn")
    'scikit-learn'
    """
    return re.sub(r"[-_.]+", "-", name).lower()


def _licence(item: Distribution) -> str:
    """What the metadata states: an expression (PEP 639), a classifier, or a short field."""
    expression = _field(item, "License-Expression")
    if expression:
        return expression
    classified = [
        str(line).rsplit("::", 1)[-1].strip()
        for line in item.metadata.get_all("Classifier") or ()
        if str(line).startswith("License ::")
    ]
    named = [words for words in classified if words != "OSI Approved"]
    if named:
        return " AND ".join(sorted(set(named)))
    words = _field(item, "License")
    return words if "\n" not in words and len(words) <= 80 else ""


def _field(item: Distribution, name: str) -> str:
    """One field of a package's metadata; empty where there is none."""
    return str(item.metadata[name] or "").strip() if name in item.metadata else ""


def read_advisories(path: Path) -> tuple[Advisory, ...]:
    """Advisories of Python packages from an OSV export.

    Parameters
    ----------
    path : Path
        JSON: a record, a list of records, or an object with them under ``vulns`` or
        ``results`` (as the OSV service answers); or one record a line.

    Raises
    ------
    InvalidFile
        It cannot be read, or holds no such records.
    """
    try:
        body = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidFile(
            "The file of advisories cannot be read.",
            hint="Export advisories in OSV format as JSON.",
            where=str(path),
        ) from error
    records = list(_records(_parsed(body, path)))
    if not all(isinstance(record, Mapping) and record.get("id") for record in records):
        raise InvalidFile(
            "The file holds something other than OSV records.",
            hint="Each record has an id and a list of affected packages.",
            where=str(path),
        )
    return tuple(a for record in records for a in _advisories(record))


def _parsed(body: str, path: Path) -> Any:
    try:
        return json.loads(body)
    except json.JSONDecodeError:
        pass
    try:
        return [json.loads(line) for line in body.splitlines() if line.strip()]
    except json.JSONDecodeError as error:
        raise InvalidFile(
            "The file of advisories is not JSON.",
            hint="Export advisories in OSV format as JSON, or one record a line.",
            where=str(path),
        ) from error


def _records(content: Any) -> Iterator[Any]:
    """The records, wherever an export keeps them."""
    if isinstance(content, Mapping) and not content.get("id"):
        for key in ("vulns", "vulnerabilities", "results"):
            if isinstance(content.get(key), list):
                yield from _records(content[key])
                return
        if not content:  # the service answers {} for a package without advisories
            return
    if isinstance(content, list):
        for item in content:
            yield from _records(item)
        return
    yield content


def _advisories(record: Mapping[str, Any]) -> Iterator[Advisory]:
    """One advisory a Python package that the record names; none where it was withdrawn."""
    if record.get("withdrawn"):
        return
    for affected in record.get("affected", ()):
        package = affected.get("package", {})
        if package.get("ecosystem") == _ECOSYSTEM and package.get("name"):
            yield Advisory(
                id=str(record["id"]),
                package=canonical_name(str(package["name"])),
                summary=str(record.get("summary") or ""),
                versions=tuple(map(str, affected.get("versions", ()))),
                ranges=tuple(_ranges(affected.get("ranges", ()))),
                severity=_severity(record, affected),
            )


def _ranges(ranges: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, str, str]]:
    """Events of each range as stretches: introduced, fixed, last affected."""
    for one in ranges:
        if one.get("type") not in ("ECOSYSTEM", "SEMVER"):
            continue
        start = ""
        for event in one.get("events", ()):
            if "introduced" in event:
                start = str(event["introduced"])
            elif "fixed" in event:
                yield start, str(event["fixed"]), ""
                start = ""
            elif "last_affected" in event:
                yield start, "", str(event["last_affected"])
                start = ""
        if start:
            yield start, "", ""


def _severity(record: Mapping[str, Any], affected: Mapping[str, Any]) -> str:
    scores = affected.get("severity") or record.get("severity") or ()
    stated = [str(score.get("score", "")) for score in scores]
    return stated[0] if stated else str(record.get("database_specific", {}).get("severity", ""))


def _within(version: str, start: str, fixed: str, last: str) -> bool:
    """Whether a version lies in a stretch; where one cannot be read, it is taken to."""
    from packaging.version import InvalidVersion, Version

    try:
        own = Version(version)
        if start not in ("", "0") and own < Version(start):
            return False
        if fixed:
            return own < Version(fixed)
        return not last or own <= Version(last)
    except InvalidVersion:
        return True


def known_vulnerabilities(
    components: Sequence[Component], advisories: Iterable[Advisory]
) -> tuple[Vulnerability, ...]:
    """Advisories that installed packages have, each package and advisory once.

    Examples
    --------
    >>> old = Component(name="leaky", version="1.4")
    >>> known = Advisory(id="OSV-1", package="leaky", ranges=(("1.0", "1.5", ""),))
    >>> [v.id for v in known_vulnerabilities([old], [known])]
    ['OSV-1']
    """
    by_name = {component.name: component for component in components}
    found = {
        (component.name, advisory.id): Vulnerability(
            component=component.name,
            version=component.version,
            id=advisory.id,
            severity=advisory.severity,
        )
        for advisory in advisories
        if (component := by_name.get(advisory.package)) and advisory.affects(component)
    }
    return tuple(found[key] for key in sorted(found))

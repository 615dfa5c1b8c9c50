"""The evidence by principle, ready to print."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from assay.assess.finding import Finding
from assay.policy.gate import PRECEDENCE, Decision
from assay.report.dossier import Judgement
from assay.report.tally import Tally, tallies
from assay.report.wording import (
    EVIDENCE,
    PRINCIPLES,
    bounds,
    count,
    counted,
    listed,
    number,
    quantity,
    sentence,
)


@dataclass(frozen=True, kw_only=True)
class FindingView:
    """One finding, ready to print."""

    finding: Finding
    title: str
    measured: str
    interval: str
    source: str
    further: tuple[tuple[str, str], ...]
    statuses: tuple[Tally, ...]
    also: tuple[FindingView, ...] = ()
    """The same measure on other evidence."""


@dataclass(frozen=True, kw_only=True)
class PrincipleView:
    """One of the six principles with its evidence."""

    key: str
    title: str
    summary: str
    findings: tuple[FindingView, ...]
    """Those that apply."""
    inapplicable: tuple[tuple[str, str], ...]
    """Check and reason of the others; those that say the same are told once."""


def principles(judged: Judgement) -> tuple[PrincipleView, ...]:
    """The six principles in order, each with its findings; none is left out."""
    return tuple(_principle(key, title, judged) for key, title in PRINCIPLES.items())


def measured(finding: Finding) -> str:
    """The value of a finding with its unit, or a dash."""
    return quantity(finding.value, finding.unit)


def interval(finding: Finding) -> str:
    """The bounds of a finding in words; empty for plain facts."""
    return bounds(finding.value, finding.lower, finding.upper, finding.unit)


def source(evidence: str, rows: int) -> str:
    """Where a figure comes from: the kind of evidence and the number of rows.

    Examples
    --------
    >>> source("table", 201)
    'The table itself, 201 rows.'
    """
    if not rows and evidence != "record":
        return ""
    return sentence(EVIDENCE.get(evidence, "{rows}").format(rows=counted(rows, "row")))


def further(finding: Finding) -> tuple[tuple[str, str], ...]:
    """Further facts that a check noted in its details, in words.

    Examples
    --------
    >>> noted = Finding(check="ACC001", title="", principle="accountability", measure="",
    ...     value=0.5, details={"missing": ["owner"], "policy_entry": 4, "deep": {"a": 1}})
    >>> further(noted)
    (('Missing', 'owner'), ('Policy entry', '4'))
    """
    told = ((key, _noted(value)) for key, value in finding.details.items())
    return tuple((key.replace("_", " ").capitalize(), words) for key, words in told if words)


def _noted(value: Any) -> str:
    """A detail that can be said in a line; empty for all others."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return count(value) if isinstance(value, int) else number(value)
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return listed(value)
    return ""


def _principle(key: str, title: str, judged: Judgement) -> PrincipleView:
    found = [f for f in judged.assessment.findings if f.principle == key]
    held = [o for o in judged.decision.outcomes if o.principle == key]
    applies = sum(f.applies for f in found)
    if not found:
        summary = "Evidence missing: no check spoke of this principle."
    elif not applies:
        summary = f"Evidence missing: none of {counted(len(found), 'check')} applies to this data."
    else:
        summary = f"Evidence present: {counted(applies, 'finding')}"
        left = len(found) - applies
        summary += f", {counted(left, 'check')} not applicable." if left else "."
    ended = [o.status for o in held]
    words = [f"{count(tally.rules)} {tally.status}" for tally in tallies(ended)]
    summary += f" Rules: {listed(words)}." if words else " The policy holds no rule about it."
    return PrincipleView(
        key=key,
        title=title,
        summary=summary,
        findings=_findings([f for f in found if f.applies], judged.decision),
        inapplicable=_inapplicable([f for f in found if not f.applies]),
    )


def _inapplicable(found: list[Finding]) -> tuple[tuple[str, str], ...]:
    """Checks without an answer: title, code and columns, with the reason."""
    columns: dict[tuple[str, str, str], list[str]] = {}
    for f in found:
        known = columns.setdefault((f.title, f.check, f.reason or _failure(f)), [])
        if f.column and f.column not in known:
            known.append(f.column)
    return tuple(
        (f"{title} ({check}{f'; {listed(names)}' if names else ''})", sentence(reason))
        for (title, check, reason), names in columns.items()
    )


def _failure(finding: Finding) -> str:
    """Why a finding that should have a value has none."""
    return f"not measured: {finding.details.get('failed', 'no reason was given')}"


def _findings(found: list[Finding], decision: Decision) -> tuple[FindingView, ...]:
    """One view a check and column: the foremost evidence, and beside it what else there is."""
    together: dict[tuple[str, str], list[Finding]] = {}
    for f in found:
        together.setdefault((f.check, f.column), []).append(f)
    views = []
    for same in together.values():
        same.sort(key=lambda f: PRECEDENCE.index(f.evidence))
        first, *rest = [_finding(f, decision) for f in same]
        views.append(replace(first, also=tuple(rest)))
    return tuple(views)


def _finding(found: Finding, decision: Decision) -> FindingView:
    held = [
        o.status
        for o in decision.outcomes
        if (o.check, o.column, o.evidence) == (found.check, found.column, found.evidence)
    ]
    return FindingView(
        finding=found,
        title=found.title + (f": {found.column}" if found.column else ""),
        measured=measured(found),
        interval=interval(found),
        source=source(found.evidence, found.rows),
        further=further(found),
        statuses=tallies(held),
    )

"""Every rule of the policy and how it ended, ready to print."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from assay.policy.gate import Outcome
from assay.report.dossier import Judgement, first_finding
from assay.report.evidence import source
from assay.report.strip import bound_strip
from assay.report.wording import (
    PRINCIPLES,
    STATUS_SHAPES,
    between,
    bounds,
    listed,
    quantity,
    sentence,
)


@dataclass(frozen=True, kw_only=True)
class RuleView:
    """One rule of the policy and how it ended, ready to print."""

    check: str
    title: str
    principle: str
    status: str
    shape: str
    reason: str
    limit: str
    measured: str
    bounds: str
    source: str
    because: str
    consequence: str
    strip: str
    strip_text: str


def rules(judged: Judgement) -> tuple[RuleView, ...]:
    """Every rule, what blocks first."""
    rank = {"blocks": 0, "needs acceptance": 1, "passes": 2}
    ordered = sorted(judged.decision.outcomes, key=lambda o: rank.get(o.effect, 3))
    return tuple(_rule(outcome, judged) for outcome in ordered)


class Limits(NamedTuple):
    """What a rule allows, as numbers."""

    at_least: float | None
    at_most: float | None


def limits(words: str) -> Limits:
    """Read a rule's limit back from its words.

    Examples
    --------
    >>> limits("at most 0.35")
    Limits(at_least=None, at_most=0.35)
    >>> limits("between -1e-05 and 2")
    Limits(at_least=-1e-05, at_most=2.0)
    """
    figures = [float(text) for text in re.findall(r"-?\d[\d.]*(?:e[+-]?\d+)?", words)]
    if words.startswith("between") and len(figures) == 2:
        return Limits(figures[0], figures[1])
    if not figures:
        return Limits(None, None)
    return Limits(figures[0], None) if "least" in words else Limits(None, figures[0])


def limit_words(allowed: Limits, unit: str) -> str:
    """A limit for people, with its unit; empty where a rule has none."""
    if allowed.at_least is not None and allowed.at_most is not None:
        return between(allowed.at_least, allowed.at_most, unit)
    if allowed.at_most is not None:
        return f"at most {quantity(allowed.at_most, unit)}"
    return "" if allowed.at_least is None else f"at least {quantity(allowed.at_least, unit)}"


def _rule(outcome: Outcome, judged: Judgement) -> RuleView:
    found = first_finding(judged.assessment, outcome.check, outcome.column, outcome.evidence)
    unit = found.unit if found else ""
    allowed = limits(outcome.limit)
    limit = limit_words(allowed, unit)
    ends = bounds(outcome.value, outcome.lower, outcome.upper, unit)
    value = quantity(outcome.value, unit)
    strip = strip_text = ""
    if outcome.value is not None:
        strip_text = f"Measured {value}{f', bounds {ends}' if ends else ''}"
        strip_text += f"; limit {limit}." if limit else "."
        strip = bound_strip(
            outcome.value,
            lower=outcome.lower,
            upper=outcome.upper,
            **allowed._asdict(),
            text=strip_text,
        )
    return RuleView(
        check=outcome.check,
        title=outcome.title + (f": {outcome.column}" if outcome.column else ""),
        principle=PRINCIPLES.get(outcome.principle, ""),
        status=outcome.status,
        shape=STATUS_SHAPES[outcome.status],
        reason=sentence(outcome.reason),
        limit=limit,
        measured=value,
        bounds=ends,
        source=source(outcome.evidence, outcome.rows),
        because=sentence(outcome.because),
        consequence=_consequence(outcome, judged),
        strip=strip,
        strip_text=strip_text,
    )


def _consequence(outcome: Outcome, judged: Judgement) -> str:
    """What the status does to the release, in words."""
    if outcome.effect == "blocks":
        return "This blocks the release."
    if outcome.effect != "needs acceptance":
        return ""
    accepted = [a.by for a in judged.approvals if outcome.key in a.accepted]
    if accepted:
        return f"Accepted by name by {listed(accepted)}."
    return f"An approver must accept this by name: {outcome.key}."

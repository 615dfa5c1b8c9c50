"""Findings and rules as one HTML page, where there is no project: no table, search or record."""

from __future__ import annotations

from dataclasses import dataclass

from assay.assess.finding import Assessment
from assay.policy.gate import Decision
from assay.registry.approval import Approval
from assay.report.evidence import principles
from assay.report.gallery import finding_pictures
from assay.report.page import page_environment, page_resource
from assay.report.rules import rules
from assay.report.tally import tallies
from assay.report.wording import counted


@dataclass(frozen=True, kw_only=True)
class _Found:
    """A `Judgement` without approvals."""

    assessment: Assessment
    decision: Decision
    approvals: tuple[Approval, ...] = ()


def render_findings(assessment: Assessment, decision: Decision | None, *, title: str) -> str:
    """Render findings as one self-contained page.

    Parameters
    ----------
    assessment : Assessment
    decision : Decision or None
        None where no policy was given: then the page judges nothing.
    title : str
        What was assessed.

    Returns
    -------
    str
        A whole HTML document without scripts that refers to nothing outside itself. The same
        findings give the same text.
    """
    held = decision or Decision(policy="", assessment=assessment.digest, outcomes=())
    judged = _Found(assessment=assessment, decision=held)
    applies = sum(found.applies for found in assessment.findings)
    return (
        page_environment()
        .get_template("findings.html")
        .render(
            title=title,
            headline=_headline(decision),
            reason=_reason(decision, applies),
            css=page_resource("page.css"),
            decided=decision is not None,
            tallies=tallies(o.status for o in held.outcomes),
            rules=rules(judged),
            principles=principles(judged),
            pictures_of=finding_pictures,
            not_examined=assessment.not_examined,
            digest=assessment.digest,
            day=held.today,
        )
    )


def _headline(decision: Decision | None) -> str:
    if decision is None:
        return "What was found"
    if not decision.allowed:
        return "Refused by the policy"
    return "Allowed, if accepted by name" if decision.to_accept else "Allowed by the policy"


def _reason(decision: Decision | None, applies: int) -> str:
    if decision is None:
        return f"{counted(applies, 'finding')}. No policy was given, so nothing is judged."
    if not decision.outcomes:
        return "The policy holds no rule, and a policy without rules permits nothing."
    rules_ = counted(len(decision.outcomes), "rule")
    return f"{len(decision.blocking)} of {rules_} block, on {counted(applies, 'finding')}."

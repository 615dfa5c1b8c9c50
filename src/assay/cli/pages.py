"""What several commands draw for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from assay.cli.board import show_leaderboard
from assay.cli.terminal import console, emit_table, say, shown

if TYPE_CHECKING:
    from assay.assess.finding import Assessment, Finding
    from assay.policy.gate import Decision, Outcome
    from assay.project import Project
    from assay.run import Run

_MARKS = {
    "met": ("✓ met", "green"),
    "not met": ("✗ not met", "bold red"),
    "undecided": ("? undecided", "yellow"),
    "missing": ("✗ missing", "bold red"),
    "not applicable": ("– not applicable", "dim"),
    "waived": ("~ waived", "cyan"),
}
_TOP = 8


def show_question(project: Project) -> None:
    """What is asked, before the work starts."""
    question = project.question
    out = console(to_error=True)
    out.print(Text(question.question, style="bold"))
    out.print(Text(f"for: {question.decision}  owner: {question.owner}", style="dim"))


def show_run(run: Run) -> None:
    """A run: its leaderboard and its decision."""
    if "search" in run.steps:
        show_leaderboard(run.leaderboard, most=_TOP)
    if "decision" in run.steps:
        show_decision(run.decision)
    if not run.finished:
        say(f"Run {run.id}: {run.state}. Continue it with `assay run`.")


def show_decision(decision: Decision) -> None:
    """Every rule with its reason, then the verdict."""
    emit_table(
        ("rule", "column", "", "why"),
        [(o.check, o.column, _mark(o), o.reason) for o in decision.outcomes],
        title="The policy, rule by rule",
    )
    refused = [o for o in decision.outcomes if o.effect == "blocks"]
    accept = decision.to_accept
    if refused or not decision.allowed:
        say(f"Refused: {len(refused)} of {len(decision.outcomes)} rules block.")
    elif accept:
        say(
            f"Allowed, if the approver accepts by name what stayed undecided: "
            f"{', '.join(o.key for o in accept)}."
        )
    else:
        say("Allowed: every rule passes.")


def _mark(outcome: Outcome) -> Text:
    text, style = _MARKS[outcome.status]
    return Text(text, style=style)


def show_assessment(assessment: Assessment) -> None:
    """Every value with its bounds, by principle; then what has none, by the reason."""
    ordered = sorted(assessment.findings, key=lambda f: (f.principle, f.check))
    measured = [f for f in ordered if f.applies]
    emit_table(
        ("check", "column", "evidence", "what", "value", "bounds", "rows"),
        [(f.check, f.column, f.evidence, f.measure, f.value, _bounds(f), f.rows) for f in measured],
        title=f"{len(measured)} findings with a value",
        right=("value", "rows"),
    )
    reasons: dict[str, list[str]] = {}
    for finding in ordered:
        if not finding.applies:
            named = f"{finding.check} {finding.column}".rstrip()
            reasons.setdefault(_why_not(finding), []).append(named)
    if reasons:
        emit_table(
            ("no value, because", "checks"),
            [(why, ", ".join(dict.fromkeys(named))) for why, named in reasons.items()],
        )
    for sentence in assessment.not_examined:
        say(f"Not examined: {sentence}")


def _why_not(finding: Finding) -> str:
    """Why a finding has no value: no answer exists, or it could not be measured."""
    if finding.reason:
        return f"not applicable: {finding.reason}"
    if finding.details.get("missing"):
        return f"missing: {', '.join(finding.details['missing'])}"
    return f"not measured: {finding.details.get('failed', 'no reason was given')}"


def _bounds(finding: Finding) -> str:
    if finding.lower is None and finding.upper is None:
        return ""
    return f"{shown(finding.lower)} to {shown(finding.upper)}"


def show_next_steps(project: Project, run: Run) -> None:
    """Where the reports are, and what to do next."""
    say()
    folder = project.folder / "reports" / run.id
    say(f"Report: {folder / 'report.html'}")
    say(f"Scorecard: {folder / 'scorecard.pdf'}")
    if run.version is None:
        say("Next: read why it was refused above; change data, question or policy; run again.")
        return
    status = project.registry.status(run.version)
    label = run.version.label
    if status == "awaiting approval":
        say(f'Next: read the report, then: assay approve {label} --note "…" --accept all')
    elif status == "hallmarked":
        say(f"{label} carries the hallmark. Next: assay serve {project.name}")
    else:
        say(f"{label} is {status}.")

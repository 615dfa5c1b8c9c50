"""Run every check that applies, and say what was looked at and what was not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast, get_args

from assay.assess.check import Check, all_checks
from assay.assess.finding import Assessment, Evidence, Finding
from assay.assess.groups import too_small
from assay.assess.request import Request
from assay.assess.subject import Subject
from assay.errors import InputError, NotApplicable, UnknownColumn, UnknownName
from assay.progress import Progress, Silent

DEFAULT_CONFIDENCE = 0.95


@dataclass(frozen=True)
class _Task:
    """One check, one column, one kind of evidence."""

    check: type[Check]
    column: str
    evidence: Evidence


def assess(
    subject: Subject,
    requests: Sequence[Request] = (),
    *,
    progress: Progress | None = None,
    checks: Sequence[type[Check]] | None = None,
) -> Assessment:
    """Measure a model with every check.

    Every check runs for each affected group of the question (where it takes a column) and on
    each kind of evidence it can use; requests add columns and evidence, and set confidences.

    Parameters
    ----------
    subject : Subject
    requests : sequence of Request
        What the policy asks for. Where several ask for one finding, the largest confidence
        counts.
    progress : Progress
        Told after each check.
    checks : sequence of check classes
        Default: `all_checks`.

    Returns
    -------
    Assessment
        One finding a check, column and evidence. A check that does not apply gives a finding
        without a value and with the reason.

    Raises
    ------
    UnknownName, UnknownColumn, InputError
        A request names a check or column that does not exist, a column for a check that takes
        none, or evidence that the check cannot use.
    """
    known = all_checks() if checks is None else tuple(checks)
    confidences = _plan(subject, requests, known)
    told = progress or Silent()
    findings = []
    for done, (task, confidence) in enumerate(confidences.items()):
        told.update(done / len(confidences), f"{task.check.code} {task.check.title}")
        findings.append(_measure(task, confidence, subject))
    return Assessment(
        subject=subject.graph,
        findings=tuple(findings),
        examined=_examined(subject, known),
        not_examined=tuple(_not_examined(subject, findings)),
    )


def _plan(
    subject: Subject, requests: Iterable[Request], checks: Sequence[type[Check]]
) -> dict[_Task, float]:
    """Each task with its confidence: what is requested, and all else at the default."""
    by_code = {check.code: check for check in checks}
    asked: dict[_Task, float] = {}
    for request in requests:
        if request.check not in by_code:
            raise UnknownName("check", request.check, sorted(by_code))
        check = by_code[request.check]
        _refuse_misfits(subject, request, check)
        for task in _tasks(subject, check, request.column, request.evidence):
            asked[task] = max(asked.get(task, 0.0), request.confidence)
    everything = [task for check in checks for task in _tasks(subject, check, "", "")]
    plan = {task: asked.get(task, DEFAULT_CONFIDENCE) for task in everything} | asked
    order = {check: place for place, check in enumerate(checks)}
    return dict(sorted(plan.items(), key=lambda item: order[item[0].check]))


def _refuse_misfits(subject: Subject, request: Request, check: type[Check]) -> None:
    """Refuse a column or evidence that the check cannot use."""
    columns = subject.held_out.frame.columns
    if request.column and not check.takes_column:
        raise InputError(
            f"{check.code} looks at all rows together and takes no column.",
            hint="Leave the column out of the rule.",
        )
    if request.column and request.column not in columns:
        raise UnknownColumn(request.column, columns)
    if request.evidence and request.evidence not in check.sources:
        raise InputError(
            f"{check.code} cannot use {request.evidence} evidence.",
            hint=f"It uses: {', '.join(check.sources)}.",
        )


def _tasks(subject: Subject, check: type[Check], column: str, evidence: str) -> list[_Task]:
    """The tasks that a check, with an optional column and evidence, stands for."""
    affected = [group.column for group in subject.question.affected_groups]
    columns = [column] if column or not check.takes_column else affected or [""]
    if evidence:
        sources = [cast("Evidence", evidence)] if evidence in get_args(Evidence) else []
    else:
        sources = [s for s in check.sources if s != "cross-fitted" or subject.cross_fitted]
    return [_Task(check, c, s) for c in columns for s in sources]


def _measure(task: _Task, confidence: float, subject: Subject) -> Finding:
    """The finding, or one that says why the check does not apply."""
    check = task.check(column=task.column, confidence=confidence, evidence=task.evidence)
    try:
        return check.run(subject)
    except NotApplicable as error:
        return Finding(
            check=task.check.code,
            title=task.check.title,
            principle=task.check.principle,
            measure="",
            value=None,
            confidence=confidence,
            evidence=task.evidence,
            column=task.column,
            reason=error.message,
        )


def _examined(subject: Subject, checks: Sequence[type[Check]]) -> dict[str, Any]:
    """Rows by kind of evidence, and the columns and checks."""
    rows = {"held-out": subject.held_out.rows, "table": subject.table.height}
    if subject.cross_fitted is not None:
        rows["cross-fitted"] = subject.cross_fitted.rows
    return {
        **rows,
        "columns": list(subject.held_out.frame.columns),
        "groups": [group.column for group in subject.question.affected_groups],
        "checks": [check.code for check in checks],
    }


def _not_examined(subject: Subject, findings: Sequence[Finding]) -> list[str]:
    """What no finding speaks of, in sentences."""
    sentences = list(_unjudged_groups(findings))
    if subject.cross_fitted is None:
        sentences.append("The procedure was not examined: there are no cross-fitted rows.")
    affected = {group.column for group in subject.question.affected_groups}
    read = set(subject.feature_names)
    idle = [
        c.name
        for c in subject.contract.columns
        if c.role != "target" and c.name not in read | affected
    ]
    if idle:
        sentences.append(f"Columns that the model does not read: {', '.join(idle)}.")
    if not affected:
        sentences.append("No groups were compared: the question names none.")
    if len(affected) > 1:
        sentences.append("Groups formed by two affected columns together were not compared.")
    if subject.question.group_column:
        sentences.append(
            f"Rows with the same {subject.question.group_column!r} count as independent in "
            "every bound, which makes bounds too narrow where they are alike."
        )
    sentences.append("What the decisions do to people and things afterwards was not examined.")
    return sentences


def _unjudged_groups(findings: Iterable[Finding]) -> Iterable[str]:
    """Groups with too few rows, a sentence for each column."""
    small: dict[str, dict[str, int]] = {}
    for finding in findings:
        if finding.evidence == "held-out":
            for group in finding.details.get("not_judged", ()):
                small.setdefault(finding.column, {})[group["group"]] = group["rows"]
    for column, groups in small.items():
        ordered = sorted(groups.items(), key=lambda g: (-g[1], g[0]))
        yield f"Groups of {column!r} with too few held-out rows to judge: {too_small(ordered)}."

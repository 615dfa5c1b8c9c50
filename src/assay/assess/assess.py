"""Run every check that applies, and say what was looked at and what was not."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast, get_args

from assay.assess.check import Check, all_checks
from assay.assess.finding import Assessment, Evidence, Finding
from assay.assess.groups import MOST_CROSSINGS, crossings_of, pairs_of, too_small
from assay.assess.request import Request
from assay.assess.subject import Subject
from assay.data.groupings import definitions_of
from assay.errors import InputError, InvalidTable, NotApplicable, UnknownName
from assay.progress import Progress, Silent

DEFAULT_CONFIDENCE = 0.95
CROSSED = ("fairness", "inclusiveness", "reliability-safety")
"""Principles whose checks of groups look at crossings unasked."""
FAILED = "failed"
"""Detail of a finding that says why it could not be measured."""


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
    Checks of groups also run for each crossing of affected groups that has the rows, on
    held-out rows; one that does not apply to a crossing is left out and named.

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
    crossings = crossings_of(subject, subject.held_out.frame)
    confidences = _plan(subject, requests, known, crossings)
    told = progress or Silent()
    findings = []
    for done, (task, confidence) in enumerate(confidences.items()):
        told.update(done / len(confidences), f"{task.check.code} {task.check.title}")
        findings.append(_measure(task, confidence, subject))
    implied = set(crossings) - {request.column for request in requests}
    findings, left_out = _apart(findings, implied)
    return Assessment(
        subject=subject.graph,
        findings=tuple(findings),
        examined={**_examined(subject, known), "crossings": list(crossings)},
        not_examined=(
            *_not_examined(subject, findings),
            *_crossings_not_examined(subject, crossings, findings, left_out),
            *(f"{f.key} was not measured: {f.details[FAILED]}" for f in findings if failed(f)),
            *subject.notes,
        ),
    )


def assess_nothing(
    reason: str, columns: Sequence[str] = (), *, checks: Sequence[type[Check]] | None = None
) -> Assessment:
    """An assessment in which nothing could be measured, so that no rule is met.

    Parameters
    ----------
    reason : str
        Why, as one sentence.
    columns : sequence of str
        Columns whose groups would have been compared.
    checks : sequence of check classes
        Default: `all_checks`.
    """
    known = all_checks() if checks is None else tuple(checks)
    findings = tuple(
        _failure(check, column, check.sources[0], DEFAULT_CONFIDENCE, reason)
        for check in known
        for column in (columns or ("",) if check.takes_column else ("",))
    )
    return Assessment(
        subject="",
        findings=findings,
        examined={"checks": [check.code for check in known]},
        not_examined=(reason,),
    )


def failed(finding: Finding) -> bool:
    """Whether a check was tried and could not be measured: its evidence is missing."""
    return finding.value is None and FAILED in finding.details


def _plan(
    subject: Subject,
    requests: Iterable[Request],
    checks: Sequence[type[Check]],
    crossings: Sequence[str],
) -> dict[_Task, float]:
    """Each task with its confidence: what is requested, and all else at the default."""
    by_code = {check.code: check for check in checks}
    asked: dict[_Task, float] = {}
    for request in requests:
        if request.check not in by_code:
            raise UnknownName("check", request.check, sorted(by_code))
        check = by_code[request.check]
        _refuse_misfits(subject, request, check)
        for task in _tasks(subject, check, request.column, request.evidence, crossings):
            asked[task] = max(asked.get(task, 0.0), request.confidence)
    everything = [task for check in checks for task in _tasks(subject, check, "", "", crossings)]
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
    if request.column:
        definitions_of(subject.question, columns, request.column)
    if request.evidence and request.evidence not in check.sources:
        raise InputError(
            f"{check.code} cannot use {request.evidence} evidence.",
            hint=f"It uses: {', '.join(check.sources)}.",
        )


def _tasks(
    subject: Subject, check: type[Check], column: str, evidence: str, crossings: Sequence[str]
) -> list[_Task]:
    """The tasks that a check, with an optional column and evidence, stands for."""
    affected = [group.key for group in subject.question.affected_groups]
    columns = [column] if column or not check.takes_column else affected or [""]
    if evidence:
        sources = [cast("Evidence", evidence)] if evidence in get_args(Evidence) else []
    else:
        sources = [s for s in check.sources if s != "cross-fitted" or subject.cross_fitted]
        sources = sources or list(check.sources)  # the check says itself that there are no rows
    tasks = [_Task(check, c, s) for c in columns for s in sources]
    if not column and "held-out" in sources and _looks_at_crossings(check):
        tasks += [_Task(check, crossing, "held-out") for crossing in crossings]
    return tasks


def _looks_at_crossings(check: type[Check]) -> bool:
    return check.takes_column and not check.slow and check.principle in CROSSED


def _apart(
    findings: Sequence[Finding], implied: Collection[str]
) -> tuple[list[Finding], list[Finding]]:
    """Findings to keep, and those of crossings that nobody asked for and that do not apply."""
    kept: list[Finding] = []
    left_out: list[Finding] = []
    for finding in findings:
        (left_out if finding.reason and finding.column in implied else kept).append(finding)
    return kept, left_out


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
    except InvalidTable as error:  # the model gave no sound answer to honest rows
        return _failure(task.check, task.column, task.evidence, confidence, error.message)


def _failure(
    check: type[Check], column: str, evidence: Evidence, confidence: float, why: str
) -> Finding:
    """A finding without a value and without an excuse: a rule about it misses its evidence."""
    return Finding(
        check=check.code,
        title=check.title,
        principle=check.principle,
        measure="",
        value=None,
        confidence=confidence,
        evidence=evidence,
        column=column,
        details={FAILED: why},
    )


def _examined(subject: Subject, checks: Sequence[type[Check]]) -> dict[str, Any]:
    """Rows by kind of evidence, and the columns and checks."""
    rows = {"held-out": subject.held_out.rows, "table": subject.table.height}
    if subject.cross_fitted is not None:
        rows["cross-fitted"] = subject.cross_fitted.rows
    return {
        **rows,
        "columns": list(subject.held_out.frame.columns),
        "groups": [group.key for group in subject.question.affected_groups],
        "checks": [check.code for check in checks],
    }


def _not_examined(subject: Subject, findings: Sequence[Finding]) -> list[str]:
    """What no finding speaks of, in sentences."""
    sentences = list(_unjudged_groups(findings))
    if subject.cross_fitted is None:
        sentences.append("The procedure was not examined: there are no cross-fitted rows.")
    keys = [group.key for group in subject.question.affected_groups]
    columns = subject.held_out.frame.columns
    affected = {
        part.column for key in keys for part in definitions_of(subject.question, columns, key)
    }
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
    if subject.question.group_column:
        sentences.append(
            f"Rows with the same {subject.question.group_column!r} count as independent in "
            "every bound, which makes bounds too narrow where they are alike."
        )
    sentences.append("What the decisions do to people and things afterwards was not examined.")
    return sentences


def _crossings_not_examined(
    subject: Subject,
    crossings: Sequence[str],
    findings: Iterable[Finding],
    left_out: Iterable[Finding],
) -> Iterable[str]:
    """Crossings, and checks of crossings, that no finding speaks of."""
    pairs = pairs_of(subject, subject.held_out.frame)
    missing = [pair for pair in pairs if pair not in crossings]
    if missing:
        more = f" and {len(missing) - 8} more" if len(missing) > 8 else ""
        yield (
            "Affected groups that were not crossed (too few held-out rows, too many groups or "
            f"personal data): {', '.join(missing[:8])}{more}."
        )
    if len(crossings) == MOST_CROSSINGS:
        yield f"Only the first {MOST_CROSSINGS} crossings of affected groups were compared."
    applied = {finding.check for finding in findings if finding.applies}
    missed: dict[str, list[str]] = {}
    for finding in left_out:
        if finding.check in applied:
            missed.setdefault(finding.column, []).append(finding.check)
    for column, checks in missed.items():
        yield f"Groups of {column!r} with too few rows for: {', '.join(checks)}."


def _unjudged_groups(findings: Sequence[Finding]) -> Iterable[str]:
    """Groups that no finding judges, for want of rows: a sentence for each column."""
    held_out = [f for f in findings if f.evidence == "held-out"]
    judged = {(f.column, g.group) for f in held_out for g in f.groups if g.value is not None}
    small: dict[str, dict[str, int]] = {}
    for finding in held_out:
        for group in finding.details.get("not_judged", ()):
            if (finding.column, group["group"]) not in judged:
                known = small.setdefault(finding.column, {})
                known[group["group"]] = max(group["rows"], known.get(group["group"], 0))
    for column, groups in small.items():
        ordered = sorted(groups.items(), key=lambda g: (-g[1], g[0]))
        yield f"Groups of {column!r} with too few held-out rows to judge: {too_small(ordered)}."

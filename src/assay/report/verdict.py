"""What the evidence says, in the order and words that every document shares."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from assay.assess.finding import Finding
from assay.policy.gate import Decision, Outcome
from assay.registry.approval import approvals_required
from assay.report.dossier import Dossier
from assay.report.strip import bound_strip
from assay.report.wording import (
    EVIDENCE,
    PRINCIPLES,
    STATUS_SHAPES,
    between,
    bounds,
    count,
    counted,
    listed,
    number,
    quantity,
    sentence,
)

State = Literal["refused", "waiting", "struck"]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The answer to "may this model go into production?"."""

    state: State
    headline: str
    reason: str
    next_step: str


@dataclass(frozen=True, kw_only=True)
class Tally:
    """How many rules ended in one status."""

    status: str
    shape: str
    rules: int


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


@dataclass(frozen=True, kw_only=True)
class PrincipleView:
    """One of the six principles with its evidence."""

    key: str
    title: str
    summary: str
    findings: tuple[FindingView, ...]


def verdict(dossier: Dossier) -> Verdict:
    """Allowed, refused or waiting, with the reason and what to do next."""
    if not dossier.decision.allowed:
        return _refused(dossier.decision)
    if dossier.struck:
        return Verdict(
            state="struck",
            headline="Allowed, and the hallmark is struck",
            reason=f"{_rules_passed(dossier.decision, settled=True)} {_approved_by(dossier)}",
            next_step="A scorer verifies the hallmark before it loads the model.",
        )
    return _waiting(dossier)


def tallies(decision: Decision) -> tuple[Tally, ...]:
    """Rules by status, every status that occurs, in a fixed order."""
    ended = [outcome.status for outcome in decision.outcomes]
    return tuple(
        Tally(status=status, shape=shape, rules=ended.count(status))
        for status, shape in STATUS_SHAPES.items()
        if status in ended
    )


def rules(dossier: Dossier) -> tuple[RuleView, ...]:
    """Every rule, what blocks first."""
    rank = {"blocks": 0, "needs acceptance": 1, "passes": 2}
    ordered = sorted(dossier.decision.outcomes, key=lambda o: rank.get(o.effect, 3))
    return tuple(_rule(outcome, dossier) for outcome in ordered)


def principles(dossier: Dossier) -> tuple[PrincipleView, ...]:
    """The six principles in order, each with its findings; none is left out."""
    return tuple(_principle(key, title, dossier) for key, title in PRINCIPLES.items())


def measured(finding: Finding) -> str:
    """The value of a finding with its unit, or a dash."""
    return quantity(finding.value, finding.unit)


def interval(finding: Finding) -> str:
    """The bounds of a finding in words; empty for plain facts."""
    return bounds(finding.value, finding.lower, finding.upper, finding.unit)


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


def source(evidence: str, rows: int) -> str:
    """Where a figure comes from: the kind of evidence and the number of rows.

    Examples
    --------
    >>> source("table", 201)
    '201 rows of the table.'
    """
    if not rows and evidence != "record":
        return ""
    return sentence(EVIDENCE.get(evidence, "{rows}").format(rows=counted(rows, "row")))


def data_name(dossier: Dossier) -> str:
    """Where the data comes from, as the question says, or else as it was read."""
    return dossier.question.data_source or dossier.dataset.source


def success(dossier: Dossier) -> str:
    """What was reached on the success measure, against the baseline and the need."""
    board = dossier.leaderboard
    metric = metric_name(board.metric)
    reached = quantity(board.ensemble_score, metric_unit(board.metric, dossier.question.unit))
    constant = quantity(board.baseline, metric_unit(board.metric, dossier.question.unit))
    words = f"{metric} {reached} in cross-validation; the constant answer reaches {constant}"
    need = dossier.question.success.target
    if need is None:
        return sentence(f"{words}; no needed value was written down")
    good = board.ensemble_score <= need if board.better == "lower" else board.ensemble_score >= need
    wanted = quantity(need, metric_unit(board.metric, dossier.question.unit))
    return sentence(
        f"{words}; needed is {wanted}, which the estimate {'meets' if good else 'does not meet'}"
    )


def metric_name(metric: str) -> str:
    """A metric's name in words.

    Examples
    --------
    >>> metric_name("mae"), metric_name("roc_auc"), metric_name("my_metric")
    ('Mean absolute error', 'Area under the ROC curve', 'My metric')
    """
    return _METRICS.get(metric, metric.replace("_", " ").capitalize())


def metric_unit(metric: str, unit: str) -> str:
    """The unit of a metric: that of the target where the metric keeps it, else none."""
    if metric in {"mae", "rmse", "median_absolute_error"}:
        return unit
    return "share" if metric in {"accuracy", "balanced_accuracy", "mape"} else ""


_METRICS = {
    "accuracy": "Accuracy",
    "average_precision": "Average precision",
    "balanced_accuracy": "Balanced accuracy",
    "brier": "Brier score",
    "f1": "F1 score",
    "log_loss": "Log loss",
    "mae": "Mean absolute error",
    "mape": "Mean absolute percentage error",
    "median_absolute_error": "Median absolute error",
    "r2": "R²",
    "rmse": "Root mean squared error",
    "roc_auc": "Area under the ROC curve",
}


def _refused(decision: Decision) -> Verdict:
    blocking = decision.blocking
    if not blocking:
        return Verdict(
            state="refused",
            headline="Refused",
            reason="The policy holds no rule, and a policy without rules permits nothing.",
            next_step="Write at least one rule in policy.yaml and run again.",
        )
    ended: dict[str, int] = {}
    for outcome in blocking:
        ended[outcome.status] = ended.get(outcome.status, 0) + 1
    how = listed([f"{count(n)} {status}" for status, n in ended.items()])
    return Verdict(
        state="refused",
        headline="Refused",
        reason=f"{counted(len(blocking), 'rule')} of {count(len(decision.outcomes))} "
        f"{'blocks' if len(blocking) == 1 else 'block'} the release: {how}.",
        next_step="Gather the evidence that is missing, improve the model, or let a named person "
        "waive a rule with a reason and a last day.",
    )


def _waiting(dossier: Dossier) -> Verdict:
    to_go = approvals_required(dossier.policy, dossier.decision) - len(dossier.approvals)
    accept = [outcome.key for outcome in dossier.decision.to_accept]
    if to_go <= 0:
        next_step = "The hallmark can be struck now."
    elif accept:
        next_step = (
            f"{counted(to_go, 'approval')} to go. The approver must accept by name what is "
            f"undecided: {listed(accept)}."
        )
    else:
        next_step = f"{counted(to_go, 'approval')} to go."
    return Verdict(
        state="waiting",
        headline="Allowed, waiting for approval",
        reason=_rules_passed(dossier.decision),
        next_step=next_step,
    )


def _rules_passed(decision: Decision, *, settled: bool = False) -> str:
    words = f"None of {counted(len(decision.outcomes), 'rule')} blocks the release"
    accept = len(decision.to_accept)
    if accept and settled:
        words += f"; {count(accept)} {'was' if accept == 1 else 'were'} accepted by name"
    elif accept:
        words += f"; {count(accept)} {'needs' if accept == 1 else 'need'} a person's acceptance"
    return words + "."


def _approved_by(dossier: Dossier) -> str:
    if not dossier.approvals:
        return "The policy asks for no approval."
    return f"Approved by {listed([approval.by for approval in dossier.approvals])}."


def _rule(outcome: Outcome, dossier: Dossier) -> RuleView:
    found = dossier.finding(outcome.check, outcome.column, outcome.evidence)
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
        consequence=_consequence(outcome, dossier),
        strip=strip,
        strip_text=strip_text,
    )


def _consequence(outcome: Outcome, dossier: Dossier) -> str:
    """What the status does to the release, in words."""
    if outcome.effect == "blocks":
        return "This blocks the release."
    if outcome.effect != "needs acceptance":
        return ""
    accepted = [a.by for a in dossier.approvals if outcome.key in a.accepted]
    if accepted:
        return f"Accepted by name by {listed(accepted)}."
    return f"An approver must accept this by name: {outcome.key}."


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


def _principle(key: str, title: str, dossier: Dossier) -> PrincipleView:
    found = [f for f in dossier.assessment.findings if f.principle == key]
    held = [o for o in dossier.decision.outcomes if o.principle == key]
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
    words = [f"{ended.count(s)} {s}" for s in STATUS_SHAPES if s in ended]
    summary += f" Rules: {listed(words)}." if words else " The policy holds no rule about it."
    return PrincipleView(
        key=key,
        title=title,
        summary=summary,
        findings=tuple(_finding(f, dossier.decision) for f in found),
    )


def _finding(found: Finding, decision: Decision) -> FindingView:
    held = [
        o.status
        for o in decision.outcomes
        if o.check == found.check
        and o.column in ("", found.column)
        and o.evidence in ("", found.evidence)
    ]
    return FindingView(
        finding=found,
        title=found.title + (f": {found.column}" if found.column else ""),
        measured=measured(found),
        interval=interval(found),
        source=source(found.evidence, found.rows),
        further=further(found),
        statuses=tuple(
            Tally(status=s, shape=STATUS_SHAPES[s], rules=held.count(s))
            for s in STATUS_SHAPES
            if s in held
        ),
    )

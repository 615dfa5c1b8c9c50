"""The gate: a pure function from written rules and evidence to a decision.

`decide` reads no clock, store or network, so that an auditor can replay it years later with
the recorded policy, assessment and day. Missing evidence blocks; a policy without rules
permits nothing.

How a rule ends
    ``met``: the whole one-sided bound lies within the limit. ``not met``: the opposite bound
    lies beyond it. ``undecided``: neither, the data cannot tell. ``not applicable``: the check
    has no answer for this data and says why. ``missing``: there is no finding, or it is not
    good enough to judge by. ``waived``: a named person set the rule aside, until a day.

How often one may try
    Each model that is judged on the same held-out rows is a look at them, and a later look
    must be surer than an earlier one; `assay.policy.looks` says how much.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from types import MappingProxyType
from typing import Literal, NamedTuple

from msgspec import field, structs

from assay.assess.finding import Assessment, Finding
from assay.errors import InputError
from assay.policy.looks import confidence_at, share_at
from assay.policy.outlook import further_rows, further_rows_by_group, outlook
from assay.policy.policy import Policy, Rule, Treatment, Waiver
from assay.policy.wording import measured, percent
from assay.records import Record

Status = Literal["met", "not met", "undecided", "not applicable", "waived", "missing"]
Effect = Literal["passes", "blocks", "needs acceptance"]

PRECEDENCE = ("held-out", "table", "record", "cross-fitted")
"""Which evidence counts where a rule names none: the model itself before the procedure."""

_LOOKED_AT = ("held-out", "cross-fitted")
"""Evidence of rows that are scored by each model anew."""

_EFFECTS: dict[Treatment, Effect] = {
    "block": "blocks",
    "approve": "needs acceptance",
    "allow": "passes",
}


class Outcome(Record, frozen=True, kw_only=True):
    """How one rule ended for one column of its check."""

    check: str
    title: str
    column: str
    evidence: str
    principle: str
    status: Status
    limit: str
    """The limit in words, e.g. ``at most 0.35``."""
    value: float | None
    lower: float | None
    upper: float | None
    confidence: float
    rows: int
    reason: str
    """What was measured, its bound, the limit and the rows, as one plain sentence."""
    further_rows: int | None
    """About how many further rows would settle an undecided rule, if the value stays."""
    effect: Effect
    because: str
    """Why the policy sets this limit."""
    waived_by: str
    further_rows_by_group: dict[str, int] = field(default_factory=dict)
    """About how many further rows of which group would settle it, where groups stand in the
    way: fewer in all, if they can be gathered there."""

    @property
    def key(self) -> str:
        """The name by which a person accepts it: ``FAI001/make/held-out``."""
        return "/".join(part for part in (self.check, self.column, self.evidence) if part)


class Decision(Record, frozen=True, kw_only=True):
    """Every rule's outcome; the verdict follows from them."""

    policy: str
    """Digest of the policy."""
    assessment: str
    """Digest of the assessment."""
    outcomes: tuple[Outcome, ...]
    today: str = ""
    """The day it was decided for, YYYY-MM-DD: waivers end."""

    @property
    def allowed(self) -> bool:
        """Whether at least one rule was applied and none blocks."""
        return bool(self.outcomes) and not self.blocking

    @property
    def blocking(self) -> tuple[Outcome, ...]:
        """The outcomes that stand in the way."""
        return tuple(outcome for outcome in self.outcomes if outcome.effect == "blocks")

    @property
    def to_accept(self) -> tuple[Outcome, ...]:
        """The outcomes that an approver must accept by name."""
        return tuple(outcome for outcome in self.outcomes if outcome.effect == "needs acceptance")


class _Verdict(NamedTuple):
    """What one finding says about one rule."""

    status: Status
    reason: str
    further_rows: int | None = None
    further_rows_by_group: Mapping[str, int] = MappingProxyType({})


class _Look(NamedTuple):
    """Which look at the held-out rows it is, and how many the policy plans."""

    number: int
    planned: int | None

    def confidence(self, rule: Rule, finding: Finding) -> float:
        """What a finding must have been assessed at."""
        if finding.evidence not in _LOOKED_AT:
            return rule.confidence
        return confidence_at(rule.confidence, self.number, self.planned)

    def spent(self, finding: Finding) -> bool:
        """Whether nothing is left to spend on this look."""
        return (
            finding.evidence in _LOOKED_AT
            and self.number > 0
            and not share_at(self.number, self.planned)
        )


def decide(policy: Policy, assessment: Assessment, *, today: str) -> Decision:
    """Hold every rule of a policy against an assessment.

    Every rule is applied, so that a person sees all reasons at once. A rule that names no
    column judges the finding without a column, or else each column that the check looked at.
    A rule that names no evidence takes the first of `PRECEDENCE` that the check gave.

    Parameters
    ----------
    policy : Policy
        The rules, limits and waivers.
    assessment : Assessment
        The findings about one model, and which look at the held-out rows they are. What was
        assessed at less than `assay.policy.looks.confidence_at` asks of that look is missing;
        where looks were not counted, every rule's own confidence will do.
    today : str
        The day to decide for, ``YYYY-MM-DD``; a waiver holds through its last day.

    Returns
    -------
    Decision
        One outcome a rule and column, in the order of the policy.

    Raises
    ------
    InputError
        ``today`` is not a day.

    Examples
    --------
    >>> error = Finding(check="REL001", title="Error against the baseline",
    ...     principle="reliability-safety", measure="error divided by the baseline's",
    ...     value=0.21, lower=0.16, upper=0.27, rows=51)
    >>> policy = Policy(name="release", rules=(Rule(check="REL001", at_most=0.6),))
    >>> evidence = Assessment(subject="sha256:00", findings=(error,))
    >>> decision = decide(policy, evidence, today="2026-01-31")
    >>> decision.allowed, decision.outcomes[0].status
    (True, 'met')
    >>> print(decision.outcomes[0].reason)
    Error divided by the baseline's is 0.21; with 95 % confidence at most 0.27; \
the limit is 0.6 (51 held-out rows).
    """
    day = _day(today)
    look = _Look(assessment.look, policy.looks)
    outcomes = tuple(
        _set_aside(outcome, policy.waivers, day)
        for rule in policy.rules
        for outcome in _judge(rule, assessment.findings, look)
    )
    return Decision(
        policy=policy.digest,
        assessment=assessment.digest,
        outcomes=outcomes,
        today=day,
    )


def _day(today: str) -> str:
    try:
        return date.fromisoformat(today).isoformat()
    except ValueError:
        raise InputError(
            "The day to decide for is not a day.", hint="Give it as YYYY-MM-DD."
        ) from None


def _judge(rule: Rule, findings: Iterable[Finding], look: _Look) -> tuple[Outcome, ...]:
    """One outcome for each column that the rule speaks of; one that is missing if none."""
    columns = _evidence(rule, findings)
    if not columns:
        return (_outcome(rule, None, _Verdict("missing", _absent(rule))),)
    return tuple(
        _outcome(rule, found[0], _verdict(rule, found, look))
        for _, found in sorted(columns.items())
    )


def _evidence(rule: Rule, findings: Iterable[Finding]) -> dict[str, list[Finding]]:
    """The findings that count for a rule, by column: one each, unless the evidence is double."""
    named = [
        finding
        for finding in findings
        if finding.check == rule.check
        and rule.column in ("", finding.column)
        and rule.evidence in ("", finding.evidence)
    ]
    if any(not finding.column for finding in named) and not rule.column:
        named = [finding for finding in named if not finding.column]
    columns: dict[str, list[Finding]] = {}
    for finding in named:
        columns.setdefault(finding.column, []).append(finding)
    return {column: _foremost(found) for column, found in columns.items()}


def _foremost(findings: Sequence[Finding]) -> list[Finding]:
    """Those of the evidence that comes first in `PRECEDENCE`."""
    first = min(PRECEDENCE.index(finding.evidence) for finding in findings)
    return [finding for finding in findings if finding.evidence == PRECEDENCE[first]]


def _absent(rule: Rule) -> str:
    column = f" for column {rule.column!r}" if rule.column else ""
    evidence = f" on {rule.evidence} evidence" if rule.evidence else ""
    return f"The assessment holds no finding of {rule.check}{column}{evidence}."


def _verdict(rule: Rule, found: Sequence[Finding], look: _Look) -> _Verdict:
    """Judge the evidence for one column, and say why in one sentence."""
    finding = found[0]
    if len(found) > 1:
        return _Verdict("missing", f"{len(found)} findings claim to be {finding.key}.")
    if finding.value is None and finding.reason:
        return _Verdict("not applicable", f"Not applicable: {finding.reason}")
    failed = finding.details.get("failed")
    if finding.value is None and failed:
        return _Verdict("missing", f"{finding.key} could not be measured: {failed}")
    flaw = _flaw(rule, finding) or _unsure(rule, finding, look)
    if flaw:
        return _Verdict("missing", flaw)
    status = _compare(rule, finding)
    if status != "undecided":
        return _Verdict(status, measured(rule, finding, status))
    further = further_rows(rule, finding)
    groups = further_rows_by_group(rule, finding) if further is not None else {}
    reason = measured(rule, finding, status) + outlook(rule, finding, further, groups)
    return _Verdict(status, reason, further, groups)


def _flaw(rule: Rule, finding: Finding) -> str:
    """Why a finding cannot be judged by, or nothing."""
    limits = [limit for limit in (rule.at_most, rule.at_least) if limit is not None]
    if not limits or not all(map(math.isfinite, limits)):
        return f"The rule for {rule.check} sets no limit that is a number."
    numbers = (finding.value, finding.lower, finding.upper)
    if any(number is None or not math.isfinite(number) for number in numbers):
        return f"{finding.key} has no value with two bounds that are numbers."
    if finding.lower is not None and finding.upper is not None and finding.lower > finding.upper:
        return f"The bounds of {finding.key} contradict each other."
    return ""


def _unsure(rule: Rule, finding: Finding, look: _Look) -> str:
    """Why a finding is not sure enough at this look, or nothing."""
    if look.spent(finding):
        return (
            f"The policy plans {look.planned} {'look' if look.planned == 1 else 'looks'} at the "
            f"held-out rows, and this is look {look.number}: new rows are needed."
        )
    asked = look.confidence(rule, finding)
    if finding.evidence == "record" or finding.confidence >= asked:
        return ""
    said = (
        f"{finding.key} was assessed at {percent(finding.confidence)} % confidence, "
        f"the policy asks {percent(rule.confidence)} %"
    )
    if asked > rule.confidence:
        said += f", which at look {look.number} of these rows takes {percent(asked)} %"
    return said + "."


def _compare(rule: Rule, finding: Finding) -> Literal["met", "not met", "undecided"]:
    """Compare bounds with limits; `_flaw` has seen to it that all are numbers."""
    lower, upper = finding.lower or 0.0, finding.upper or 0.0
    at_most = math.inf if rule.at_most is None else rule.at_most
    at_least = -math.inf if rule.at_least is None else rule.at_least
    if lower > at_most or upper < at_least:
        return "not met"
    return "met" if at_least <= lower and upper <= at_most else "undecided"


def _outcome(rule: Rule, finding: Finding | None, verdict: _Verdict) -> Outcome:
    return Outcome(
        check=rule.check,
        title=finding.title if finding else rule.check,
        column=finding.column if finding else rule.column,
        evidence=finding.evidence if finding else rule.evidence,
        principle=finding.principle if finding else "",
        status=verdict.status,
        limit=rule.limit,
        value=_number(finding.value) if finding else None,
        lower=_number(finding.lower) if finding else None,
        upper=_number(finding.upper) if finding else None,
        confidence=finding.confidence if finding else rule.confidence,
        rows=finding.rows if finding else 0,
        reason=verdict.reason,
        further_rows=verdict.further_rows,
        further_rows_by_group=dict(verdict.further_rows_by_group),
        effect=_effect(rule, verdict.status),
        because=rule.because,
        waived_by="",
    )


def _number(value: float | None) -> float | None:
    """What JSON can hold: a number, or nothing."""
    return value if value is not None and math.isfinite(value) else None


def _effect(rule: Rule, status: Status) -> Effect:
    if status == "undecided":
        return _EFFECTS[rule.undecided]
    if status == "not applicable":
        return _EFFECTS[rule.not_applicable]
    return "passes" if status == "met" else "blocks"


def _set_aside(outcome: Outcome, waivers: Iterable[Waiver], day: str) -> Outcome:
    """Apply the waiver that lasts longest; say so where one has ended."""
    settled = outcome.status == "met" or (
        outcome.status == "not applicable" and outcome.effect == "passes"
    )
    matching = sorted(
        (w for w in waivers if w.check == outcome.check and w.column in ("", outcome.column)),
        key=lambda waiver: (waiver.until, waiver.by, waiver.reason),
    )
    if settled or not matching:
        return outcome
    waiver = matching[-1]
    if waiver.until < day:
        said = f" A waiver by {waiver.by} ended on {waiver.until}."
        return structs.replace(outcome, reason=outcome.reason + said)
    said = f" Waived by {waiver.by} until {waiver.until}: {waiver.reason.rstrip('.')}."
    return structs.replace(
        outcome,
        reason=outcome.reason + said,
        status="waived",
        effect="passes",
        waived_by=waiver.by,
    )

"""An approval: a named person says yes, and accepts by name what the data left undecided."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from assay.errors import ApprovalRefused, UnknownName
from assay.policy.gate import Decision, Outcome
from assay.policy.policy import Policy
from assay.records import Record
from assay.registry.version import ModelVersion

ALL = "all"
"""Accepts every undecided rule; the approval lists them by name."""


class Approval(Record, frozen=True, kw_only=True):
    """One person's yes to one version."""

    version: str
    """``name@number``."""
    by: str
    at: str
    note: str
    """What was checked, in the approver's words."""
    accepted: tuple[str, ...] = ()
    """Keys of the outcomes accepted by name."""
    how: str
    """``at the keyboard on host X``, or ``option --approve``."""
    key: str = ""
    """Idempotency key of the call, where it has one."""


class Rejection(Record, frozen=True, kw_only=True):
    """One person's no; the version is never hallmarked."""

    version: str
    by: str
    at: str
    note: str


class Retirement(Record, frozen=True, kw_only=True):
    """A version is withdrawn: its hallmark stays true, but it is not to be served."""

    version: str
    by: str
    at: str
    reason: str


def approvals_required(policy: Policy, decision: Decision) -> int:
    """How many people must say yes: as the policy says, one at least where rules are open."""
    return max(policy.approvals.required, 1 if decision.to_accept else 0)


def resolve_accepted(decision: Decision, names: Sequence[str]) -> tuple[str, ...]:
    """Keys of the outcomes that ``names`` accept, in the order of the decision.

    Parameters
    ----------
    decision : Decision
        Its `to_accept` is what may be named.
    names : iterable of str
        Keys (``FAI001/make/held-out``), or their beginnings where only one begins so
        (``FAI001/make``, ``FAI001``); the one word ``all`` names every one.

    Raises
    ------
    UnknownName
        A name fits no outcome that needs acceptance.
    ApprovalRefused
        A name fits several.
    """
    known = [outcome.key for outcome in decision.to_accept]
    if tuple(names) == (ALL,):
        return tuple(dict.fromkeys(known))
    chosen = {_resolve(name, known) for name in names}
    return tuple(dict.fromkeys(key for key in known if key in chosen))


def _resolve(name: str, known: Sequence[str]) -> str:
    if name in known:
        return name
    near = sorted({key for key in known if key.startswith(f"{name}/")})
    if len(near) > 1:
        raise ApprovalRefused(
            f"{name!r} names {len(near)} undecided rules.", hint=f"Name each: {', '.join(near)}."
        )
    if not near:
        raise UnknownName("rule to accept", name, known)
    return near[0]


def unaccepted(decision: Decision, accepted: Iterable[str]) -> tuple[Outcome, ...]:
    """The outcomes that need acceptance and are not named in ``accepted``."""
    named = set(accepted)
    return tuple(outcome for outcome in decision.to_accept if outcome.key not in named)


def find_shortcoming(
    version: ModelVersion, policy: Policy, decision: Decision, approvals: Sequence[Approval]
) -> str:
    """Why these approvals do not yet carry a hallmark, as a sentence; empty where they do.

    Pure, so that a bundle's verification asks the very same as the registry did.
    """
    if any(approval.version != version.label for approval in approvals):
        return "An approval speaks of another version."
    people = {approval.by for approval in approvals}
    if len(people) < len(approvals):
        return "One person approved twice."
    if policy.approvals.four_eyes and version.created_by in people:
        return f"{version.created_by} ran it and approved it; the policy asks for four eyes."
    required = approvals_required(policy, decision)
    if len(approvals) < required:
        return f"{len(approvals)} of {required} approvals are given."
    return next(filter(None, (_incomplete(approval, decision) for approval in approvals)), "")


def _incomplete(approval: Approval, decision: Decision) -> str:
    """What one approval lacks of accepting by name, and with a note."""
    left = unaccepted(decision, approval.accepted)
    if left:
        return f"{approval.by} did not accept {', '.join(o.key for o in left)} by name."
    if decision.to_accept and not approval.note:
        return f"{approval.by} accepted undecided rules without a note."
    return ""

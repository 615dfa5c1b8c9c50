"""A policy: the written rules that evidence is held against. Recorded before training starts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta

from assay.configuration import read_yaml
from assay.records import Record

Treatment = Literal["block", "approve", "allow"]


class Rule(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One check, one limit, and what to do when the data cannot tell."""

    check: Annotated[
        str, Meta(description="Code of a check, e.g. REL001", pattern=r"^[A-Z]{3}\d{3}$")
    ]
    because: Annotated[str, Meta(description="Why this limit, in words")] = ""
    at_most: Annotated[float | None, Meta(description="Upper limit of the check's value")] = None
    at_least: Annotated[float | None, Meta(description="Lower limit of the check's value")] = None
    confidence: Annotated[float, Meta(gt=0.5, lt=1, description="Of the one-sided bound")] = 0.95
    column: Annotated[str, Meta(description="The grouping column, for checks that take one")] = ""
    evidence: Annotated[
        Literal["", "held-out", "cross-fitted", "table", "record"],
        Meta(description="Which evidence counts; empty: the check's own"),
    ] = ""
    undecided: Annotated[
        Treatment,
        Meta(description="block, ask the approver to accept it by name (approve), or allow"),
    ] = "block"
    not_applicable: Annotated[
        Treatment, Meta(description="What to do when the check has no answer for this data")
    ] = "allow"

    @property
    def limit(self) -> str:
        """The limit in words, e.g. ``at most 0.35``."""
        if self.at_most is None and self.at_least is None:
            return "none"
        if self.at_most is None:
            return f"at least {self.at_least:.12g}"
        if self.at_least is None:
            return f"at most {self.at_most:.12g}"
        return f"between {self.at_least:.12g} and {self.at_most:.12g}"


class Waiver(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A named person sets one rule aside until a day, for a reason."""

    check: Annotated[str, Meta(description="Code of the check whose rule is set aside")]
    by: Annotated[str, Meta(min_length=1, description="Who answers for it")]
    reason: Annotated[str, Meta(min_length=1, description="Why it may be set aside")]
    until: Annotated[str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}$", description="Last day, YYYY-MM-DD")]
    column: Annotated[str, Meta(description="Only this grouping column; empty: every one")] = ""


class Approvals(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who must say yes before the hallmark is struck."""

    required: Annotated[int, Meta(ge=0, description="How many people must approve")] = 1
    four_eyes: Annotated[bool, Meta(description="The person who ran it may not approve it")] = False


class Policy(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The content of ``policy.yaml``."""

    name: Annotated[str, Meta(min_length=1, description="Name of the policy, for people")]
    rules: Annotated[
        tuple[Rule, ...], Meta(description="Every rule must pass; no rules permit nothing")
    ] = ()
    waivers: Annotated[
        tuple[Waiver, ...], Meta(description="Rules set aside by a named person until a day")
    ] = ()
    approvals: Annotated[
        Approvals, Meta(description="Who must say yes before the hallmark is struck")
    ] = Approvals()
    looks: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(
            description="How many models may be judged on the same held-out rows, each at a part "
            "of the confidence; unless said any number, most of it on the first"
        ),
    ] = None


def read_policy(folder: Path) -> Policy:
    """Read ``policy.yaml`` of a project folder; `InvalidConfig` says what is wrong and where."""
    return read_yaml(folder / "policy.yaml", Policy)

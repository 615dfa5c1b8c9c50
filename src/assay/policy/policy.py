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

    check: Annotated[str, Meta(description="Code of a check, e.g. REL001", pattern=r"^[A-Z]{3}\d{3}$")]
    because: Annotated[str, Meta(description="Why this limit, in words")] = ""
    at_most: float | None = None
    at_least: float | None = None
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
    not_applicable: Treatment = "allow"


class Waiver(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A named person sets one rule aside until a day, for a reason."""

    check: str
    by: Annotated[str, Meta(min_length=1)]
    reason: Annotated[str, Meta(min_length=1)]
    until: Annotated[str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}$", description="Last day, YYYY-MM-DD")]
    column: str = ""


class Approvals(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who must say yes before the hallmark is struck."""

    required: Annotated[int, Meta(ge=0)] = 1
    four_eyes: Annotated[bool, Meta(description="The person who ran it may not approve it")] = False


class Policy(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The content of ``policy.yaml``."""

    name: Annotated[str, Meta(min_length=1)]
    rules: tuple[Rule, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    approvals: Approvals = Approvals()


def read_policy(folder: Path) -> Policy:
    """Read ``policy.yaml`` of a project folder; `InvalidConfig` says what is wrong and where."""
    return read_yaml(folder / "policy.yaml", Policy)

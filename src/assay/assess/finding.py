"""What a check found: a value, its uncertainty, the rows behind it."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import field

from assay.records import Record

Principle = Literal[
    "fairness",
    "reliability-safety",
    "privacy-security",
    "inclusiveness",
    "transparency",
    "accountability",
]

Evidence = Literal["held-out", "cross-fitted", "table", "record"]
"""Where the rows come from: rows the search never saw; out-of-fold rows, which speak of the
procedure rather than of this one model; the table itself; the project's record."""


class GroupValue(Record, frozen=True, kw_only=True):
    """The measure in one group or slice."""

    group: str
    rows: int
    value: float | None
    lower: float | None = None
    upper: float | None = None


class Finding(Record, frozen=True, kw_only=True):
    """One measurement.

    ``lower`` and ``upper`` are confidence bounds; each holds alone (one-sided) at
    ``confidence``, after the check's own correction for looking at several groups. For facts
    of the record (is there an owner?) they equal ``value``. ``value`` None together with a
    ``reason`` means the check does not apply.
    """

    check: str
    """Stable code, e.g. ``REL001``."""
    title: str
    principle: Principle
    measure: str
    """What the value is, in words: ``mean absolute error divided by the baseline's``."""
    value: float | None
    lower: float | None = None
    upper: float | None = None
    confidence: float = 0.95
    unit: str = ""
    better: Literal["lower", "higher"] = "lower"
    rows: int = 0
    evidence: Evidence = "held-out"
    column: str = ""
    """The column it speaks of (a grouping, say), or empty."""
    method: str = ""
    """How the value and its bounds were computed, with the source."""
    reason: str = ""
    """Why it does not apply."""
    groups: tuple[GroupValue, ...] = ()
    details: dict[str, Any] = field(default_factory=dict)
    """What the report draws and the auditor reads; JSON values only, never a person's values."""

    @property
    def applies(self) -> bool:
        """Whether there is a value."""
        return self.value is not None

    @property
    def key(self) -> str:
        """What a rule refers to: the code, and the column and evidence where they matter."""
        return "/".join(part for part in (self.check, self.column, self.evidence) if part)


class Assessment(Record, frozen=True, kw_only=True):
    """All findings about one model."""

    subject: str
    """Digest of the graph that was assessed."""
    findings: tuple[Finding, ...]
    examined: dict[str, Any] = field(default_factory=dict)
    """Rows and columns looked at, by kind of evidence."""
    not_examined: tuple[str, ...] = ()
    """What was not looked at, in sentences."""
    look: int = 0
    """How many different models of the project, this one included, were judged on held-out rows
    of this table; 0: not counted. Later looks need surer bounds: `assay.policy.looks`."""

"""Which checks to run, at which confidence, on which evidence: what a policy's rules ask for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, kw_only=True)
class Request:
    """One check to run.

    ``column`` empty: every affected group of the question, for checks that take a column.
    ``evidence`` empty: every kind that the check can use and that is at hand.
    """

    check: str
    column: str = ""
    confidence: float = 0.95
    evidence: str = ""


class RuleLike(Protocol):
    """The fields of a policy's rule that say what to measure."""

    @property
    def check(self) -> str:
        """Code of a check."""

    @property
    def column(self) -> str:
        """Grouping column, or empty."""

    @property
    def confidence(self) -> float:
        """Of the one-sided bound."""

    @property
    def evidence(self) -> str:
        """Kind of evidence, or empty."""


def requests_of(rules: Iterable[RuleLike]) -> tuple[Request, ...]:
    """The requests that a policy's rules make.

    Examples
    --------
    >>> requests_of([Request(check="REL001", confidence=0.99)])[0].confidence
    0.99
    """
    return tuple(
        Request(
            check=rule.check,
            column=rule.column,
            confidence=rule.confidence,
            evidence=rule.evidence,
        )
        for rule in rules
    )

"""What a check is, what built-in checks share, and where checks are found.

A check measures one thing and returns a `Finding`; where no answer exists it raises
`NotApplicable` with the reason, which is never shown as a pass. Packages add checks by a line
of metadata, as Assay does for its own::

    [project.entry-points."assay.checks"]
    ABC001 = "my_package.checks:MyCheck"
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np

from assay.assess.finding import Evidence, Finding, GroupValue, Principle
from assay.assess.statistics import Bounds
from assay.assess.subject import Answered, Contributions, Scored, Subject
from assay.errors import NotApplicable
from assay.plugins import CHECKS, load_plugin, plugin_names

__all__ = [
    "Answered",
    "BaseCheck",
    "Check",
    "Contributions",
    "Scored",
    "Subject",
    "all_checks",
]


class Check(Protocol):
    """A measurement with a stable code.

    Class attributes: ``code`` (three letters, three digits), ``title``, ``principle``,
    ``slow`` (whether it asks the model many times), ``sources`` (the kinds of evidence it can
    use, its own first) and ``takes_column`` (whether it looks at the groups of a column). The
    first line of the docstring is the question it asks.
    """

    code: ClassVar[str]
    title: ClassVar[str]
    principle: ClassVar[Principle]
    slow: ClassVar[bool]
    sources: ClassVar[tuple[Evidence, ...]]
    takes_column: ClassVar[bool]

    def __init__(
        self, *, column: str = "", confidence: float = 0.95, evidence: Evidence = "held-out"
    ) -> None: ...

    def run(self, subject: Subject) -> Finding:
        """Measure; `NotApplicable` where there is no answer."""


@dataclass(frozen=True, kw_only=True)
class BaseCheck(ABC):
    """What checks share: their options, the rows they look at, and how a finding is filled."""

    column: str = ""
    confidence: float = 0.95
    evidence: Evidence = "held-out"

    code: ClassVar[str]
    title: ClassVar[str]
    principle: ClassVar[Principle]
    slow: ClassVar[bool] = False
    sources: ClassVar[tuple[Evidence, ...]] = ("held-out", "cross-fitted")
    takes_column: ClassVar[bool] = False

    @abstractmethod
    def run(self, subject: Subject) -> Finding:
        """Measure; `NotApplicable` where there is no answer."""

    def scored(self, subject: Subject) -> Scored:
        """The scored rows that count as this check's evidence."""
        if self.evidence != "cross-fitted":
            return subject.held_out
        if subject.cross_fitted is None:
            raise NotApplicable("There are no cross-fitted rows.")
        return subject.cross_fitted

    def finding(
        self,
        bounds: Bounds | float,
        *,
        measure: str,
        method: str,
        rows: int = 0,
        unit: str = "",
        higher_is_better: bool = False,
        groups: Sequence[GroupValue] = (),
        details: Mapping[str, Any] | None = None,
    ) -> Finding:
        """A finding of this check; a bare number is a fact and bounds itself."""
        if not isinstance(bounds, Bounds):
            bounds = Bounds.of(bounds, bounds, bounds)
        return Finding(
            check=self.code,
            title=self.title,
            principle=self.principle,
            measure=measure,
            value=number(bounds.value),
            lower=number(bounds.lower),
            upper=number(bounds.upper),
            confidence=self.confidence,
            unit=unit,
            better="higher" if higher_is_better else "lower",
            rows=rows,
            evidence=self.evidence,
            column=self.column,
            method=method,
            groups=tuple(groups),
            details=plain(dict(details or {})),
        )


def all_checks() -> tuple[type[Check], ...]:
    """Every installed check, by principle and code; also those of other packages."""
    found = [load_plugin(CHECKS, name, kind="check") for name in plugin_names(CHECKS)]
    return tuple(sorted(found, key=lambda check: check.code))


def number(value: Any) -> float | None:
    """A number as JSON holds it: None where it is not finite."""
    result = float(value)
    return result if math.isfinite(result) else None


def plain(value: Any) -> Any:
    """A value as JSON gives it back: lists, text keys, Python numbers, None for NaN."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return number(value) if isinstance(value, float) else value

"""Decisions by group: how often each is selected, recognised, rightly or wrongly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from assay.assess.fairness.gaps import Event, Rates, rates_by_group, widest_gap
from assay.assess.fairness.group_check import GroupCheck, of_weights
from assay.assess.finding import Finding, Principle
from assay.assess.losses import labels
from assay.assess.statistics import Bool, Bounds, bonferroni, ratio_of_rates
from assay.assess.subject import Scored, Subject
from assay.errors import NotApplicable


class OneClass(NamedTuple):
    """Which rows are answered as, and which are, a class: the positive one, or each of several."""

    name: str
    answered: Bool
    true: Bool


def classes_of(subject: Subject, scored: Scored) -> list[OneClass]:
    """The positive class of two (without a name), or each of several against the rest."""
    label = labels(subject, scored)
    if subject.kind == "binary":
        return [OneClass("", label == 1, scored.truth == 1)]
    return [
        OneClass(name, label == place, scored.truth == place)
        for place, name in enumerate(subject.classes)
    ]


def _of_any_class(subject: Subject) -> str:
    return " of any one class" if subject.kind == "multiclass" else ""


@dataclass(frozen=True, kw_only=True)
class SelectionRateGap(GroupCheck):
    """Do some groups receive the positive answer less often than others?"""

    code: ClassVar[str] = "FAI003"
    title: ClassVar[str] = "Gap in how often groups are selected"
    principle: ClassVar[Principle] = "fairness"

    def run(self, subject: Subject) -> Finding:
        """Largest difference between two groups' rates of the positive answer.

        Among several classes: of whichever class differs most.
        """
        scored = self.scored(subject)
        what = "the positive answer" if subject.kind == "binary" else "any one class"
        return widest_gap(
            self,
            selection_rates(self, subject, scored),
            measure=f"largest difference between groups in the rate of {what}",
            note=of_weights(scored, used=True),
        )


@dataclass(frozen=True, kw_only=True)
class EqualOpportunityGap(GroupCheck):
    """Are true positives of some groups recognised less often than those of others?"""

    code: ClassVar[str] = "FAI004"
    title: ClassVar[str] = "Gap in how often positives are recognised"
    principle: ClassVar[Principle] = "fairness"

    def run(self, subject: Subject) -> Finding:
        """Largest difference between two groups' true positive rates."""
        scored = self.scored(subject)
        events = [
            Event(name=one.name, happens=one.answered, among=one.true)
            for one in classes_of(subject, scored)
        ]
        return widest_gap(
            self,
            rates_by_group(self, subject, scored, events),
            measure="largest difference between groups in the true positive rate"
            + _of_any_class(subject),
            note=of_weights(scored, used=True),
        )


@dataclass(frozen=True, kw_only=True)
class SelectionRateRatio(GroupCheck):
    """Is the lowest rate of selection a small share of the highest?"""

    code: ClassVar[str] = "FAI005"
    title: ClassVar[str] = "Ratio of how often groups are selected"
    principle: ClassVar[Principle] = "fairness"

    def run(self, subject: Subject) -> Finding:
        """Smallest ratio of two groups' rates of the positive answer, in [0, 1].

        Among several classes: of whichever class has the smallest.
        """
        scored = self.scored(subject)
        rates = [r for r in selection_rates(self, subject, scored) if r.hits.max() > 0]
        if not rates:
            raise NotApplicable("No row of the groups gets the positive answer.")

        def ratios(confidence: float) -> Bounds:
            return Bounds.stack(ratio_of_rates(r.hits, r.rows, confidence) for r in rates)

        each = ratios(self.confidence)
        strict = ratios(bonferroni(self.confidence, len(rates))) if len(rates) > 1 else each
        lowest = rates[int(np.argmin(each.value))]
        what = "the positive answer" if subject.kind == "binary" else "any one class"
        return self.finding(
            Bounds(each.value.min(), each.lower.min(), strict.upper.min()),
            measure=f"lowest rate of {what} in a group divided by the highest",
            method="The upper bound is strict enough for all pairs of groups that could lie so far "
            "apart at once; the lower bound is that of the pair farthest apart "
            "(intersection-union, Berger 1982). Each ratio has MOVER-R bounds (Donner and Zou "
            "2012) from exact ones (Clopper and Pearson 1934)."
            + (f" Of {len(rates)} classes, corrected (Bonferroni)." if len(rates) > 1 else "")
            + of_weights(scored, used=True),
            rows=int(lowest.groups.sizes.sum()),
            higher_is_better=True,
            groups=lowest.groups.table(lowest.bounds(self.confidence)),
            details={
                **lowest.groups.details(),
                **({"event": lowest.name} if len(rates) > 1 else {}),
            },
        )


@dataclass(frozen=True, kw_only=True)
class EqualisedOddsGap(GroupCheck):
    """Do true and false positives occur as often in every group?"""

    code: ClassVar[str] = "FAI006"
    title: ClassVar[str] = "Gap in true and in false positives"
    principle: ClassVar[Principle] = "fairness"

    def run(self, subject: Subject) -> Finding:
        """The larger of two gaps: in the true positive rate, and in the false positive rate."""
        scored = self.scored(subject)
        events = [
            Event(
                name=f"{rate}{' of ' if one.name else ''}{one.name}",
                happens=one.answered,
                among=rows,
            )
            for one in classes_of(subject, scored)
            for rate, rows in (("true positive rate", one.true), ("false positive rate", ~one.true))
        ]
        return widest_gap(
            self,
            rates_by_group(self, subject, scored, events),
            measure="largest difference between groups in the true or the false positive rate"
            + _of_any_class(subject),
            note=of_weights(scored, used=True),
        )


@dataclass(frozen=True, kw_only=True)
class PredictiveParityGap(GroupCheck):
    """Is a positive answer as often right in every group?"""

    code: ClassVar[str] = "FAI007"
    title: ClassVar[str] = "Gap in how often positive answers are right"
    principle: ClassVar[Principle] = "fairness"

    def run(self, subject: Subject) -> Finding:
        """Largest difference between two groups' shares of positive answers that are right."""
        scored = self.scored(subject)
        events = [
            Event(name=one.name, happens=one.true, among=one.answered)
            for one in classes_of(subject, scored)
        ]
        return widest_gap(
            self,
            rates_by_group(self, subject, scored, events),
            measure="largest difference between groups in the share of "
            + (
                "positive answers that are right"
                if subject.kind == "binary"
                else "answers of any one class that are right"
            ),
            note=of_weights(scored, used=True),
        )


@dataclass(frozen=True, kw_only=True)
class TreatmentEqualityGap(GroupCheck):
    """Do the errors of some groups fall to one side more than those of others?"""

    code: ClassVar[str] = "FAI009"
    title: ClassVar[str] = "Gap in the kind of errors"
    principle: ClassVar[Principle] = "fairness"

    def run(self, subject: Subject) -> Finding:
        """Largest difference between two groups' shares of errors that are missed positives.

        Treatment equality asks that false negatives over false positives be equal. The share
        of false negatives among both is equal exactly where that ratio is, and stays finite.
        """
        scored = self.scored(subject)
        events = [
            Event(name=one.name, happens=one.true, among=one.answered != one.true)
            for one in classes_of(subject, scored)
        ]
        rates = rates_by_group(self, subject, scored, events)
        return widest_gap(
            self,
            rates,
            measure="largest difference between groups in the share of errors"
            + (_of_any_class(subject) + " that are false negatives"),
            note=of_weights(scored, used=True),
            details={"errors": [entry for r in rates for entry in _errors(r)]},
        )


def selection_rates(check: GroupCheck, subject: Subject, scored: Scored) -> list[Rates]:
    """Rates of the positive answer in each group; of each class where there are several."""
    events = [Event(name=one.name, happens=one.answered) for one in classes_of(subject, scored)]
    return rates_by_group(check, subject, scored, events)


def _errors(rates: Rates) -> list[dict[str, Any]]:
    """False negatives over false positives in each group."""
    missed, alarms = rates.hits, rates.rows - rates.hits
    return [
        {
            "event": rates.name,
            "group": name,
            "false_negatives": missed[i],
            "false_positives": alarms[i],
            "ratio": missed[i] / alarms[i] if alarms[i] > 0 else None,
        }
        for i, name in enumerate(rates.groups.names)
    ]

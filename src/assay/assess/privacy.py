"""Privacy and security: personal data read, rows memorised, and what was promised about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from assay.assess import pictures
from assay.assess.check import BaseCheck
from assay.assess.finding import Evidence, Finding, Principle
from assay.assess.losses import loss_name, row_loss
from assay.assess.reliability import require_rows
from assay.assess.statistics import Bool, auc, clopper_pearson, difference
from assay.assess.subject import Answered, Scored, Subject, canonical_order, sample_of
from assay.errors import NotApplicable

SAMPLE = 5_000
"""Training rows that are scored again; a random sample where there are more."""


@dataclass(frozen=True, kw_only=True)
class PersonalColumns(BaseCheck):
    """Does the model read columns that look like personal data?"""

    evidence: Evidence = "table"

    code: ClassVar[str] = "PRI001"
    title: ClassVar[str] = "Personal data the model reads"
    principle: ClassVar[Principle] = "privacy-security"
    sources: ClassVar[tuple[Evidence, ...]] = ("table",)

    def run(self, subject: Subject) -> Finding:
        """Number of feature columns that the profile flags as personal: a fact."""
        if not subject.has_model:
            raise NotApplicable("Only predictions were given: what the model reads is not known.")
        read = set(subject.feature_names)
        flagged = [
            {"column": c.name, "kinds": [f for f in c.flags if f.startswith("personal")]}
            for c in subject.profile.columns
            if any(f.startswith("personal") for f in c.flags)
        ]
        used = [entry for entry in flagged if entry["column"] in read]
        return self.finding(
            float(len(used)),
            measure="number of columns with personal data that the model reads",
            method="Names and contents of all columns, searched for mail addresses, telephone "
            "and card numbers, names and the like; what no pattern describes is not found.",
            rows=subject.profile.rows,
            details={
                "read": used,
                "in_table": flagged,
                "columns_read": len(read),
            },
        )


@dataclass(frozen=True, kw_only=True)
class MembershipInference(BaseCheck):
    """Can somebody tell from the error whether a row was used in training?"""

    code: ClassVar[str] = "PRI002"
    title: ClassVar[str] = "Membership inference by loss"
    principle: ClassVar[Principle] = "privacy-security"
    sources: ClassVar[tuple[Evidence, ...]] = ("held-out",)

    def run(self, subject: Subject) -> Finding:
        """Chance that a training row has a smaller loss than a row the model never saw."""
        rows, answer = train_answers(subject)
        inside = row_loss(subject.kind, rows.truth, rows)
        outside = row_loss(subject.kind, subject.held_out.truth, subject.held_out)
        require_rows(min(inside.size, outside.size), 10)
        return self.finding(
            auc(-inside, -outside, self.confidence),
            measure="area under the curve of a membership attack by loss",
            method=f"Attack by {loss_name(subject.kind)} (Yeom et al. 2018); 0.5 is a coin toss, "
            "1 tells every training row. The wider of DeLong's bounds (1988) and Hanley and "
            "McNeil's by inversion. Stronger attacks exist; this is a floor, not a guarantee.",
            rows=outside.size,
            details={
                "training_rows": inside.size,
                "held_out_rows": outside.size,
                "training_loss": inside.mean(),
                "held_out_loss": outside.mean(),
                "answers": len(answer.prediction),
            },
        )


@dataclass(frozen=True, kw_only=True)
class MemorisedRows(BaseCheck):
    """Does the model reproduce training rows more exactly than it answers new ones?"""

    code: ClassVar[str] = "PRI003"
    title: ClassVar[str] = "Training rows reproduced"
    principle: ClassVar[Principle] = "privacy-security"
    sources: ClassVar[tuple[Evidence, ...]] = ("held-out",)

    tolerance: float = 0.01
    """Regression: of the spread of the target (its interquartile range); classes: of
    probability."""

    def run(self, subject: Subject) -> Finding:
        """Share of near-exact answers among training rows, less that among new rows."""
        rows, _ = train_answers(subject)
        require_rows(min(rows.rows, subject.held_out.rows), 10)
        limit = self._limit(subject, rows)
        exact, by_chance = (_near(subject, r, limit) for r in (rows, subject.held_out))
        bounds = difference(
            clopper_pearson(exact.sum(), exact.size, self.confidence),
            clopper_pearson(by_chance.sum(), by_chance.size, self.confidence),
        )
        return self.finding(
            bounds,
            measure="share of near-exact answers among training rows beyond that among new rows",
            method="An answer is near-exact within 1 % of the target's interquartile range, or "
            "of probability 1. A model that learned gives as many on new rows. Exact bounds of "
            "each share (Clopper and Pearson 1934), squared and added (Zou and Donner 2008).",
            rows=by_chance.size,
            unit="share",
            details={
                "limit": limit,
                "training": exact.mean(),
                "held_out": by_chance.mean(),
                "training_losses": pictures.histogram(row_loss(subject.kind, rows.truth, rows)),
            },
        )

    def _limit(self, subject: Subject, rows: Scored) -> float:
        if subject.kind != "regression":
            return self.tolerance
        low, high = np.quantile(rows.truth, [0.25, 0.75])
        return self.tolerance * float(high - low if high > low else np.std(rows.truth))


@dataclass(frozen=True, kw_only=True)
class PrivateTraining(BaseCheck):
    """How much can one row have changed the model, by the promise it was trained under?"""

    evidence: Evidence = "record"

    code: ClassVar[str] = "PRI010"
    title: ClassVar[str] = "Differential privacy of the training"
    principle: ClassVar[Principle] = "privacy-security"
    sources: ClassVar[tuple[Evidence, ...]] = ("record",)

    def run(self, subject: Subject) -> Finding:
        """Epsilon of the training on record: a fact of the record, not a measurement.

        The record's ``differential_privacy`` holds ``epsilon``, ``delta``, ``mechanism`` and
        ``covers``: what of the model was made under the promise.
        """
        promise: Mapping[str, Any] = subject.record.get("differential_privacy") or {}
        if "epsilon" not in promise:
            raise NotApplicable("No part of the model was trained with differential privacy.")
        delta, rows = float(promise.get("delta", 0.0)), subject.train.height
        return self.finding(
            float(promise["epsilon"]),
            measure="epsilon of differential privacy that the training promised",
            method="Read from the record (Dwork et al. 2006): whatever the model answers would "
            "have been at most e^epsilon times as likely, but for delta, without any one row. "
            "PRI007 tries to disprove it.",
            rows=rows,
            details={
                "delta": delta,
                "delta_times_rows": delta * rows,
                "mechanism": str(promise.get("mechanism", "")),
                "covers": str(promise.get("covers", "")),
            },
        )


def train_answers(subject: Subject) -> tuple[Scored, Answered]:
    """A random sample of training rows, and what the model answers for them."""
    order = canonical_order(subject.train)
    frame = subject.train[sample_of(order, SAMPLE, seed=0)]
    answer = subject.score(frame)
    truth = subject.truth_of(frame)
    return Scored.of(frame, answer, truth=truth, baseline=truth), answer


def _near(subject: Subject, rows: Scored, limit: float) -> Bool:
    """Whether each answer is exact but for ``limit``."""
    if subject.kind != "multiclass":
        return np.asarray(np.abs(rows.prediction - rows.truth) <= limit, np.bool_)
    if rows.probabilities is None:
        return np.asarray(rows.prediction == rows.truth, np.bool_)
    own = rows.probabilities[np.arange(rows.rows), rows.truth]
    return np.asarray(own >= 1 - limit, np.bool_)

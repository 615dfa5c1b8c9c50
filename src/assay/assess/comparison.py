"""Reliability and safety: the model against the one in use, and against its own twin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from assay.assess.check import BaseCheck
from assay.assess.finding import Evidence, Finding, Principle
from assay.assess.losses import labels, loss_name, row_loss
from assay.assess.reliability import (
    FEWEST,
    by_row,
    rate_bounds,
    rate_method,
    require_rows,
    weighing,
)
from assay.assess.statistics import (
    Bool,
    Float64,
    mean_bounds,
    moments,
    paired_ratio,
)
from assay.assess.subject import Answered, Scored, Subject
from assay.errors import AssayError, NotApplicable


@dataclass(frozen=True, kw_only=True)
class ErrorAgainstChampion(BaseCheck):
    """How large is the model's error against that of the model in use?"""

    code: ClassVar[str] = "REL009"
    title: ClassVar[str] = "Error against the champion"
    principle: ClassVar[Principle] = "reliability-safety"
    sources: ClassVar[tuple[Evidence, ...]] = ("held-out",)

    def run(self, subject: Subject) -> Finding:
        """Ratio of mean losses over the same rows; below 1 the new model is better."""
        if subject.champion is None:
            raise NotApplicable("No other model is in use.")
        scored = subject.held_out
        require_rows(scored.rows, FEWEST)
        champion = _champions_loss(subject, scored)
        model = row_loss(subject.kind, scored.truth, scored)
        weight = 1.0 if scored.weight is None else scored.weight
        if np.sum(weight * champion) == 0:
            raise NotApplicable("The model in use makes no error on these rows.")
        name = loss_name(subject.kind)
        gap = mean_bounds(moments(by_row(model - champion, scored.weight)), self.confidence)
        return self.finding(
            paired_ratio(weight * model, weight * champion, self.confidence),
            measure=f"mean {name} divided by that of the model in use",
            method=f"Ratio of the mean {name} of both models over the same rows; Fieller's bounds "
            "(1954) with Hall's correction for skewness (1992). The rows may be among those that "
            "the model in use has learned from, which flatters it." + weighing(scored),
            rows=scored.rows,
            details={
                "model": np.average(model, weights=scored.weight),
                "champion": np.average(champion, weights=scored.weight),
                "loss": name,
                "difference": gap.value,
                "difference_lower": gap.lower,
                "difference_upper": gap.upper,
                "better_rows": np.mean(model < champion),
                "worse_rows": np.mean(model > champion),
            },
        )


@dataclass(frozen=True, kw_only=True)
class StableUnderRetraining(BaseCheck):
    """How many answers change when the same model is trained again with another seed?"""

    code: ClassVar[str] = "REL021"
    title: ClassVar[str] = "Answers that another seed changes"
    principle: ClassVar[Principle] = "reliability-safety"
    slow: ClassVar[bool] = True
    sources: ClassVar[tuple[Evidence, ...]] = ("held-out",)

    seed: int = 1

    def run(self, subject: Subject) -> Finding:
        """Share of rows whose class changes, or whose number moves by more than usual errors."""
        if subject.retrain is None:
            raise NotApplicable("The model cannot be trained again here.")
        scored = subject.held_out
        require_rows(scored.rows, FEWEST)
        again = subject.retrain(self.seed)
        if again.rows != scored.rows:
            raise NotApplicable("The model that was trained again answered other rows.")
        moved, details, what = _moved(subject, scored, again)
        bounded = rate_method(scored.weight)
        return self.finding(
            rate_bounds(moved, scored.weight, self.confidence),
            measure=f"share of rows whose {what} with another seed",
            method=f"Trained again with seed {self.seed} and asked the same rows (churn: Milani "
            f"Fard and others 2016): the share between these two. {bounded}",
            rows=moved.size,
            unit="share",
            details=details,
        )


def _champions_loss(subject: Subject, scored: Scored) -> Float64:
    """Loss of the model in use on each row; `NotApplicable` where it cannot answer them."""
    assert subject.champion is not None
    try:
        answer: Answered = subject.champion(scored.frame)
    except AssayError as error:
        raise NotApplicable(
            f"The model in use cannot answer these rows: {error.message}"
        ) from error
    loss = row_loss(subject.kind, scored.truth, answer)
    bad = int(np.sum(~np.isfinite(loss)))
    if bad:
        raise NotApplicable(f"The model in use gives {bad} rows an answer that is not a number.")
    return loss


def _moved(subject: Subject, scored: Scored, again: Scored) -> tuple[Bool, dict[str, Any], str]:
    """Whether each answer moved, what to show, and what moving means."""
    if subject.kind != "regression":
        changed = np.asarray(labels(subject, scored) != labels(subject, again), np.bool_)
        return changed, _probability_moves(scored, again), "class changes"
    step = np.abs(scored.prediction - again.prediction)
    usual = float(np.median(np.abs(scored.prediction - scored.truth)))
    details = {"usual_error": usual, "mean_move": step.mean(), "largest_move": step.max()}
    what = "answer moves by more than the median error"
    return np.asarray(step > usual, np.bool_), details, what


def _probability_moves(scored: Scored, again: Scored) -> dict[str, Any]:
    """How far probabilities move, where there are any."""
    if scored.probabilities is None or again.probabilities is None:
        return {}
    step = np.abs(scored.probabilities - again.probabilities).max(axis=1)
    return {"mean_move": step.mean(), "largest_move": step.max()}

"""What a causal analysis leaves: effects with bounds, overlap, refutations, a policy."""

from __future__ import annotations

from typing import Literal

from assay.records import Record

Better = Literal["higher", "lower"]
Shown = Literal["benefit", "harm", "neither"]


class Effect(Record, frozen=True, kw_only=True):
    """A change of the outcome's mean; each bound holds alone (one-sided) at the confidence."""

    value: float | None
    lower: float | None = None
    upper: float | None = None
    rows: int = 0


class GroupEffect(Record, frozen=True, kw_only=True):
    """The effect in one group; the bounds of all groups of a column hold together."""

    column: str
    group: str
    effect: Effect
    shown: Shown
    """What the bounds show, given which outcome is better."""


class Contrast(Record, frozen=True, kw_only=True):
    """One level of the treatment against the control; of a number, one unit more."""

    level: str
    control: str
    effect: Effect
    raw: float | None
    """The difference as the table has it, without adjustment: what a naive reader would say."""
    groups: tuple[GroupEffect, ...] = ()


class Overlap(Record, frozen=True, kw_only=True):
    """Whether every kind of row had a chance of every treatment.

    ``lowest`` and ``highest``: estimated chances of the treatment that was given less often, in
    all rows. Of a number, ``spread`` is the share of the treatment's variance that the columns
    do not explain.
    """

    lowest: float | None = None
    highest: float | None = None
    trimmed: int = 0
    trimmed_share: float = 0.0
    threshold: float = 0.0
    """Rows with a smaller chance of some treatment were left out of every effect."""
    spread: float | None = None
    words: str = ""


class Refutation(Record, frozen=True, kw_only=True):
    """A test that a sound estimate passes; passing it does not prove that the estimate is sound."""

    name: Literal["placebo treatment", "random common cause", "random subsets"]
    value: float | None
    """The estimate under the test, on average; None where there were too few rows."""
    statistic: float | None
    """How far from what is expected, in standard errors."""
    limit: float
    passed: bool
    words: str


class Leaf(Record, frozen=True, kw_only=True):
    """Rows that the policy treats alike."""

    condition: str
    rows: int
    treat: bool
    gain: Effect
    """Of treating one of these rows, cost taken off; on the rows the tree was chosen on, so it
    flatters."""


class PolicyValue(Record, frozen=True, kw_only=True):
    """What a way of treating brings, a row, cost taken off."""

    name: str
    value: Effect


class Policy(Record, frozen=True, kw_only=True):
    """Whom to treat: a small tree, and what following such trees brings on rows not used."""

    cost: float
    leaves: tuple[Leaf, ...]
    values: tuple[PolicyValue, ...]
    gain: Effect
    """Of the tree over the better of treating all and treating nobody."""


class SecondOpinion(Record, frozen=True, kw_only=True):
    """The same question, asked of EconML."""

    estimator: str
    effect: Effect
    spread: tuple[float, ...] = ()
    """5, 25, 50, 75 and 95 % quantiles of the effects that a causal forest gives single rows."""
    depends_on: dict[str, float] = {}
    """Share of the forest's splits that ask each column, largest first."""


class CausalReport(Record, frozen=True, kw_only=True):
    """What `assay.assess.causal.effect` found."""

    treatment: str
    outcome: str
    outcome_is: str
    """What the outcome's mean is of: a number, or the share of one class."""
    better: Better
    rows: int
    dropped: int
    """Rows without a treatment or an outcome."""
    columns: tuple[str, ...]
    """What was held equal."""
    left_out: tuple[str, ...]
    """Columns that were not: identifiers and free text."""
    confidence: float
    contrasts: tuple[Contrast, ...]
    overlap: Overlap
    refutations: tuple[Refutation, ...] = ()
    policy: Policy | None = None
    second_opinion: SecondOpinion | None = None
    method: str = ""
    notes: tuple[str, ...] = ()

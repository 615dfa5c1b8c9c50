"""What was tried, how it did, and why the winner won."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import field

from assay.records import Record


class Trial(Record, frozen=True, kw_only=True):
    """One family with one set of parameters, cross-validated."""

    number: int
    """Order in which it was tried, from 1."""
    family: str
    params: dict[str, Any] = field(default_factory=dict)
    """As asked for; ``rounds`` as early stopping settled them."""
    score: float | None = None
    """Of the out-of-fold answers, in the target's own unit."""
    low: float | None = None
    high: float | None = None
    """90 % bootstrap interval of the score."""
    fit_s: float = 0.0
    """Seconds to fit one fold, on average."""
    predict_us_per_row: float = 0.0
    nodes: int = 0
    """Tree nodes, or weights of a linear model: what the graph would hold."""
    transparent: bool = False
    status: Literal["finished", "stopped", "failed", "skipped"] = "finished"
    """``stopped``: called off after its first folds, for being clearly behind."""
    note: str = ""
    """On which scale it was fitted; why it failed or was skipped."""
    weight: float = 0.0
    """Share in the model; 0 where it was not chosen."""
    recipe: Literal["plain", "engineered"] = "plain"
    """Which features it read: a column's own, or engineered ones as well."""
    began_s: float = 0.0
    """Seconds after the start of the search."""
    took_s: float = 0.0
    """Wall-clock seconds of the whole cross-validation."""
    kilobytes: float = 0.0
    """About what it would take in the graph."""
    gap: float | None = None
    """Largest difference between groups, where fairness is a second objective."""
    front: bool = False
    """Whether no other trial is better in both score and gap."""


class Privacy(Record, frozen=True, kw_only=True):
    """What the training promised about each row: differential privacy."""

    epsilon: float
    """Over all fits that a row took part in."""
    delta: float
    fits: int
    """Fits that a row took part in, at most."""
    epsilon_of_fit: float
    mechanism: str
    covers: str
    """What was made under the promise, and what was not."""


class Contribution(Record, frozen=True, kw_only=True):
    """What one feature brought."""

    feature: str
    columns: tuple[str, ...]
    share: float
    """Its share of all that features brought, in [0, 1]: by permutation out of fold."""
    engineered: bool = False


class CurvePoint(Record, frozen=True, kw_only=True):
    """A score after learning from some of the rows."""

    rows: int
    score: float
    low: float
    high: float


class Estimate(Record, frozen=True, kw_only=True):
    """A measured value with its 90 % bootstrap interval over rows."""

    value: float
    low: float
    high: float


class Mitigation(Record, frozen=True, kw_only=True):
    """How groups were made more alike, and what it cost; all of it out of fold."""

    method: Literal["reweighing", "thresholds", "constrained"]
    column: str
    parity: str
    """Which rates are compared."""
    gap_of: str
    """What the gap is, in words."""
    gap_before: Estimate
    gap_after: Estimate
    gap_change: Estimate
    """After less before, on the same rows: below 0 is nearer."""
    right_before: Estimate
    right_after: Estimate
    right_change: Estimate
    """Of the share of rows whose label is right; below 0 is the cost."""
    score_before: Estimate
    score_after: Estimate
    """By the leaderboard's metric."""
    thresholds: dict[str, float] = field(default_factory=dict)
    """By group, and of rows of no known group under the empty name; empty: one for all."""
    models: int = 1
    """Members of the model."""

    @property
    def words(self) -> str:
        """Before and after, in two sentences."""
        gap, after = self.gap_before, self.gap_after
        cost = self.right_change
        return (
            f"Groups of {self.column} were made more alike by {self.method} "
            f"({self.parity.replace('_', ' ')}): the gap, {self.gap_of}, was {gap.value:.3f} "
            f"({gap.low:.3f} to {gap.high:.3f}) before and is {after.value:.3f} "
            f"({after.low:.3f} to {after.high:.3f}) after, out of fold. Right labels: "
            f"{self.right_before.value:.2%} before, {self.right_after.value:.2%} after, a change "
            f"of {100 * cost.value:+.2f} points ({100 * cost.low:+.2f} to {100 * cost.high:+.2f})."
        )


class Leaderboard(Record, frozen=True, kw_only=True):
    """All trials of a search, best first; failed and skipped ones last."""

    metric: str
    better: Literal["lower", "higher"]
    baseline: float
    """Score of the best constant answer."""
    trials: tuple[Trial, ...]
    ensemble_score: float
    """Out-of-fold score of the model as chosen, before calibration."""
    ensemble_low: float | None = None
    ensemble_high: float | None = None
    transform: str = "identity"
    """Scale of the target that members were fitted on: ``identity`` or ``log``."""
    budget_s: float = 0.0
    spent_s: float = 0.0
    why: str = ""
    """Why the winner won, in a few sentences."""
    features: tuple[str, ...] = ()
    seed: int = 0
    rows: int = 0
    folds: int = 0
    contributions: tuple[Contribution, ...] = ()
    """Largest first."""
    curve: tuple[CurvePoint, ...] = ()
    """The best single trial's score by rows learned from, fewest first."""
    gap_of: str = ""
    """What `Trial.gap` is, in words."""
    resumed: int = 0
    """Trials taken over from a search that was cut off, or from an earlier run."""
    notes: tuple[str, ...] = ()
    """What was sampled, limited or left out."""
    mitigation: Mitigation | None = None
    """How groups were made more alike, where that was asked for."""
    privacy: Privacy | None = None
    """What the training promised about each row, where that was asked for."""

    @property
    def chosen(self) -> tuple[Trial, ...]:
        """The trials that make up the model, largest share first."""
        return tuple(sorted((t for t in self.trials if t.weight > 0), key=lambda t: -t.weight))

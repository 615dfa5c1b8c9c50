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
    status: Literal["finished", "failed", "skipped"] = "finished"
    note: str = ""
    """On which scale it was fitted; why it failed or was skipped."""
    weight: float = 0.0
    """Share in the model; 0 where it was not chosen."""


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

    @property
    def chosen(self) -> tuple[Trial, ...]:
        """The trials that make up the model, largest share first."""
        return tuple(sorted((t for t in self.trials if t.weight > 0), key=lambda t: -t.weight))

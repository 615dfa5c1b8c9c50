"""Audited membership inference: how surely a few training rows can be told, and what it proves.

An average over all rows (PRI002) hides the rows that matter: an attack that is a coin toss for
most people and certain about a few harms these few. The rate of true alarms at one false alarm
in a thousand shows them (Carlini and others 2022).

The attack
    How confident an answer is says little by itself: some rows are easy. So each row's
    confidence is compared with that of models that never saw it. Here these are the out-of-fold
    answers of *other* training rows which are alike: a regression tree over the row and its
    true answer gives the mean and the spread of their confidence, and the score of a row is by
    how many spreads its own confidence exceeds the mean. It is the offline likelihood-ratio
    attack with similar rows in place of shadow models. The rows that teach the tree are not
    among those attacked, so that the score is fixed before either side is looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import polars as pl
from scipy import special

from assay.assess.check import BaseCheck
from assay.assess.finding import Evidence, Finding, Principle
from assay.assess.privacy import SAMPLE, train_answers
from assay.assess.reliability import require_rows
from assay.assess.statistics import (
    Bounds,
    Float64,
    Int64,
    auc,
    bonferroni,
    clopper_pearson,
    largest,
)
from assay.assess.subject import Scored, Subject
from assay.errors import NotApplicable

FALSE_ALARMS = 0.001
MOST_OUTSIDE = 100_000
"""Held-out rows that count as never seen, at most."""
FEWEST_ALIKE = 500
"""Out-of-fold rows below which nothing is learned of how hard rows are."""
LEAF = 25
"""Out-of-fold rows that are alike, at least."""


@dataclass(frozen=True, eq=False)
class Attack:
    """Scores of rows the model was trained on and of rows it never saw; larger: rather seen."""

    name: str
    inside: Float64
    outside: Float64


@dataclass(frozen=True, kw_only=True)
class MembershipAudit(BaseCheck):
    """Can somebody be nearly certain that a row was used in training?"""

    code: ClassVar[str] = "PRI007"
    title: ClassVar[str] = "Membership told at one false alarm in a thousand"
    principle: ClassVar[Principle] = "privacy-security"
    sources: ClassVar[tuple[Evidence, ...]] = ("held-out",)

    def run(self, subject: Subject) -> Finding:
        """Share of training rows told while one new row in a thousand is told falsely."""
        attacks = _attacks(subject)
        inside, outside = attacks[0].inside.size, attacks[0].outside.size
        require_rows(min(inside, outside), 10)

        def rates(confidence: float) -> Bounds:
            return Bounds.stack(true_alarms(a, FALSE_ALARMS, confidence) for a in attacks)

        worst = largest(rates, tests=len(attacks), confidence=self.confidence)
        each = bonferroni(self.confidence, len(attacks))
        return self.finding(
            worst,
            measure="share of training rows told at one false alarm in a thousand",
            method="Attacks by confidence (Yeom et al. 2018) and by confidence against that of "
            "similar rows out of fold (after Carlini et al. 2022, offline). Distribution-free "
            "bounds: order statistics for the threshold, Clopper and Pearson for the rate above "
            "it, half of the error to each; the lower bound is corrected for the number of "
            "attacks. With fewer than about 3,700 new rows the lower bound is 0. Other attacks "
            "may be stronger. Weights were not used.",
            rows=outside,
            unit="share",
            details={
                "training_rows": inside,
                "held_out_rows": outside,
                "false_alarms": FALSE_ALARMS,
                "epsilon_at_least": max(audited_epsilon(a, confidence=each) for a in attacks),
                "attacks": [_described(a, self.confidence) for a in attacks],
            },
        )


def _described(attack: Attack, confidence: float) -> dict[str, Any]:
    """What one attack reached."""
    area = auc(attack.inside, attack.outside, confidence)
    return {
        "attack": attack.name,
        "true_alarms": float(true_alarms(attack, FALSE_ALARMS, confidence).value),
        "area": float(area.value),
        "area_lower": float(area.lower),
        "area_upper": float(area.upper),
    }


def true_alarms(attack: Attack, false_alarms: float, confidence: float) -> Bounds:
    """Share of ``inside`` that scores above the threshold with a given rate of false alarms.

    The threshold is a quantile of the scores of new rows, so it is known between two of their
    order statistics only; the rate above each has Clopper and Pearson's bound. Each part takes
    half of the error. No shape of any distribution is assumed, and ties are allowed.

    Parameters
    ----------
    attack : Attack
    false_alarms : float
        In (0, 1).
    confidence : float
        Of each bound alone.

    Examples
    --------
    >>> a = Attack("by heart", np.ones(50), np.zeros(5000))
    >>> b = true_alarms(a, 0.001, 0.95)
    >>> float(b.value), round(float(b.lower), 3), float(b.upper)
    (1.0, 0.929, 1.0)
    """
    inside, outside = np.sort(attack.inside), -np.sort(-attack.outside)
    n, half = outside.size, 1.0 - (1.0 - confidence) / 2.0
    counts = np.arange(n + 1)
    fewer = special.bdtr(counts, n, false_alarms)  # P(at most this many new rows above)
    strict = int(np.searchsorted(fewer, 1.0 - half, side="right"))
    wide = int(np.searchsorted(fewer, half))
    at, strictly, at_least = (
        _share_above(inside, outside, int(false_alarms * n) + 1, side="right"),
        _share_above(inside, outside, strict, side="right"),
        _share_above(inside, outside, wide + 1, side="left"),
    )
    low, high = (
        clopper_pearson(share * inside.size, inside.size, half) for share in (strictly, at_least)
    )
    return Bounds.of(at, min(float(low.lower), at), max(float(high.upper), at))


def _share_above(
    inside: Float64, falling: Float64, k: int, *, side: Literal["left", "right"]
) -> float:
    """Share of sorted ``inside`` above the k-th largest new score (``left``: or equal to it)."""
    if k == 0:
        return 0.0
    if k > falling.size:
        return 1.0
    return 1.0 - int(np.searchsorted(inside, falling[k - 1], side=side)) / inside.size


def audited_epsilon(attack: Attack, *, confidence: float, delta: float = 0.0) -> float:
    """The least epsilon of differential privacy that an attack leaves possible.

    Under (epsilon, delta)-differential privacy every test of membership has
    ``true alarms <= e^epsilon * false alarms + delta``, and the same with the parts exchanged.
    A threshold is chosen on one half of the rows and judged on the other with Clopper and
    Pearson's bounds of both rates (Jagielski, Ullman and Oprea 2020). It speaks of this one
    table and attack: a large value disproves a promise, a small one proves none.

    Returns
    -------
    float
        At least 0, in nats.

    Examples
    --------
    >>> a = Attack("by heart", np.ones(5000), np.zeros(5000))
    >>> round(audited_epsilon(a, confidence=0.95), 1)
    6.5
    """
    rng = np.random.default_rng(0)
    parts = [np.array_split(rng.permutation(x), 2) for x in (attack.inside, attack.outside)]
    (chosen_in, judged_in), (chosen_out, judged_out) = parts
    thresholds = np.unique(np.quantile(np.concatenate([chosen_in, chosen_out]), _LEVELS))
    promise = _epsilons(chosen_in, chosen_out, thresholds, confidence, delta)
    best = thresholds[int(np.argmax(promise.max(axis=0)))]
    side = int(np.argmax(promise.max(axis=1)))
    judged = _epsilons(judged_in, judged_out, np.array([best]), confidence, delta)
    return max(float(judged[side, 0]), 0.0)


_LEVELS = np.concatenate([np.geomspace(1e-4, 0.5, 40), 1 - np.geomspace(1e-4, 0.5, 40)])


def _epsilons(
    inside: Float64, outside: Float64, thresholds: Float64, confidence: float, delta: float
) -> Float64:
    """Lower bounds of epsilon from rows above, and from rows below, each threshold; (2, m)."""
    half = 1.0 - (1.0 - confidence) / 2.0
    told = [_counts_above(x, thresholds) for x in (inside, outside)]
    found = []
    for (hits, alarms), (yes, no) in (
        ((told[0], told[1]), (inside.size, outside.size)),
        ((outside.size - told[1], inside.size - told[0]), (outside.size, inside.size)),
    ):
        true = clopper_pearson(hits, yes, half).lower
        false = clopper_pearson(alarms, no, half).upper
        with np.errstate(divide="ignore", invalid="ignore"):
            found.append(np.log(np.maximum(true - delta, 0.0) / false))
    return np.array(found)


def _counts_above(values: Float64, thresholds: Float64) -> Int64:
    """How many values reach each threshold."""
    return values.size - np.searchsorted(np.sort(values), thresholds, side="left")


def _attacks(subject: Subject) -> tuple[Attack, ...]:
    """The attack by confidence and, where out-of-fold rows are many, the calibrated one."""
    if subject.train.is_empty():
        raise NotApplicable("There are no training rows.")
    held_out = subject.held_out
    outside = held_out.sample(MOST_OUTSIDE, seed=0)
    frame, truth = held_out.frame[outside], held_out.truth[outside]
    confident = confidence_of(subject, held_out)[outside]
    out_of_fold = subject.cross_fitted
    if out_of_fold is None or out_of_fold.rows < 2 * FEWEST_ALIKE:
        rows, _ = train_answers(subject)
        return (Attack("confidence", confidence_of(subject, rows), confident),)
    order = np.random.default_rng(0).permutation(out_of_fold.order)
    asked, alike = np.split(order, [min(SAMPLE, out_of_fold.rows // 2)])
    inside = _scored(subject, out_of_fold, asked)
    easy = Difficulty.learn(subject, out_of_fold, alike[: 4 * SAMPLE])
    own = confidence_of(subject, inside)
    return (
        Attack("confidence", own, confident),
        Attack(
            "confidence against similar rows",
            easy.excess(inside.frame, inside.truth, own),
            easy.excess(frame, truth, confident),
        ),
    )


def _scored(subject: Subject, rows: Scored, chosen: Int64) -> Scored:
    """Some rows, answered by the model itself."""
    frame, truth = rows.frame[chosen], rows.truth[chosen]
    return Scored.of(frame, subject.score(frame), truth=truth, baseline=truth)


def confidence_of(subject: Subject, rows: Scored) -> Float64:
    """How sure the model is of the truth: log-odds of its class, or minus the log of the error.

    On this scale the confidence of models that differ by their rows is near normal (Carlini and
    others 2022, section IV-C). Without probabilities, whether the class is right.

    Returns
    -------
    ndarray of float64, shape (n,)
    """
    if subject.kind == "regression":
        error = np.abs(rows.prediction - rows.truth)
        floor = 1e-6 * max(float(np.std(rows.truth)), 1e-12)
        return np.asarray(-np.log(error + floor), np.float64)
    if subject.kind == "binary":
        chance = np.where(rows.truth == 1, rows.prediction, 1 - rows.prediction)
    elif rows.probabilities is not None:
        chance = rows.probabilities[np.arange(rows.rows), rows.truth.astype(np.int64)]
    else:
        return np.asarray(rows.prediction == rows.truth, np.float64)
    return np.asarray(special.logit(np.clip(chance, 1e-7, 1 - 1e-7)), np.float64)


@dataclass(frozen=True, eq=False)
class Difficulty:
    """What models that never saw a row make of rows like it: mean and spread of confidence."""

    tree: Any
    columns: tuple[str, ...]
    levels: dict[str, dict[str | None, float]]
    mean: Float64
    spread: Float64

    @classmethod
    def learn(cls, subject: Subject, rows: Scored, chosen: Int64) -> Difficulty:
        """From out-of-fold answers; a category is read as the mean confidence of its rows."""
        from sklearn.tree import DecisionTreeRegressor

        frame, truth = rows.frame[chosen], rows.truth[chosen]
        confidence = confidence_of(subject, rows)[chosen]
        columns = tuple(n for n in subject.feature_names if n in frame.columns)
        levels = {
            name: _level_means(frame[name], confidence)
            for name in columns
            if frame.schema[name] == pl.String
        }
        table = _encoded(frame, truth, columns, levels)
        tree = DecisionTreeRegressor(min_samples_leaf=LEAF, random_state=0)
        leaf = tree.fit(table, confidence).apply(table)
        size = np.maximum(np.bincount(leaf), 1)
        mean = np.bincount(leaf, confidence) / size
        spread = np.sqrt(np.bincount(leaf, (confidence - mean[leaf]) ** 2) / size)
        floor = max(0.05 * float(confidence.std()), 1e-9)
        return cls(tree, columns, levels, mean, np.maximum(spread, floor))

    def excess(self, frame: pl.DataFrame, truth: Any, confidence: Float64) -> Float64:
        """By how many spreads each row's confidence exceeds that of rows like it."""
        leaf = self.tree.apply(_encoded(frame, truth, self.columns, self.levels))
        result: Float64 = (confidence - self.mean[leaf]) / self.spread[leaf]
        return result


def _level_means(column: pl.Series, values: Float64) -> dict[str | None, float]:
    """Mean value of each category; rounded, so that the order of rows leaves no trace."""
    named = pl.DataFrame({"level": column.alias("level"), "value": values})
    means = named.group_by("level").agg(pl.col("value").mean().round(9))
    return dict(means.iter_rows())


def _encoded(
    frame: pl.DataFrame,
    truth: Any,
    columns: tuple[str, ...],
    levels: dict[str, dict[str | None, float]],
) -> Float64:
    """Rows and their true answers as numbers, (n, n_columns + 1); -1e9 where missing."""
    table = [np.asarray(truth, np.float64)]
    for name in columns:
        column = frame[name]
        if name in levels:
            middle = float(np.mean(list(levels[name].values())))
            numbers = column.replace_strict(levels[name], default=middle, return_dtype=pl.Float64)
        else:
            numbers = column.to_physical().cast(pl.Float64)
        table.append(numbers.fill_null(-1e9).fill_nan(-1e9).to_numpy())
    return np.column_stack(table)

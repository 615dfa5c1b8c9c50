"""From a table to a causal report: effect, overlap, refutations, who benefits, whom to treat."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from assay.assess.causal.estimate import Scores, score_rows
from assay.assess.causal.nuisance import deal
from assay.assess.causal.policy import learn_policy
from assay.assess.causal.prepare import Prepared, prepare
from assay.assess.causal.record import (
    Better,
    CausalReport,
    Contrast,
    GroupEffect,
    Overlap,
    Policy,
    Shown,
)
from assay.assess.causal.refute import refute
from assay.assess.causal.second_opinion import ask_econml
from assay.assess.groups import group_labels
from assay.assess.statistics import bonferroni
from assay.data.profile import profile_table
from assay.data.source import read_table
from assay.errors import InputError, InvalidTable, UnknownColumn

FEWEST_IN_GROUP = 50
"""Rows with overlap from which a group has an effect of its own."""
TRIM = 0.02
ASSUMED = (
    "The effect is causal only if every common cause of treatment and outcome is among the columns "
    "held equal, and none of these is itself a consequence of the treatment. No table can show "
    "that; who knows how the treatment was decided must say so."
)


def effect(
    table: str | Path | object,
    *,
    treatment: str,
    outcome: str,
    groups: Sequence[str] = (),
    control: str = "",
    positive: str = "",
    ignore: Sequence[str] = (),
    cost: float = 0.0,
    better: Better = "higher",
    confidence: float = 0.95,
    folds: int = 5,
    trim: float = TRIM,
    refutations: bool = True,
    second_opinion: bool = False,
    seed: int = 0,
) -> CausalReport:
    """Estimate what a treatment does to an outcome; no model is needed.

    Parameters
    ----------
    table : path or table
        As `assay.data.source.read_table` takes it. All columns but treatment, outcome and
        ``ignore`` are held equal.
    treatment : str
        A column of two to six levels, or a number.
    outcome : str
        A number, or a column of two classes.
    groups : sequence of str
        Columns whose groups get an effect of their own.
    control : str
        The level that the others are compared with; by default the one that means no.
    positive : str
        The class of the outcome that is counted.
    ignore : sequence of str
        Columns not to be held equal: whatever the treatment may have changed.
    cost : float
        Of treating one row, in the outcome's unit.
    better : {"higher", "lower"}
        Which outcome is wanted.
    confidence : float
        Of each bound, in (0.5, 1).
    folds : int
        Of cross-fitting.
    trim : float
        Rows with a smaller chance of some treatment are left out, in [0, 0.5).
    refutations : bool
        Whether to run the tests of `assay.assess.causal.refute`, which fit some ten times.
    second_opinion : bool
        Whether to ask EconML too; needs the extra ``causal``.
    seed : int

    Returns
    -------
    CausalReport

    Raises
    ------
    UnknownColumn, InvalidTable
        See `prepare`; or treatments overlap in too few rows.
    InputError
        A number is out of its range.
    MissingExtra
        A second opinion is asked for, and EconML is not installed.
    """
    _check_numbers(confidence=confidence, folds=folds, trim=trim)
    frame = read_table(table)
    for name in groups:
        if name not in frame.columns:
            raise UnknownColumn(name, frame.columns, where="groups")
    personal = _personal(frame, treatment, outcome)
    data = prepare(
        frame,
        treatment=treatment,
        outcome=outcome,
        control=control,
        positive=positive,
        ignore=list(dict.fromkeys((*ignore, *personal))),
    )
    scores = score_rows(data, folds=folds, seed=seed, trim=trim)
    if int(scores.kept.sum()) < FEWEST_IN_GROUP:
        raise InvalidTable(
            f"Only {int(scores.kept.sum())} rows had a chance of {trim:g} or more of every "
            "treatment: there is nobody to compare with.",
            hint="Compare other treatments, or restrict the table to rows that could have either.",
        )
    shown = [name for name in groups if name not in personal]
    second = None
    if second_opinion:
        second = ask_econml(data, scores.kept, confidence=confidence, folds=folds, seed=seed)
    return CausalReport(
        treatment=treatment,
        outcome=outcome,
        outcome_is=data.outcome_is,
        better=better,
        rows=data.rows,
        dropped=data.dropped,
        columns=data.columns,
        left_out=(*data.left_out, *personal),
        confidence=confidence,
        contrasts=tuple(
            _contrast(data, scores, level, shown, confidence=confidence, better=better)
            for level in range(1, max(2, len(data.levels)))
        ),
        overlap=_overlap(data, scores, trim),
        refutations=refute(data, folds=folds, seed=seed, trim=trim) if refutations else (),
        policy=_policy(
            data, scores, cost=cost, better=better, folds=folds, seed=seed, confidence=confidence
        ),
        second_opinion=second,
        method=_METHODS[bool(data.levels)].format(folds=folds, confidence=confidence),
        notes=_notes(data, groups, shown),
    )


_METHODS = {
    True: "Augmented inverse-propensity weighting, cross-fitted in {folds} folds (Robins, "
    "Rotnitzky and Zhao 1994; Chernozhukov et al. 2018); expectations are mixtures of a linear "
    "model and boosted trees. Bounds are Student's with Hall's correction for skewness, each "
    "alone at {confidence:g}; those of a column's groups hold together (Bonferroni). Weights of "
    "rows are not used.",
    False: "Partially linear model: the residual of the outcome on the residual of the treatment, "
    "cross-fitted in {folds} folds (Robinson 1988; Chernozhukov et al. 2018); expectations are "
    "mixtures of a linear model and boosted trees. The effect is of one unit more. Bounds as of a "
    "mean of influences, each alone at {confidence:g}; those of a column's groups hold together "
    "(Bonferroni). Weights of rows are not used.",
}


def _check_numbers(*, confidence: float, folds: int, trim: float) -> None:
    if not 0.5 < confidence < 1:
        raise InputError("The confidence lies between 0.5 and 1.", hint="Use 0.95.")
    if not 2 <= folds <= 50:
        raise InputError("Cross-fitting takes 2 to 50 folds.", hint="Use 5.")
    if not 0 <= trim < 0.5:
        raise InputError("The chance to trim at lies in [0, 0.5).", hint=f"Use {TRIM:g}.")


def _personal(frame: pl.DataFrame, treatment: str, outcome: str) -> tuple[str, ...]:
    """Columns of personal data: neither held equal nor shown."""
    if outcome not in frame.columns:
        raise UnknownColumn(outcome, frame.columns)
    profile = profile_table(frame, target=outcome)
    return tuple(
        c.name
        for c in profile.columns
        if any(flag.startswith("personal") for flag in c.flags)
        and c.name not in (treatment, outcome)
    )


def _contrast(
    data: Prepared,
    scores: Scores,
    level: int,
    groups: Sequence[str],
    *,
    confidence: float,
    better: Better,
) -> Contrast:
    """One level against the control, or one unit more."""
    found, _ = scores.effect(confidence, level=level)
    return Contrast(
        level=data.levels[level] if data.levels else "one unit more",
        control=data.levels[0] if data.levels else "as it is",
        effect=found,
        raw=_raw(data, level),
        groups=tuple(
            part
            for name in groups
            for part in _by_group(data, scores, level, name, confidence=confidence, better=better)
        ),
    )


def _raw(data: Prepared, level: int) -> float | None:
    """The difference of means, or the slope, without anything held equal."""
    if not data.levels:
        dose = np.asarray(data.treatment, np.float64)
        spread = float(np.var(dose))
        return float(np.cov(dose, data.outcome, ddof=0)[0, 1] / spread) if spread else None
    treated, control = (data.outcome[data.treatment == k] for k in (level, 0))
    return float(treated.mean() - control.mean())


def _by_group(
    data: Prepared, scores: Scores, level: int, column: str, *, confidence: float, better: Better
) -> list[GroupEffect]:
    """The effect in each group that has rows enough; largest group first."""
    labels = group_labels(data.frame[column], data.frame[column]).to_numpy().astype(str)
    names, code = np.unique(labels, return_inverse=True)
    rows = np.bincount(code[scores.kept], minlength=len(names))
    judged = [k for k in np.argsort(-rows, kind="stable") if rows[k] >= FEWEST_IN_GROUP]
    each = bonferroni(confidence, len(judged))
    found = []
    for k in judged:
        own, _ = scores.effect(each, level=level, among=code == k)
        shown = _shown(own.lower, own.upper, better)
        found.append(GroupEffect(column=column, group=str(names[k]), effect=own, shown=shown))
    return found


def _shown(lower: float | None, upper: float | None, better: Better) -> Shown:
    above = lower is not None and lower > 0
    below = upper is not None and upper < 0
    if not above and not below:
        return "neither"
    return "benefit" if above == (better == "higher") else "harm"


def _overlap(data: Prepared, scores: Scores, trim: float) -> Overlap:
    if scores.chances is None:
        assert scores.spread is not None
        little = " That is little: hardly anything is left to learn from." * (scores.spread < 0.05)
        return Overlap(
            spread=scores.spread,
            words=f"{min(scores.spread, 1.0):.0%} of the variance of the treatment is not "
            f"explained by the columns held equal.{little}",
        )
    rarest = int(np.argmin(np.bincount(np.asarray(data.treatment, np.int64))))
    chances = scores.chances[:, rarest]
    trimmed = int((~scores.kept).sum())
    return Overlap(
        lowest=float(chances.min()),
        highest=float(chances.max()),
        trimmed=trimmed,
        trimmed_share=trimmed / data.rows,
        threshold=trim,
        words=f"The chance of {data.levels[rarest]!r} runs from {chances.min():.3f} to "
        f"{chances.max():.3f}. {trimmed:,} of {data.rows:,} rows ({trimmed / data.rows:.1%}) had a "
        f"chance below {trim:g} of some treatment and were left out: the effects speak of the "
        "others.",
    )


def _policy(
    data: Prepared,
    scores: Scores,
    *,
    cost: float,
    better: Better,
    folds: int,
    seed: int,
    confidence: float,
) -> Policy | None:
    """Whom to treat, where the treatment has two levels."""
    if len(data.levels) != 2 or not data.columns:
        return None
    kept = scores.kept
    sign = 1.0 if better == "higher" else -1.0
    benefit = sign * scores.influence(1, kept) - cost
    return learn_policy(
        data.frame.filter(pl.Series(kept)),
        benefit,
        columns=data.columns,
        cost=cost,
        fold=deal(None, int(kept.sum()), folds=folds, seed=seed),
        confidence=confidence,
    )


def _notes(data: Prepared, asked: Sequence[str], shown: Sequence[str]) -> tuple[str, ...]:
    notes = [ASSUMED]
    if not data.columns:
        notes.append("Nothing was held equal: this is right for a randomised experiment only.")
    hidden = [name for name in asked if name not in shown]
    if hidden:
        notes.append(f"Groups of {', '.join(hidden)} are personal data and are not shown.")
    return tuple(notes)

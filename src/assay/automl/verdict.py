"""Why the winner won, in sentences that a person can check against the leaderboard."""

from __future__ import annotations

import numpy as np

from assay.automl.bench import Attempt
from assay.automl.calibrate import Finish
from assay.automl.engineering import Chosen
from assay.automl.metrics import METRICS, Metric
from assay.automl.problem import Problem
from assay.model.plan import Output

SHOWN_EXTRAS = 3


def why(
    members: list[tuple[Attempt, float]],
    *,
    score: float,
    single: Attempt,
    metric: Metric,
) -> str:
    """Who won, by how much.

    Parameters
    ----------
    members : list of (Attempt, float)
        The chosen trials and their weights, largest first.
    score : float
        Out-of-fold score of their mean.
    single : Attempt
        The best single trial.
    metric : Metric
    """
    if len(members) == 1:
        return (
            f"A single {members[0][0].family.name} model won with a cross-validated "
            f"{metric.title} of {number(score)}: no weighted mean of trials was better."
        )
    shares: dict[str, float] = {}
    for attempt, weight in members:
        shares[attempt.family.name] = shares.get(attempt.family.name, 0.0) + weight
    parts = ", ".join(
        f"{name} {share:.0%}" for name, share in sorted(shares.items(), key=lambda s: -s[1])
    )
    return (
        f"A weighted mean of {len(members)} models ({parts}) won with a cross-validated "
        f"{metric.title} of {number(score)}; the best single model ({single.family.name}) has "
        f"{number(single.score)}."
    )


def engineering(chosen: Chosen | None, *, used: bool) -> list[str]:
    """Which engineered features were found, and whether they helped."""
    if chosen is None or not chosen.extras:
        return []
    names = ", ".join(extra.name for extra in chosen.extras[:SHOWN_EXTRAS])
    more = len(chosen.extras) - SHOWN_EXTRAS
    tail = f" and {more} more" if more > 0 else ""
    helped = "helped trees in cross-validation" if used else "did not help in cross-validation"
    return [f"Engineered features ({names}{tail}) {helped}."]


def slanted(method: str, fitted: bool, *, metric: Metric, score: float) -> list[str]:
    """That the winner was fitted anew so that groups come out more alike."""
    if not fitted:
        return []
    return [
        (
            f"It was then fitted anew ({method}), so that groups come out more alike: "
            f"{metric.title} {number(score)}."
        )
    ]


def how(finish: Finish, output: Output, *, problem: Problem, scales_tried: bool) -> list[str]:
    """How the mean becomes an answer: scale, calibration, threshold."""
    said = []
    if scales_tried:
        said.append(_scale(output.transform, problem.target))
    if problem.task.kind != "regression":
        said.append(_calibration(finish))
    if finish.parity is not None:
        said.append("Each group has a threshold of its own.")
    elif finish.costs is not None:
        said.append(_costs(finish, output))
    elif finish.cut_by:
        share = float(np.mean(problem.y))
        said.append(
            f"{min(share, 1 - share):.0%} of the rows are of the rarer class; the threshold "
            f"{output.threshold:.2f} gives the best out-of-fold {METRICS[finish.cut_by].title}."
        )
    return said


def _costs(finish: Finish, output: Output) -> str:
    if finish.task.kind == "multiclass":
        return "Each row gets the class whose expected cost is least."
    return (
        f"From a probability of {output.threshold:.2f} on, naming {finish.classes[1]} is expected "
        "to cost less."
    )


def number(value: float) -> str:
    """Four digits that matter, thousands apart.

    Examples
    --------
    >>> number(1412.34), number(0.84519)
    ('1,412', '0.8452')
    """
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _scale(transform: str, target: str) -> str:
    if transform != "identity":
        return (
            f"Fitted on {transform}({target}), which cross-validated as well as {target} itself "
            "or better (0.5 % count as equal), keeps answers positive and intervals in proportion."
        )
    return f"Fitted on {target} itself, which cross-validated better than its logarithm."


def _calibration(finish: Finish) -> str:
    if finish.calibration == "none":
        return "Probabilities are not recalibrated: it did not lower the out-of-fold log-loss."
    method = {
        "platt": "Platt scaling",
        "beta": "beta calibration",
        "temperature": "temperature scaling",
    }[finish.calibration]
    return f"Probabilities are calibrated by {method}, which lowered the out-of-fold log-loss."

"""What a leaderboard says in words, for every place that shows it."""

from __future__ import annotations

from assay.automl.leaderboard import Leaderboard, Trial

DIGITS = 4
"""Significant digits of a score: close ones are compared."""


def trial_name(trial: Trial) -> str:
    """A trial as people call it.

    Examples
    --------
    >>> trial_name(Trial(number=3, family="forest"))
    'forest #3'
    """
    return f"{trial.family} #{trial.number}"


def more_data(board: Leaderboard) -> str:
    """What the last step of the learning curve says about further rows; empty without a curve.

    Rows differ from step to step, so a step that lies within the bounds proves nothing.
    """
    if len(board.curve) < 2:
        return ""
    before, last = board.curve[-2:]
    gained = before.score - last.score if board.better == "lower" else last.score - before.score
    outside = not last.low <= before.score <= last.high
    if gained > 0 and outside:
        return "It was still improving when the rows ran out: more rows would probably help."
    if gained > 0:
        return "The last step lies within the bounds: whether more rows would help cannot be told."
    return "It no longer improved: more rows of this kind would bring little."

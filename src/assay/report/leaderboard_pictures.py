"""The pictures of a search, each with its sentence and its figures.

What the search did not record (a learning curve, the gap between groups) has no picture.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from assay.automl.leaderboard import Leaderboard, Trial
from assay.report import charts
from assay.report.charts import Bar
from assay.report.leaderboard_charts import (
    Band,
    Mark,
    Spot,
    Step,
    best_over_time,
    feature_bars,
    learning_curve,
    trade_off,
    trial_dots,
)
from assay.report.leaderboard_words import DIGITS, more_data, trial_name
from assay.report.picture import Picture, with_unit
from assay.report.verdict import metric_name, metric_unit
from assay.report.wording import (
    NONE,
    SHARES,
    between,
    count,
    counted,
    duration,
    listed,
    number,
    quantity,
    share,
)

_MOST_DOTS = 12
_MOST_SPOTS = 60
"""Trials that a scatter shows, best first: far worse ones would flatten it."""
_FAR = 3.0
"""A trial this many times as far behind the best as the middle one is left out of a scatter."""


def leaderboard_pictures(board: Leaderboard, *, unit: str = "") -> tuple[Picture, ...]:
    """All pictures that the leaderboard has figures for.

    Parameters
    ----------
    board : Leaderboard
        Of a search that ended.
    unit : str
        Unit of the target.

    Returns
    -------
    tuple of Picture
        Scores, best score over time, shares in the model, what features brought, learning
        curve, score against time of an answer, against size, and against the gap between
        groups. An older record, with fewer fields, has fewer.
    """
    pictures = (
        scores_picture(board, unit=unit),
        _shares(board),
        _features(board),
        _over_time(board, unit),
        _curve(board, unit),
        *(_trade_off(board, measure, unit) for measure in _measures(board)),
    )
    return tuple(picture for picture in pictures if picture is not None)


def _scored(board: Leaderboard) -> list[tuple[Trial, float]]:
    """Finished trials with their scores, best first."""
    return [
        (t, t.score)
        for t in board.trials
        if t.status == "finished" and t.score is not None and math.isfinite(t.score)
    ]


def _score(value: float | None, scale: str) -> str:
    return quantity(value, scale, digits=DIGITS)


def _axis(board: Leaderboard, unit: str) -> str:
    name = metric_name(board.metric)
    return f"{with_unit(name, metric_unit(board.metric, unit))}, {board.better} is better"


def scores_picture(board: Leaderboard, *, unit: str = "") -> Picture | None:
    """Scores of the finished trials with their intervals, the model first; None without any."""
    done = _scored(board)
    if not done:
        return None
    scale = metric_unit(board.metric, unit)
    best, best_score = done[0]
    shown = [(t, s) for place, (t, s) in enumerate(done) if place < _MOST_DOTS or t.weight]
    model = Mark("the model", board.ensemble_score, board.ensemble_low, board.ensemble_high, True)
    marks = [Mark(trial_name(t), s, t.low, t.high, t.weight > 0) for t, s in shown]
    return Picture(
        title="What the search tried",
        text=f"{counted(len(done), 'trial')} finished. The best single one, {trial_name(best)}, "
        f"reaches {_score(best_score, scale)}; the chosen model "
        f"{_score(board.ensemble_score, scale)}; the constant answer "
        f"{_score(board.baseline, scale)}.",
        chart=trial_dots([model, *marks], measure=_axis(board, unit), share=scale in SHARES),
        columns=("Trial", metric_name(board.metric), "Interval", "Share in the model"),
        rows=tuple(
            (
                trial_name(t),
                _score(s, scale),
                between(t.low, t.high, scale, digits=DIGITS),
                share(t.weight) if t.weight else NONE,
            )
            for t, s in done
        ),
    )


def _shares(board: Leaderboard) -> Picture | None:
    chosen = board.chosen
    if len(chosen) < 2:
        return None
    return Picture(
        title="What the model is made of",
        text=f"A weighted mean of {count(len(chosen))} trials. Largest share: "
        f"{trial_name(chosen[0])}, {share(chosen[0].weight)}.",
        chart=charts.bars(
            [Bar(trial_name(t), t.weight) for t in chosen],
            measure="Share in the model",
            share=True,
        ),
        columns=("Trial", "Share", "Features", "A person can read it"),
        rows=tuple(
            (trial_name(t), share(t.weight), t.recipe, "yes" if t.transparent else "no")
            for t in chosen
        ),
    )


def _features(board: Leaderboard) -> Picture | None:
    brought = board.contributions
    if not brought:
        return None
    first = listed([f"{c.feature} ({share(c.share)})" for c in brought[:3]])
    new = [c for c in brought if c.engineered]
    part = (
        f" {counted(len(new), 'engineered feature')}: {share(sum(c.share for c in new))} together."
        if new
        else ""
    )
    return Picture(
        title="What each feature brought",
        text=f"How much worse the answers get when a feature is shuffled, out of fold. "
        f"Most: {first}.{part}",
        chart=feature_bars(
            [Bar(c.feature, c.share) for c in brought], frozenset(c.feature for c in new)
        ),
        columns=("Feature", "Share", "Made of", "Engineered"),
        rows=tuple(
            (c.feature, share(c.share), ", ".join(c.columns), "yes" if c.engineered else "no")
            for c in brought
        ),
    )


def _over_time(board: Leaderboard, unit: str) -> Picture | None:
    timed = [(t, s, t.began_s + t.took_s) for t, s in _scored(board) if t.took_s > 0]
    if len(timed) < 2:
        return None
    timed.sort(key=lambda entry: entry[2])
    scale = metric_unit(board.metric, unit)
    steps = list(_best_so_far([(at, s) for _, s, at in timed], board.better))
    last = next(i for i, step in enumerate(steps) if step.best == steps[-1].best)
    return Picture(
        title="Best score over time",
        text=f"The first score, {_score(steps[0].score, scale)}, was known after "
        f"{duration(steps[0].seconds)}; the best single one, {_score(steps[-1].best, scale)}, "
        f"after {duration(steps[last].seconds)} of {duration(board.spent_s)}.",
        chart=best_over_time(
            steps, measure=_axis(board, unit), better=board.better, share=scale in SHARES
        ),
        columns=("Trial", "Known after", metric_name(board.metric), "Best so far"),
        rows=tuple(
            (
                trial_name(t),
                duration(at),
                _score(s, scale),
                _score(step.best, scale),
            )
            for (t, s, at), step in zip(timed, steps, strict=True)
        ),
    )


def _best_so_far(known: list[tuple[float, float]], better: str) -> Iterator[Step]:
    """Each score as it came, with the best until then."""
    pick = min if better == "lower" else max
    best = known[0][1]
    for seconds, score in known:
        best = pick(best, score)
        yield Step(seconds, score, best)


def _curve(board: Leaderboard, unit: str) -> Picture | None:
    if len(board.curve) < 2:
        return None
    scale = metric_unit(board.metric, unit)
    before, last = board.curve[-2:]
    return Picture(
        title="Would more data help?",
        text=f"From {counted(before.rows, 'row')} to {count(last.rows)}, the score of the best "
        f"single trial went from {_score(before.score, scale)} to "
        f"{_score(last.score, scale)}. {more_data(board)}",
        chart=learning_curve(
            [Band(p.rows, p.score, p.low, p.high) for p in board.curve],
            measure=_axis(board, unit),
            share=scale in SHARES,
        ),
        columns=("Rows", metric_name(board.metric), "Interval"),
        rows=tuple(
            (
                count(p.rows),
                _score(p.score, scale),
                between(p.low, p.high, scale, digits=DIGITS),
            )
            for p in board.curve
        ),
    )


@dataclass(frozen=True, kw_only=True)
class _Measure:
    """What a score is set against."""

    title: str
    name: str
    unit: str = ""
    of: Callable[[Trial], float | None]
    front: bool = False
    """Whether the search weighed both, so that there is a front."""


def _measures(board: Leaderboard) -> tuple[_Measure, ...]:
    gap = board.gap_of or "largest difference between groups"
    return (
        _Measure(
            title="Score against the time of an answer",
            name="Time of one answer",
            unit="µs",
            of=lambda trial: trial.predict_us_per_row or None,
        ),
        _Measure(
            title="Score against size",
            name="Size",
            unit="kB",
            of=lambda trial: trial.kilobytes or None,
        ),
        _Measure(
            title="Score against the gap between groups",
            name=gap[0].upper() + gap[1:],
            of=lambda trial: trial.gap,
            front=True,
        ),
    )


def _trade_off(board: Leaderboard, measure: _Measure, unit: str) -> Picture | None:
    """Scores against one more measure, for the trials that have it."""
    known = [(t, s, x) for t, s in _scored(board) if (x := measure.of(t)) is not None]
    if len(known) < 2:
        return None
    scale = metric_unit(board.metric, unit)
    best, best_score, best_x = known[0]
    least, least_score, least_x = min(known, key=lambda entry: entry[2])
    line = " The dashed line joins those that no other beats in both." if measure.front else ""
    return Picture(
        title=measure.title,
        text=f"The best single trial, {trial_name(best)}: {_score(best_score, scale)} at "
        f"{quantity(best_x, measure.unit)}. Least: {trial_name(least)}, "
        f"{_score(least_score, scale)} at {quantity(least_x, measure.unit)}.{line}",
        chart=trade_off(
            [
                Spot(f"#{t.number}", x, s, t.weight > 0, measure.front and t.front)
                for t, s, x in _near(known)
            ],
            across=with_unit(measure.name, measure.unit),
            up=_axis(board, unit),
            share=scale in SHARES,
        ),
        columns=("Trial", metric_name(board.metric), with_unit(measure.name, measure.unit)),
        rows=tuple((trial_name(t), _score(s, scale), number(x)) for t, s, x in known),
    )


def _near(known: list[tuple[Trial, float, float]]) -> list[tuple[Trial, float, float]]:
    """Trials that are not far behind; the table beside the picture holds them all."""
    best, middle = known[0][1], known[len(known) // 2][1]
    reach = _FAR * abs(middle - best)
    return [
        (trial, score, x)
        for trial, score, x in known[:_MOST_SPOTS]
        if abs(score - best) <= reach or trial.weight > 0 or trial.front
    ]

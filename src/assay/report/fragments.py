"""Rich notebook output: small pieces of HTML, styled inline, escaped, without scripts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from assay.assess.finding import Assessment
from assay.automl.leaderboard import Leaderboard
from assay.data.profile import Profile
from assay.policy.gate import Decision, Outcome
from assay.progress import Standing
from assay.report.evidence import interval, measured, source
from assay.report.leaderboard_words import DIGITS, trial_name
from assay.report.rules import limits
from assay.report.strip import bound_strip
from assay.report.tally import tallies
from assay.report.verdict import metric_name
from assay.report.wording import (
    NONE,
    PRINCIPLES,
    STATUS_SHAPES,
    between,
    bounds,
    count,
    counted,
    duration,
    number,
    sentence,
    share,
    span,
)

_CELL = "text-align:left;vertical-align:top;padding:.3em 1em .3em 0"
_BOX = "font-family:system-ui,sans-serif;line-height:1.45;max-width:60em"

_GRID = (
    "display:grid;grid-template-columns:repeat(auto-fit,minmax(25em,1fr));gap:0 1em;"
    "background:#fff;color:#1d2733"
)
MOST_TRIALS = 15
"""Trials that a notebook shows; the record holds all."""


class Drawn(str):
    """HTML that this module made and need not escape."""

    __slots__ = ()


def html_leaderboard(leaderboard: Leaderboard) -> str:
    """What the search tried, with its pictures, as an HTML fragment."""
    board, shown = leaderboard, leaderboard.trials[:MOST_TRIALS]
    noted = any(t.note for t in shown)
    rows = [
        (
            trial_name(t),
            number(t.score, digits=DIGITS) if t.score is not None else t.status,
            between(t.low, t.high, digits=DIGITS),
            share(t.weight) if t.weight else NONE,
            duration(t.fit_s),
            f"{number(t.predict_us_per_row)} µs",
            f"{number(t.kilobytes)} kB",
            "yes" if t.transparent else "no",
            t.recipe,
            *([t.note if t.status == "finished" else f"{t.status}: {t.note}"] if noted else []),
        )
        for t in shown
    ]
    metric = metric_name(board.metric)
    reached, constant = (
        number(score, digits=DIGITS) for score in (board.ensemble_score, board.baseline)
    )
    left = len(board.trials) - len(rows)
    return _fragment(
        "Leaderboard",
        f"{board.why} {metric} of the model: {reached}; of the constant answer: {constant}; "
        f"{board.better} is better.",
        _table(
            f"Trials, best first{f'; {count(left)} more are not shown' if left > 0 else ''}",
            (
                *("Trial", metric, "Interval", "Share", "Fit", "One answer", "Size"),
                *("Glass box", "Features", *(["Note"] if noted else [])),
            ),
            rows,
        )
        + "".join(f'<p style="margin:.3em 0">{escape(note)}</p>' for note in board.notes)
        + _drawn(board),
    )


def html_standings(
    step: str, words: str, standings: Sequence[Standing], *, fraction: float = 0.0
) -> str:
    """How a search stands while it runs, as an HTML fragment.

    Parameters
    ----------
    step : str
        What is being done.
    words : str
        What runs now, and the time left.
    standings : sequence of Standing
        The best trials so far, best first.
    fraction : float
        How much is done, in [0, 1].
    """
    bar = (
        f'<progress max="1" value="{fraction:.3f}" aria-label="{escape(step)}" '
        f'style="width:20em"></progress>'
    )
    rows = [
        (f"{s.family} #{s.number}", number(s.score, digits=DIGITS), duration(s.took_s))
        for s in standings
    ]
    best = _table("Best so far", ("Trial", "Score", "Took"), rows) if rows else ""
    return _fragment(step, words, bar + best)


def html_decision(decision: Decision) -> str:
    """How every rule ended, as an HTML fragment."""
    rows = [
        (
            f"{STATUS_SHAPES[outcome.status]} {outcome.status}",
            outcome.title + (f": {outcome.column}" if outcome.column else ""),
            sentence(outcome.reason),
            _strip(outcome),
        )
        for outcome in decision.outcomes
    ]
    verdict = "Allowed" if decision.allowed else "Refused"
    words = ", ".join(
        f"{count(t.rules)} {t.status}" for t in tallies(o.status for o in decision.outcomes)
    )
    return _fragment(
        verdict,
        sentence(words or "the policy holds no rule"),
        _table("Rule by rule", ("Status", "Rule", "Why", "Interval and limit"), rows),
    )


def html_assessment(assessment: Assessment) -> str:
    """All findings by principle, as an HTML fragment."""
    rows = [
        (
            PRINCIPLES[found.principle],
            found.title + (f": {found.column}" if found.column else ""),
            measured(found) if found.applies else sentence(f"does not apply: {found.reason}"),
            interval(found),
            source(found.evidence, found.rows),
        )
        for key in PRINCIPLES
        for found in assessment.findings
        if found.principle == key
    ]
    left = assessment.not_examined
    return _fragment(
        "Assessment",
        f"{counted(len(rows), 'finding')}. Not examined: {' '.join(left) if left else 'not said.'}",
        _table("Findings", ("Principle", "Measure", "Value", "Bounds", "Evidence"), rows),
    )


def html_profile(profile: Profile) -> str:
    """What a table holds, as an HTML fragment."""
    rows = [
        (
            c.name,
            c.kind,
            c.role,
            count(c.missing),
            count(c.distinct),
            span(c.kind, c.low, c.high),
            ", ".join(c.flags),
        )
        for c in profile.columns
    ]
    return _fragment(
        "Profile",
        f"{counted(profile.rows, 'row')}, {counted(profile.duplicates, 'duplicate row')}, "
        f"{counted(profile.missing_cells, 'missing cell')}.",
        _table(
            "Columns", ("Column", "Kind", "Role", "Missing", "Distinct", "Range", "Flags"), rows
        ),
    )


def _drawn(board: Leaderboard) -> str:
    """The pictures on white, whatever the notebook's theme; drawn only when they are shown."""
    from assay.report.leaderboard_pictures import leaderboard_pictures
    from assay.report.sheet import figure

    figures = "".join(map(figure, leaderboard_pictures(board)))
    return f'<div style="{_GRID}">{figures}</div>' if figures else ""


def _strip(outcome: Outcome) -> str:
    """The bound picture on white, whatever the notebook's theme."""
    if outcome.value is None:
        return NONE
    ends = bounds(outcome.value, outcome.lower, outcome.upper)
    drawn = bound_strip(
        outcome.value,
        lower=outcome.lower,
        upper=outcome.upper,
        **limits(outcome.limit)._asdict(),
        text=f"Measured {number(outcome.value)}{f', bounds {ends}' if ends else ''}; "
        f"limit {outcome.limit}.",
    )
    return Drawn(f'<span style="display:inline-block;background:#fff">{drawn}</span>')


def _fragment(title: str, words: str, body: str) -> str:
    return (
        f'<div style="{_BOX}"><strong style="font-size:1.15em">{escape(title)}</strong>'
        f'<p style="margin:.3em 0 .6em">{escape(words)}</p>{body}</div>'
    )


def _table(caption: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col" style="{_CELL}">{escape(name)}</th>' for name in columns)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return (
        f'<table style="border-collapse:collapse"><caption style="text-align:left">'
        f"{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def _cell(cell: str) -> str:
    words = cell if isinstance(cell, Drawn) else escape(cell)
    return f'<td style="{_CELL}">{words}</td>'

"""The scorecard: two to four pages of PDF, for people who will not open a web page."""

from __future__ import annotations

import json
import re
from datetime import datetime
from functools import lru_cache
from importlib.resources import files
from typing import Any

from assay.report.dossier import Dossier
from assay.report.evidence import principles
from assay.report.gallery import finding_pictures
from assay.report.leaderboard_pictures import scores_picture
from assay.report.picture import Picture
from assay.report.record import digests, parity_words
from assay.report.rules import RuleView, rules
from assay.report.stamp import hallmark_facts, stamp
from assay.report.verdict import success, verdict
from assay.report.wording import (
    NONE,
    between,
    count,
    counted,
    moment,
    printable,
    quantity,
    sentence,
)

MOST_PICTURES = 4
MOST_GROUPS = 16
OPEN = frozenset({"not met", "undecided", "missing"})
_LONG_WORD = re.compile(r"\S{32,}")
FONT = "Libertinus Serif"
"""Comes with typst, so a page looks the same everywhere."""


def render_pdf(dossier: Dossier) -> bytes:
    """Render a dossier as a scorecard.

    Verdict, targets (met, not met, undecided), key pictures, groups, limits of use, approvals
    and digests. A tagged PDF that keeps to PDF/UA-1: language, title, headings, table headers
    and a text alternative for every picture.

    Parameters
    ----------
    dossier : Dossier
        The stored evidence of one run.

    Returns
    -------
    bytes
        A PDF. The same dossier gives the same bytes on the same machine.
    """
    import typst

    return bytes(
        typst.compile(
            _template(),
            sys_inputs={"dossier": json.dumps(_breakable(_content(dossier)))},
            format="pdf",
            pdf_standards=["ua-1"],
            timestamp=_timestamp(dossier.run.started),
        )
    )


@lru_cache(maxsize=1)
def _template() -> bytes:
    return (files("assay.report") / "templates" / "scorecard.typ").read_bytes()


def _content(dossier: Dossier) -> dict[str, Any]:
    """Everything that the template places, as plain text and SVG."""
    told = verdict(dossier)
    return {
        "title": dossier.title,
        "author": dossier.question.owner,
        "date": moment(dossier.run.started),
        "headline": told.headline,
        "reason": told.reason,
        "next": told.next_step,
        "stamp": stamp(dossier),
        "stamp_text": _stamp_text(dossier),
        "asked": _asked(dossier),
        "rules": [_rule(rule) for rule in rules(dossier)],
        "asides": _asides(dossier),
        "pictures": _key_pictures(dossier),
        "groups": _groups(dossier),
        "use": _use(dossier),
        "not_examined": list(dossier.assessment.not_examined),
        "approvals": [
            f"{a.by}, {moment(a.at)}, {a.how}{f': {a.note}' if a.note else ''}"
            for a in dossier.approvals
        ],
        "hallmark": _hallmark(dossier),
        "digests": [list(pair) for pair in digests(dossier)],
        "parity": parity_words(dossier),
        "verify": f"assay verify {dossier.title}",
    }


def _asked(dossier: Dossier) -> list[list[str]]:
    asked = dossier.question
    return [
        ["Question", asked.question],
        ["Decision that the answer supports", asked.decision],
        ["Success", success(dossier)],
        ["Who answers for it", asked.owner],
    ]


def _rule(rule: RuleView) -> dict[str, str]:
    return {
        "status": rule.status,
        "shape": rule.shape,
        "title": rule.title,
        "source": f"{rule.check} {rule.source}",
        "measured": rule.measured,
        "bounds": rule.bounds,
        "limit": rule.limit or NONE,
        "strip": rule.strip,
        "strip_text": rule.strip_text,
    }


def _asides(dossier: Dossier) -> list[str]:
    """The sentence of every rule that is not plainly met."""
    return [
        f"{rule.title}: {' '.join(part for part in (rule.reason, rule.consequence) if part)}"
        for rule in rules(dossier)
        if rule.status not in {"met", "not applicable"}
    ]


def _key_pictures(dossier: Dossier) -> list[dict[str, str]]:
    """The search, then what a rule could not settle, then the first of each principle."""
    unit = dossier.question.unit
    board = scores_picture(dossier.leaderboard, unit=unit)
    drawn = [
        [
            (view, pictures[0])
            for view in principle.findings
            if (pictures := finding_pictures(view.finding, unit=unit))
        ]
        for principle in principles(dossier)
    ]
    unsettled = [
        pair for pairs in drawn for pair in pairs if any(t.status in OPEN for t in pair[0].statuses)
    ]
    chosen = {"Search": board} if board else {}
    for view, picture in [*unsettled, *(pairs[0] for pairs in drawn if pairs)]:
        chosen.setdefault(view.title, picture)
    return [_picture(title, picture) for title, picture in list(chosen.items())[:MOST_PICTURES]]


def _picture(title: str, picture: Picture) -> dict[str, str]:
    svg = re.sub(r'font-family="[^"]*"', f'font-family="{FONT}"', picture.svg)
    return {"title": title, "text": f"{picture.title}. {picture.text}", "svg": svg}


def _groups(dossier: Dossier) -> list[list[str]]:
    """Figures by group of held-out findings about fairness and inclusiveness."""
    rows = [
        [
            found.title + (f": {found.column}" if found.column else ""),
            group.group,
            count(group.rows),
            quantity(group.value, found.unit),
            between(group.lower, group.upper, found.unit),
        ]
        for found in dossier.assessment.findings
        if found.principle in {"fairness", "inclusiveness"} and found.evidence != "cross-fitted"
        for group in found.groups
        if group.value is not None
    ]
    if len(rows) <= MOST_GROUPS:
        return rows
    left = counted(len(rows) - MOST_GROUPS, "further line")
    return [*rows[:MOST_GROUPS], [f"… {left} in the full report", "", "", "", ""]]


def _use(dossier: Dossier) -> list[list[str]]:
    asked = dossier.question
    return [
        ["Made for", sentence(asked.intended_use) or "Nobody has written this down."],
        ["Not made for", sentence(asked.out_of_scope) or "Nobody has written this down."],
    ]


def _stamp_text(dossier: Dossier) -> str:
    return f"Hallmark of {dossier.title}" if dossier.struck else "No hallmark"


def _hallmark(dossier: Dossier) -> str:
    if dossier.hallmark is None:
        return "No hallmark is struck; no scorer loads this model."
    facts = hallmark_facts(dossier.hallmark)
    return f"Hallmark struck {moment(facts.struck_at)} with key {facts.key[:16]}."


def _breakable(value: Any, key: str = "") -> Any:
    """Let very long words break, as typst does not; pictures and digests stay as they are."""
    if isinstance(value, dict):
        return {name: _breakable(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [_breakable(inner, key) for inner in value]
    if key in {"svg", "strip", "stamp", "digests", "verify"}:
        return value
    return _LONG_WORD.sub(lambda found: "\u200b".join(found[0]), printable(value) if value else "")


def _timestamp(started: str) -> int:
    """Seconds since 1970 of the run's start: the PDF must not know when it was printed."""
    try:
        return int(datetime.fromisoformat(started).timestamp())
    except ValueError:
        return 0

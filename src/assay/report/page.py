"""The report as one HTML page: it opens without network and reads without scripts."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from assay.report.dossier import Dossier
from assay.report.evidence import principles
from assay.report.gallery import finding_pictures, missing_picture
from assay.report.leaderboard_pictures import leaderboard_pictures
from assay.report.picture import Picture
from assay.report.record import parity_words, record_facts
from assay.report.rules import rules
from assay.report.stamp import hallmark_facts, stamp
from assay.report.tally import tallies
from assay.report.verdict import success, verdict
from assay.report.wording import (
    count,
    counted,
    duration,
    moment,
    number,
    share,
    short,
    span,
)

if TYPE_CHECKING:
    from jinja2 import Environment


def render_html(dossier: Dossier) -> str:
    """Render a dossier as one self-contained page.

    The verdict comes first, then every rule, then the evidence by principle with pictures,
    then what was not examined, then the record. The page refers to nothing outside itself and
    holds no script; it is built to meet WCAG 2.2 AA in light and dark.

    Parameters
    ----------
    dossier : Dossier
        The stored evidence of one run.

    Returns
    -------
    str
        A whole HTML document. The same dossier gives the same text.
    """
    return page_environment().get_template("page.html").render(_context(dossier))


def _context(dossier: Dossier) -> dict[str, Any]:
    unit = dossier.question.unit
    return {
        "d": dossier,
        "css": page_resource("page.css"),
        "stamp": stamp(dossier),
        "verdict": verdict(dossier),
        "success": success(dossier),
        "tallies": tallies(o.status for o in dossier.decision.outcomes),
        "rules": rules(dossier),
        "principles": principles(dossier),
        "pictures_of": lambda found: finding_pictures(found, unit=unit),
        "missing": missing_picture(dossier.profile),
        "search": leaderboard_pictures(dossier.leaderboard, unit=unit),
        "parity_words": parity_words(dossier),
        "record": record_facts(dossier),
        "hallmark": hallmark_facts(dossier.hallmark) if dossier.hallmark else None,
    }


@lru_cache(maxsize=1)
def page_environment() -> Environment:
    """What renders the templates of pages."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    environment = Environment(
        loader=FunctionLoader(page_resource),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "count": count,
        "counted": counted,
        "duration": duration,
        "inline": _inline,
        "moment": moment,
        "number": number,
        "share": share,
        "short": short,
        "span": span,
    }
    return environment


def _inline(picture: Picture) -> Any:
    """A picture's SVG with its sentence as text alternative, safe to place in the page."""
    from markupsafe import Markup

    opening = Markup('<svg role="img" aria-label="{}"').format(picture.text)
    return opening + Markup(picture.svg.removeprefix("<svg"))  # noqa: S704 - drawn by charts.py


def page_resource(name: str) -> str:
    """A template, or the style sheet."""
    return (files("assay.report") / "templates" / name).read_text(encoding="utf-8")

"""What a hallmark says of itself, and its stamp."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from html import escape

import msgspec

from assay.registry.hallmark import Hallmark, Statement
from assay.report.dossier import Dossier
from assay.report.wording import moment


@dataclass(frozen=True, kw_only=True)
class HallmarkFacts:
    """Read from the envelope; nothing here is verified, which is `assay verify`'s job."""

    key: str
    struck_at: str
    subject: str
    digest: str


def hallmark_facts(hallmark: Hallmark) -> HallmarkFacts:
    """Key, time and first subject of an envelope."""
    statement = msgspec.json.decode(base64.b64decode(hallmark.payload), type=Statement)
    subject = statement.subject[0]
    return HallmarkFacts(
        key=hallmark.signatures[0].keyid,
        struck_at=statement.predicate.struck_at,
        subject=subject.name,
        digest=subject.sha256,
    )


def stamp(dossier: Dossier) -> str:
    """The stamp as inline SVG: three punches once struck, an empty outline before.

    As on silver: the maker's initials, the office's mark, and the number of the piece.
    """
    if dossier.hallmark is None:
        return _OUTLINE
    facts = hallmark_facts(dossier.hallmark)
    when = f" on {moment(facts.struck_at)}" if facts.struck_at else ""
    text = escape(f"Hallmark of {dossier.title}, struck{when}, key {facts.key[:16]}")
    number = str(dossier.version.number) if dossier.version else ""
    return (
        f'<svg class="stamp struck" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 216 76" '
        f'width="216" height="76" role="img" aria-label="{text}"><title>{text}</title>'
        f'<g fill="none" stroke="#1d2733" stroke-width="3" stroke-linejoin="round">'
        f'{_OCTAGON}{_SHIELD}{_OVAL}{_ARCH}</g><g fill="#1d2733" text-anchor="middle" '
        f'font-family="serif" font-weight="bold"><text x="36" y="47" font-size="27">'
        f'{escape(initials(dossier.question.name))}</text><text x="180" y="47" '
        f'font-size="{27 if len(number) < 3 else 18}">{number}</text></g></svg>'
    )


def initials(name: str) -> str:
    """The first letters of a name's words, three at most.

    Examples
    --------
    >>> initials("car-price"), initials("churn")
    ('CP', 'C')
    """
    return "".join(word[0] for word in name.split("-") if word)[:3].upper()


_OCTAGON = '<path d="M16 4H56L68 16V60L56 72H16L4 60V16Z"/>'
_SHIELD = '<path d="M82 4H134V38C134 56 122 66 108 72C94 66 82 56 82 38Z"/>'
_OVAL = '<ellipse cx="180" cy="38" rx="32" ry="34"/>'
_ARCH = '<path d="M95 55L108 19L121 55M99.5 43H116.5" stroke-width="5"/>'

_OUTLINE = (
    '<svg class="stamp" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 216 96" width="216" '
    'height="96" role="img" aria-label="No hallmark"><title>No hallmark</title>'
    '<g fill="none" stroke="#5b6670" stroke-width="1.5" stroke-dasharray="5 4">'
    f"{_OCTAGON}{_SHIELD}{_OVAL}</g>"
    '<text x="108" y="92" text-anchor="middle" font-family="sans-serif" font-size="13" '
    'fill="#5b6670">no hallmark yet</text></svg>'
)

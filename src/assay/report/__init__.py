"""Reports rendered from stored evidence: page, scorecard, model card, lifecycle documents.

Nothing here is typed twice: every document is a function of one `Dossier`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from assay.report.card import render_card
    from assay.report.documents import render_documents
    from assay.report.dossier import Dossier
    from assay.report.fragments import (
        html_assessment,
        html_decision,
        html_leaderboard,
        html_profile,
        html_standings,
    )
    from assay.report.page import render_html
    from assay.report.scorecard import render_pdf

_HOME = {
    "Dossier": "assay.report.dossier",
    "html_assessment": "assay.report.fragments",
    "html_decision": "assay.report.fragments",
    "html_leaderboard": "assay.report.fragments",
    "html_profile": "assay.report.fragments",
    "html_standings": "assay.report.fragments",
    "render_card": "assay.report.card",
    "render_documents": "assay.report.documents",
    "render_html": "assay.report.page",
    "render_pdf": "assay.report.scorecard",
}
__all__ = [
    "Dossier",
    "html_assessment",
    "html_decision",
    "html_leaderboard",
    "html_profile",
    "html_standings",
    "render_card",
    "render_documents",
    "render_html",
    "render_pdf",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)

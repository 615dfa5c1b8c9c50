"""What the checks look at: of a model that was searched here, and of any made elsewhere."""

from __future__ import annotations

from assay.evidence.outside import Judged, assess_predictions
from assay.evidence.remote import RemoteModel
from assay.evidence.search import gather_subject, gather_subject_on

__all__ = [
    "Judged",
    "RemoteModel",
    "assess_predictions",
    "gather_subject",
    "gather_subject_on",
]

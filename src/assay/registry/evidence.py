"""That the evidence speaks of this very model: asked when registering, and again offline."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from assay.assess.finding import Assessment
from assay.errors import VerificationFailed
from assay.records import Record
from assay.registry.version import Candidate


class _Parity(Record, frozen=True, kw_only=True):
    """What matters here of the proof that graph and Python model agree."""

    ok: bool
    graph: str
    coded: str = ""
    plan: str = ""


def check_evidence(candidate: Candidate, read: Callable[[str], bytes]) -> Assessment:
    """See to it that the model was proved and assessed, and no other in its place.

    Parameters
    ----------
    candidate : Candidate
        Names model, parity and assessment by digest.
    read : callable
        Gives an artifact's bytes for its digest.

    Returns
    -------
    Assessment
        The assessment of this model.

    Raises
    ------
    VerificationFailed
        The proof or the assessment is of another model, or the proof failed.
    """
    try:
        parity = _Parity.from_json(read(candidate.parity))
        assessment = Assessment.from_json(read(candidate.assessment))
    except msgspec.DecodeError:
        raise VerificationFailed(
            "The proof of parity or the assessment is not a record of its kind.",
            hint="Run it again.",
        ) from None
    proved = {"model": parity.graph, "coded": parity.coded, "plan": parity.plan}
    asked = {field: getattr(candidate, field) for field in proved}
    if not parity.ok or any(digest and proved[field] != digest for field, digest in asked.items()):
        raise VerificationFailed(
            "This graph was not proved equal to its Python model.",
            hint="Only a graph that passed the proof can be used; run it again.",
            where="parity.json",
        )
    if assessment.subject != candidate.model:
        raise VerificationFailed(
            "The assessment is of another model.",
            hint="What is assessed is what is used; run it again.",
            where="assessment.json",
        )
    return assessment

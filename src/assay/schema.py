"""JSON Schemas of the files that people write, so that editors complete and check them."""

from __future__ import annotations

from typing import Any

import msgspec

from assay.errors import UnknownName
from assay.policy.policy import Policy
from assay.question import Question

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_RECORDS: dict[str, type[Any]] = {"question": Question, "policy": Policy}

_QUESTION = {
    "name": "car-price",
    "question": "How much is this car worth?",
    "data": "automobile.csv",
    "target": "price",
    "unit": "USD",
    "decision": "The asking price that a dealer puts on a car.",
    "owner": "pricing@dealer.example",
    "affected_groups": [{"column": "make", "why": "No make should carry larger errors."}],
    "success": {"metric": "mae", "baseline": "the median price of all cars"},
    "budget": {"seconds": 60},
}
_POLICY = {
    "name": "car-price",
    "approvals": {"required": 1, "four_eyes": False},
    "rules": [
        {"check": "REL001", "at_most": 0.6, "because": "It must clearly beat one price for all."},
        {"check": "FAI001", "column": "make", "at_most": 2.0, "undecided": "approve"},
    ],
    "waivers": [
        {
            "check": "FAI001",
            "column": "make",
            "by": "ana@dealer.example",
            "reason": "Two makes have fewer than five cars; more are being collected.",
            "until": "2026-12-31",
        }
    ],
}
_FILES = {
    "question": ("assay.yaml", "The sharp question", _QUESTION),
    "policy": ("policy.yaml", "The policy", _POLICY),
}


def schema_of(kind: str) -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a file that people write.

    Parameters
    ----------
    kind : str
        ``"question"`` (assay.yaml) or ``"policy"`` (policy.yaml).

    Returns
    -------
    dict
        Self-contained; every key has a description, and the file a complete example.

    Raises
    ------
    UnknownName
        There is no such file.

    Examples
    --------
    >>> schema_of("policy")["title"]
    'The policy (policy.yaml)'
    """
    if kind not in _RECORDS:
        raise UnknownName("schema", kind, sorted(_RECORDS))
    file, title, example = _FILES[kind]
    schema = msgspec.json.decode(msgspec.json.encode(msgspec.json.schema(_RECORDS[kind])))
    definitions = schema["$defs"]
    top = definitions.pop(schema["$ref"].rpartition("/")[2])
    return {
        "$schema": DIALECT,
        "$id": f"urn:assay:schema:{kind}:v1",
        **top,
        "title": f"{title} ({file})",
        "examples": [example],
        "$defs": definitions,
    }

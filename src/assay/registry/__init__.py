"""The registry: immutable model versions, their approvals, and the hallmark that binds both."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOME = {
    "Approval": "assay.registry.approval",
    "Candidate": "assay.registry.version",
    "Code": "assay.registry.lineage",
    "Hallmark": "assay.registry.hallmark",
    "Lineage": "assay.registry.lineage",
    "ModelVersion": "assay.registry.version",
    "Registry": "assay.registry.registry",
    "Statement": "assay.registry.hallmark",
    "VerificationReport": "assay.registry.verify",
    "describe_environment": "assay.registry.lineage",
    "open_hallmark": "assay.registry.hallmark",
    "read_code": "assay.registry.lineage",
    "strike": "assay.registry.hallmark",
    "trace": "assay.registry.lineage",
    "verify_bundle": "assay.registry.verify",
    "write_bundle": "assay.registry.bundle",
}
__all__ = sorted(_HOME)  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    try:
        home = _HOME[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    return getattr(import_module(home), name)

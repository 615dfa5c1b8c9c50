"""A bundle: the folder that holds one hallmarked model version, verified as it is loaded.

There is one way in, `load_bundle`, and it verifies. Each file is read once, and what is used is
the very bytes whose digest the hallmark vouches for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from assay.data.contract import Contract
from assay.errors import InvalidFile, VerificationFailed
from assay.question import Question
from assay.records import digest
from assay.registry.verify import verify_bundle
from assay.registry.version import FORMS, ModelVersion

MODEL = "model.onnx"
_NEEDED = (MODEL, "contract.json", "question.json", "reference.json", "version.json")


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """A verified model version, in memory."""

    name: str
    number: int
    created_at: str
    model_digest: str
    """``sha256:<hex>`` of `graph`, as the hallmark has it."""
    graph: bytes
    contract: Contract
    question: Question
    reference: Mapping[str, Any]
    """One typical row: a value for each column that the model reads."""
    digests: Mapping[str, str]
    """Digest of each file that was verified, by name."""
    signed_by: str
    """Id of the trusted key that signed."""
    struck_at: str
    plan: bytes = b""
    """The neutral description; empty where the version was registered before it was kept."""
    coded: bytes = b""
    """The graph in coded form; empty likewise."""
    novelty: bytes = b""
    """An `assay.assess.novelty.Novelty` as JSON; empty likewise."""

    @property
    def version(self) -> str:
        """``name@number``."""
        return f"{self.name}@{self.number}"


def load_bundle(folder: Path, trusted_keys: Sequence[str]) -> Bundle:
    """Verify ``folder`` and load it.

    Parameters
    ----------
    folder : Path
        Holds ``model.onnx``, ``hallmark.json`` and the records that the hallmark names.
    trusted_keys : sequence of str
        Ed25519 public keys, PEM; one of them must have signed.

    Raises
    ------
    VerificationFailed
        The hallmark is absent, is not signed by a trusted key, or a file is not the one it
        was struck for.
    InvalidFile
        A file that is vouched for cannot be read as what it should be.
    """
    verified = verify_bundle(folder, trusted_keys=trusted_keys)
    files = {name: _read(folder, name, verified.files) for name in _NEEDED}
    version = _decode(files["version.json"], ModelVersion, "version.json")
    return Bundle(
        name=version.name,
        number=version.number,
        created_at=version.created_at,
        model_digest=version.model,
        graph=files[MODEL],
        contract=_decode(files["contract.json"], Contract, "contract.json"),
        question=_decode(files["question.json"], Question, "question.json"),
        reference=_decode(files["reference.json"], dict[str, Any], "reference.json"),
        digests=verified.files,
        signed_by=verified.key,
        struck_at=verified.struck_at,
        **{
            field: _read(folder, name, verified.files)
            for name, field in FORMS.items()
            if name in verified.files
        },
    )


def _read(folder: Path, name: str, digests: Mapping[str, str]) -> bytes:
    """Read ``name`` once and hold the bytes to the digest that was signed."""
    try:
        body = (folder / name).read_bytes()
    except OSError as error:
        raise VerificationFailed(
            f"The bundle's {name} cannot be read: {error.strerror}.", where=str(folder)
        ) from None
    if digests.get(name) != digest(body):
        raise VerificationFailed(
            f"{name} is not the file that the hallmark was struck for.",
            hint="Take the bundle from the registry again.",
            where=str(folder / name),
        )
    return body


def _decode(body: bytes, kind: Any, name: str) -> Any:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError as error:
        raise InvalidFile(f"{name} cannot be read: {error}.", where=name) from None

"""The hallmark: a signed statement that binds a model to its evidence, decision and approvals.

An in-toto Statement (https://in-toto.io/Statement/v1) in a DSSE envelope
(https://github.com/secure-systems-lab/dsse), signed with Ed25519, so that tools that are not
ours can verify it.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from assay.errors import VerificationFailed
from assay.records import Record
from assay.registry.approval import Approval
from assay.registry.version import ModelVersion

if TYPE_CHECKING:
    from assay.store.keys import Keys

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
PREDICATE_TYPE = "urn:assay:hallmark:v1"
FILE = "hallmark.json"

Parsed = TypeVar("Parsed")
_LARGEST = 16 * 2**20


class Signature(Record, frozen=True, kw_only=True):
    """One signature of an envelope; ``keyid`` is a hint, nothing is trusted for it."""

    keyid: str = ""
    sig: str


class Hallmark(Record, frozen=True, kw_only=True):
    """A DSSE envelope: payload and signatures in base64."""

    payload_type: str = msgspec.field(name="payloadType")
    payload: str
    signatures: tuple[Signature, ...]


class Subject(Record, frozen=True, kw_only=True):
    """A file that the statement speaks of."""

    name: str
    digests: dict[str, str] = msgspec.field(name="digest")

    @property
    def sha256(self) -> str:
        """``sha256:<hex>``; ends with nothing where the statement gives no SHA-256."""
        return f"sha256:{self.digests.get('sha256', '')}"


class Predicate(Record, frozen=True, kw_only=True):
    """What the hallmark says of its subject."""

    version: str
    """``name@number``."""
    allowed: bool
    """That the gate allowed it."""
    digests: dict[str, str]
    """Every digest of the `ModelVersion`, by field."""
    outcomes: dict[str, int]
    """How many rules ended how."""
    approvals: tuple[Approval, ...]
    created_at: str
    created_by: str
    struck_at: str
    ledger: dict[str, Any] | None = None
    """How far the ledger reached then (a signed checkpoint): it cannot be cut shorter unseen."""


class Statement(Record, frozen=True, kw_only=True):
    """An in-toto Statement v1."""

    type: str = msgspec.field(name="_type")
    subject: tuple[Subject, ...]
    predicate_type: str = msgspec.field(name="predicateType")
    predicate: Predicate


def state(
    version: ModelVersion,
    *,
    files: dict[str, str],
    outcomes: dict[str, int],
    approvals: Sequence[Approval],
    struck_at: str,
    ledger: Record | None = None,
) -> Statement:
    """Write the statement about a version.

    Parameters
    ----------
    version : ModelVersion
        What is hallmarked.
    files : dict of str to str
        Every file of the bundle but the hallmark, with its digest.
    outcomes : dict of str to int
        How many rules ended how.
    approvals : sequence of Approval
        The approvals that suffice.
    struck_at : str
        The time, UTC.
    ledger : Record, optional
        A checkpoint of the ledger.
    """
    names = sorted(files, key=lambda name: (name != "model.onnx", name))
    facts = msgspec.structs.asdict(version)
    return Statement(
        type=STATEMENT_TYPE,
        subject=tuple(
            Subject(name=name, digests={"sha256": files[name].removeprefix("sha256:")})
            for name in names
        ),
        predicate_type=PREDICATE_TYPE,
        predicate=Predicate(
            version=version.label,
            allowed=True,
            digests={field: facts[field] for field in sorted(facts) if _is_digest(facts[field])},
            outcomes=outcomes,
            approvals=tuple(approvals),
            created_at=version.created_at,
            created_by=version.created_by,
            struck_at=struck_at,
            ledger=msgspec.structs.asdict(ledger) if ledger else None,
        ),
    )


def strike(statement: Statement, keys: Keys) -> Hallmark:
    """Sign a statement with the store's key."""
    payload = statement.to_json()
    signature = keys.sign(pre_authentication(PAYLOAD_TYPE, payload))
    return Hallmark(
        payload_type=PAYLOAD_TYPE,
        payload=base64.b64encode(payload).decode(),
        signatures=(Signature(keyid=keys.key_id, sig=base64.b64encode(signature).decode()),),
    )


def pre_authentication(payload_type: str, payload: bytes) -> bytes:
    """The bytes that DSSE signs: type and payload, each with its length in bytes.

    Examples
    --------
    >>> pre_authentication("http://example.com/HelloWorld", b"hello world")
    b'DSSEv1 29 http://example.com/HelloWorld 11 hello world'
    """
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def open_hallmark(hallmark: Hallmark, *, trusted_keys: Sequence[str]) -> tuple[Statement, str]:
    """Verify a hallmark's signature and read its statement.

    Parameters
    ----------
    hallmark : Hallmark
        The envelope.
    trusted_keys : sequence of str
        Public keys (Ed25519, PEM) that the user trusts. The envelope's own hint of a key is
        not relied on.

    Returns
    -------
    Statement
        What was signed.
    str
        Id of the key that signed: SHA-256 of its DER form, in hexadecimal.

    Raises
    ------
    VerificationFailed
        No trusted key made any of the signatures, or what they sign is not a hallmark.
    """
    payload = _decode(hallmark.payload, "payload")
    key = _signer(hallmark, payload, trusted_keys)
    if hallmark.payload_type != PAYLOAD_TYPE:
        raise _broken("its payload is not an in-toto statement")
    kind = _parse(payload, dict[str, Any])
    if kind.get("_type") != STATEMENT_TYPE or kind.get("predicateType") != PREDICATE_TYPE:
        raise _broken("the statement is not about a hallmark")
    return _parse(payload, Statement), key


def read_hallmark(path: Path) -> Hallmark:
    """Read an envelope from a file; `VerificationFailed` if there is none in it."""
    try:
        with path.open("rb") as file:
            body = file.read(_LARGEST + 1)
    except OSError as error:
        raise VerificationFailed(
            f"{path.name} cannot be read: {error.strerror}.",
            hint="A bundle without its hallmark cannot be verified; export it again.",
            where=str(path),
        ) from None
    if len(body) > _LARGEST:
        raise _broken("it is larger than any hallmark", where=str(path))
    try:
        return _parse(body, Hallmark)
    except VerificationFailed as error:
        raise _broken("it is not a DSSE envelope", where=str(path)) from error


def _signer(hallmark: Hallmark, payload: bytes, trusted_keys: Sequence[str]) -> str:
    """Id of the trusted key that made one of the signatures."""
    from assay.store.keys import key_id_of, load_public, verify_signature

    if not trusted_keys:
        raise VerificationFailed(
            "No key is trusted, so no hallmark can be verified.",
            hint="Give the public key of whoever struck it: --key their-key.pem.",
        )
    signed = pre_authentication(hallmark.payload_type, payload)
    signatures = [_decode(signature.sig, "signature") for signature in hallmark.signatures]
    for pem in trusted_keys:
        key = load_public(pem)
        if any(verify_signature(pem, signed, signature) for signature in signatures):
            return key_id_of(key)
    named = ", ".join(s.keyid[:12] for s in hallmark.signatures if s.keyid) or "no key"
    raise _broken(
        f"no trusted key signed what it says (it names {named})",
        hint="Either the hallmark was changed, or it was struck with a key you do not trust.",
    )


def _decode(text: str, what: str) -> bytes:
    """Base64, either alphabet, as DSSE asks of those who verify."""
    try:
        return base64.b64decode(text.translate(str.maketrans("-_", "+/")), validate=True)
    except (binascii.Error, ValueError):
        raise _broken(f"its {what} is not base64") from None


def _parse(body: bytes, kind: type[Parsed]) -> Parsed:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _broken("it does not hold what a hallmark holds") from None


def _broken(why: str, *, hint: str = "", where: str = FILE) -> VerificationFailed:
    return VerificationFailed(
        f"The hallmark does not verify: {why}.",
        hint=hint or "Do not use this bundle; export it again from its registry.",
        where=where,
    )


def _is_digest(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("sha256:")

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from hypothesis import given, settings
from hypothesis import strategies as st
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import CryptoSigner, SSlibKey

from assay.errors import VerificationFailed
from assay.registry.hallmark import (
    PAYLOAD_TYPE,
    PREDICATE_TYPE,
    STATEMENT_TYPE,
    Hallmark,
    Signature,
    open_hallmark,
    pre_authentication,
    read_hallmark,
    strike,
)
from assay.store.keys import Keys
from assay.store.store import Store

from .samples import GRAPH, hallmarked


@pytest.fixture(scope="module")
def store(shared_store: Store) -> Store:
    return shared_store


@pytest.fixture(scope="module")
def struck(store: Store) -> Hallmark:
    registry, version = hallmarked(store)
    hallmark = registry.hallmark(version)
    assert hallmark is not None
    return hallmark


def public_pem(key: Any) -> str:
    return str(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())


def pem(private: Any) -> str:
    return public_pem(private.public_key())


def with_payload(hallmark: Hallmark, payload: bytes) -> Hallmark:
    return msgspec.structs.replace(hallmark, payload=base64.b64encode(payload).decode())


# What it says


def test_it_is_an_in_toto_statement_about_every_file(store: Store, struck: Hallmark) -> None:
    said = json.loads(base64.b64decode(struck.payload))
    assert said["_type"] == STATEMENT_TYPE
    assert said["predicateType"] == PREDICATE_TYPE
    assert said["subject"][0]["name"] == "model.onnx"
    assert store.artifacts.read(f"sha256:{said['subject'][0]['digest']['sha256']}") == GRAPH
    names = [subject["name"] for subject in said["subject"]]
    assert names[1:] == sorted(names[1:])
    assert {"version.json", "approvals.json", "policy.json", "decision.json"} <= set(names)
    assert "hallmark.json" not in names
    predicate = said["predicate"]
    assert predicate["allowed"] is True
    assert predicate["version"] == "car-price@1"
    assert predicate["approvals"][0]["by"] == "ana"
    assert predicate["outcomes"] == {"met": 1}
    assert {"model", "dataset", "split", "policy", "code", "environment"} <= set(
        predicate["digests"]
    )


def test_it_remembers_how_far_the_ledger_reached(store: Store, struck: Hallmark) -> None:
    from assay.store.ledger import Checkpoint

    statement, _ = open_hallmark(struck, trusted_keys=[store.keys.public_pem()])
    since = msgspec.convert(statement.predicate.ledger, Checkpoint)
    assert store.ledger.verify(since=since).ok


def test_its_json_is_a_dsse_envelope(struck: Hallmark) -> None:
    body = json.loads(struck.to_json())
    assert set(body) == {"payloadType", "payload", "signatures"}
    assert body["payloadType"] == PAYLOAD_TYPE
    assert set(body["signatures"][0]) == {"keyid", "sig"}
    assert Hallmark.from_json(struck.to_json()) == struck


def test_pre_authentication_is_that_of_the_specification() -> None:
    # The example of DSSE's protocol document.
    assert pre_authentication("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_lengths_count_bytes_not_letters() -> None:
    assert pre_authentication("é", "é".encode()) == b"DSSEv1 2 \xc3\xa9 2 \xc3\xa9"


# Other people's tools


def test_securesystemslib_verifies_our_hallmark(store: Store, struck: Hallmark) -> None:
    key = SSlibKey.from_crypto(
        load_pem_public_key(store.keys.public_pem().encode()), store.keys.key_id
    )
    envelope = Envelope.from_dict(json.loads(struck.to_json()))
    assert envelope.verify([key], 1) == {store.keys.key_id: key}
    envelope.payload += b" "
    with pytest.raises(VerificationError):
        envelope.verify([key], 1)


def test_our_code_verifies_an_envelope_of_securesystemslib(store: Store, struck: Hallmark) -> None:
    signer = CryptoSigner.generate_ed25519()
    envelope = Envelope(base64.b64decode(struck.payload), PAYLOAD_TYPE, {})
    envelope.sign(signer)
    theirs = Hallmark.from_json(json.dumps(envelope.to_dict()))
    raw = bytes.fromhex(signer.public_key.keyval["public"])
    text = public_pem(Ed25519PublicKey.from_public_bytes(raw))
    statement, _ = open_hallmark(theirs, trusted_keys=[store.keys.public_pem(), text])
    ours, _ = open_hallmark(struck, trusted_keys=[store.keys.public_pem()])
    assert statement == ours
    with pytest.raises(VerificationFailed, match="no trusted key"):
        open_hallmark(theirs, trusted_keys=[store.keys.public_pem()])


# Trust


def test_a_key_that_is_not_trusted_verifies_nothing(store: Store, struck: Hallmark) -> None:
    with pytest.raises(VerificationFailed, match="no trusted key signed"):
        open_hallmark(struck, trusted_keys=[pem(Ed25519PrivateKey.generate())])


def test_without_a_trusted_key_nothing_verifies(struck: Hallmark) -> None:
    with pytest.raises(VerificationFailed, match="No key is trusted") as caught:
        open_hallmark(struck, trusted_keys=[])
    assert "--key" in caught.value.hint


def test_the_key_id_is_only_a_hint(store: Store, struck: Hallmark, tmp_path: Path) -> None:
    statement, key = open_hallmark(struck, trusted_keys=[store.keys.public_pem()])
    assert key == store.keys.key_id
    stranger = strike(statement, Keys(tmp_path / "other"))
    posing = msgspec.structs.replace(
        stranger, signatures=(Signature(keyid=key, sig=stranger.signatures[0].sig),)
    )
    with pytest.raises(VerificationFailed, match="no trusted key"):
        open_hallmark(posing, trusted_keys=[store.keys.public_pem()])
    unnamed = msgspec.structs.replace(struck, signatures=(Signature(sig=struck.signatures[0].sig),))
    assert open_hallmark(unnamed, trusted_keys=[store.keys.public_pem()])[0] == statement


def test_one_trusted_signature_among_several_suffices(
    store: Store, struck: Hallmark, tmp_path: Path
) -> None:
    statement, _ = open_hallmark(struck, trusted_keys=[store.keys.public_pem()])
    stranger = strike(statement, Keys(tmp_path / "other"))
    both = msgspec.structs.replace(struck, signatures=stranger.signatures + struck.signatures)
    assert open_hallmark(both, trusted_keys=[store.keys.public_pem()])[0] == statement


@pytest.mark.parametrize("text", ["", "not a key", "-----BEGIN PUBLIC KEY-----\nxx\n", "\ud800"])
def test_what_is_no_key_cannot_be_trusted(struck: Hallmark, text: str) -> None:
    with pytest.raises(VerificationFailed, match="not an Ed25519 key"):
        open_hallmark(struck, trusted_keys=[text])


def test_a_key_of_another_kind_cannot_be_trusted(struck: Hallmark) -> None:
    with pytest.raises(VerificationFailed, match="not an Ed25519 key"):
        open_hallmark(struck, trusted_keys=[pem(ec.generate_private_key(ec.SECP256R1()))])


def test_either_alphabet_of_base64_is_read(store: Store, struck: Hallmark) -> None:
    def url_safe(text: str) -> str:
        return text.replace("+", "-").replace("/", "_")

    turned = Hallmark(
        payload_type=struck.payload_type,
        payload=url_safe(struck.payload),
        signatures=tuple(Signature(keyid="", sig=url_safe(s.sig)) for s in struck.signatures),
    )
    open_hallmark(turned, trusted_keys=[store.keys.public_pem()])


# What was changed


def test_an_edited_payload_is_found(store: Store, struck: Hallmark) -> None:
    payload = base64.b64decode(struck.payload)
    edited = with_payload(struck, payload.replace(b'"ana"', b'"eva"'))
    with pytest.raises(VerificationFailed, match="no trusted key signed what it says"):
        open_hallmark(edited, trusted_keys=[store.keys.public_pem()])


def test_another_payload_type_is_found(store: Store, struck: Hallmark) -> None:
    edited = msgspec.structs.replace(struck, payload_type="text/plain")
    with pytest.raises(VerificationFailed, match="no trusted key"):
        open_hallmark(edited, trusted_keys=[store.keys.public_pem()])


@pytest.mark.parametrize(
    ("payload_type", "payload", "message"),
    [
        ("text/plain", b"{}", "not an in-toto statement"),
        (PAYLOAD_TYPE, b"{}", "not about a hallmark"),
        (PAYLOAD_TYPE, b"[]", "does not hold"),
        (PAYLOAD_TYPE, b"\xff", "does not hold"),
        (PAYLOAD_TYPE, b"[" * 100_000, "does not hold"),
        (
            PAYLOAD_TYPE,
            json.dumps({"_type": STATEMENT_TYPE, "predicateType": "https://x/provenance"}).encode(),
            "not about a hallmark",
        ),
        (
            PAYLOAD_TYPE,
            json.dumps({"_type": STATEMENT_TYPE, "predicateType": PREDICATE_TYPE}).encode(),
            "does not hold",
        ),
    ],
)
def test_a_trusted_key_may_have_signed_other_things(
    tmp_path: Path, payload_type: str, payload: bytes, message: str
) -> None:
    keys = Keys(tmp_path / "keys")
    signature = keys.sign(pre_authentication(payload_type, payload))
    other = Hallmark(
        payload_type=payload_type,
        payload=base64.b64encode(payload).decode(),
        signatures=(Signature(sig=base64.b64encode(signature).decode()),),
    )
    with pytest.raises(VerificationFailed, match=message):
        open_hallmark(other, trusted_keys=[keys.public_pem()])


# Malformed envelopes

KEY = pem(Ed25519PrivateKey.generate())
TEXTS = st.text() | st.binary().map(lambda b: base64.b64encode(b).decode())
ENVELOPES = st.builds(
    Hallmark,
    payload_type=st.just(PAYLOAD_TYPE) | st.text(),
    payload=TEXTS,
    signatures=st.lists(st.builds(Signature, keyid=st.text(), sig=TEXTS), max_size=3).map(tuple),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["payload", "payloadType", "signatures", "keyid", "sig"]), inner
    ),
    max_leaves=8,
)  # fmt: skip


@settings(max_examples=200)
@given(ENVELOPES)
def test_a_malformed_envelope_raises_only_our_error(envelope: Hallmark) -> None:
    with pytest.raises(VerificationFailed):
        open_hallmark(envelope, trusted_keys=[KEY])


@settings(max_examples=100)
@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_a_malformed_file_raises_only_our_error(tmp_path_factory: Any, body: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "malformed-hallmark.json"
    path.write_bytes(body)
    with pytest.raises(VerificationFailed):
        open_hallmark(read_hallmark(path), trusted_keys=[KEY])


def test_a_missing_or_immense_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "hallmark.json"
    with pytest.raises(VerificationFailed, match="cannot be read"):
        read_hallmark(path)
    path.write_bytes(b" " * (16 * 2**20 + 1))
    with pytest.raises(VerificationFailed, match="larger"):
        read_hallmark(path)

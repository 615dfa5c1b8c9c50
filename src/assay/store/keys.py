"""The Ed25519 key that signs hallmarks and the ledger, kept in a folder of its owner."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from uuid import uuid4

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from assay.errors import StoreUnavailable, VerificationFailed

PRIVATE = "signing-key.pem"
PUBLIC = "signing-key.pub.pem"


class Keys:
    """One key pair in a folder, made on first use.

    The private key (PKCS #8 PEM) is readable by its owner only. Two processes that start at
    once end up with the same key.

    Parameters
    ----------
    folder : Path
        Where the pair lies or will lie.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        self._loaded: Ed25519PrivateKey | None = None
        self._key_id = ""

    @property
    def key_id(self) -> str:
        """SHA-256 of the public key (DER, SubjectPublicKeyInfo), 64 hexadecimal digits."""
        if not self._key_id:
            self._key_id = key_id_of(self._private().public_key())
        return self._key_id

    def sign(self, body: bytes) -> bytes:
        """The 64-byte signature of ``body``."""
        return self._private().sign(body)

    def public_pem(self) -> str:
        """The public key, as PEM text."""
        return _public_pem(self._private().public_key())

    def _private(self) -> Ed25519PrivateKey:
        if self._loaded is None:
            try:
                self._loaded = self._load() or self._create()
            except OSError as error:
                raise StoreUnavailable(
                    f"The signing key cannot be read or made: {error.strerror}.",
                    hint="Give this user the folder, or set `keys` to another one.",
                    where=str(self.folder),
                ) from None
        return self._loaded

    def _load(self) -> Ed25519PrivateKey | None:
        path = self.folder / PRIVATE
        try:
            text = path.read_bytes()
        except FileNotFoundError:
            return None
        if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & stat.S_IRWXO:
            raise VerificationFailed(
                "Everyone on this machine may read the signing key.",
                hint=f"chmod 600 {path}; if others may have copied it, make a new one.",
                where=str(path),
            )
        try:
            key = serialization.load_pem_private_key(text, password=None)
        except (ValueError, TypeError):
            key = None
        if not isinstance(key, Ed25519PrivateKey):
            raise VerificationFailed(
                "The signing key is not an Ed25519 key without a passphrase.",
                hint="Restore it from a backup; a new key cannot stand in for an old one.",
                where=str(path),
            )
        return key

    def _create(self) -> Ed25519PrivateKey:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        new = Ed25519PrivateKey.generate()
        body = new.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        partial = self.folder / f".{uuid4().hex}.partial"
        _write_new(partial, body, mode=0o600)
        try:
            os.link(partial, self.folder / PRIVATE)  # fails where another process was first
        except FileExistsError:
            pass
        finally:
            partial.unlink()
        kept = self._load()
        if kept is None:
            raise FileNotFoundError(2, "the key vanished while it was made")
        self._publish(kept)
        return kept

    def _publish(self, key: Ed25519PrivateKey) -> None:
        """Lay the public half beside it, for people who verify elsewhere."""
        partial = self.folder / f".{uuid4().hex}.partial"
        _write_new(partial, _public_pem(key.public_key()).encode(), mode=0o644)
        partial.replace(self.folder / PUBLIC)


def key_id_of(key: Ed25519PublicKey) -> str:
    """SHA-256 of a public key (DER, SubjectPublicKeyInfo), in hexadecimal."""
    der = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return hashlib.sha256(der).hexdigest()


def load_public(public_pem: str) -> Ed25519PublicKey:
    """Read a public key from PEM; `VerificationFailed` if it is not an Ed25519 key."""
    try:
        key = serialization.load_pem_public_key(public_pem.encode())
    except ValueError:
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise VerificationFailed(
            "The public key is not an Ed25519 key.", hint="Give the PEM of an Ed25519 key."
        )
    return key


def verify_signature(public_pem: str, body: bytes, signature: bytes) -> bool:
    """Whether ``signature`` over ``body`` was made by the holder of this key."""
    try:
        load_public(public_pem).verify(signature, body)
    except InvalidSignature:
        return False
    return True


def _public_pem(key: Ed25519PublicKey) -> str:
    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode()


def _write_new(path: Path, body: bytes, *, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())

"""Frozen, inert records: the base of everything that Assay stores.

A record is a value. Its canonical JSON (sorted keys, no spaces) has one SHA-256 digest, by
which other records name it.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any, Self

import msgspec

_ENCODER = msgspec.json.Encoder(order="sorted")


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """Base of stored records."""

    def to_json(self) -> bytes:
        """Canonical JSON: sorted keys, UTF-8, no spaces."""
        return canonical(self)

    @classmethod
    def from_json(cls, body: bytes | str) -> Self:
        """Read what `to_json` wrote; unknown fields of a later format are ignored."""
        return msgspec.json.decode(body, type=cls)

    @property
    def digest(self) -> str:
        """``sha256:`` and 64 hexadecimal digits of the canonical JSON."""
        return digest(self.to_json())


def canonical(value: Any) -> bytes:
    """Canonical JSON of any JSON-like value or record."""
    return _ENCODER.encode(value)


def digest(body: bytes) -> str:
    """Digest of bytes, as ``sha256:<hex>``.

    Examples
    --------
    >>> digest(b"")[:19]
    'sha256:e3b0c44298fc'
    """
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def now() -> str:
    """The time now, UTC, ISO 8601 with milliseconds and a ``Z``."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

"""The tables, as SQLAlchemy sees them. The migrations build them; a test holds the two equal."""

from __future__ import annotations

import sqlalchemy as sa

REVISION = "0001"
"""The migration that these tables belong to."""

VERSION_TABLE = "assay_version"
"""Where Alembic remembers the revision of a database."""

APPEND_ONLY = ("record", "ledger_entry", "ledger_checkpoint", "ledger_key")
"""Tables that triggers keep from being updated or deleted from."""

metadata = sa.MetaData()

record = sa.Table(
    "record",
    metadata,
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("project", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("number", sa.BigInteger, nullable=False),
    sa.Column("created_at", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.UniqueConstraint("kind", "project", "number", name="uq_record_number"),
)

ledger_entry = sa.Table(
    "ledger_entry",
    metadata,
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("project", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("key", sa.Text, nullable=True),
    sa.Column("previous", sa.Text, nullable=False),
    sa.Column("hash", sa.Text, nullable=False),
    sa.Column("key_id", sa.Text, nullable=False),
    sa.Column("signature", sa.Text, nullable=False),
    sa.UniqueConstraint("project", "key", name="uq_ledger_entry_key"),
)

ledger_checkpoint = sa.Table(
    "ledger_checkpoint",
    metadata,
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("hash", sa.Text, nullable=False),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("key_id", sa.Text, nullable=False),
    sa.Column("signature", sa.Text, nullable=False),
)

ledger_key = sa.Table(
    "ledger_key",
    metadata,
    sa.Column("key_id", sa.Text, primary_key=True),
    sa.Column("public_pem", sa.Text, nullable=False),
    sa.Column("first_used_at", sa.Text, nullable=False),
)

lease = sa.Table(
    "lease",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("holder", sa.Text, nullable=False),
    sa.Column("host", sa.Text, nullable=False),
    sa.Column("machine", sa.Text, nullable=False),
    sa.Column("pid", sa.BigInteger, nullable=False),
    sa.Column("started", sa.Text, nullable=False),
    sa.Column("expires_at", sa.Float(53), nullable=False),
)

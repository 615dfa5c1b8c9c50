"""Runs migrations on the connection that `assay.store.store.migrate` holds."""

from __future__ import annotations

from alembic import context

from assay.store import schema

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=schema.metadata,
    version_table=schema.VERSION_TABLE,
    transaction_per_migration=False,
)
context.run_migrations()

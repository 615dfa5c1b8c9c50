from __future__ import annotations

import sqlalchemy as sa

from assay.store import schema


def behind(store, *statements):
    """Change the tables as someone with the database's password would: triggers first."""
    with store.database.write("intruder") as connection:
        for table in schema.APPEND_ONLY:
            if store.database.is_sqlite:
                for verb in ("update", "delete"):
                    connection.execute(sa.text(f"DROP TRIGGER IF EXISTS {table}_no_{verb}"))
            else:
                connection.execute(sa.text(f"ALTER TABLE {table} DISABLE TRIGGER ALL"))
        for statement in statements:
            connection.execute(sa.text(statement.replace(":", "\\:")))

"""One handle to everything a store keeps."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any, Self

import sqlalchemy as sa

from assay.errors import StoreUnavailable
from assay.settings import Settings
from assay.store import schema
from assay.store.artifacts import ArtifactStore, FolderStore
from assay.store.database import Database
from assay.store.keys import Keys
from assay.store.leases import Leases
from assay.store.ledger import Ledger
from assay.store.records import Records

MIGRATIONS = Path(__file__).parent / "migrations"


class Store:
    """Records, ledger, leases, artifacts and the signing key, side by side.

    Use `Store.open`; close it, or hold it in a ``with`` statement. One store may be open in
    many processes at once.
    """

    def __init__(self, database: Database, artifacts: ArtifactStore, keys: Keys) -> None:
        self.database = database
        self.artifacts = artifacts
        self.keys = keys
        self.records = Records(database)
        self.ledger = Ledger(database, keys)
        self.leases = Leases(database)

    @classmethod
    def open(cls, url: str, artifacts: Path, keys: Path) -> Store:
        """Open a store; make it where there is none; bring its tables up to date.

        Parameters
        ----------
        url : str
            ``sqlite:///path/to/assay.db`` or ``postgresql://user:password@host/name``.
        artifacts, keys : Path
            Folders of the artifacts and of the signing key.

        Raises
        ------
        StoreUnavailable
            The database does not answer, or a newer Assay wrote it.
        """
        database = Database(url)
        try:
            migrate(database)
            folder = FolderStore(artifacts)
            folder.sweep()
        except BaseException:
            database.close()
            raise
        return cls(database, folder, Keys(keys))

    @classmethod
    def of(cls, settings: Settings) -> Store:
        """Open the store that the settings name; see `open`."""
        return cls.open(settings.store_url, settings.artifacts, settings.keys)

    @property
    def url(self) -> str:
        """The database's address, password included: for libraries, never for messages."""
        return self.database.url.render_as_string(hide_password=False)

    def close(self) -> None:
        """Give the connections back."""
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def migrate(database: Database) -> None:
    """Bring the tables to this version's revision, once, however many processes start."""
    with database.read() as connection:
        if _revision(connection) == schema.REVISION:
            return
    with database.write("migrations") as connection:
        at = _revision(connection)
        if at != schema.REVISION:
            _refuse_newer(database, at)
            _upgrade(connection)


def _revision(connection: sa.Connection) -> str:
    """The revision of the tables; empty where there are none yet."""
    if not sa.inspect(connection).has_table(schema.VERSION_TABLE):
        return ""
    version = sa.table(schema.VERSION_TABLE, sa.column("version_num"))
    return str(connection.execute(sa.select(version.c.version_num)).scalar() or "")


def _refuse_newer(database: Database, at: str) -> None:
    if at > schema.REVISION:
        raise StoreUnavailable(
            f"A newer Assay wrote this store (tables {at}, this version knows {schema.REVISION}).",
            hint="Upgrade Assay on this machine.",
            where=database.address,
        )


def _upgrade(connection: sa.Connection) -> None:
    from alembic import command

    command.upgrade(alembic_config(connection), "head")


def alembic_config(connection: sa.Connection) -> Any:
    """Alembic's configuration for our migrations on an open connection."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config

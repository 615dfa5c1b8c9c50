from __future__ import annotations

import pytest
import sqlalchemy as sa

from assay.compute.durable import run_durably
from assay.store.store import Store


@pytest.fixture(scope="session")
def prepared_database(new_postgres, tmp_path_factory):
    """Name of a database in which a store and the engine have made their tables already."""
    url, folder = new_postgres(), tmp_path_factory.mktemp("prepared")
    with Store.open(url, folder, folder) as store:
        run_durably(store, "nothing", [])
    return sa.make_url(url).database


@pytest.fixture
def postgres_url(new_postgres, prepared_database):
    """A copy of the prepared database: the engine's first start on PostgreSQL takes a second."""
    return new_postgres(prepared_database)

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from assay.store.store import Store

# A busy machine must not fail a law for being slow.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


def open_in(folder: Path) -> Store:
    return Store.open(f"sqlite:///{folder / 'assay.db'}", folder / "artifacts", folder / "keys")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store on SQLite."""
    with open_in(tmp_path) as opened:
        yield opened


@pytest.fixture
def any_store(open_store: Callable[[str], Store], store_url: str) -> Store:
    """An empty store on SQLite and on PostgreSQL in turn."""
    return open_store(store_url)


@pytest.fixture(scope="module")
def shared_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """One store for the tests of a module that leave it as it is."""
    with open_in(tmp_path_factory.mktemp("shared")) as opened:
        yield opened

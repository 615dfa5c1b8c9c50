"""Many subjects without any difference between groups: how often does a check accuse them?"""

from __future__ import annotations

import pytest

from assay.testing.check import example_subject


@pytest.fixture(scope="session")
def even_regressions():
    return [example_subject(rows=150, seed=seed) for seed in range(40)]


@pytest.fixture(scope="session")
def even_binaries():
    return [example_subject("binary", rows=300, seed=seed) for seed in range(40)]

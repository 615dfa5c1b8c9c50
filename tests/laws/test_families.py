"""Every installed family takes the exam; a new one is covered the day it appears."""

from __future__ import annotations

import pytest

from assay.automl.family import Family, find_families
from assay.testing import FamilyExam


@pytest.mark.parametrize("family", find_families().items(), ids=lambda f: f[0], scope="class")
class TestEveryFamily(FamilyExam):
    @pytest.fixture(autouse=True)
    def _take(self, family: tuple[str, Family]) -> None:
        name, found = family
        assert not isinstance(found, Exception), found
        assert found.name == name
        self.family = found

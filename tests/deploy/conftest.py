from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from assay.deploy.bundle import Bundle, load_bundle
from assay.deploy.record import RecordSettings
from assay.deploy.scoring import ScoringService

from .samples import Sample, binary_plan, make_bundle, regression_plan

# A busy machine must not fail a law for being slow.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

OFF = RecordSettings(folder=None, mode="off")


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    return make_bundle(tmp_path_factory.mktemp("regression"), regression_plan())


@pytest.fixture(scope="session")
def binary_sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    return make_bundle(tmp_path_factory.mktemp("binary"), binary_plan())


@pytest.fixture(scope="session")
def bundle(sample: Sample) -> Bundle:
    return load_bundle(sample.folder, [sample.key])


@pytest.fixture(scope="session")
def service(bundle: Bundle) -> ScoringService:
    return ScoringService(bundle, record=OFF)


@pytest.fixture(scope="session")
def binary_service(binary_sample: Sample) -> ScoringService:
    return ScoringService(load_bundle(binary_sample.folder, [binary_sample.key]), record=OFF)


@pytest.fixture
def recording(bundle: Bundle, tmp_path: Path) -> Iterator[ScoringService]:
    made = ScoringService(bundle, record=RecordSettings(folder=tmp_path / "record"))
    yield made
    made.close()

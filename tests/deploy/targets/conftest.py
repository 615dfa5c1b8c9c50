from __future__ import annotations

import pytest

from assay.deploy.shipment import Shipment, load_shipment

from ..samples import Sample

CARD = b"# Model card\n"


def ship(sample: Sample) -> Shipment:
    return load_shipment(sample.folder, trusted_keys=[sample.key], card=CARD)


@pytest.fixture(scope="session")
def shipment(sample: Sample) -> Shipment:
    """A regression with an interval."""
    return ship(sample)


@pytest.fixture(scope="session")
def binary_shipment(binary_sample: Sample) -> Shipment:
    """Two classes with prediction sets."""
    return ship(binary_sample)


@pytest.fixture(params=["regression", "binary"])
def any_shipment(
    request: pytest.FixtureRequest, shipment: Shipment, binary_shipment: Shipment
) -> Shipment:
    return shipment if request.param == "regression" else binary_shipment

from __future__ import annotations

import pytest

from .fitted import Fitted, fit_cars


@pytest.fixture(scope="session", params=["regression", "binary", "multiclass"])
def cars(request: pytest.FixtureRequest) -> Fitted:
    return fit_cars(request.param)


@pytest.fixture(scope="session")
def priced_cars() -> Fitted:
    return fit_cars("regression")


@pytest.fixture(scope="session")
def leaving_cars() -> Fitted:
    return fit_cars("binary")

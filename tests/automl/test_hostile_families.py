from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from assay.automl.families.linear import Linear
from assay.automl.search import SearchResult, search
from assay.automl.spec import SearchSpec
from assay.errors import InputError
from tests.automl.hostile import Broken, Dying, Hanging, Nan, Short, Slow, Wide


def run(houses: Callable[..., Any], families: dict[str, Any], **spec: Any) -> SearchResult:
    frame, contract = houses(rows=160)
    folds = np.random.default_rng(7).permutation(160) % 3
    options = {"threads": 2, "parallel": 1, **spec}
    return search(
        frame,
        contract=contract,
        kind="regression",
        target="price",
        folds=folds,
        spec=SearchSpec(**options),
        families=families,
    )


def failures(result: SearchResult) -> dict[str, str]:
    return {t.family: t.note for t in result.leaderboard.trials if t.status == "failed"}


@pytest.mark.parametrize("where", ["threads", "processes"])
def test_whatever_a_family_does_is_recorded_and_the_search_goes_on(
    houses: Callable[..., Any], where: str
) -> None:
    families = {f.name: f for f in (Linear(), Broken(), Nan(), Wide(), Short())}
    result = run(
        houses, {**families, "gone": ImportError("no module")}, max_trials=16, compute=where
    )
    told = failures(result)
    assert "RuntimeError: out of order" in told["broken"]
    assert "second line" not in told["broken"]
    assert "not finite" in told["nan"]
    assert "shape" in told["wide"]
    assert "shape" in told["short"]
    assert "cannot be loaded: ImportError: no module" in told["gone"]
    assert {t.family for t in result.leaderboard.chosen} == {"linear"}


def test_a_family_that_kills_its_process_costs_a_trial(houses: Callable[..., Any]) -> None:
    families = {"linear": Linear(), "dying": Dying()}
    result = run(houses, families, max_trials=5, compute="processes")
    assert "dying" in failures(result)
    assert result.leaderboard.chosen


def test_a_family_that_hangs_is_called_off_and_the_budget_is_kept(
    houses: Callable[..., Any],
) -> None:
    start = time.monotonic()
    families = {"linear": Linear(), "hanging": Hanging()}
    result = run(houses, families, budget_s=15.0, compute="processes")
    assert time.monotonic() - start < 15.0 * 1.1 + 6
    hanging = [t for t in result.leaderboard.trials if t.family == "hanging"]
    assert hanging
    assert all(t.status in ("failed", "skipped") for t in hanging)
    assert {t.family for t in result.leaderboard.chosen} == {"linear"}


def test_a_trial_that_does_not_fit_is_called_off_and_the_budget_is_kept(
    houses: Callable[..., Any],
) -> None:
    start = time.monotonic()
    families = {"linear": Linear(), "slow": Slow()}
    result = run(houses, families, budget_s=8.0, compute="processes", max_trials=None)
    assert time.monotonic() - start < 8.0 * 1.1 + 6
    assert not [
        t for t in result.leaderboard.trials if t.family == "slow" and t.status == "finished"
    ]


def test_nothing_can_be_fitted(houses: Callable[..., Any]) -> None:
    with pytest.raises(InputError, match="broken: RuntimeError: out of order"):
        run(houses, {"broken": Broken()}, max_trials=3)

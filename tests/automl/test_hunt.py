"""Time that was kept back for members which never come is given back to the search."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from assay.automl import hunt as module
from assay.automl.clock import Clock
from assay.automl.hunt import FREED_SHARE, Hunt
from assay.automl.spec import SearchSpec


def hunt_of(fits_s: dict[int, float], *, bounds: bool = True) -> Any:
    """A search of 60 s that has made these trials, all of them near the best."""
    hunt: Any = Hunt.__new__(Hunt)
    hunt.attempts = {
        n: SimpleNamespace(transform="identity", loss=1.0 + 0.001 * n, fit_s=s, wall_s=5 * s)
        for n, s in fits_s.items()
    }
    hunt.trials = dict.fromkeys(fits_s)
    hunt.transform, hunt.spec, hunt.clock = "identity", SearchSpec(), Clock(60.0, bounds=bounds)
    hunt.bench = SimpleNamespace(
        problem=SimpleNamespace(folds=np.arange(5)),
        workers=SimpleNamespace(slots=1),
        score_s=0.0,
        gained=lambda _: 1.0,
    )
    hunt._members, hunt._chosen_at = set(), 0
    hunt._keep_reserve()
    return hunt


def choose(numbers: set[int], monkeypatch: pytest.MonkeyPatch) -> None:
    def chosen(usable: dict[int, Any], *_: Any) -> Any:
        return SimpleNamespace(attempts={n: usable[n] for n in numbers})

    monkeypatch.setattr(module, "choose_within", chosen)


def test_what_dear_trials_outside_the_model_had_reserved_comes_free(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    choose({1}, monkeypatch)
    hunt = hunt_of({1: 0.5, 2: 4.0, 3: 4.0})
    before = hunt.clock.reserve_s
    assert hunt._frees_time()
    assert hunt.clock.reserve_s < before - FREED_SHARE * 60
    assert [a.fit_s for a in hunt._likely_members()] == [0.5]
    hunt.attempts[4] = SimpleNamespace(transform="identity", loss=0.9, fit_s=2.0, wall_s=10.0)
    hunt._keep_reserve()  # what is tried from now on is reckoned with again
    assert [a.fit_s for a in hunt._likely_members()] == [2.0, 0.5]


def test_the_search_stays_over_where_the_members_need_the_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    choose({1, 2, 3}, monkeypatch)
    assert not hunt_of({1: 4.0, 2: 4.0, 3: 4.0})._frees_time()
    choose({1}, monkeypatch)
    assert not hunt_of({1: 0.5, 2: 4.0}, bounds=False)._frees_time()


def test_choosing_twice_is_left_where_scoring_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    choose({1}, monkeypatch)
    hunt = hunt_of({1: 0.5, 2: 4.0, 3: 4.0})
    hunt.bench.score_s = 0.1
    assert not hunt._frees_time()

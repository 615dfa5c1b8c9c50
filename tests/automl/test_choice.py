"""What members are reckoned to take of a limit."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from assay.automl.choice import choose_within, row_us
from assay.automl.metrics import find_metric


def attempt(settled: dict[str, Any], *, nodes: int, kilobytes: float, answer: Any = None) -> Any:
    family = SimpleNamespace(needs="linear" if "width" in settled else "trees", name="some")
    return SimpleNamespace(
        settled=settled,
        family=family,
        nodes=nodes,
        kilobytes=kilobytes,
        answer=answer,
        transform="identity",
    )


def test_a_row_reads_one_path_of_a_tree_and_every_weight_of_a_network() -> None:
    forest = attempt({"trees": 50}, nodes=200_000, kilobytes=20_000)
    boosted = attempt({"rounds": 800}, nodes=32_000, kilobytes=700)
    network = attempt({"rounds": 12, "width": 64}, nodes=20_000, kilobytes=150)
    assert row_us(forest) == pytest.approx(row_us(boosted) * 50 * np.log2(4000) / 800 / np.log2(40))
    assert row_us(forest) < row_us(boosted)  # though it is thirty times as large
    assert row_us(network) == pytest.approx(10.0)


def test_a_limit_of_time_keeps_a_large_forest_and_leaves_out_many_small_trees() -> None:
    truth = np.arange(100.0)
    usable = {
        1: attempt({"rounds": 4000}, nodes=160_000, kilobytes=3_000, answer=truth[:, None]),
        2: attempt({"trees": 50}, nodes=200_000, kilobytes=20_000, answer=truth[:, None] + 0.1),
    }
    metric = find_metric("rmse", "regression")
    for one in usable.values():
        one.score = metric.score(truth, one.answer[:, 0])
        one.loss = metric.loss(one.score)
    bench: Any = SimpleNamespace(
        seed=0,
        truth=truth,
        weights=None,
        metric=metric,
        problem=SimpleNamespace(groups=None),
        score=lambda mean, _: metric.score(truth, mean[:, 0]),
    )
    assert set(choose_within(usable, bench, None, 0.05).attempts) == {2}
    assert set(choose_within(usable, bench, 10.0).attempts) == {1}

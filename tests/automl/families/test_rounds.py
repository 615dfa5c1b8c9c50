from __future__ import annotations

import time

import pytest

from assay.automl.families.rounds import Rounds, pace
from assay.automl.family import Task


def test_enough_rounds() -> None:
    rounds = Rounds(3)
    for _ in range(3):
        assert not rounds.over
        rounds.count()
    assert rounds.over
    assert rounds.used == 3


def test_no_progress_keeps_the_best() -> None:
    rounds = Rounds(100, patience=3)
    losses = iter([0.9, 0.5, 0.5, 0.6, 0.7, 0.1])
    while not rounds.over:
        rounds.count(next(losses))
    assert (rounds.done, rounds.used) == (5, 2)


def test_a_loss_that_is_no_number_is_no_progress() -> None:
    rounds = Rounds(100, patience=2)
    for loss in (1.0, float("nan"), float("nan")):
        rounds.count(loss)
    assert rounds.over
    assert rounds.used == 1


def test_time_that_is_up_leaves_one_round() -> None:
    rounds = Rounds(100, seconds=0.0)
    time.sleep(0.001)
    assert not rounds.over
    rounds.count()
    assert rounds.over
    assert rounds.used == 1


@pytest.mark.parametrize("classes", [3, 26, 100])
def test_dearer_rounds_are_fewer_and_larger(classes: int) -> None:
    task = Task(kind="multiclass", classes=classes)
    paces = [pace(task, rows) for rows in (500, 20_000, 1_000_000)]
    assert paces == sorted(paces, reverse=True)
    assert [step for _, step in paces] == sorted(step for _, step in paces)

from __future__ import annotations

import numpy as np
import optuna
import pytest

from assay.automl.families.ebm import ExplainableBoosting
from assay.automl.families.fitted import first_loss, known_losses, suggest_loss, unit_of
from assay.automl.families.forest import ExtraTrees
from assay.automl.families.lightgbm import LightGBM
from assay.automl.family import Task

NUMBERS = Task(kind="regression", losses=("absolute", "squared", "poisson"))


def test_losses_come_in_the_order_of_the_task() -> None:
    assert known_losses(LightGBM(), NUMBERS) == ("absolute", "squared", "poisson")
    assert known_losses(ExplainableBoosting(), NUMBERS) == ("squared", "poisson")
    assert known_losses(ExtraTrees(), NUMBERS) == ("squared",)
    assert known_losses(ExtraTrees(), Task(kind="regression", losses=("quantile",))) == ()
    assert known_losses(LightGBM(), Task(kind="binary", classes=2)) == ()


def test_monotone_demands_leave_the_losses_that_keep_them() -> None:
    demands = Task(kind="regression", losses=NUMBERS.losses, monotone=(0, 1))
    assert known_losses(LightGBM(), demands) == ("squared", "poisson")
    none = Task(kind="regression", losses=NUMBERS.losses, monotone=(0, 0))
    assert known_losses(LightGBM(), none) == NUMBERS.losses


def test_a_single_loss_is_not_asked_for() -> None:
    study = optuna.create_study()
    trial = study.ask()
    assert suggest_loss(LightGBM(), trial, Task(kind="regression")) == {"loss": "squared"}
    assert first_loss(LightGBM(), NUMBERS) == {"loss": "absolute"}
    assert trial.params == {}
    assert suggest_loss(LightGBM(), trial, NUMBERS)["loss"] in NUMBERS.losses
    assert set(trial.params) == {"loss"}


def test_units() -> None:
    answers = np.array([1.0, 2.0, 3.0, 4.0, 1000.0])
    assert unit_of(answers, NUMBERS) == (202.0, pytest.approx(np.std(answers)))
    assert unit_of(answers, NUMBERS, "poisson") == (0.0, 202.0)
    middle, scale = unit_of(np.random.default_rng(0).normal(7.0, 2.0, 20_000), NUMBERS, "quantile")
    assert (middle, scale) == (pytest.approx(7.0, abs=0.1), pytest.approx(2.0, abs=0.1))
    assert unit_of(np.ones(5), NUMBERS, "absolute") == (1.0, 1.0)
    assert unit_of(answers, Task(kind="binary", classes=2)) == (0.0, 1.0)

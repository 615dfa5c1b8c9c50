"""Torch modules of one's own: trained by the family, or refused before; needs torch."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from assay.automl.family import Family, Task, Validation
from assay.errors import NotCompilable
from assay.testing import FamilyExam
from assay.testing.family import sample_table

torch = pytest.importorskip("torch")
nn = torch.nn

from assay.automl.families.torch_module import TorchFamily  # noqa: E402


def with_dropout(n_columns: int, n_outputs: int) -> Any:
    return nn.Sequential(
        nn.Linear(n_columns, 32),
        nn.Tanh(),
        nn.Dropout(0.05),
        nn.Linear(32, n_outputs),
    )


class TestAModuleOfOnesOwn(FamilyExam):
    family = TorchFamily(with_dropout, name="mine", learning_rate=1e-2)


def test_what_it_says_of_itself() -> None:
    family = TorchFamily(with_dropout, name="mine", tasks=frozenset({"binary"}))
    assert isinstance(family, Family)
    assert (family.name, family.needs, family.tasks) == ("mine", "linear", {"binary"})


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda n, k: nn.Sequential(nn.Linear(n, 4), nn.GELU(), nn.Linear(4, k)), "layer GELU"),
        (nn.Linear, "no reader knows this class"),
        (lambda n, k: nn.Sequential(nn.Linear(n, k), nn.Softmax(dim=1)), "ends with a softmax"),
        (lambda n, k: nn.Sequential(nn.Linear(n, 1)), "columns and outputs that were asked for"),
        (lambda n, k: nn.Sequential(nn.Linear(9, k)), "columns and outputs that were asked for"),
    ],
)
def test_what_cannot_be_compiled_is_refused_before_training(make: Any, why: str) -> None:
    with pytest.raises(NotCompilable, match=why) as caught:
        TorchFamily(make, name="mine")
    assert caught.value.hint


def test_threads_beside_each_other_do_not_disturb_the_seeds() -> None:
    task = Task(kind="binary", classes=2)
    X, y = sample_table(task, rows=150, seed=1)
    family = TorchFamily(with_dropout, name="mine")
    params = family.candidates(task, rows=150, columns=6)[0]

    def answer(seed: int) -> Any:
        return family.fit(X, y, task=task, params=params, seed=seed).predict(X)

    alone = [answer(seed) for seed in (0, 1, 0, 1)]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(answer, (0, 1, 0, 1)))
    assert not np.array_equal(alone[0], alone[1])
    assert all(np.array_equal(a, b) for a, b in zip(alone, together, strict=True))


def test_the_stream_and_the_threads_of_torch_are_left_as_they_were() -> None:
    task = Task(kind="regression")
    X, y = sample_table(task, rows=60, seed=2)
    family = TorchFamily(with_dropout, name="mine", epochs=2)
    params = family.candidates(task, rows=60, columns=6)[0]
    before = torch.get_num_threads(), torch.get_rng_state()
    family.fit(X, y, task=task, params=params, seed=0, threads=1)
    assert torch.get_num_threads() == before[0]
    assert torch.equal(torch.get_rng_state(), before[1])


def test_validation_keeps_the_best_epoch() -> None:
    """The same epochs without validation rows give the same model."""
    task = Task(kind="regression")
    X, y = sample_table(task, rows=200, seed=3)
    noise = np.random.default_rng(0).permutation(y)
    family = TorchFamily(with_dropout, name="mine", epochs=30)
    params = family.candidates(task, rows=150, columns=6)[0]
    held = Validation(X=X[150:], y=noise[150:])
    best = family.fit(X[:150], y[:150], task=task, params=params, seed=0, validation=held)
    assert best.params["rounds"] < 60
    again = family.fit(X[:150], y[:150], task=task, params=best.params, seed=0)
    assert np.array_equal(best.predict(X), again.predict(X))


def test_weights_that_run_off_are_told() -> None:
    task = Task(kind="regression")
    X, y = sample_table(task, rows=60, seed=4)
    family = TorchFamily(with_dropout, name="mine", epochs=20)
    params = {"rounds": 20, "learning_rate": 1e30, "decay": 0.0, "loss": "squared"}
    with pytest.raises(ArithmeticError, match="ran off to infinity"):
        family.fit(X, y, task=task, params=params, seed=0)

"""A torch module of one's own as a family of the search, if the compiler can take it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import RLock
from typing import TYPE_CHECKING

from assay.automl.families.fitted import FittedScaled, first_loss, loss_of, suggest_loss
from assay.automl.families.lesson import epochs_of, learn_units
from assay.automl.family import Answers, Loss, Params, Task, Validation, View
from assay.errors import NotCompilable
from assay.model.plan import Float32, Float64, NetworkMember
from assay.model.readers import read_member
from assay.model.readers.outputs import n_outputs
from assay.question import Kind

if TYPE_CHECKING:
    import optuna
    import torch

MakeModule = Callable[[int, int], "torch.nn.Module"]

_STREAM = RLock()
"""Torch's stream of random numbers is one for all threads; who seeds it holds this."""


class TorchFamily:
    """A feed-forward torch module as a family.

    It reads features brought to mean 0 and deviation 1, and answers in raw scores: one for
    numbers and for two classes, one a class for more. Softmax and sigmoid are added here. It is
    trained by Adam with decoupled decay (Loshchilov and Hutter 2019); what answers is the running
    mean of its weights (Polyak and Juditsky 1992), in double.

    Parameters
    ----------
    make_module : callable
        ``make_module(n_columns, n_outputs)`` gives a new `torch.nn.Sequential` of `Linear`
        layers with one kind of activation between them: `ReLU`, `Tanh`, `Sigmoid` or none.
        `Dropout` may stand between them.
    name : str
    tasks : frozenset of {"regression", "binary", "multiclass"}
    learning_rate : float
        Of the first candidate.
    epochs : int
        Passes over the rows, at most.

    Raises
    ------
    NotCompilable
        The compiler cannot take what ``make_module`` gives. Nothing has been trained by then.

    Examples
    --------
    >>> def make_module(n_columns, n_outputs):
    ...     return torch.nn.Sequential(
    ...         torch.nn.Linear(n_columns, 32), torch.nn.ReLU(), torch.nn.Linear(32, n_outputs)
    ...     )
    >>> TorchFamily(make_module, name="mine").needs
    'linear'
    """

    transparent = False
    needs: View = "linear"
    place = 55
    joint = True
    stops_early = True
    losses: frozenset[Loss] = frozenset({"squared", "absolute", "quantile"})
    keeps_time = True

    def __init__(
        self,
        make_module: MakeModule,
        *,
        name: str,
        tasks: frozenset[Kind] = frozenset({"regression", "binary", "multiclass"}),
        learning_rate: float = 2e-3,
        epochs: int = 60,
    ) -> None:
        _check(make_module(3, 2))
        self.make_module = make_module
        self.name = name
        self.tasks = tasks
        self.learning_rate = learning_rate
        self.epochs = epochs

    def candidates(self, task: Task, *, rows: int, columns: int) -> tuple[Params, ...]:  # noqa: ARG002
        """The rate given; then a third of it."""
        default = {
            "rounds": self.epochs,
            "learning_rate": self.learning_rate,
            "decay": 0.01,
            **first_loss(self, task),
        }
        return (default, {**default, "learning_rate": self.learning_rate / 3, "decay": 0.1})

    def suggest(self, trial: optuna.trial.BaseTrial, task: Task) -> Params:
        """Epochs, size of the steps, decay of the weights."""
        rate = self.learning_rate
        return {
            "rounds": trial.suggest_int("rounds", 1, 2 * self.epochs, log=True),
            "learning_rate": trial.suggest_float("learning_rate", rate / 10, rate * 10, log=True),
            "decay": trial.suggest_float("decay", 1e-4, 1.0, log=True),
            **suggest_loss(self, trial, task),
        }

    def fit(
        self,
        X: Float32,
        y: Answers,
        *,
        task: Task,
        params: Params,
        seed: int,
        weights: Float64 | None = None,
        validation: Validation | None = None,
        threads: int = 1,
        seconds: float | None = None,
    ) -> FittedScaled:
        """Train; with ``validation`` up to twice the epochs, stopping when they do not help.

        Raises
        ------
        ArithmeticError
            The weights ran off to infinity.
        """
        from assay.automl.families.torch_training import train

        epochs = epochs_of(params, validated=validation is not None, seconds=seconds)
        lesson = learn_units(X, y, task=task, loss=loss_of(params), weights=weights)
        rows = lesson.rows(X, y, weights)
        held = None if validation is None else lesson.rows(validation.X, validation.y)
        with _seeded(seed):
            module = self.make_module(X.shape[1], lesson.width)
        with _threads(threads):
            model = train(
                module,
                lesson,
                rows,
                held,
                epochs=epochs,
                rate=params["learning_rate"],
                decay=params["decay"],
                seed=seed,
            )
        return FittedScaled(
            family=self.name,
            params={**params, "rounds": epochs.used},
            task=task,
            model=_with_link(model, classes=len(lesson.present)).double(),
            present=lesson.present,
            unit=lesson.unit,
            center=lesson.center,
            scale=lesson.scale,
        )


def _check(module: torch.nn.Module) -> None:
    """Refuse a module of three columns and two outputs that no member can stand for."""
    member = read_member(module, columns=(0, 1, 2))
    if member.link != "identity":
        raise NotCompilable(
            type(module).__name__,
            "it ends with a softmax or sigmoid",
            hint="Let it end with a Linear layer; what turns scores into chances is added.",
        )
    assert isinstance(member, NetworkMember)
    if (len(member.center), n_outputs(member)) != (3, 2):
        raise NotCompilable(
            type(module).__name__,
            "it does not have the columns and outputs that were asked for",
            hint="Let make_module(n_columns, n_outputs) use both numbers.",
        )


def _with_link(module: torch.nn.Module, *, classes: int) -> torch.nn.Module:
    import torch

    if classes > 2:
        return torch.nn.Sequential(module, torch.nn.Softmax(dim=1))
    return torch.nn.Sequential(module, torch.nn.Sigmoid()) if classes else module


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Torch's stream of random numbers, seeded; as it was before, afterwards."""
    import torch

    with _STREAM, torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


@contextmanager
def _threads(number: int) -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)

"""The protocol of a model family, and how installed families are found.

A family fits one kind of model on a float32 table and describes what it fitted in plain numbers
(`assay.model.plan`). It never sees column types, missing cells or classes by name: encoders and
the search deal with those. `assay.testing.FamilyExam` is what any family must pass.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from assay.errors import UnknownName
from assay.model.plan import Float32, Float64, Member
from assay.plugins import FAMILIES, load_plugin, plugin_names
from assay.question import Kind

if TYPE_CHECKING:
    import optuna

Params = dict[str, Any]
View = Literal["trees", "linear"]
Answers = npt.NDArray[np.float64] | npt.NDArray[np.int64]
Loss = Literal["squared", "absolute", "poisson", "quantile"]
"""What a regression minimises in training; ``poisson`` is for counts and amounts from 0 on."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """What is asked of a family.

    Attributes
    ----------
    kind : {"regression", "binary", "multiclass"}
    classes : int
        Number of classes, 0 for regression. In classification ``y`` holds class numbers 0 to
        ``classes - 1``; a class may be absent from the rows at hand.
    losses : tuple of str
        Regression: losses that suit the metric and the answers, the best guess first. A family
        takes the first that it knows by default, and may try the others.
    quantile : float
        Which quantile ``quantile`` loss aims at, in (0, 1).
    monotone : tuple of int
        Regression and binary: for each column of ``X`` 1 where the answer must not fall with
        it, -1 where it must not rise, 0 elsewhere. Empty: no such demands.
    """

    kind: Kind
    classes: int = 0
    losses: tuple[Loss, ...] = ("squared",)
    quantile: float = 0.5
    monotone: tuple[int, ...] = ()

    @property
    def width(self) -> int:
        """Columns of a prediction: 1, or the number of classes when there are more than two."""
        return self.classes if self.kind == "multiclass" else 1


@dataclass(frozen=True, kw_only=True)
class Validation:
    """Rows that tell a family when to stop; never the rows it is scored on."""

    X: Float32
    y: Answers


class Fitted(Protocol):
    """A fitted model of one family."""

    @property
    def params(self) -> Params:
        """The parameters in force, with the number of rounds that early stopping chose."""

    def predict(self, X: Float32) -> Float64:
        """Answer rows by the library's own code.

        Returns
        -------
        array, shape (n_rows, width)
            Regression: the value. Binary: probability of class 1. Multiclass: a probability a
            class.
        """

    def describe(self, columns: tuple[int, ...]) -> Member:
        """The same function in plain numbers; ``columns`` are the plan's features it reads."""


@runtime_checkable
class Family(Protocol):
    """A kind of model that the search can try.

    What only some families have is told by attributes that may be left out:

    ``takes_weights = False``
        It cannot weigh rows.
    ``losses = frozenset({"squared", "absolute"})``
        Losses that it knows in regression; without the attribute, ``squared`` alone.
    ``monotone = True``
        It keeps `Task.monotone`.
    ``monotone_losses = frozenset({"squared"})``
        It does so with these losses only; without the attribute, with all.
    ``keeps_time = True``
        ``fit`` takes ``seconds``, a wall-clock bound, and gives what it has by then: fewer
        rounds or trees. Without it a fit that takes too long is called off.
    ``joint = True``
        One model answers for all classes, so that its cost hardly grows with their number.
    ``by_request = True``
        It is not tried unless it is named.
    ``most_rows = 20_000``
        It is not tried on more rows than these.
    """

    name: str
    transparent: bool
    """Whether a person can read the fitted model as a sum of one- or two-column effects."""
    tasks: frozenset[Kind]
    needs: View
    """``linear``: one-hot categories; ``trees``: categories as ordered numbers as well."""
    place: int
    """Where its default comes in the order of first tries: fast and informative ones first."""
    stops_early: bool
    """Whether ``fit`` uses ``validation`` to choose the number of rounds."""

    def candidates(self, task: Task, *, rows: int, columns: int) -> tuple[Params, ...]:
        """A short hand-set portfolio, the default first; each is reachable by `suggest`."""

    def suggest(self, trial: optuna.trial.BaseTrial, task: Task) -> Params:
        """Parameters chosen by ``trial``, around the portfolio."""

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
    ) -> Fitted:
        """Fit on ``X``, shape (n_rows, n_columns), without missing values."""


def require_library(name: str) -> None:
    """Raise `ModuleNotFoundError` where a family's library is not installed; loads nothing.

    Families import their library where they fit, in the workers, so that the process which
    leads the search stays small.
    """
    if find_spec(name) is None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def find_families(names: tuple[str, ...] = ()) -> dict[str, Family | Exception]:
    """Installed families by name, or those in ``names``, in the order of first tries.

    Unless they are named, those that are tried by request only are left out.

    A family whose module cannot be imported is given as the exception, so that a search can
    record it and go on.

    Raises
    ------
    UnknownName
        A name that no installed package registers.
    """
    known = plugin_names(FAMILIES)
    for name in names:
        if name not in known:
            raise UnknownName("model family", name, known)
    found: dict[str, Family | Exception] = {}
    for name in names or known:
        try:
            family = load_plugin(FAMILIES, name, kind="model family")()
            if names or not getattr(family, "by_request", False):
                found[name] = family
        except Exception as error:  # a broken plug-in must not end the search
            found[name] = error
    return dict(sorted(found.items(), key=lambda item: _place(item[1])))


def _place(family: Family | Exception) -> float:
    """Place in the order of first tries; what cannot be tried comes last."""
    return float("inf") if isinstance(family, Exception) else family.place


def average(params: list[Mapping[str, Any]]) -> Params:
    """One set of parameters from those of several folds: numbers that differ are averaged.

    Examples
    --------
    >>> average([{"rounds": 40, "depth": 3}, {"rounds": 61, "depth": 3}])
    {'rounds': 50, 'depth': 3}
    """
    settled: Params = {}
    for key, value in params[0].items():
        values = [p[key] for p in params]
        countable = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not countable or all(v == value for v in values):
            settled[key] = value
            continue
        mean = sum(values) / len(values)
        settled[key] = round(mean) if isinstance(value, int) else mean
    return settled

"""One fit on one part of the training rows: what a worker does, wherever it runs.

A `FitOrder` is small; the matrices it refers to were shared with all workers once.
"""

from __future__ import annotations

import dataclasses
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from assay.automl.family import Answers, Family, Fitted, Params, Task, Validation
from assay.automl.problem import Rows, Transform, transformed
from assay.automl.slant import Slant
from assay.compute.workers import Shared
from assay.model.plan import Float32, Float64, Member, TreesMember
from assay.model.readers.outputs import beside

STOPPING_ROWS = 2000
"""From so many rows on, boosting holds some out to choose its rounds; below, they are fixed."""
STOPPING_SHARE = 0.12
MOST_STOPPING_ROWS = 20_000
SELF_TAUGHT_WEIGHT = 0.3
"""What a row whose answer a model guessed counts, against one with a known answer."""
SURE = 0.9
"""Probability from which a guessed class is learned from."""
BYTES_A_NODE = 36
"""About what a split, or one number of a leaf, takes in a graph; other numbers take 8."""
WHOLE = "all"
"""Name of the part that holds all training rows."""


@dataclass(frozen=True, kw_only=True)
class FitOrder:
    """What to fit, on which part, and what to give back.

    Attributes
    ----------
    part : str
        A fold's number, or `WHOLE`.
    columns : tuple of int
        Features that the family reads.
    quantiles : tuple of float
        One fit each; empty: one fit.
    seconds : float or None
        Wall-clock bound for families that keep time.
    share : float
        Of the part's rows, in (0, 1]: for probes and learning curves.
    stops : bool
        Whether rows may be held out to choose the number of rounds.
    self_taught : bool
        Whether to learn from rows without an answer too.
    describe : bool
        Whether to give back the model and its description.
    slant : Slant or None
        Labels and weights to learn from in place of the rows' own.
    """

    family: Family
    params: Params
    task: Task
    part: str
    columns: tuple[int, ...]
    transform: Transform
    quantiles: tuple[float, ...] = ()
    seed: int = 0
    seconds: float | None = None
    threads: int = 1
    share: float = 1.0
    stops: bool = True
    self_taught: bool = False
    describe: bool = False
    slant: Slant | None = None


@dataclass(frozen=True, kw_only=True)
class FoldFit:
    """What one fit gave.

    ``answer``: (n_held, width), on the scale of the transform. ``models`` and ``member`` only
    where they were asked for.
    """

    answer: Float64
    params: Params
    fit_s: float
    predict_s: float
    nodes: int
    kilobytes: float
    models: tuple[Fitted, ...] = ()
    member: Member | None = None


@dataclass(frozen=True, kw_only=True)
class _Part:
    """Rows to fit on."""

    X: Float32
    y: Answers
    weights: Float64 | None


def fit_part(shared: Shared, order: FitOrder) -> FoldFit:
    """Fit, answer the part's held rows, and say what it cost."""
    from threadpoolctl import threadpool_limits

    with warnings.catch_warnings(), threadpool_limits(order.threads, user_api="blas"):
        warnings.simplefilter("ignore")
        return _fit(shared.load(), order)


def _fit(arrays: Mapping[str, npt.NDArray[Any]], order: FitOrder) -> FoldFit:
    start = time.monotonic()
    models = fit_models(arrays, order)
    fit_s = time.monotonic() - start
    answer = np.empty((0, 0))
    if order.part != WHOLE:
        held = np.ascontiguousarray(arrays[f"held-{order.part}"][:, order.columns])
        answer = np.hstack([model.predict(held) for model in models])
        _check_answer(answer, len(held), len(order.quantiles) or order.task.width)
    predict_s = time.monotonic() - start - fit_s
    places = tuple(range(len(order.columns)))
    member = describe_all(models, order.columns if order.describe else places)
    return FoldFit(
        answer=answer,
        params=dict(models[-1].params),
        fit_s=fit_s,
        predict_s=predict_s,
        nodes=size_of(member),
        kilobytes=kilobytes_of(member),
        models=tuple(models) if order.describe else (),
        member=member if order.describe else None,
    )


def fit_models(arrays: Mapping[str, npt.NDArray[Any]], order: FitOrder) -> list[Fitted]:
    """One model, or one a quantile."""
    part = _rows_to_fit(arrays, order)
    start = time.monotonic()
    models = _fit_each(part, order, start)
    if not order.self_taught:
        return models
    unknown = np.ascontiguousarray(arrays[f"unlabelled-{order.part}"][:, order.columns])
    return _fit_each(_with_guesses(part, unknown, models, order), order, start)


def _check_answer(answer: Float64, rows: int, width: int) -> None:
    if answer.shape != (rows, width):
        raise ValueError(f"answers have the shape {answer.shape}, not {(rows, width)}")
    if not np.isfinite(answer).all():
        raise ArithmeticError("some answers are not finite")


def _rows_to_fit(arrays: Mapping[str, npt.NDArray[Any]], order: FitOrder) -> _Part:
    X, rows = arrays[f"fit-{order.part}"], arrays[f"rows-{order.part}"]
    chosen = _sampled(rows, arrays["y"], order)
    if chosen is not None:
        X, rows = X[chosen], rows[chosen]
    weights = arrays["weights"][rows] if "weights" in arrays else None
    y = transformed(arrays["y"][rows], order.transform)
    if order.slant is not None:
        y, weights = order.slant.apply(y, arrays["groups"][rows], weights)
    return _Part(X=np.ascontiguousarray(X[:, order.columns]), y=y, weights=weights)


def _sampled(rows: Rows, y: Answers, order: FitOrder) -> Rows | None:
    """A share of the rows; one of each class at the least."""
    if order.share >= 1.0:
        return None
    mixed = np.random.default_rng(order.seed).permutation(len(rows))
    kept = mixed[: max(8, int(len(rows) * order.share))]
    if order.task.kind != "regression":
        _, first = np.unique(y[rows][mixed], return_index=True)
        kept = np.union1d(kept, mixed[first])
    return np.sort(kept)


def _fit_each(part: _Part, order: FitOrder, start: float) -> list[Fitted]:
    """One model, or one a quantile, which share the time."""
    if not order.quantiles:
        return [_fit_one(part, order, order.task, order.seconds)]
    models = []
    for place, quantile in enumerate(order.quantiles):
        task = dataclasses.replace(order.task, losses=("quantile",), quantile=quantile)
        left = None
        if order.seconds is not None:
            spent = time.monotonic() - start
            left = max(0.05, (order.seconds - spent) / (len(order.quantiles) - place))
        models.append(_fit_one(part, order, task, left))
    return models


def _fit_one(part: _Part, order: FitOrder, task: Task, seconds: float | None) -> Fitted:
    family = order.family
    X, y, weights, validation = part.X, part.y, part.weights, None
    if order.stops and family.stops_early and len(X) >= STOPPING_ROWS:
        mixed = np.random.default_rng(order.seed).permutation(len(X))
        cut = min(int(len(X) * STOPPING_SHARE), MOST_STOPPING_ROWS)
        held, kept = mixed[:cut], mixed[cut:]
        validation = Validation(X=X[held], y=y[held])
        X, y = X[kept], y[kept]
        weights = None if weights is None else weights[kept]
    bound = {"seconds": seconds} if getattr(family, "keeps_time", False) else {}
    return family.fit(
        X,
        y,
        task=task,
        params=order.params,
        seed=order.seed,
        weights=weights,
        validation=validation,
        threads=order.threads,
        **bound,
    )


def _with_guesses(part: _Part, unknown: Float32, models: list[Fitted], order: FitOrder) -> _Part:
    """Known rows, and unknown rows with the answers that the models give them."""
    guess = np.hstack([model.predict(unknown) for model in models])
    if order.task.kind == "regression":
        sure, answers = np.ones(len(guess), dtype=bool), guess[:, 0]
    else:
        chances = np.hstack([1 - guess, guess]) if guess.shape[1] == 1 else guess
        sure, answers = chances.max(axis=1) >= SURE, chances.argmax(axis=1)
    known = np.ones(len(part.y)) if part.weights is None else part.weights
    return _Part(
        X=np.concatenate([part.X, unknown[sure]]),
        y=np.concatenate([part.y, answers[sure].astype(part.y.dtype)]),
        weights=np.concatenate([known, np.full(int(sure.sum()), SELF_TAUGHT_WEIGHT)]),
    )


def describe_all(models: list[Fitted], columns: tuple[int, ...]) -> Member:
    """One member with an output for each model."""
    members = [model.describe(columns) for model in models]
    return members[0] if len(members) == 1 else beside(members)


def shown(answer: Float64, transform: Transform) -> Float64:
    """Members' answers (n, width) as a metric takes them: in the target's unit."""
    if transform != "identity":
        answer = np.minimum(answer, 700.0)
        answer = np.exp(answer) if transform == "log" else np.expm1(answer)
    return answer[:, 0] if answer.shape[1] == 1 else answer


def size_of(member: Member) -> int:
    """Numbers that the graph would hold: tree nodes, or the entries of all other arrays."""
    if isinstance(member, TreesMember):
        return int(member.feature.size)
    parts = [getattr(member, field.name) for field in dataclasses.fields(member)]
    arrays = [a for part in parts for a in (part if isinstance(part, tuple) else (part,))]
    return sum(array.size for array in arrays if isinstance(array, np.ndarray))


def kilobytes_of(member: Member) -> float:
    """About what the member takes in the graph."""
    if not isinstance(member, TreesMember):
        return size_of(member) * 8 / 1e3
    leaf = member.left < 0
    entries = max(int(leaf.sum()), int(np.count_nonzero(member.values)))
    return float((~leaf).sum() + entries) * BYTES_A_NODE / 1e3


def takes_weights(family: Family) -> bool:
    """Whether a family can weigh rows; it can unless it says otherwise."""
    return bool(getattr(family, "takes_weights", True))

"""From refitted members to one plan that holds what they read and nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from assay.automl.bench import Bench
from assay.automl.calibrate import Finish
from assay.automl.choice import Choice
from assay.automl.family import Fitted
from assay.automl.features import prune
from assay.automl.fitting import FoldFit
from assay.automl.mitigation import cut_by_group
from assay.automl.spec import SearchSpec
from assay.model.plan import Float32, Float64, Member, ModelPlan, TreesMember

Native = Callable[[Float32], list[Float64]]

TIMED_ROWS = 50


@dataclass(frozen=True, kw_only=True)
class Assembled:
    """The model, and the libraries' own answers to compare it with."""

    plan: ModelPlan
    native: Native
    choice: Choice
    finish: Finish


@dataclass(frozen=True, kw_only=True)
class _Seat:
    """A member's models, and where their columns lie among the plan's features."""

    models: tuple[Fitted, ...]
    width: int
    """Columns that the models were fitted on."""
    read: tuple[int, ...]
    """Which of these the member reads."""
    places: tuple[int, ...]
    """Where those lie among the plan's features."""


def assemble(choice: Choice, fits: dict[int, FoldFit], bench: Bench, finish: Finish) -> Assembled:
    """Lay members side by side, and drop features that none of them reads."""
    members = [_trimmed(fits[number]) for number in choice.attempts]
    used = {column for member, _ in members for column in member.columns}
    encoders, names, place_of = prune(bench.features, used)
    seats = [
        _Seat(
            models=fits[number].models,
            width=len(bench.columns(choice.attempts[number].candidate)),
            read=read,
            places=tuple(place_of[column] for column in member.columns),
        )
        for number, (member, read) in zip(choice.attempts, members, strict=True)
    ]
    plan = ModelPlan(
        inputs=bench.problem.inputs,
        encoders=encoders,
        members=tuple(
            replace(member, columns=seat.places)
            for (member, _), seat in zip(members, seats, strict=True)
        ),
        weights=tuple(choice.weights.values()),
        output=finish.learn(choice.mean, bench.truth, bench.weights),
        feature_names=names,
    )
    if finish.parity is not None:
        assert bench.groups is not None
        cuts = finish.cuts(plan.output, choice.mean, bench.truth, bench.groups, bench.weights)
        plan = cut_by_group(plan, cuts, bench.problem)
    return Assembled(plan=plan, native=_native(seats), choice=choice, finish=finish)


def _trimmed(fit: FoldFit) -> tuple[Member, tuple[int, ...]]:
    """The member without columns that no split asks for, and which of its columns are left."""
    member = fit.member
    assert member is not None
    if not isinstance(member, TreesMember):
        return member, tuple(range(len(member.columns)))
    asked = np.unique(member.feature[member.left >= 0])
    if not len(asked):
        asked = np.array([0])
    place = np.zeros(len(member.columns), dtype=np.int32)
    place[asked] = np.arange(len(asked))
    read = tuple(int(k) for k in asked)
    columns = tuple(member.columns[k] for k in read)
    return replace(member, columns=columns, feature=place[member.feature]), read


def _native(seats: list[_Seat]) -> Native:
    """The libraries' answers; columns that no split asks for are given as 0."""

    def native(features: Float32) -> list[Float64]:
        answers = []
        for seat in seats:
            X = np.zeros((len(features), seat.width), dtype=np.float32)
            X[:, seat.read] = features[:, seat.places]
            answers.append(np.hstack([model.predict(X) for model in seat.models]))
        return answers

    return native


def breaks_limit(plan: ModelPlan, spec: SearchSpec) -> str:
    """Which of the asked limits the compiled plan breaks, and by how much; empty if none."""
    if spec.max_megabytes is None and spec.max_row_ms is None:
        return ""
    from assay.model.compile import compile_plan

    graph = compile_plan(plan, "codes")
    megabytes = len(graph) / 1e6
    if spec.max_megabytes is not None and megabytes > spec.max_megabytes:
        return f"{megabytes:.2f} MB, the smallest of them, is more than {spec.max_megabytes:g} MB"
    if spec.max_row_ms is not None:
        taken = _row_ms(plan, graph)
        if taken > spec.max_row_ms:
            return f"{taken:.3f} ms a row is more than {spec.max_row_ms:g} ms"
    return ""


def _row_ms(plan: ModelPlan, graph: bytes) -> float:
    """Median milliseconds that the graph takes for one row, on this machine."""
    from assay.model.scorer import Scorer

    scorer = Scorer(graph, threads=1)
    row = {
        item.name: np.array([[0.0]]) if item.kind == "number" else np.array([[""]], dtype=object)
        for item in plan.inputs
    }
    taken = []
    for _ in range(TIMED_ROWS):
        start = time.perf_counter()
        scorer.score(row)
        taken.append(time.perf_counter() - start)
    return 1e3 * float(np.median(taken))

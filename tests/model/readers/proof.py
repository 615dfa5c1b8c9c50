"""Rows on which a member must give what its library gives, and the comparison itself."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.model.compile import compile_plan
from assay.model.plan import (
    Input,
    Member,
    ModelPlan,
    NumberEncoder,
    Output,
    OutputKind,
    TreesMember,
)
from assay.model.readers import predict_native, read_member
from assay.model.readers.outputs import n_outputs
from assay.model.reference import member_predictions
from assay.model.scorer import Scorer
from assay.model.soundness import check_plan

TOLERANCE = 1e-6
"""Absolute on probabilities; of the largest answer elsewhere."""

COLUMNS = 5
CODES = 4
"""The column that holds whole numbers 0 to 6: a category, where the library takes one."""


def table(rows: int = 300, seed: int = 0, *, missing: bool = False) -> NDArray[np.float32]:
    """Features: two plain ones, a constant, a large one, and one of codes; gaps in the first."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, COLUMNS)).astype(np.float32)
    X[:, 2] = 1.0
    X[:, 3] = X[:, 3] * 1e4 + 3e4
    X[:, CODES] = rng.integers(0, 7, rows)
    if missing:
        X[rng.random(rows) < 0.15, 0] = np.nan
        X[rng.random(rows) < 0.1, CODES] = np.nan
    return X


def signal(X: NDArray[np.float32]) -> NDArray[np.float64]:
    """What the models are to learn."""
    Z = np.nan_to_num(X.astype(np.float64), nan=-2.0)
    return np.asarray(
        2 * Z[:, 0] + Z[:, 1] * Z[:, 0] + Z[:, 3] / 1e4 + 3 * np.isin(Z[:, CODES], [1, 4, 5])
    )


def classes(X: NDArray[np.float32], many: int) -> NDArray[np.int64]:
    """The signal in so many classes of equal size, with some noise."""
    noisy = signal(X) + np.random.default_rng(9).normal(size=len(X)) * 0.5
    return np.digitize(noisy, np.quantile(noisy, np.arange(1, many) / many))


def probes(
    member: Member, *, missing: bool = False, unseen: bool = False, extremes: bool = True
) -> NDArray[np.float32]:
    """Fresh rows, rows on and beside every threshold, missing, unseen and extreme values."""
    rng = np.random.default_rng(5)
    fresh = table(400, seed=6, missing=missing)
    parts = [fresh]
    if extremes:
        parts.append(np.repeat(fresh[:1], 6, axis=0))
        parts[-1][:, :4] = np.array([[1e30, -1e30, 0.0, -0.0, 1e-40, 1e10]]).T
    if missing:
        gaps = np.repeat(fresh[1:2], COLUMNS + 1, axis=0)
        gaps[np.arange(COLUMNS), np.arange(COLUMNS)] = np.nan
        gaps[-1] = np.nan
        parts.append(gaps)
    if unseen:
        codes = np.repeat(fresh[2:3], 5, axis=0)
        codes[:, CODES] = [7, 50, 254, 1000, 100_000]
        parts.append(codes)
    if isinstance(member, TreesMember):
        parts.append(_beside_thresholds(member, fresh, rng))
    return np.concatenate(parts)


def _beside_thresholds(
    member: TreesMember, fresh: NDArray[np.float32], rng: np.random.Generator
) -> NDArray[np.float32]:
    inner = member.left >= 0
    if member.set_of is not None:
        inner = inner & (member.set_of < 0)
    chosen = rng.permutation(np.flatnonzero(inner & np.isfinite(member.threshold)))[:1000]
    at = member.threshold[chosen]
    with np.errstate(over="ignore"):
        sides = [np.nextafter(at, np.float32(-np.inf)), at, np.nextafter(at, np.float32(np.inf))]
    rows = fresh[rng.integers(0, len(fresh), 3 * len(chosen))]
    rows[np.arange(len(rows)), np.tile(member.feature[chosen], 3)] = np.concatenate(sides)
    return rows


def plan_of(member: Member, kind: OutputKind, *, fill: float = np.nan) -> ModelPlan:
    """A plan of this member alone, on numbers as they are."""
    width = n_outputs(member)
    names = tuple(f"k{i}" for i in range(max(width, 2)))
    columns = tuple(f"c{i}" for i in range(len(member.columns)))
    labels = {"binary": names[:2], "multiclass": names}.get(kind, ())
    return ModelPlan(
        inputs=tuple(Input(name=c, kind="number") for c in columns),
        encoders=tuple(
            NumberEncoder(column=c, fill=fill, low=-np.inf, high=np.inf) for c in columns
        ),
        members=(member,),
        weights=(1.0,),
        output=Output(
            kind=kind,
            classes=labels,
            names=names[:width] if kind in ("vector", "clusters") else (),
        ),
    )


def same_answers(
    model: Any,
    kind: OutputKind,
    *,
    member: Member | None = None,
    missing: bool = False,
    unseen: bool = False,
    extremes: bool = True,
    columns: int = COLUMNS,
) -> Member:
    """Assert that member, graph and library agree on every probe; gives the member."""
    member = read_member(model, columns=tuple(range(columns))) if member is None else member
    X = probes(member, missing=missing, unseen=unseen, extremes=extremes)[:, :columns]
    native = predict_native(model, X)
    plan = plan_of(member, kind, fill=np.nan if missing else 0.0)
    check_plan(plan)
    described = member_predictions(plan, X)[0]
    assert described.shape == native.shape
    assert np.isfinite(native).all()
    size = _size(native, member, kind)
    assert float((np.abs(described - native) / size).max()) <= TOLERANCE
    graph = answer_of_graph(plan, X)
    assert float((np.abs(graph - native) / size).max()) <= 2 * TOLERANCE
    return member


def _size(native: NDArray[np.float64], member: Member, kind: OutputKind) -> Any:
    """What differences are measured by; sums of trees are off by the size of their largest."""
    if kind in ("binary", "multiclass", "anomaly"):
        return 1.0
    sizes = np.maximum(1.0, np.abs(native))
    return sizes.max() if isinstance(member, TreesMember) else sizes


def answer_of_graph(plan: ModelPlan, X: NDArray[np.float32]) -> NDArray[np.float64]:
    """What ONNX Runtime gives for the compiled plan, laid out as members are."""
    scorer = Scorer(compile_plan(plan))
    inputs = {item.name: X[:, i : i + 1].astype(np.float64) for i, item in enumerate(plan.inputs)}
    answer = scorer.score(inputs)
    return graph_values(answer, plan)


def graph_values(answer: Any, plan: ModelPlan) -> NDArray[np.float64]:
    kind = plan.output.kind
    if kind == "regression":
        return np.asarray(answer.prediction).reshape(-1, 1)
    if kind == "binary":
        return np.asarray(answer.probabilities)[:, 1:]
    if kind == "multiclass":
        return np.asarray(answer.probabilities)
    if kind in ("vector", "clusters"):
        return np.asarray(answer.values)
    return np.asarray(answer.prediction).reshape(-1, 1)

"""Plans made at random, and plans read from models that scikit-learn and LightGBM fitted."""

from __future__ import annotations

from typing import Any

import numpy as np

from assay.model.encode import feature_count
from assay.model.plan import (
    Array,
    DateEncoder,
    Encoder,
    Input,
    LevelEncoder,
    LinearMember,
    Member,
    MissingEncoder,
    ModelPlan,
    NumberEncoder,
    OneHotEncoder,
    Output,
    TreesMember,
)

WORDS = ("audi", "bmw", "ünïcode", "e\u0301", "é", " blank", "\U0001f697", "a\0b", "a", "NaN")
NUMBERS = (
    *(np.nan, np.inf, -np.inf, 1e308, -1e308, 5e-324, -1e-310, 1e-45, 1e-40, 0.0, -0.0),
    *(2.0**53, 2.0**53 - 1, 16_777_217.0, 1.7e9, 1.7e12 + 0.5, 0.1, 1 / 3, 1.0, -7.25, 1e30),
)

INPUTS = (
    Input(name="age", kind="number"),
    Input(name="make", kind="category"),
    Input(name="when", kind="number"),
    Input(name="label", kind="category"),
    Input(name="not used", kind="number"),
    Input(name="/c0", kind="category"),
)


def random_encoders(rng: np.random.Generator) -> tuple[Encoder, ...]:
    words = list(rng.permutation(np.array(WORDS, dtype=object)))
    offset = float(rng.choice([0.0, 1.7e9, -3.3]))
    makers = [
        NumberEncoder(column="age", fill=30.5, low=-10.0, high=1e6),
        NumberEncoder(column="age", fill=-np.pi, low=-np.inf, high=np.inf),
        NumberEncoder(column="when", fill=offset, low=-1e12, high=1e18, offset=offset),
        MissingEncoder(column="age"),
        MissingEncoder(column="make"),
        DateEncoder(column="when", fill=float(rng.integers(-1000, 30_000))),
        DateEncoder(column="age", fill=1.5),
        OneHotEncoder(column="make", levels=tuple(words[:4])),
        OneHotEncoder(column="label", levels=("", *words[:2])),
        OneHotEncoder(column="/c0", levels=()),
        LevelEncoder(
            column="label",
            levels=tuple(words[2:8]),
            values=tuple(rng.normal(size=6)),
            missing=0.1,
            unseen=-2.5,
        ),
        LevelEncoder(column="make", levels=("a",), values=(1 / 3,), missing=-1.0, unseen=9.0),
    ]
    kept = rng.permutation(len(makers))[: rng.integers(1, len(makers) + 1)]
    return tuple(makers[i] for i in kept)


def random_trees(
    rng: np.random.Generator, features: int, width: int, *, several: bool
) -> TreesMember:
    columns = tuple(int(c) for c in rng.permutation(features)[: rng.integers(1, features + 1)])
    feature, threshold, left, right, values = [], [], [], [], []

    def grow(depth: int) -> int:
        me = len(feature)
        for store in (feature, left, right):
            store.append(-1)
        threshold.append(0.0)
        leaf = np.zeros(width)
        values.append(leaf)
        if depth == 0 or rng.random() < 0.25:
            if several:
                leaf[:] = rng.random(width)
            else:
                leaf[rng.integers(width)] = rng.normal()
            return me
        feature[me] = int(rng.integers(len(columns)))
        threshold[me] = float(rng.choice([0.5, 0.1, -1.0, 3.0, rng.normal() * 10, 1e5]))
        left[me] = grow(depth - 1)
        right[me] = grow(depth - 1)
        return me

    roots = [grow(int(rng.integers(0, 5))) for _ in range(int(rng.integers(1, 6)))]
    return TreesMember(
        family="trees",
        columns=columns,
        roots=np.array(roots, dtype=np.int32),
        feature=np.array(feature, dtype=np.int32),
        threshold=np.array(threshold, dtype=np.float32),
        left=np.array(left, dtype=np.int32),
        right=np.array(right, dtype=np.int32),
        values=np.array(values),
        base=rng.normal(size=width),
        link="softmax" if width > 1 else "sigmoid",
    )


def random_linear(rng: np.random.Generator, features: int, width: int) -> LinearMember:
    columns = tuple(int(c) for c in rng.permutation(features)[: rng.integers(1, features + 1)])
    n = len(columns)
    return LinearMember(
        family="linear",
        columns=columns,
        center=rng.normal(size=n),
        scale=rng.random(n) + 0.5,
        weights=rng.normal(size=(n, width)) * 1e-3,
        intercept=rng.normal(size=width),
        link="softmax" if width > 1 else "sigmoid",
    )


def random_plan(seed: int, kind: str) -> ModelPlan:
    """A plan with every kind of part, for columns of every kind."""
    rng = np.random.default_rng(seed)
    encoders = random_encoders(rng)
    features = feature_count(encoders)
    width = 3 if kind == "multiclass" else 1
    members: list[Member] = []
    for _ in range(int(rng.integers(1, 4))):
        if rng.random() < 0.3:
            members.append(random_linear(rng, features, width))
        else:
            members.append(random_trees(rng, features, width, several=bool(rng.random() < 0.5)))
    if kind == "regression":
        members = [_with_link(m, "identity") for m in members]
    return ModelPlan(
        inputs=INPUTS,
        encoders=encoders,
        members=tuple(members),
        weights=tuple(rng.random(len(members)) + 0.1),
        output=random_output(rng, kind),
    )


def random_output(rng: np.random.Generator, kind: str) -> Output:
    interval = None if rng.random() < 0.3 else float(rng.random())
    if kind == "regression":
        return Output(
            kind="regression",
            transform="log" if rng.random() < 0.4 else "identity",
            interval=interval,
        )
    classes = ("no", "yes") if kind == "binary" else ("x", "y", "z")
    return Output(
        kind=kind,  # type: ignore[arg-type]
        classes=classes,
        slope=float(rng.random() * 2 + 0.1),
        intercept=float(rng.normal()) if kind == "binary" else 0.0,
        threshold=0.4,
        interval=interval,
    )


def _with_link(member: Any, link: str) -> Any:
    import dataclasses

    return dataclasses.replace(member, link=link)


def random_inputs(seed: int, rows: int) -> dict[str, Array]:
    """Cells of every awkward kind."""
    rng = np.random.default_rng(seed)
    cells: dict[str, Array] = {}
    words = np.array([*WORDS, "", "never seen", "AUDI", "audi ", "\0"], dtype=object)
    for item in INPUTS:
        if item.kind == "category":
            cells[item.name] = rng.choice(words, size=(rows, 1))
        else:
            plain = rng.normal(size=(rows, 1)) * 10.0 ** rng.integers(-3, 9, size=(rows, 1))
            odd = rng.choice(np.array(NUMBERS), size=(rows, 1))
            cells[item.name] = np.where(rng.random((rows, 1)) < 0.4, odd, plain)
    return cells

"""Plans made at random, and plans read from models that scikit-learn and LightGBM fitted."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from assay.model.encode import feature_count, feature_width
from assay.model.plan import (
    Array,
    BetaCalibration,
    Calibration,
    CrossEncoder,
    DateEncoder,
    Encoder,
    HashedTextEncoder,
    HashEncoder,
    Input,
    IsotonicCalibration,
    LevelEncoder,
    LinearMember,
    Link,
    LogitCalibration,
    Member,
    MissingEncoder,
    ModelPlan,
    NeighboursMember,
    NetworkMember,
    NumberEncoder,
    OneHotEncoder,
    Output,
    PairEncoder,
    QuadraticMember,
    TextEncoder,
    TreesMember,
)

KINDS = ("regression", "binary", "multiclass", "vector", "clusters", "anomaly")
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
    Input(name="note", kind="category"),
)
TEXTS = (
    *("", "to be or not to be", "To Be!", "Ärzte, don't", "a_1 a_1 b", "\x01 a\x01b", "日本 語"),
    *("   ", "x\0y z", "\U0001f697\U0001f697 car", "é e\u0301", "be" * 30),
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
        DateEncoder(
            column="when",
            fill=19_000.7,
            parts=("year", "hour", "day", "day_of_year", "weekday", "month"),
        ),
        HashEncoder(column="make", buckets=int(rng.integers(1, 6)), seed=int(rng.integers(99))),
        CrossEncoder(
            columns=("make", "label"),
            levels=tuple({(a, b): None for a in ("", *words[:3]) for b in ("", *words[3:5])}),
            values=tuple(rng.normal(size=12).tolist()),
            unseen=0.7,
        ),
        *(
            PairEncoder(columns=("age", "when"), operation=op, fill=2.5, low=-1e30, high=1e9)
            for op in ("add", "subtract", "multiply", "divide")
        ),
        TextEncoder(
            column="note",
            analyzer="word",
            terms=(("to",), ("be",), ("to", "be"), ("not",), ("Ärzte",), ("a_1", "a_1", "b")),
            weights=tuple((rng.random(6) + 0.5).tolist()),
            unit_length=bool(rng.random() < 0.5),
        ),
        TextEncoder(
            column="note",
            analyzer="char",
            terms=(("b", "e"), (" ",), ("e", "\u0301"), ("x", "\0", "y")),
            weights=(1.0, 0.5, 2.0, 3.0),
        ),
        HashedTextEncoder(
            column="note",
            analyzer="word" if rng.random() < 0.5 else "char",
            buckets=int(rng.integers(1, 9)),
            shortest=int(rng.integers(1, 3)),
            longest=int(rng.integers(2, 4)),
            unit_length=bool(rng.random() < 0.5),
        ),
    ]
    kept = rng.permutation(len(makers))[: rng.integers(1, len(makers) + 1)]
    return tuple(makers[i] for i in kept)


def with_gaps(encoders: tuple[Encoder, ...]) -> tuple[Encoder, ...]:
    """Encoders that keep missing cells missing, and codes of categories, beside the others."""
    return (
        *encoders,
        NumberEncoder(column="age", fill=np.nan, low=-100.0, high=1e7, offset=3.0),
        LevelEncoder(
            column="make",
            levels=WORDS[:5],
            values=(0.0, 1.0, 2.0, 3.0, 70.0),
            missing=np.nan,
            unseen=np.nan,
        ),
    )


def random_trees(
    rng: np.random.Generator,
    features: int,
    width: int,
    *,
    several: bool,
    gaps: bool = False,
    link: Link = "identity",
) -> TreesMember:
    """Trees; with ``gaps`` some splits ask for sets, and missing features go either way."""
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
    ways: dict[str, Any] = {}
    if gaps:
        sets = tuple(
            np.array(s, dtype=np.float32) for s in ([0.0, 2.0], [70.0, 1.0, 3.0], [1.0], [5.0])
        )
        place = np.where(rng.random(len(left)) < 0.4, rng.integers(len(sets), size=len(left)), -1)
        ways = {
            "missing_left": rng.random(len(left)) < 0.5,
            "set_of": np.where(np.array(left) < 0, -1, place).astype(np.int32),
            "sets": sets,
        }
    return TreesMember(
        family="trees",
        columns=columns,
        roots=np.array(roots, dtype=np.int32),
        feature=np.array(feature, dtype=np.int32),
        threshold=np.array(threshold, dtype=np.float32),
        left=np.array(left, dtype=np.int32),
        right=np.array(right, dtype=np.int32),
        values=np.array(values) * 0.3,
        base=rng.normal(size=width),
        link=link,
        **ways,
    )


def random_smooth(
    rng: np.random.Generator, columns: tuple[int, ...], width: int, link: Link
) -> Member:
    """A linear member, a network, neighbours or squares."""
    n = len(columns)
    common: dict[str, Any] = {
        "family": "smooth",
        "columns": columns,
        "center": rng.normal(size=n) * rng.integers(0, 2),
        "scale": rng.random(n) + 0.5 if rng.random() < 0.7 else np.ones(n),
        "link": link,
    }
    kind = rng.integers(4)
    if kind == 0:
        weights = rng.normal(size=(n, width)) * 1e-3
        return LinearMember(**common, weights=weights, intercept=rng.normal(size=width))
    if kind == 1:
        sizes = [n, *rng.integers(1, 5, size=rng.integers(0, 3)).tolist(), width]
        pairs = list(pairwise(sizes))
        return NetworkMember(
            **common,
            weights=tuple(rng.normal(size=pair) * 0.01 for pair in pairs),
            biases=tuple(rng.normal(size=b) for _, b in pairs),
            activation=str(rng.choice(["identity", "relu", "tanh", "logistic"])),  # type: ignore[arg-type]
        )
    if kind == 2:
        count = int(rng.integers(1, 40))
        return NeighboursMember(
            **common,
            rows=rng.normal(size=(count, n)),
            values=rng.random((count, width)),
            k=int(rng.integers(1, count + 1)),
            by_distance=bool(rng.random() < 0.5),
        )
    squares = int(rng.integers(1, 6))
    return QuadraticMember(
        **common,
        directions=rng.normal(size=(n, squares)) * 0.01,
        offsets=rng.normal(size=squares),
        group=rng.integers(width, size=squares).astype(np.int32),
        bias=rng.normal(size=width),
    )


def bounded_columns(encoders: tuple[Encoder, ...]) -> tuple[int, ...]:
    """Features that stay small: squares and products of others would overflow."""
    small = (
        *(MissingEncoder, OneHotEncoder, HashEncoder, LevelEncoder, CrossEncoder),
        *(TextEncoder, HashedTextEncoder, DateEncoder),
    )
    kept = [isinstance(e, small) for e in encoders for _ in range(feature_width(e))]
    return tuple(int(i) for i in np.flatnonzero(kept))


LINKS: dict[str, tuple[Link, ...]] = {
    "regression": ("identity", "exp"),
    "binary": ("sigmoid",),
    "multiclass": ("softmax",),
    "vector": ("identity", "exp"),
    "clusters": ("identity", "softmax"),
    "anomaly": ("exp", "identity"),
}


def random_plan(seed: int, kind: str, *, gaps: bool | None = None) -> ModelPlan:
    """A plan with every kind of part, for columns of every kind."""
    rng = np.random.default_rng(seed)
    encoders = random_encoders(rng)
    gaps = bool(rng.random() < 0.3) if gaps is None else gaps
    smooth = bounded_columns(encoders)
    encoders = with_gaps(encoders) if gaps else encoders
    features = feature_count(encoders)
    width = 3 if kind in ("multiclass", "vector", "clusters") else 1
    members: list[Member] = []
    for _ in range(int(rng.integers(1, 4))):
        link = LINKS[kind][int(rng.integers(len(LINKS[kind])))]
        if smooth and rng.random() < 0.5:
            own = tuple(int(c) for c in rng.permutation(smooth)[: rng.integers(1, len(smooth) + 1)])
            members.append(random_smooth(rng, own, width, link))
        else:
            several = bool(rng.random() < 0.5)
            made = random_trees(rng, features, width, several=several, gaps=gaps, link=link)
            members.append(made)
    stack = random_stack(rng, len(members), width, kind) if rng.random() < 0.25 else None
    return ModelPlan(
        inputs=INPUTS,
        encoders=encoders,
        members=tuple(members),
        weights=() if stack else tuple(rng.random(len(members)) + 0.1),
        stack=stack,
        output=random_output(rng, kind),
    )


def random_stack(rng: np.random.Generator, members: int, width: int, kind: str) -> LinearMember:
    """A linear member over what the others predict."""
    columns = tuple(int(c) for c in rng.permutation(members * width))
    return LinearMember(
        family="stack",
        columns=columns,
        center=np.zeros(len(columns)),
        scale=np.ones(len(columns)),
        weights=rng.normal(size=(len(columns), width)),
        intercept=rng.normal(size=width),
        link=LINKS[kind][0],
    )


def random_output(rng: np.random.Generator, kind: str) -> Output:
    """An output of a kind, with or without calibration, interval and scale."""
    interval = None if rng.random() < 0.3 else float(rng.random())
    if kind in ("regression", "vector"):
        transforms = ("identity", "log", "log1p", "box-cox", "yeo-johnson")
        return Output(
            kind=kind,  # type: ignore[arg-type]
            transform=str(rng.choice(transforms)),  # type: ignore[arg-type]
            power=float(rng.choice([0.0, 2.0, 0.5, 1.3])),
            center=float(rng.choice([0.0, 0.4])),
            scale=float(rng.choice([1.0, 0.7])),
            names=("low", "middle", "high") if kind == "vector" else (),
            sorted_names=kind == "vector" and bool(rng.random() < 0.5),
            interval=interval,
        )
    if kind in ("clusters", "anomaly"):
        names = ("one", "two", "three") if kind == "clusters" else ()
        return Output(kind=kind, names=names, threshold=0.8)  # type: ignore[arg-type]
    classes = ("no", "yes") if kind == "binary" else ("x", "y", "z")
    labels = [(), (1, 2, 3), (0.5, 1.0, 2.0), ("x", "ünï", ""), (True, False, True)]
    return Output(
        kind=kind,  # type: ignore[arg-type]
        classes=classes,
        labels=labels[int(rng.integers(len(labels)))][: len(classes)],
        calibration=random_calibration(rng, 1 if kind == "binary" else 3),
        costs=random_costs(rng) if kind == "multiclass" else (),
        threshold=0.4,
        interval=interval,
    )


def random_costs(rng: np.random.Generator) -> tuple[tuple[float, ...], ...]:
    """None, or costs of three classes: right labels cost nothing."""
    if rng.random() < 0.5:
        return ()
    costs = rng.random((3, 3)) * 10.0 ** rng.integers(-2, 4)
    return tuple(map(tuple, (costs * (1 - np.eye(3))).tolist()))


def random_calibration(rng: np.random.Generator, curves: int) -> Calibration | None:
    """None, or one of each kind."""
    kind = rng.integers(4)
    if kind == 0:
        return None
    if kind == 1:
        intercept = float(rng.normal()) if curves == 1 else 0.0
        return LogitCalibration(slope=float(rng.random() * 2 + 0.1), intercept=intercept)
    if kind == 2:
        a, b, c = (tuple(row) for row in (rng.random((3, curves)) + 0.2).tolist())
        return BetaCalibration(a=a, b=b, c=c)
    counts = rng.integers(1, 8, size=curves)
    return IsotonicCalibration(
        knots=tuple(
            tuple(np.sort(rng.choice(1000, n, replace=False) / 1000).tolist()) for n in counts
        ),
        values=tuple(tuple(np.sort(rng.random(n)).tolist()) for n in counts),
    )


def random_inputs(seed: int, rows: int) -> dict[str, Array]:
    """Cells of every awkward kind."""
    rng = np.random.default_rng(seed)
    cells: dict[str, Array] = {}
    words = np.array([*WORDS, "", "never seen", "AUDI", "audi ", "\0"], dtype=object)
    for item in INPUTS:
        if item.kind == "category":
            known = np.array(TEXTS, dtype=object) if item.name == "note" else words
            cells[item.name] = rng.choice(known, size=(rows, 1))
        else:
            plain = rng.normal(size=(rows, 1)) * 10.0 ** rng.integers(-3, 9, size=(rows, 1))
            odd = rng.choice(np.array(NUMBERS), size=(rows, 1))
            cells[item.name] = np.where(rng.random((rows, 1)) < 0.4, odd, plain)
    return cells

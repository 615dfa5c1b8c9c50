"""Rows that reach the splits of trees, on and beside their thresholds.

A random row rarely reaches a deep split, so a wrong threshold there would go unseen. Here a
real row is changed, column by column, until it meets every condition on the way from the root.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from assay.model.adversarial import (
    RowMaker,
    Rows,
    by_column,
    calendar_year,
    column_levels,
    unseen_words,
)
from assay.model.encode import encode, feature_columns
from assay.model.plan import (
    Array,
    DateEncoder,
    Encoder,
    Float32,
    Float64,
    ModelPlan,
    NumberEncoder,
    TreesMember,
)

MAX_SPLITS = 3_000
POOL_VALUES = 1_000
"""Real values and thresholds of a column that may be set to reach a split, at most of each."""


@dataclass(frozen=True)
class SplitRows:
    """Rows on both sides of ``tried`` of the plan's ``splits`` splits."""

    rows: Rows
    splits: int
    tried: int


@dataclass(frozen=True)
class _Condition:
    """``feature <= threshold`` if ``left``, else the contrary; ``feature`` is the plan's."""

    feature: int
    threshold: np.float32
    left: bool


@dataclass(frozen=True)
class _Split:
    """The condition on the split itself (taken left) and those on the way to it."""

    own: _Condition
    path: list[_Condition]


def split_rows(
    plan: ModelPlan, real: Mapping[str, Array], *, seed: int = 0, most: int = MAX_SPLITS
) -> SplitRows:
    """Rows on both sides of the splits of a plan's trees.

    Up to ``most`` splits are chosen, spread over all features, different thresholds first.
    Each gives three rows: the encoded threshold itself, the last double that still rounds to
    it, and the first that does not.
    """
    rng = np.random.default_rng(seed)
    forest = _Forest(plan)
    chosen = forest.choose(rng, most)
    pools = _pools(plan, real, forest, rng)
    features = encode(plan, real)
    maker = RowMaker(real)
    tried = 0
    for index in chosen:
        split = forest.split(index)
        base = int(rng.integers(len(features)))
        changes = _reach(split, features[base], pools)
        sides = _sides(split, pools)
        if changes is None or sides is None:
            continue
        tried += 1
        column = pools.columns[split.own.feature]
        for value in sides:
            maker.add(base, column, {**changes, column: value})
    return SplitRows(maker.rows("splits of trees"), forest.count, tried)


class _Forest:
    """All splits of all members, by one number each."""

    def __init__(self, plan: ModelPlan) -> None:
        self._members = [m for m in plan.members if isinstance(m, TreesMember)]
        self._nodes = [np.flatnonzero(m.left >= 0) for m in self._members]
        self._parents = [_parents(m) for m in self._members]
        self._owner = np.repeat(np.arange(len(self._members)), [len(n) for n in self._nodes])
        self._node = np.concatenate([np.zeros(0, np.int64), *self._nodes])
        pairs = list(zip(self._members, self._nodes, strict=True))
        self.feature: npt.NDArray[np.int64] = np.concatenate(
            [np.zeros(0, np.int64), *(np.asarray(m.columns)[m.feature[n]] for m, n in pairs)]
        )
        self.threshold: Float32 = np.concatenate(
            [np.zeros(0, np.float32), *(m.threshold[n] for m, n in pairs)]
        )

    @property
    def count(self) -> int:
        return len(self._node)

    def choose(self, rng: np.random.Generator, most: int) -> list[int]:
        """Splits to try: each feature in turn, thresholds that were not tried yet first."""
        order = rng.permutation(self.count)
        pairs = np.rec.fromarrays([self.feature[order], self.threshold[order]])
        repeated = _place_in_group(pairs)
        order = order[np.argsort(repeated, kind="stable")]
        turn = _place_in_group(self.feature[order])
        return [int(i) for i in order[np.argsort(turn, kind="stable")][:most]]

    def split(self, index: int) -> _Split:
        member, parents = self._members[self._owner[index]], self._parents[self._owner[index]]
        node = int(self._node[index])
        own = _condition(member, node, left=True)
        path = []
        while parents[node] >= 0:
            parent = int(parents[node])
            path.append(_condition(member, parent, left=bool(member.left[parent] == node)))
            node = parent
        return _Split(own, path)


@dataclass(frozen=True)
class _Pool:
    """Values that a column may take, and the features they make."""

    encoders: list[Encoder]
    first: dict[int, int]
    """From the plan's number of a feature to its place in ``features``."""
    values: Array
    features: Float32

    def fits(self, path: list[_Condition]) -> npt.NDArray[np.bool_]:
        """Which values meet all conditions on this column."""
        holds = np.ones(len(self.values), dtype=bool)
        for condition in path:
            if condition.feature in self.first:
                own = self.features[:, self.first[condition.feature]]
                holds &= (own <= condition.threshold) == condition.left
        return holds

    def with_neighbours(self, split: _Condition) -> _Pool:
        """This pool and, for a number, the doubles on and around the split's threshold."""
        encoder = self._number_encoder(split.feature)
        if encoder is None:
            return self
        near = _neighbours(split.threshold) + encoder.offset
        values = np.concatenate([near, self.values])
        features = np.concatenate([_encode(self.encoders, near), self.features])
        return _Pool(self.encoders, self.first, values, features)

    def _number_encoder(self, feature: int) -> NumberEncoder | None:
        start = 0
        for encoder in self.encoders:
            if self.first[feature] == start and isinstance(encoder, NumberEncoder):
                return encoder
            start += len(feature_columns([encoder]))
        return None


@dataclass(frozen=True)
class _Pools:
    columns: tuple[str, ...]
    """The column of each feature."""
    by_column: dict[str, _Pool]


def _reach(split: _Split, base: Float32, pools: _Pools) -> dict[str, object] | None:
    """What to change in the base row's other columns; None where no value is known to do."""
    changes: dict[str, object] = {}
    own = pools.columns[split.own.feature]
    broken = [c for c in split.path if bool(base[c.feature] <= c.threshold) != c.left]
    for column in dict.fromkeys(pools.columns[c.feature] for c in broken):
        if column == own:
            continue
        pool = pools.by_column[column]
        fitting = np.flatnonzero(pool.fits(split.path))
        if not len(fitting):
            return None
        changes[column] = pool.values[fitting[len(fitting) // 2]]
    return changes


def _sides(split: _Split, pools: _Pools) -> list[object] | None:
    """Values of the split's column just left and just right of it; None where a side is empty."""
    pool = pools.by_column[pools.columns[split.own.feature]].with_neighbours(split.own)
    fitting = np.flatnonzero(pool.fits(split.path))
    own = pool.features[fitting, pool.first[split.own.feature]]
    left, right = own <= split.own.threshold, own > split.own.threshold
    if not left.any() or not right.any():
        return None
    last = fitting[left][own[left] == own[left].max()]
    next_ = fitting[right][own[right].argmin()]
    return [pool.values[last[0]], pool.values[last[-1]], pool.values[next_]]


def _pools(
    plan: ModelPlan, real: Mapping[str, Array], forest: _Forest, rng: np.random.Generator
) -> _Pools:
    """Values that each column with splits may take; other columns stay as they came."""
    columns = feature_columns(plan.encoders)
    features_of: dict[str, list[int]] = {}
    for feature, column in enumerate(columns):
        features_of.setdefault(column, []).append(feature)
    splitting = {columns[feature] for feature in np.unique(forest.feature)}
    encoders_of = by_column(plan)
    pools = {}
    for item in plan.inputs:
        if item.name not in splitting:
            continue
        features, encoders = features_of[item.name], encoders_of[item.name]
        known = real[item.name].ravel()
        if item.kind == "number":
            values = _number_values(encoders, known, forest, features, rng)
        else:
            levels = column_levels(encoders)
            values = np.array(["", *levels, unseen_words(levels)[0]], dtype=object)
        places = {f: place for place, f in enumerate(features)}
        pools[item.name] = _Pool(encoders, places, values, _encode(encoders, values))
    return _Pools(columns, pools)


def _number_values(
    encoders: list[Encoder],
    known: Float64,
    forest: _Forest,
    features: list[int],
    rng: np.random.Generator,
) -> Float64:
    """Real values, a sample of the column's thresholds, days, and the missing value."""
    thresholds = np.unique(forest.threshold[np.isin(forest.feature, features)])
    offsets = [e.offset for e in encoders if isinstance(e, NumberEncoder)]
    parts = [_sample(np.unique(known[~np.isnan(known)]), rng)]
    parts += [_sample(thresholds, rng).astype(np.float64) + offset for offset in offsets]
    if any(isinstance(e, DateEncoder) for e in encoders):
        parts.append(calendar_year())
    return np.append(np.unique(np.concatenate(parts)), np.nan)


def _sample(values: Array, rng: np.random.Generator) -> Array:
    return values if len(values) <= POOL_VALUES else rng.choice(values, POOL_VALUES, replace=False)


def _neighbours(threshold: np.float32) -> Float64:
    """The threshold, the float32 numbers beside it, and the doubles where rounding turns."""
    t = np.float32(threshold)
    with np.errstate(over="ignore"):
        down, up = np.nextafter(t, np.float32(-np.inf)), np.nextafter(t, np.float32(np.inf))
    exact = np.array([down, t, up], dtype=np.float64)
    middle = (exact[:-1] + exact[1:]) / 2.0
    around = [middle, np.nextafter(middle, -np.inf), np.nextafter(middle, np.inf)]
    return np.sort(np.concatenate([exact, *around]))


def _encode(encoders: list[Encoder], values: Array) -> Float32:
    return encode(encoders, {encoders[0].column: values.reshape(-1, 1)})


def _condition(member: TreesMember, node: int, *, left: bool) -> _Condition:
    feature = member.columns[member.feature[node]]
    return _Condition(int(feature), member.threshold[node], left)


def _parents(member: TreesMember) -> npt.NDArray[np.int64]:
    """The parent of each node, -1 for roots."""
    parents = np.full(len(member.left), -1, dtype=np.int64)
    inner = np.flatnonzero(member.left >= 0)
    parents[member.left[inner]] = inner
    parents[member.right[inner]] = inner
    return parents


def _place_in_group(values: Array) -> npt.NDArray[np.int64]:
    """For each entry, how many equal ones come before it."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1])[: len(values)])
    place = np.empty(len(values), dtype=np.int64)
    sizes = np.diff(np.append(starts, len(values)))
    place[order] = np.arange(len(values)) - np.repeat(starts, sizes)
    return place

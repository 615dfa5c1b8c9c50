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
    calendar_year,
    column_levels,
    unseen_words,
)
from assay.model.coding import LETTERS
from assay.model.encode import encode, feature_columns, feature_width
from assay.model.plan import (
    Array,
    DateEncoder,
    Encoder,
    Float32,
    Float64,
    ModelPlan,
    NumberEncoder,
    PairEncoder,
    TreesMember,
    columns_of,
)

MAX_SPLITS = 3_000
NEAR_ROWS = 8
"""Places of a group of columns in which cells around a threshold are tried."""
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
    """To go left at a split if ``left``, else right; ``feature`` is the plan's."""

    feature: int
    threshold: np.float32
    left: bool
    missing_left: bool = False
    members: Float32 | None = None
    """The set that is asked for, in place of the threshold."""

    def holds(self, values: Float32) -> npt.NDArray[np.bool_]:
        """For which values of the feature it holds."""
        left = values <= self.threshold
        if self.members is not None:
            left = np.isin(values, self.members)
        return np.asarray(np.where(np.isnan(values), self.missing_left, left) == self.left)


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
    Each gives rows beside the threshold: the threshold itself, the last double that still
    rounds to it, the first that does not; or categories within and without; and a missing cell
    where one can get there.
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
        column = pools.groups[split.own.feature][0]
        for cells in sides:
            maker.add(base, column, {**changes, **cells})
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


Group = tuple[str, ...]
"""Columns whose features hang together, for some encoder reads two of them."""


@dataclass(frozen=True)
class _Pool:
    """Cells that the columns of a group may hold together, and the features they make."""

    encoders: list[Encoder]
    first: dict[int, int]
    """From the plan's number of a feature to its place in ``features``."""
    cells: dict[str, Array]
    features: Float32

    def fits(self, path: list[_Condition]) -> npt.NDArray[np.bool_]:
        """Which cells meet all conditions on this group."""
        holds = np.ones(len(self.features), dtype=bool)
        for condition in path:
            if condition.feature in self.first:
                own = self.features[:, self.first[condition.feature]]
                holds &= condition.holds(own)
        return holds

    def changes(self, place: int) -> dict[str, object]:
        """The cells at one place."""
        return {name: column[place] for name, column in self.cells.items()}

    def with_neighbours(self, split: _Condition) -> _Pool:
        """This pool and, for a number, the cells on and around the split's threshold."""
        encoder = self._encoder(split.feature)
        if split.members is not None or not isinstance(encoder, (NumberEncoder, PairEncoder)):
            return self
        near = self._near(encoder, split)
        cells = {name: np.concatenate([near[name], self.cells[name]]) for name in self.cells}
        return _Pool(self.encoders, self.first, cells, _encode(self.encoders, cells))

    def _near(self, encoder: NumberEncoder | PairEncoder, split: _Condition) -> dict[str, Array]:
        """Cells as they are in some places, but for those that make the feature."""
        around = _neighbours(split.threshold)
        if isinstance(encoder, NumberEncoder):
            exact = {encoder.column: around + encoder.offset}
        else:
            neutral = 1.0 if encoder.operation in ("multiply", "divide") else 0.0
            exact = {encoder.columns[0]: around, encoder.columns[1]: np.full_like(around, neutral)}
        rest = [name for name in self.cells if name not in exact]
        bases = np.arange(min(NEAR_ROWS, len(self.features)) if rest else 1)
        cells = {name: np.tile(values, len(bases)) for name, values in exact.items()}
        return cells | {name: np.repeat(self.cells[name][bases], len(around)) for name in rest}

    def _encoder(self, feature: int) -> Encoder:
        place = self.first[feature]
        starts = np.cumsum([0, *(feature_width(e) for e in self.encoders)])
        return self.encoders[int(np.searchsorted(starts, place, side="right")) - 1]


@dataclass(frozen=True)
class _Pools:
    groups: tuple[Group, ...]
    """The group of each feature."""
    by_group: dict[Group, _Pool]


def _reach(split: _Split, base: Float32, pools: _Pools) -> dict[str, object] | None:
    """What to change in the base row's other groups; None where no value is known to do."""
    changes: dict[str, object] = {}
    own = pools.groups[split.own.feature]
    broken = [c for c in split.path if not c.holds(base[c.feature : c.feature + 1])[0]]
    for group in dict.fromkeys(pools.groups[c.feature] for c in broken):
        if group == own:
            continue
        pool = pools.by_group[group]
        fitting = np.flatnonzero(pool.fits(split.path))
        if not len(fitting):
            return None
        changes |= pool.changes(int(fitting[len(fitting) // 2]))
    return changes


def _sides(split: _Split, pools: _Pools) -> list[dict[str, object]] | None:
    """Cells just left and just right of the split; None where a side is empty."""
    pool = pools.by_group[pools.groups[split.own.feature]].with_neighbours(split.own)
    fitting = np.flatnonzero(pool.fits(split.path))
    own = pool.features[fitting, pool.first[split.own.feature]]
    left = split.own.holds(own)
    if not left.any() or left.all():
        return None
    finite = ~np.isnan(own)
    lower, upper = left & finite, ~left & finite
    chosen = []
    if lower.any():
        last = fitting[lower][own[lower] == own[lower].max()]
        chosen += [last[0], last[-1]]
    if upper.any():
        chosen.append(fitting[upper][own[upper].argmin()])
    chosen += fitting[~finite][:1].tolist()
    return [pool.changes(int(place)) for place in chosen]


def _pools(
    plan: ModelPlan, real: Mapping[str, Array], forest: _Forest, rng: np.random.Generator
) -> _Pools:
    """Cells that each group with splits may hold; other columns stay as they came."""
    group_of = _groups(plan)
    groups = tuple(group_of[columns[0]] for columns in feature_columns(plan.encoders))
    features_of: dict[Group, list[int]] = {}
    for feature, group in enumerate(groups):
        features_of.setdefault(group, []).append(feature)
    kinds = {item.name: item.kind for item in plan.inputs}
    pools = {}
    for group in dict.fromkeys(groups[feature] for feature in np.unique(forest.feature)):
        encoders = [e for e in plan.encoders if columns_of(e)[0] in group]
        cells = {}
        for name in group:
            own = [e for e in encoders if columns_of(e) == (name,)]
            known = real[name].ravel()
            if kinds[name] == "number":
                cells[name] = _number_values(own, known, forest, features_of[group], rng)
            else:
                cells[name] = _words(encoders, name, known, rng)
        cells = _together(cells, {n: real[n].ravel() for n in group}, rng)
        places = {f: place for place, f in enumerate(features_of[group])}
        pools[group] = _Pool(encoders, places, cells, _encode(encoders, cells))
    return _Pools(groups, pools)


def _groups(plan: ModelPlan) -> dict[str, Group]:
    """The group of each column."""
    group: dict[str, Group] = {item.name: (item.name,) for item in plan.inputs}
    for encoder in plan.encoders:
        joined = tuple(dict.fromkeys(n for c in columns_of(encoder) for n in group[c]))
        group |= dict.fromkeys(joined, joined)
    return group


def _together(
    cells: dict[str, Array], real: dict[str, Array], rng: np.random.Generator
) -> dict[str, Array]:
    """Cells of several columns side by side: each value in a real row, and values at random."""
    if len(cells) == 1:
        return cells
    count = len(next(iter(real.values())))
    parts: dict[str, list[Array]] = {name: [] for name in cells}
    for meant, values in cells.items():
        bases = rng.integers(count, size=len(values))
        for name in cells:
            parts[name].append(values if name == meant else real[name][bases])
    for name, values in cells.items():
        parts[name].append(rng.choice(values, POOL_VALUES))
    return {name: np.concatenate(own) for name, own in parts.items()}


def _words(encoders: list[Encoder], name: str, known: Array, rng: np.random.Generator) -> Array:
    """Known categories, real cells where letters count, the empty cell and an unseen one."""
    own = [e for e in encoders if name in columns_of(e)]
    levels = column_levels(own)
    words = ["", *levels, unseen_words(levels)[0]]
    if any(isinstance(e, LETTERS) for e in own):
        distinct = np.array(sorted(set(known.tolist())), dtype=object)
        words += _sample(distinct, rng).tolist()
    return np.array(list(dict.fromkeys(words)), dtype=object)


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


def _encode(encoders: list[Encoder], cells: dict[str, Array]) -> Float32:
    return encode(encoders, {name: values.reshape(-1, 1) for name, values in cells.items()})


def _condition(member: TreesMember, node: int, *, left: bool) -> _Condition:
    place = -1 if member.set_of is None else int(member.set_of[node])
    return _Condition(
        feature=int(member.columns[member.feature[node]]),
        threshold=member.threshold[node],
        left=left,
        missing_left=member.missing_left is not None and bool(member.missing_left[node]),
        members=None if place < 0 else member.sets[place],
    )


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

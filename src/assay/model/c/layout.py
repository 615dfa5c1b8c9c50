"""Trees laid out for evaluation in blocks of rows: on whole numbers, by the shape of each tree.

Every feature is put in the order of the thresholds it is compared with once a row; splits then
compare small whole numbers, many rows to an instruction. This is exact: a value is at most the
threshold just where its rank among the thresholds is at most the threshold's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from heapq import heappop, heappush

import numpy as np
import numpy.typing as npt

from assay.errors import NotCompilable
from assay.model.plan import Array, Float32, Float64, TreesMember

MOST_QUESTIONS = 8
"""Of a tree that is made a table, so that a place in it is one byte."""
MOST_PLACES = 4
"""Of such a table for each leaf of the tree; what impossible answers take is wasted."""
MOST_LEAVES = 256
"""Of a tree whose splits are all evaluated; the place of a leaf is one byte."""
MOST_STARTS = 64
"""Places that the uppermost splits of a larger tree lead to; from there rows walk."""
MOST_COLUMNS = MOST_CUTS = 65_535
"""Of one member, and of one of its columns: both are numbered by two bytes."""
FIRST_PIVOTS = 15
"""Cuts that a value is compared with before the search halves what is left."""

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class RankedColumn:
    """A feature as its rank among ``cuts``, ascending; missing values get the rank ``missing``."""

    feature: int
    """Place among the member's own."""
    cuts: Float32
    missing: int

    @property
    def pivots(self) -> int:
        """How many cuts a value is compared with first."""
        return min(FIRST_PIVOTS, len(self.cuts))

    @property
    def stride(self) -> int:
        """Cuts from one pivot to the next, a power of two."""
        if len(self.cuts) <= FIRST_PIVOTS:
            return 1
        return 1 << (len(self.cuts).bit_length() - 4)

    @property
    def padded(self) -> Float32:
        """The cuts, and infinities behind as far as a search may look."""
        size = len(self.cuts) if self.stride == 1 else 16 * self.stride
        filled = np.full(size, np.inf, dtype=np.float32)
        filled[: len(self.cuts)] = self.cuts
        return filled


@dataclass(frozen=True)
class GroupedColumns:
    """The sets that splits ask of one feature: for each a table of what lies outside.

    ``outside``: (n_sets, n_values + 2); the last two are any other value and a missing one.
    """

    feature: int
    values: Float32
    outside: npt.NDArray[np.bool_]


@dataclass
class TableTrees:
    """Trees that have few different questions, and so many: every answer is one bit of a place.

    Oblivious trees are such, also where branches that no row can reach were cut off.
    """

    questions: int
    columns: list[int] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)
    leaves: list[Float64] = field(default_factory=list)


@dataclass
class PartingTrees:
    """Small trees, as splits in an order that parents come first.

    Split number k of a tree (from 0) sends what goes right from place ``from`` to place k + 1.
    """

    splits: list[int] = field(default_factory=list)
    origin: list[int] = field(default_factory=list)
    columns: list[int] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)
    leaves: list[Float64] = field(default_factory=list)


@dataclass
class WalkingTrees:
    """Large trees: the uppermost splits as in `PartingTrees`, then nodes.

    ``starts`` has the node for each place. The children of a node lie at ``next`` and behind
    it; a leaf is its own next.
    """

    top: PartingTrees = field(default_factory=PartingTrees)
    starts: list[int] = field(default_factory=list)
    next: list[int] = field(default_factory=list)
    columns: list[int] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)
    leaves: list[Float64] = field(default_factory=list)


TreeGroup = TableTrees | PartingTrees | WalkingTrees


@dataclass(frozen=True)
class ForestLayout:
    """A member's trees: its columns, and groups of trees by shape and by output.

    Attributes
    ----------
    groups : tuple of (int, int, TreeGroup)
        First output, number of outputs that each leaf has a value for, trees.
    """

    ranked: tuple[RankedColumn, ...]
    grouped: tuple[GroupedColumns, ...]
    groups: tuple[tuple[int, int, TreeGroup], ...]

    @property
    def columns(self) -> int:
        """How many columns the splits ask."""
        return len(self.ranked) + sum(len(g.outside) for g in self.grouped)

    @property
    def wide(self) -> bool:
        """Whether ranks need two bytes."""
        return any(len(column.cuts) > 255 for column in self.ranked)


def lay_out(member: TreesMember) -> ForestLayout:
    """Lay out a member's trees.

    Which trees have few questions, as oblivious ones do, is found and need not be said.

    Raises
    ------
    NotCompilable
        A feature has more thresholds than two bytes can number, or there are more columns.
    """
    columns = _Columns(member)
    groups: dict[tuple[str, int, int, int], TreeGroup] = {}
    for root in member.roots:
        nodes = _Tree(member, int(root), columns)
        output, width = nodes.output
        asked = len(nodes.questions)
        if asked <= MOST_QUESTIONS and 2**asked <= MOST_PLACES * len(nodes.leaves):
            key = ("table", asked, output, width)
            _add_table(groups.setdefault(key, TableTrees(asked)), nodes)
        elif len(nodes.leaves) <= MOST_LEAVES:
            _add_parting(groups.setdefault(("parting", 0, output, width), PartingTrees()), nodes)
        else:
            _add_walking(groups.setdefault(("walking", 0, output, width), WalkingTrees()), nodes)
    ordered = tuple((key[2], key[3], group) for key, group in groups.items())
    return ForestLayout(columns.ranked, columns.grouped, ordered)


class _Columns:
    """The columns that the splits of a member ask, and each split's place among their cuts."""

    def __init__(self, member: TreesMember) -> None:
        inner = member.left >= 0
        nodes = np.flatnonzero(inner)
        n = len(member.left)
        left = np.zeros(n, dtype=bool) if member.missing_left is None else member.missing_left
        set_of = np.full(n, -1) if member.set_of is None else member.set_of
        self.column: Ints = np.zeros(n, dtype=np.int64)
        self.cut: Ints = np.zeros(n, dtype=np.int64)
        self.ranked = self._rank(member, nodes[set_of[nodes] < 0], left)
        self.grouped = self._group(member, nodes[set_of[nodes] >= 0], left, set_of)
        count = len(self.ranked) + sum(len(g.outside) for g in self.grouped)
        if count > MOST_COLUMNS or any(len(c.cuts) > MOST_CUTS for c in self.ranked):
            raise NotCompilable(
                f"the trees of {member.family} to C",
                f"a feature has more than {MOST_CUTS:,} thresholds, or splits ask more columns",
                hint="Use the ONNX file, or fewer trees.",
            )

    def _rank(self, member: TreesMember, nodes: Ints, left: Array) -> tuple[RankedColumn, ...]:
        keys = member.feature[nodes].astype(np.int64) * 2 + left[nodes]
        made = []
        for place, key in enumerate(np.unique(keys)):
            own = nodes[keys == key]
            cuts, where = np.unique(member.threshold[own], return_inverse=True)
            self.column[own], self.cut[own] = place, where.reshape(-1)
            made.append(RankedColumn(int(key) // 2, cuts, 0 if key % 2 else len(cuts)))
        return tuple(made)

    def _group(
        self, member: TreesMember, nodes: Ints, left: Array, set_of: Array
    ) -> tuple[GroupedColumns, ...]:
        made, place = [], len(self.ranked)
        for feature in np.unique(member.feature[nodes]):
            own = nodes[member.feature[nodes] == feature]
            keys, where = np.unique(set_of[own] * 2 + left[own], return_inverse=True)
            self.column[own] = place + where.reshape(-1)
            values = np.unique(np.concatenate([member.sets[key // 2] for key in keys]))
            outside = np.ones((len(keys), len(values) + 2), dtype=bool)
            for row, key in zip(outside, keys, strict=True):
                row[:-2] = ~np.isin(values, member.sets[key // 2])
                row[-1] = key % 2 == 0
            made.append(GroupedColumns(int(feature), values.astype(np.float32), outside))
            place += len(keys)
        return tuple(made)


class _Tree:
    """One tree: its splits, parents and left sides first, and its leaves from left to right."""

    def __init__(self, member: TreesMember, root: int, columns: _Columns) -> None:
        self.member = member
        self.root = root
        self.column, self.cut = columns.column, columns.cut
        self.splits: list[int] = []
        self.leaves: list[int] = []
        waiting = [root]
        while waiting:
            node = waiting.pop()
            if member.left[node] < 0:
                self.leaves.append(node)
                continue
            self.splits.append(node)
            waiting += [int(member.right[node]), int(member.left[node])]

    @cached_property
    def output(self) -> tuple[int, int]:
        """The first output and the number of outputs that the leaves have values for."""
        used = np.flatnonzero(self.member.values[self.leaves].any(axis=0))
        width = self.member.values.shape[1]
        return (int(used[0]) if len(used) else 0, 1) if len(used) <= 1 else (0, width)

    @cached_property
    def questions(self) -> list[tuple[int, int]]:
        """The different pairs of column and cut that the splits ask."""
        return list(dict.fromkeys((int(self.column[n]), int(self.cut[n])) for n in self.splits))

    @property
    def reached(self) -> list[int]:
        """The leaf for each way to answer all questions; the first is the highest bit."""
        bits = len(self.questions)
        shift = {question: bits - 1 - i for i, question in enumerate(self.questions)}
        answers = np.arange(2**bits)
        leaves = np.full(2**bits, self.root)
        for node in self.splits:
            here = np.flatnonzero(leaves == node)
            right = answers[here] >> shift[int(self.column[node]), int(self.cut[node])] & 1
            leaves[here] = np.where(right, self.member.right[node], self.member.left[node])
        return [int(leaf) for leaf in leaves]

    def uppermost(self, places: int) -> list[int]:
        """Splits that lead to at most so many places: those above most leaves, parents first."""
        above = dict.fromkeys(self.leaves, 1)
        for node in reversed(self.splits):
            above[node] = above[self._left(node)] + above[self._right(node)]
        chosen: list[int] = []
        waiting = [(-above[self.root], self.root)]
        while waiting and len(chosen) < places - 1:
            _, node = heappop(waiting)
            chosen.append(node)
            for child in (self._left(node), self._right(node)):
                if self.member.left[child] >= 0:
                    heappush(waiting, (-above[child], child))
        return chosen

    def _left(self, node: int) -> int:
        return int(self.member.left[node])

    def _right(self, node: int) -> int:
        return int(self.member.right[node])

    def values(self, nodes: Sequence[int]) -> Float64:
        """Of some leaves, output by output: (n_outputs, n_leaves)."""
        first, width = self.output
        return np.asarray(self.member.values[nodes, first : first + width].T)


def _add_table(group: TreeGroup, tree: _Tree) -> None:
    assert isinstance(group, TableTrees)
    group.columns += [column for column, _ in tree.questions]
    group.cuts += [cut for _, cut in tree.questions]
    group.leaves.append(tree.values(tree.reached))


def _add_parting(group: TreeGroup, tree: _Tree) -> None:
    assert isinstance(group, PartingTrees)
    group.leaves.append(tree.values(_part(group, tree, tree.splits)))


def _part(group: PartingTrees, tree: _Tree, splits: Sequence[int]) -> list[int]:
    """Add some splits of a tree, parents first; the node at each place in the end."""
    at, place = [tree.root], {tree.root: 0}
    for number, node in enumerate(splits, start=1):
        here = place[node]
        left, right = int(tree.member.left[node]), int(tree.member.right[node])
        place[left], place[right] = here, number
        at[here] = left
        at.append(right)
        group.origin.append(here)
        group.columns.append(int(tree.column[node]))
        group.cuts.append(int(tree.cut[node]))
    group.splits.append(len(splits))
    return at


def _add_walking(group: TreeGroup, tree: _Tree) -> None:
    assert isinstance(group, WalkingTrees)
    first = len(group.next)
    order = list(_pairs_first(tree))
    place = {node: first + i for i, node in enumerate(order)}
    group.starts += [place[node] for node in _part(group.top, tree, tree.uppermost(MOST_STARTS))]
    for node in order:
        leaf = tree.member.left[node] < 0
        group.next.append(place[node if leaf else int(tree.member.left[node])])
        group.columns.append(0 if leaf else int(tree.column[node]))
        group.cuts.append(MOST_CUTS if leaf else int(tree.cut[node]))
    group.leaves.append(tree.values(order))


def _pairs_first(tree: _Tree) -> Iterator[int]:
    """The nodes of a tree, the two children of a node side by side."""
    yield tree.root
    for node in tree.splits:
        yield int(tree.member.left[node])
        yield int(tree.member.right[node])

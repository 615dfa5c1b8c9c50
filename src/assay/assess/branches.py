"""Grow a tree that parts rows with large values from rows with small ones, and say its rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from assay.assess.groups import MISSING
from assay.assess.levels import Codes, Levels
from assay.assess.statistics import Bool, Float64, Int64

NAMED = 4
"""Categories that one rule names."""


@dataclass(frozen=True)
class Rule:
    """One step down the tree: which rows of the parent belong to a node."""

    column: str = ""
    side: Literal["", "up to", "over", "in", "not in", "gaps"] = ""
    words: str = ""


@dataclass(frozen=True, eq=False)
class Node:
    """A branch of the tree.

    Attributes
    ----------
    parent : int
        Position of its parent; -1 for the root.
    path : tuple of Rule
        From the root; a later rule replaces an earlier one that it makes idle.
    searched, judged : ndarray of int
        Positions of its rows that the tree was grown on, and of those it is judged on.
    leaf : bool
    """

    parent: int
    path: tuple[Rule, ...]
    searched: Int64
    judged: Int64
    depth: int = 0
    leaf: bool = True

    @property
    def rule(self) -> Rule:
        """The last step to it."""
        return self.path[-1] if self.path else Rule()

    @property
    def words(self) -> str:
        """Which rows it holds."""
        return ", ".join(rule.words for rule in self.path) or "all rows"


@dataclass(frozen=True, eq=False)
class Split:
    """The levels of a column that go left, and both rules."""

    gain: float
    column: int
    left: Bool
    rules: tuple[Rule, Rule]


def grow(
    levels: Sequence[Levels],
    values: Float64,
    searched: Int64,
    judged: Int64,
    *,
    leaves: int,
    depth: int,
    floor: int,
) -> list[Node]:
    """Grow a tree by least squares, the best split of all leaves first.

    Numbers are split at the upper edge of a level, categories after sorting them by their mean
    value, which holds the best of all subsets (Breiman and others 1984, section 4.2; Fisher
    1958). Only the values of ``searched`` rows are looked at.

    Parameters
    ----------
    levels : sequence of Levels
    values : ndarray, shape (n,)
    searched, judged : ndarray of int
        Positions of rows.
    leaves, depth : int
        The most.
    floor : int
        Least number of searched rows in a leaf; of judged rows half of it.

    Returns
    -------
    list of Node
        The root first, every parent before its children.
    """
    columns = [_with_rest(level) for level in levels]
    centred = values - values[searched].mean()
    unit = centred / (np.sqrt(np.sum(centred[searched] ** 2)) or 1.0)  # gains are shares of this
    nodes = [Node(-1, (), searched, judged)]
    open_splits = {0: _best_split(columns, unit, nodes[0], floor)}
    for _ in range(leaves - 1):
        found = [(split.gain, -place) for place, split in open_splits.items() if split]
        if not found:
            break
        place = -max(found)[1]
        split = open_splits.pop(place)
        assert split is not None
        nodes[place] = replace(nodes[place], leaf=False)
        for child in _children(nodes[place], place, split, columns[split.column].codes):
            deeper = child.depth < depth
            best = _best_split(columns, unit, child, floor) if deeper else None
            open_splits[len(nodes)] = best
            nodes.append(child)
    return nodes


def _with_rest(level: Levels) -> Levels:
    """The same with a last level for the rows that are in none."""
    if level.codes.min() >= 0:
        return level
    rest = len(level.names)
    codes: Codes = np.where(level.codes < 0, np.int16(rest), level.codes)
    return replace(level, names=(*level.names, "(rare)"), codes=codes)


def _best_split(columns: Sequence[Levels], unit: Float64, node: Node, floor: int) -> Split | None:
    """The split of a node that explains most of the values; None where there is none."""
    best: Split | None = None
    seen = unit[node.searched]
    for place, column in enumerate(columns):
        split = _split(column, place, seen, node, floor)
        if split and (best is None or split.gain > best.gain):
            best = split
    return best


def _split(column: Levels, place: int, seen: Float64, node: Node, floor: int) -> Split | None:
    """The best split of a node by one column."""
    width = len(column.names)
    codes = column.codes[node.searched]
    rows = np.bincount(codes, minlength=width)
    sums = np.bincount(codes, seen, width)
    fresh = np.bincount(column.codes[node.judged], minlength=width)
    order = np.arange(width)
    if column.edges is None:  # rounded here and below: the order of the rows must not matter
        means = np.where(rows > 0, np.round(sums / np.maximum(rows, 1), 12), np.inf)
        order = np.argsort(means, kind="stable")
    n, s, f = (np.cumsum(part[order])[:-1] for part in (rows, sums, fresh))
    enough = np.minimum(n, rows.sum() - n) >= floor
    enough &= np.minimum(f, fresh.sum() - f) >= floor // 2
    if not enough.any():
        return None
    total, count = sums.sum(), rows.sum()
    explained = s**2 / np.maximum(n, 1) + (total - s) ** 2 / np.maximum(count - n, 1)
    gain = np.where(enough, np.round(explained - total**2 / count, 9), -1.0)
    cut = int(np.argmax(gain))
    if gain[cut] <= 0:
        return None
    left = np.zeros(width, bool)
    left[order[: cut + 1]] = True
    if column.edges is not None:
        return Split(float(gain[cut]), place, left, _number_rules(column, cut, rows))
    left, rules = _category_rules(column, left, rows)
    return Split(float(gain[cut]), place, left, rules)


def _number_rules(column: Levels, cut: int, rows: Int64) -> tuple[Rule, Rule]:
    """Rules of the levels up to ``cut`` and of those over it; missing cells are over any."""
    assert column.edges is not None
    name = column.column
    if cut == column.edges.size - 1:
        return Rule(name, "gaps", f"{name} known"), Rule(name, "gaps", f"{name} missing")
    edge = f"{column.edges[cut]:g}"
    gaps = " or missing" if rows[column.edges.size :].sum() else ""
    return Rule(name, "up to", f"{name} ≤ {edge}"), Rule(name, "over", f"{name} > {edge}{gaps}")


def _category_rules(column: Levels, left: Bool, rows: Int64) -> tuple[Bool, tuple[Rule, Rule]]:
    """Rules that name the side with fewer categories; absent ones go to the other side."""
    present = rows > 0
    named_left = np.count_nonzero(left & present) <= np.count_nonzero(~left & present)
    left = left & present if named_left else left | ~present
    inside = np.flatnonzero(left if named_left else ~left)
    words = ["missing" if column.names[i] == MISSING else column.names[i] for i in inside]
    shown = ", ".join(words[:NAMED]) + (f" and {len(words) - NAMED} more" * (len(words) > NAMED))
    name = column.column
    within = Rule(name, "in", f"{name}: {shown}")
    without = Rule(name, "not in", f"{name}: other than {shown}")
    return left, (within, without) if named_left else (without, within)


def _children(node: Node, place: int, split: Split, codes: Codes) -> tuple[Node, Node]:
    """The two nodes that a split makes."""
    searched, judged = split.left[codes[node.searched]], split.left[codes[node.judged]]
    left, right = (
        Node(place, _shortened(node.path, rule), node.searched[s], node.judged[j], node.depth + 1)
        for rule, s, j in zip(split.rules, (searched, ~searched), (judged, ~judged), strict=True)
    )
    return left, right


def _shortened(path: Sequence[Rule], rule: Rule) -> tuple[Rule, ...]:
    """The path with one more rule, without those it makes idle."""
    kept = [r for r in path if r.column != rule.column or not _makes_idle(rule, r)]
    return (*kept, rule)


def _makes_idle(rule: Rule, earlier: Rule) -> bool:
    """Whether a rule says all that an earlier one about the same column said."""
    return rule.side == "in" or (rule.side == earlier.side and rule.side in {"up to", "over"})

"""Exact contributions of a sum of trees, on its raw scale, for all rows at once.

A leaf is reached where every player on its path agrees with it; a player is a feature, or all
features of one column. With ``o`` whether the row agrees with a player's splits, ``r`` how much
of the background does, and ``V`` the value of the leaf, the player's Shapley value is ::

    V * (o - r) * integral from 0 to 1 of prod over the other players c of (t * o_c + (1 - t) * r_c)

because ``s! (k - 1 - s)! / k!`` is the integral of ``t^s (1 - t)^(k - 1 - s)``. The integrand
is a polynomial, so Gauss-Legendre quadrature with half as many nodes as players is exact.

Two games differ only in ``r``. Where it is the share of the background's rows at each split,
the values are those of path-dependent TreeSHAP (Lundberg et al. 2020, Nature Machine
Intelligence 2), which LightGBM and shap compute. Where it is whether one reference row goes
that way, they are the Shapley values against that row (the interventional game).

Rows that take the same side of every split of a tree are computed once. Sources of the form:
P. Yu, A. Bifet, J. Read and C. Xu, Linear TreeShap, NeurIPS 2022; R. Mitchell, E. Frank and
G. Holmes, GPUTreeShap, PeerJ Computer Science 8 (2022), for leaves as independent games.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln

from assay.model.plan import Bool, Float32, Float64, TreesMember

Int64 = npt.NDArray[np.int64]

ROWS_AT_ONCE = 65_536
_CELLS_AT_ONCE = 262_144
_ALMOST_NONE = 1e-300
"""Stands for a share of 0, whose logarithm is not finite."""


def tree_contributions(
    member: TreesMember,
    features: Float32,
    *,
    left_share: Float64,
    players: Int64,
    count: int,
) -> Float64:
    """Shapley values of players in a member's raw score.

    Parameters
    ----------
    member : TreesMember
    features : ndarray of float32, shape (n, n_features)
        The whole plan's.
    left_share : ndarray, shape (n_nodes,)
        From `shares_of_rows` or `sides_of_row`.
    players : ndarray of int, shape (n_features,)
        The player that each of the plan's features belongs to.
    count : int
        Number of players.

    Returns
    -------
    ndarray of float64, shape (n, count, n_outputs)
        Each row sums, over players, to its raw score less the background's.
    """
    result = np.zeros((member.values.shape[1], count, len(features)))
    own_players = players[np.array(member.columns)]
    for first in range(0, len(features), ROWS_AT_ONCE):
        part = result[:, :, first : first + ROWS_AT_ONCE]
        own = np.ascontiguousarray(features[first : first + ROWS_AT_ONCE, member.columns].T)
        for tree in _trees(member, own_players):
            tree.ready(member, left_share).add_to(part, member, own)
    return np.ascontiguousarray(result.transpose(2, 1, 0))


def shares_of_rows(member: TreesMember, features: Float32) -> Float64:
    """Share of the rows at each split that go left, (n_nodes,); 0.5 where no row comes by.

    Parameters
    ----------
    features : ndarray of float32, shape (n, n_features)
        The whole plan's, for the background: the rows that a model was fitted on give the
        values that its library gives.
    """
    own = np.ascontiguousarray(features[:, member.columns].T)
    shares = np.full(len(member.left), 0.5)
    for root in member.roots.tolist():
        waiting = [(root, np.ones(len(features), dtype=np.bool_))]
        while waiting:
            node, here = waiting.pop()
            rows = np.count_nonzero(here)
            if member.left[node] < 0 or rows == 0:
                continue
            goes_left = here & _goes_left(member, own, np.array([node]))[0]
            shares[node] = np.count_nonzero(goes_left) / rows
            waiting += [
                (int(member.left[node]), goes_left),
                (int(member.right[node]), here & ~goes_left),
            ]
    return shares


def sides_of_row(member: TreesMember, features: Float32) -> Float64:
    """1 where one row goes left at a split, else 0, also where it never comes by; (n_nodes,).

    Parameters
    ----------
    features : ndarray of float32, shape (1, n_features)
        The whole plan's, of the reference row.
    """
    own = np.ascontiguousarray(features[:, member.columns].T)
    inner = np.flatnonzero(member.left >= 0)
    sides = np.zeros(len(member.left))
    sides[inner] = _goes_left(member, own, inner)[:, 0]
    return sides


def background_score(member: TreesMember, left_share: Float64) -> Float64:
    """The raw score from which contributions count, (n_outputs,): base and expected leaves."""
    reach = np.zeros(len(member.left))
    here = member.roots.astype(np.int64)
    reach[here] = 1.0
    while here.size:
        here = here[member.left[here] >= 0]
        left, right = member.left[here], member.right[here]
        reach[left] = reach[here] * left_share[here]
        reach[right] = reach[here] * (1.0 - left_share[here])
        here = np.concatenate([left, right]).astype(np.int64)
    return np.asarray(member.base + reach @ member.values)


@dataclass(frozen=True)
class _Tree:
    """Splits and leaves of one tree. A pair is a leaf and a player on its path.

    ``split``, ``left``, ``pair``, ``turn``: of each condition on a path, its split as a place in
    ``nodes``, whether it asks for the left side, its pair, and how many conditions the pair has
    before it. ``leaf``, ``slot``, ``player``: of each pair. ``leaves``: their nodes.
    """

    nodes: Int64
    leaves: Int64
    split: Int64
    left: Bool
    pair: Int64
    turn: Int64
    leaf: Int64
    slot: Int64
    player: Int64

    def ready(self, member: TreesMember, left_share: Float64) -> _Game:
        """With the background's shares and all that follows from them."""
        to_left = left_share[self.nodes[self.split]]
        share = np.ones(self.leaf.size)
        np.multiply.at(share, self.pair, np.where(self.left, to_left, 1.0 - to_left))
        background = np.ones((self.leaves.size, int(self.slot.max()) + 1))
        background[self.leaf, self.slot] = share
        kind = _AgainstRow if np.all((share == 0.0) | (share == 1.0)) else _AgainstRows
        return kind(self, background, member.values[self.leaves])

    def agreement(self, sides: Bool, width: int) -> Bool:
        """Whether rows agree with each player of a leaf, (n_leaves, width, n_kinds).

        ``sides``: (n_splits, n_kinds). Places without a player agree.
        """
        agrees = np.ones((self.leaves.size * width, sides.shape[1]), dtype=np.bool_)
        place = self.leaf * width + self.slot
        for turn in range(int(self.turn.max()) + 1):
            now = np.flatnonzero(self.turn == turn)
            met = sides[self.split[now]] == self.left[now, None]
            agrees[place[self.pair[now]]] &= met
        return agrees.reshape(self.leaves.size, width, -1)


class _Game(ABC):
    """A tree with a background: turns rows into Shapley values.

    Parameters
    ----------
    tree : _Tree
    background : ndarray, shape (n_leaves, width)
        How much of the background agrees with each player of each leaf; 1 without a player.
    values : ndarray, shape (n_leaves, n_outputs)
    """

    def __init__(self, tree: _Tree, background: Float64, values: Float64) -> None:
        self.tree = tree
        self.background = background
        self.outputs = np.flatnonzero(np.any(values != 0.0, axis=0))
        self.values = values[:, self.outputs]

    def add_to(self, result: Float64, member: TreesMember, own: Float32) -> None:
        """Add this tree's values; ``result``: (n_outputs, n_players, n), ``own``: (n_own, n)."""
        sides = _goes_left(member, own, self.tree.nodes)
        first, kind = _distinct(sides)
        sides = sides[:, first]
        size = max(1, _CELLS_AT_ONCE // self.background.size)
        width, players = self.background.shape[1], result.shape[1]
        parts = [
            self.of_kinds(self.tree.agreement(sides[:, i : i + size], width), players)
            for i in range(0, len(first), size)
        ]
        found = np.concatenate(parts, axis=2)
        for place, output in enumerate(self.outputs):
            result[output] += found[place][:, kind]

    @abstractmethod
    def of_kinds(self, agrees: Bool, players: int) -> Float64:
        """Values of kinds of rows, (n_outputs, n_players, n_kinds)."""


class _AgainstRows(_Game):
    """The background is a share of many rows: quadrature."""

    def __init__(self, tree: _Tree, background: Float64, values: Float64) -> None:
        super().__init__(tree, background, values)
        points, weights = np.polynomial.legendre.leggauss((background.shape[1] + 1) // 2)
        t, self._weights = (points + 1.0) / 2.0, weights / 2.0
        share = background[:, :, None]
        agrees = t + (1.0 - t) * share
        differs = (1.0 - t) * np.maximum(share, _ALMOST_NONE)
        log_agrees, log_differs = np.log(agrees), np.log(differs)
        self._start = log_differs.sum(axis=1)[:, :, None]
        self._step = np.ascontiguousarray((log_agrees - log_differs).transpose(0, 2, 1))
        self._gain = (1.0 - share) / agrees
        self._loss = 1.0 / (1.0 - t)

    def of_kinds(self, agrees: Bool, players: int) -> Float64:
        """Values of kinds of rows, (n_outputs, n_players, n_kinds)."""
        product = np.exp(self._step @ agrees.astype(np.float64) + self._start)
        product *= self._weights[:, None]
        gain = self._gain @ product
        loss = self._loss @ product
        values = np.where(agrees, gain, -loss[:, None, :]).reshape(-1, agrees.shape[2])
        found = self._spread(players) @ values
        return np.asarray(found.reshape(self.outputs.size, players, -1))

    def _spread(self, players: int) -> Float64:
        """From pairs to players, leaf values included: (n_outputs * n_players, n_pairs)."""
        leaves, width = self.background.shape
        tree = self.tree
        spread = np.zeros((self.outputs.size, players, leaves, width))
        spread[:, tree.player, tree.leaf, tree.slot] = self.values[tree.leaf].T
        return spread.reshape(-1, leaves * width)


class _AgainstRow(_Game):
    """The background agrees wholly or not at all: a closed form.

    A leaf counts where the row agrees with all players that the background does not agree with.
    With ``a`` such players and ``b`` that only the background agrees with, each of the first
    has ``(a - 1)! b! / (a + b)!`` of its value, and each of the others minus
    ``a! (b - 1)! / (a + b)!``.
    """

    def __init__(self, tree: _Tree, background: Float64, values: Float64) -> None:
        super().__init__(tree, background, values)
        self._needed = background == 0.0
        self._player = np.zeros(background.shape, dtype=np.int64)
        self._player[tree.leaf, tree.slot] = tree.player
        count = np.arange(background.shape[1] + 1, dtype=np.float64)
        a, b = count[:, None], count
        with np.errstate(divide="ignore", invalid="ignore"):
            self._gain = np.exp(gammaln(a) + gammaln(b + 1) - gammaln(a + b + 1))
            self._loss = np.exp(gammaln(a + 1) + gammaln(b) - gammaln(a + b + 1))

    def of_kinds(self, agrees: Bool, players: int) -> Float64:
        """Values of kinds of rows, (n_outputs, n_players, n_kinds)."""
        kinds = agrees.shape[2]
        counts = np.all(agrees | ~self._needed[:, :, None], axis=1)
        leaf, kind = np.nonzero(counts)
        needed, lacking = self._needed[leaf], ~agrees[leaf, :, kind]
        a, b = needed.sum(axis=1), lacking.sum(axis=1)
        gain = np.where(needed, self._gain[a, b][:, None], 0.0)
        values = np.where(lacking, -self._loss[a, b][:, None], gain)
        place = (self._player[leaf] * kinds + kind[:, None]).reshape(-1)
        found = [
            np.bincount(place, (values * own[leaf, None]).reshape(-1), players * kinds)
            for own in self.values.T
        ]
        return np.reshape(found, (self.outputs.size, players, kinds))


def _trees(member: TreesMember, players: Int64) -> Iterator[_Tree]:
    """Each tree that has a split; ``players``: of the member's own features."""
    root, leaf, node, left = _conditions(member)
    if not root.size:
        return
    order = np.lexsort((players[member.feature[node]], leaf, root))
    root, leaf, node, left = root[order], leaf[order], node[order], left[order]
    ends = np.flatnonzero(np.diff(root, append=-1)) + 1
    for first, last in zip([0, *ends[:-1]], ends, strict=True):
        here = slice(first, last)
        yield _tree(leaf[here], node[here], left[here], players[member.feature[node[here]]])


def _tree(leaf: Int64, node: Int64, left: Bool, player: Int64) -> _Tree:
    """One tree from its conditions, which are sorted by leaf and player."""
    nodes, split = np.unique(node, return_inverse=True)
    leaves, place = np.unique(leaf, return_inverse=True)
    begins = np.ones(leaf.size, dtype=np.bool_)
    begins[1:] = (place[1:] != place[:-1]) | (player[1:] != player[:-1])
    starts = np.flatnonzero(begins)
    pair = np.cumsum(begins) - 1
    of_leaf = place[starts]
    return _Tree(
        nodes=nodes.astype(np.int64),
        leaves=leaves.astype(np.int64),
        split=split.astype(np.int64),
        left=left,
        pair=pair.astype(np.int64),
        turn=np.arange(leaf.size) - starts[pair],
        leaf=of_leaf.astype(np.int64),
        slot=np.arange(starts.size) - np.searchsorted(of_leaf, of_leaf),
        player=player[starts],
    )


def _conditions(member: TreesMember) -> tuple[Int64, Int64, Int64, Bool]:
    """Every split above every leaf: root, leaf, split, and whether the leaf lies to its left."""
    inner = np.flatnonzero(member.left >= 0)
    parent = np.full(len(member.left), -1, dtype=np.int64)
    parent[member.left[inner]] = inner
    parent[member.right[inner]] = inner
    leaf = np.flatnonzero((member.left < 0) & (parent >= 0))
    found: list[tuple[Int64, Int64, Bool]] = []
    root = np.zeros(len(member.left), dtype=np.int64)
    now, below = leaf, leaf
    while now.size:
        above = parent[below]
        root[now] = above
        found.append((now, above, member.left[above] == below))
        going = parent[above] >= 0
        now, below = now[going], above[going]
    if not found:
        none = np.zeros(0, dtype=np.int64)
        return none, none, none, none.astype(np.bool_)
    leaves, nodes, lefts = (np.concatenate(part) for part in zip(*found, strict=True))
    return root[leaves], leaves, nodes, lefts


def _goes_left(member: TreesMember, own: Float32, nodes: Int64) -> Bool:
    """Whether each row goes left at each split, (n_splits, n); ``own``: (n_own_features, n)."""
    x = own[member.feature[nodes]]
    left = np.asarray(x <= member.threshold[nodes, None])
    if member.set_of is not None:
        for place in np.flatnonzero(member.set_of[nodes] >= 0):
            left[place] = np.isin(x[place], member.sets[member.set_of[nodes[place]]])
    if member.missing_left is not None:
        gaps = np.isnan(x)
        if gaps.any():  # no comparison and no set holds for a missing number
            left |= gaps & member.missing_left[nodes, None]
    return left


def _distinct(sides: Bool) -> tuple[Int64, Int64]:
    """Rows that stand for all that take the same sides, and which of them stands for each row.

    Parameters
    ----------
    sides : ndarray of bool, shape (n_splits, n)
    """
    packed = np.packbits(sides, axis=0).T
    words = np.zeros((len(packed), -(-packed.shape[1] // 8) * 8), dtype=np.uint8)
    words[:, : packed.shape[1]] = packed
    first, kind = _kinds(words.view(np.uint64)[:, 0])
    for word in words.view(np.uint64).T[1:]:
        _, other = _kinds(word)
        first, kind = _kinds(kind * (int(other.max(initial=0)) + 1) + other)
    return first, kind


def _kinds(values: npt.NDArray[np.uint64] | Int64) -> tuple[Int64, Int64]:
    """Where each distinct value comes first, and which of them each value is."""
    _, first, kind = np.unique(values, return_index=True, return_inverse=True)
    return first.astype(np.int64), kind.astype(np.int64)

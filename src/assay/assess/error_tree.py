"""The error tree: branches in which errors gather, grown on some rows and judged on others.

With heat maps over one and two columns and a ranking of the columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy import special

from assay.assess.branches import Node, grow
from assay.assess.check import BaseCheck
from assay.assess.error_maps import column_ranking, one_column_map, two_column_map
from assay.assess.fairness.group_check import (
    LARGEST,
    means_of,
    of_weights,
    rates_of,
    ratio_to_all,
)
from assay.assess.finding import Evidence, Finding, GroupValue, Principle
from assay.assess.levels import Levels, levels_of
from assay.assess.losses import row_loss, wrong
from assay.assess.reliability import require_rows
from assay.assess.statistics import (
    Bounds,
    Float64,
    Int64,
    clopper_pearson,
    greater_p,
    group_moments,
    holm,
    largest,
    mean_bounds,
    rest_moments,
)
from assay.assess.subject import Scored, Subject
from assay.errors import NotApplicable

MOST_SHOWN_IN_PAIRS = 4
"""Columns, the most telling ones, that are crossed in heat maps."""


@dataclass(frozen=True, kw_only=True)
class ErrorTree(BaseCheck):
    """In which branches of the table do errors gather?"""

    code: ClassVar[str] = "REL012"
    title: ClassVar[str] = "Error tree"
    principle: ClassVar[Principle] = "reliability-safety"
    sources: ClassVar[tuple[Evidence, ...]] = ("held-out",)

    leaves: int = 12
    depth: int = 4
    parts: int = 8
    """Ranges that a number is cut into."""
    min_rows: int = 30
    """Rows of a leaf in each half, at least; more where there are thousands."""

    def run(self, subject: Subject) -> Finding:
        """Error of the worst leaf divided by that of all rows, on rows the tree did not see."""
        scored = self.scored(subject)
        require_rows(scored.rows, 6 * self.min_rows)
        loss = (
            row_loss(subject.kind, scored.truth, scored)
            if subject.kind == "regression"
            else wrong(subject, scored).astype(np.float64)
        )
        levels = list(levels_of(subject, scored.frame, parts=self.parts))
        searched, judged = _halves(scored)
        if loss[judged].mean() == 0 or loss[searched].mean() == 0:
            raise NotApplicable("There are no errors to find.")
        floor = max(self.min_rows, searched.size // 40)
        nodes = grow(
            levels, loss, searched, judged, leaves=self.leaves, depth=self.depth, floor=floor
        )
        if len(nodes) == 1:
            raise NotApplicable(f"No column parts the rows into branches of {floor} rows each.")
        maps = _maps(subject, levels, loss)
        return self._judge(subject, nodes, loss, judged, {**maps, "min_rows": floor})

    def _judge(
        self,
        subject: Subject,
        nodes: Sequence[Node],
        loss: Float64,
        judged: Int64,
        more: dict[str, Any],
    ) -> Finding:
        leaves = [node for node in nodes if node.leaf]
        regression = subject.kind == "regression"
        seen, codes = loss[judged], _leaf_codes(leaves, loss.size)[judged]
        share = np.bincount(codes, minlength=len(leaves)) / seen.size

        def against_all(confidence: float) -> Bounds:
            return ratio_to_all(
                seen, codes, share, confidence, means_of if regression else rates_of
            )

        bounds = against_all(self.confidence)
        p = holm(_p_values(seen, codes, len(leaves), regression=regression))
        tests = len(leaves)
        return self.finding(
            largest(against_all, tests=tests, confidence=self.confidence),
            measure="error of the worst leaf of the error tree, divided by that of all rows",
            method="A tree of the errors, grown on a random half of the rows to part large errors "
            "from small ones, judged on the other half. "
            + LARGEST.format(tests=tests, what="ratios of a leaf's error to that of all rows")
            + "A leaf is confirmed where its larger error is beyond chance "
            f"({'Welch' if regression else 'Fisher, exact'}; Holm 1979). Heat maps and ranking "
            "describe all rows." + of_weights(subject.held_out, used=False),
            rows=seen.size,
            groups=[
                GroupValue(
                    group=leaves[i].words,
                    rows=int(leaves[i].judged.size),
                    value=float(bounds.value[i]),
                    lower=float(bounds.lower[i]),
                    upper=float(bounds.upper[i]),
                )
                for i in np.argsort(-bounds.value, kind="stable")
            ],
            details={
                "overall": seen.mean(),
                "searched_rows": loss.size - seen.size,
                "tree": self._tree(nodes, loss, p, regression=regression),
                "confirmed": [
                    leaf.words
                    for leaf, q in zip(leaves, p, strict=True)
                    if q <= 1 - self.confidence
                ],
                **more,
            },
        )

    def _tree(
        self, nodes: Sequence[Node], loss: Float64, p: Float64, *, regression: bool
    ) -> list[dict[str, Any]]:
        """Every node with its error on the judged rows."""
        total = float(loss[nodes[0].judged].sum())
        left = iter(p)
        drawn = []
        for place, node in enumerate(nodes):
            seen = loss[node.judged]
            chance = float(next(left)) if node.leaf else None
            bounds = _error_bounds(seen, self.confidence, regression=regression)
            drawn.append(
                {
                    "id": place,
                    "parent": node.parent,
                    "rule": node.rule.words,
                    "path": node.words,
                    "leaf": node.leaf,
                    "rows": seen.size,
                    "errors": None if regression else int(seen.sum()),
                    "error": float(bounds.value),
                    "lower": float(bounds.lower),
                    "upper": float(bounds.upper),
                    "error_coverage": float(seen.sum()) / total,
                    "p": chance,
                    "confirmed": chance is not None and chance <= 1 - self.confidence,
                }
            )
        return drawn


def _halves(scored: Scored) -> tuple[Int64, Int64]:
    """Positions of a random half of the rows and of the rest, the same whatever their order."""
    mixed = np.random.default_rng(0).permutation(scored.order)
    middle = scored.rows // 2
    return np.sort(mixed[:middle]), np.sort(mixed[middle:])


def _leaf_codes(leaves: Sequence[Node], rows: int) -> Int64:
    """The leaf of each judged row; -1 for the others."""
    codes = np.full(rows, -1, np.int64)
    for place, leaf in enumerate(leaves):
        codes[leaf.judged] = place
    return codes


def _error_bounds(loss: Float64, confidence: float, *, regression: bool) -> Bounds:
    """Bounds of a mean error, or exact bounds of an error rate."""
    if not regression:
        return clopper_pearson(loss.sum(), loss.size, confidence)
    bounds = mean_bounds(group_moments(loss, np.zeros(loss.size, np.int64), 1), confidence)[0]
    return Bounds(bounds.value, np.maximum(bounds.lower, 0.0), bounds.upper)


def _p_values(loss: Float64, codes: Int64, leaves: int, *, regression: bool) -> Float64:
    """One-sided p-values that a leaf's error is larger than that of the other rows."""
    if regression:
        return greater_p(group_moments(loss, codes, leaves), rest_moments(loss, codes, leaves))
    rows = np.bincount(codes, minlength=leaves)
    errors = np.bincount(codes, loss, leaves).astype(np.int64)
    return np.array(
        [
            fisher_greater(int(k), int(n), int(errors.sum()), loss.size)
            for k, n in zip(errors, rows, strict=True)
        ]
    )


def fisher_greater(hits: int, drawn: int, marked: int, total: int) -> float:
    """Chance of at least ``hits`` marked among ``drawn`` of ``total`` (Fisher's exact test).

    Parameters
    ----------
    hits, drawn : int
        Marked ones among those drawn, and all those drawn.
    marked, total : int
        The same for everything that could be drawn.

    Examples
    --------
    >>> round(fisher_greater(3, 4, 4, 8), 4)  # Fisher's lady tasting tea
    0.2429
    """
    x = np.arange(hits, min(drawn, marked) + 1)

    def log_choose(n: Any, k: Any) -> Float64:
        n, k = np.asarray(n, np.float64), np.asarray(k, np.float64)
        logs = special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1)
        return np.asarray(logs, np.float64)

    inside = total - marked - (drawn - x) >= 0
    x = x[inside]
    logs = log_choose(marked, x) + log_choose(total - marked, drawn - x) - log_choose(total, drawn)
    return float(min(np.exp(logs).sum(), 1.0))


def _maps(subject: Subject, levels: Sequence[Levels], loss: Float64) -> dict[str, Any]:
    """Ranking of the columns, and heat maps over one and two of them, over all rows."""
    regression = subject.kind == "regression"
    large = loss > np.quantile(loss, 0.75) if regression else loss > 0
    ranking = column_ranking(levels, large)
    by_name = {level.column: level for level in levels}
    telling = [by_name[entry["column"]] for entry in ranking]
    foremost = telling[:MOST_SHOWN_IN_PAIRS]
    pairs = [(a, b) for i, a in enumerate(foremost) for b in foremost[i + 1 :]]
    return {
        "importance": ranking,
        "maps": [
            *(one_column_map(level, loss) for level in telling),
            *(two_column_map(a, b, loss) for a, b in pairs),
        ],
    }

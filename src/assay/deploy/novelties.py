"""What of a row lies outside everything that training saw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from assay.data.contract import Contract
from assay.model.plan import Array

Novelty = dict[str, str]

UNSEEN = "a value that training never saw"
BELOW = "below the range that training saw"
ABOVE = "above the range that training saw"


class NoveltyFinder:
    """Looks rows up against the contract's ranges and categories.

    A novelty is no violation: the row is answered, and the answer says what is new about it.
    The message names the column and never a value, neither the caller's nor training's.

    Examples
    --------
    >>> from assay.data.contract import Column
    >>> finder = NoveltyFinder(Contract(columns=(Column(name="a", kind="number", high=9.0),)))
    >>> finder({"a": np.array([[3.0], [10.0]])})
    [[], [{'column': 'a', 'what': 'above the range that training saw'}]]
    """

    def __init__(self, contract: Contract) -> None:
        features = contract.features
        self._ranges = [
            (c.name, -np.inf if c.low is None else c.low, np.inf if c.high is None else c.high)
            for c in features
            if c.kind in {"number", "integer", "date"} and not (c.low is None and c.high is None)
        ]
        self._levels = [
            (c.name, frozenset((*c.categories, "")))
            for c in features
            if c.kind == "category" and c.categories
        ]

    def __call__(self, inputs: Mapping[str, Array]) -> list[list[Novelty]]:
        """Novelties of each row of ``inputs`` (as the graph takes them)."""
        rows = len(next(iter(inputs.values())))
        found: list[list[Novelty]] = [[] for _ in range(rows)]
        for name, low, high in self._ranges:
            column = inputs[name].ravel().tolist()
            _note(found, name, BELOW, [i for i, v in enumerate(column) if v < low])
            _note(found, name, ABOVE, [i for i, v in enumerate(column) if v > high])
        for name, levels in self._levels:
            column = inputs[name].ravel().tolist()
            _note(found, name, UNSEEN, [i for i, v in enumerate(column) if v not in levels])
        return found


def _note(found: list[list[Novelty]], column: str, what: str, rows: Sequence[int]) -> None:
    for row in rows:
        found[row].append({"column": column, "what": what})

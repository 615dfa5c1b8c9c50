"""Where errors are, column by column: heat maps over one and two columns, and a ranking."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from assay.assess.levels import Levels
from assay.assess.statistics import Bool, Float64, Int64

FEWEST_SHOWN = 10
"""Rows below which a cell shows neither its error nor how many rows it has."""


def one_column_map(level: Levels, loss: Float64) -> dict[str, Any]:
    """Rows and mean error of each level.

    Returns
    -------
    dict
        ``columns``: one name; ``levels``: a list of names; ``rows`` and ``error``: one entry a
        level, None where there are fewer than `FEWEST_SHOWN` rows; ``error_coverage``: the
        share of the whole error that lies in each.
    """
    cells = level.codes.astype(np.int64)
    return {
        "columns": [level.column],
        "levels": [list(level.names)],
        **_cells(cells, loss, (len(level.names),)),
    }


def two_column_map(a: Levels, b: Levels, loss: Float64) -> dict[str, Any]:
    """The same over two columns: rows, error and coverage as lists of lists, ``a`` by ``b``."""
    width = len(b.names)
    cells = np.where(
        (a.codes >= 0) & (b.codes >= 0), a.codes.astype(np.int64) * width + b.codes, -1
    )
    return {
        "columns": [a.column, b.column],
        "levels": [list(a.names), list(b.names)],
        **_cells(cells, loss, (len(a.names), width)),
    }


def column_ranking(levels: Sequence[Levels], large: Bool) -> list[dict[str, Any]]:
    """Columns by how much they tell about whether a row's error is large, most first.

    Parameters
    ----------
    levels : sequence of Levels
    large : ndarray of bool, shape (n,)

    Returns
    -------
    list of dict
        ``value``: the share of the uncertainty about ``large`` that knowing the level removes,
        in [0, 1]: mutual information, less its bias (Miller 1955), divided by the entropy
        (Theil's uncertainty coefficient). ``mutual_information``: in nats, as measured.
    """
    entropy = _entropy(np.bincount(large, minlength=2))
    ranked = []
    for level in levels:
        information, bias = mutual_information(level.codes.astype(np.int64), large)
        share = max(information - bias, 0.0) / entropy if entropy > 0 else 0.0
        ranked.append(
            {
                "column": level.column,
                "value": share,
                "mutual_information": information,
                "measure": "Share of the uncertainty about large errors that the column removes",
                "unit": "share",
            }
        )
    return sorted(ranked, key=lambda entry: (-round(entry["value"], 12), entry["column"]))


def mutual_information(codes: Int64, large: Bool) -> tuple[float, float]:
    """Mutual information of a level and a yes-or-no, in nats, and its bias (Miller 1955).

    Examples
    --------
    >>> import numpy as np
    >>> i, _ = mutual_information(np.array([0, 0, 1, 1]), np.array([True, True, False, False]))
    >>> round(i, 4)  # knowing one is knowing the other: ln 2
    0.6931
    """
    shifted = codes + 1  # rows in no level are a level here
    table = np.bincount(2 * shifted + large, minlength=2 * (int(shifted.max()) + 1)).reshape(-1, 2)
    table = table[table.sum(axis=1) > 0]
    parts = (_entropy(table.sum(axis=1)), _entropy(table.sum(axis=0)), _entropy(table.ravel()))
    cells = int(np.prod([np.count_nonzero(table.sum(axis=axis)) - 1 for axis in (0, 1)]))
    return max(parts[0] + parts[1] - parts[2], 0.0), cells / (2 * codes.size)


def _entropy(counts: Int64) -> float:
    p = counts[counts > 0] / counts.sum()
    return float(-np.sum(p * np.log(p)))


def _cells(cells: Int64, loss: Float64, shape: tuple[int, ...]) -> dict[str, Any]:
    """Rows, mean error and share of the error of each cell."""
    size = int(np.prod(shape))
    inside = cells >= 0
    rows = np.bincount(cells[inside], minlength=size)
    sums = np.bincount(cells[inside], loss[inside], size)
    shown = rows >= FEWEST_SHOWN
    total = loss.sum() or 1.0
    figures = {"rows": rows, "error": sums / np.maximum(rows, 1), "error_coverage": sums / total}
    drawn = {}
    for name, part in figures.items():
        cells_shown = part.astype(object)
        cells_shown[~shown] = None
        drawn[name] = cells_shown.reshape(shape)
    return drawn

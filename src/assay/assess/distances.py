"""Distances between rows of mixed columns: scaled differences of numbers, mismatches of the rest.

Numbers count in median absolute deviations of the training rows (Wachter, Mittelstadt and
Russell 2018); where that is 0, in mean absolute deviations, and where that is 0 too, as they
are. Two different categories, or a missing and a known value, are 1 apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from assay.assess.statistics import Bool, Float64

_CELLS_AT_ONCE = 4_000_000


@dataclass(frozen=True, eq=False)
class Space:
    """Columns in which rows lie.

    Attributes
    ----------
    names : tuple of str
    number : ndarray of bool, shape (n_columns,)
        Numbers and dates; everything else is compared for equality.
    scale : ndarray, shape (n_columns,)
        What counts as 1, of numbers.
    levels : tuple of dict
        Codes of the known categories, a column.
    """

    names: tuple[str, ...]
    number: Bool
    scale: Float64
    levels: tuple[dict[str, int], ...]

    @classmethod
    def of(cls, train: pl.DataFrame) -> Space:
        """The space of some rows, scaled by them."""
        columns = train.get_columns()
        number = np.array([_is_number(c) for c in columns], dtype=np.bool_)
        levels: list[dict[str, int]] = [
            {}
            if is_number
            else {level: code for code, level in enumerate(_texts(c).drop_nulls().unique().sort())}
            for c, is_number in zip(columns, number, strict=True)
        ]
        scale = [_scale(c) if n else 1.0 for c, n in zip(columns, number, strict=True)]
        return cls(tuple(train.columns), number, np.array(scale), tuple(levels))

    @property
    def width(self) -> int:
        """Number of columns."""
        return len(self.names)

    def cells(self, frame: pl.DataFrame) -> Float64:
        """Rows as numbers, (n, n_columns): scaled numbers, NaN where missing; codes of the rest.

        Missing categories have the code -1; unknown ones share the code -2.
        """
        cells = np.empty((frame.height, self.width))
        for c, name in enumerate(self.names):
            if self.number[c]:
                cells[:, c] = _numbers(frame[name]) / self.scale[c]
            else:
                cells[:, c] = _codes(_texts(frame[name]), self.levels[c])
        return cells

    def steps(self, a: Float64, b: Float64) -> Float64:
        """Distance in each column; ``a`` and ``b`` broadcast, columns last."""
        with np.errstate(invalid="ignore"):
            gap = np.abs(a - b)
        gaps_differ = np.isnan(a) != np.isnan(b)
        gap = np.where(np.isnan(gap), gaps_differ, gap)
        return np.where(self.number, gap, gap > 0)

    def distances(self, a: Float64, b: Float64, weight: Float64 | None = None) -> Float64:
        """Sum of the steps between all pairs of rows, (len(a), len(b)); single precision.

        Parameters
        ----------
        a, b : ndarray, shape (n, n_columns), (m, n_columns)
        weight : ndarray, shape (n_columns,), optional
            What a step counts; 1 each by default.
        """
        total = np.zeros((len(a), len(b)), dtype=np.float32)
        one, other = a.astype(np.float32), b.astype(np.float32)
        weights = np.ones(self.width) if weight is None else weight
        for c, counts in enumerate(weights.astype(np.float32)):
            x, y = one[:, c, None], other[None, :, c]
            gap = np.abs(x - y) if self.number[c] else (x != y).astype(np.float32)
            if self.number[c] and (np.isnan(x).any() or np.isnan(y).any()):
                gap = np.where(np.isnan(gap), np.isnan(x) != np.isnan(y), gap)
            total += gap * counts
        return total.astype(np.float64)

    def nth_nearest(self, a: Float64, b: Float64, nth: int) -> Float64:
        """Distance of each row of ``a`` to its ``nth`` nearest of ``b``, from 1; (len(a),)."""
        size = max(1, _CELLS_AT_ONCE // max(1, len(b)))
        found = [
            np.partition(self.distances(a[i : i + size], b), nth - 1, axis=1)[:, nth - 1]
            for i in range(0, len(a), size)
        ]
        return np.concatenate([np.zeros(0), *found])


def _is_number(column: pl.Series) -> bool:
    return column.dtype.is_numeric() or column.dtype.is_temporal()


def _numbers(column: pl.Series) -> Float64:
    values = column.to_physical().cast(pl.Float64).fill_null(float("nan")).to_numpy()
    return np.where(np.isfinite(values), values, np.nan)


def _codes(texts: pl.Series, levels: dict[str, int]) -> Float64:
    known = levels or {"": -2}  # a mapping may not be empty
    codes = texts.replace_strict(known, default=-2, return_dtype=pl.Int64)
    return np.where(texts.is_null().to_numpy(), -1.0, codes.to_numpy())


def _texts(column: pl.Series) -> pl.Series:
    return column.cast(pl.String)


def _scale(column: pl.Series) -> float:
    """Median absolute deviation; the mean one where that is 0; 1 where both are."""
    values = _numbers(column)
    known: npt.NDArray[np.float64] = values[~np.isnan(values)]
    if not known.size:
        return 1.0
    away = np.abs(known - np.median(known))
    return float(np.median(away)) or float(np.mean(away)) or 1.0

"""Columns that know the answer: a single column that predicts the target almost perfectly.

The strength of a column is the share of the target's variance that its bins explain, adjusted
for their number: the correlation ratio (Pearson, 1905) with the adjustment of Kelley (1935,
epsilon squared). For a regression target, the variance of its ranks; for classes, the variance
of their indicators, which makes it Goodman and Kruskal's tau (1954).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from assay.data.kinds import label_text
from assay.data.personal import snake

Float64 = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64] | npt.NDArray[np.uint32]

SUSPECT = 0.97
"""Explained share from which a column is suspected."""
_MOST_BINS = 256
_ROWS_A_BIN = 5
_MOST_ROWS = 50_000
_CELLS_AT_ONCE = 5_000_000
_FEW = 10
_VARIANTS = frozenset(
    [
        "log",
        "log10",
        "log1p",
        "ln",
        "exp",
        "sqrt",
        "sq",
        "scaled",
        "norm",
        "normalized",
        "normalised",
        "std",
        "standardized",
        "z",
        "rank",
        "bin",
        "binned",
        "bucket",
        "band",
        "cat",
        "category",
        "class",
        "label",
        "flag",
        "is",
        "has",
        "target",
        "true",
        "actual",
        "observed",
        "final",
        "real",
        "pred",
        "predicted",
        "prediction",
        "estimated",
        "estimate",
        "score",
        "encoded",
        "code",
        "enc",
        "num",
        "int",
        "str",
        "copy",
        "orig",
        "original",
        "old",
        "new",
        "raw",
        "usd",
        "eur",
        "gbp",
    ]
)


class TargetStrength:
    """Measures how much of one target each column explains.

    Parameters
    ----------
    target : pl.Series
        The answers; rows where it is missing are left out. Above `_MOST_ROWS` rows, evenly
        spaced ones are used.
    """

    def __init__(self, target: pl.Series) -> None:
        rows = np.flatnonzero(target.is_not_null().to_numpy())
        if rows.size > _MOST_ROWS:
            rows = rows[np.linspace(0, rows.size - 1, _MOST_ROWS).astype(np.int64)]
        self._rows = rows
        self._numbers, self._codes, self._centred = _centred(target[rows])
        self._total = float((self._centred**2).sum())

    def explained(self, frame: pl.DataFrame) -> dict[str, float]:
        """Adjusted share of the target's variance that the bins of each column explain.

        Returns
        -------
        dict of str to float
            By column: at most 1; about 0 for an unrelated column; NaN where a column has so
            many levels that its share would mean nothing.
        """
        step = max(1, _CELLS_AT_ONCE // max(1, self._rows.size))
        shares: dict[str, float] = {}
        for start in range(0, frame.width, step):
            part = frame[self._rows, start : start + step]
            ranks = part.select(pl.all().rank("dense"))
            for column, rank in zip(part.iter_columns(), ranks.iter_columns(), strict=True):
                codes = _codes(rank)
                shares[column.name] = self._share(
                    codes if column.dtype == pl.String else _binned(codes)
                )
        return shares

    def _share(self, codes: Codes) -> float:
        counts = np.bincount(codes)
        n, bins = codes.size, int((counts > 0).sum())
        if bins < 2 or bins > n / 2 or self._total == 0:
            return float("nan")
        counts = np.maximum(counts, 1)
        between = 0.0
        for output in self._centred:
            sums = np.bincount(codes, weights=output)
            between += float((sums**2 / counts).sum())
        return 1 - (1 - between / self._total) * (n - 1) / (n - bins)

    def copies(self, column: pl.Series) -> bool:
        """Whether a column is the target in other words or on another linear scale."""
        picked = column[self._rows]
        if picked.null_count():
            return False
        if self._numbers is not None:
            return picked.dtype.is_numeric() and _collinear(_doubles(picked), self._numbers)
        codes = _codes(picked.rank("dense"))
        pairs = codes * (int(self._codes.max()) + 1) + self._codes
        return np.unique(pairs).size == np.unique(codes).size == np.unique(self._codes).size


def _centred(target: pl.Series) -> tuple[Float64 | None, Codes, Float64]:
    """The numbers (regression), the class codes, and the centred target, (n_outputs, n_rows)."""
    if target.dtype.is_numeric() and target.n_unique() > _FEW:
        ranks = target.rank("average").to_numpy().astype(np.float64)
        return _doubles(target), np.zeros(len(target), np.int64), (ranks - ranks.mean())[None]
    codes = _codes(label_text(target).rank("dense")).astype(np.int64) - 1
    classes = min(int(codes.max(initial=0)) + 1, _MOST_BINS)
    indicators = (codes[None] == np.arange(classes)[:, None]).astype(np.float64)
    return None, codes, indicators - indicators.mean(axis=1, keepdims=True)


def _doubles(series: pl.Series) -> Float64:
    return np.asarray(series.cast(pl.Float64).to_numpy(), dtype=np.float64)


def _codes(ranks: pl.Series) -> Codes:
    """A code for each distinct value: its dense rank, and 0 where it is missing."""
    return ranks.cast(pl.Int64).fill_null(0).to_numpy() if ranks.null_count() else ranks.to_numpy()


def _binned(codes: Codes) -> Codes:
    """The codes themselves, or bins of about equal size if there are many; 0 stays alone."""
    counts = np.bincount(codes)
    most = min(max(codes.size // _ROWS_A_BIN, 2), _MOST_BINS)
    if counts.size <= most:
        return codes
    missing, counts[0] = counts[0], 0
    before = np.cumsum(counts) - counts
    bin_of_code = 1 + before * (most - 1) // (codes.size - missing)
    bin_of_code[0] = 0
    return np.asarray(bin_of_code[codes], dtype=np.int64)


def _collinear(x: Float64, y: Float64) -> bool:
    finite = np.isfinite(x) & np.isfinite(y)
    if not finite.all() or x.std() == 0 or y.std() == 0:
        return False
    return abs(float(np.corrcoef(x, y)[0, 1])) > 1 - 1e-12


def names_target(column: str, target: str) -> bool:
    """Whether a column is called like the target, or like a variant of it.

    Examples
    --------
    >>> names_target("log_price", "price"), names_target("price_class", "price")
    (True, True)
    >>> names_target("list_price", "price")
    False
    """
    words, wanted = snake(column).split("_"), snake(target).split("_")
    if words == wanted:
        return True
    for start in range(len(words) - len(wanted) + 1):
        end = start + len(wanted)
        if words[start:end] == wanted:
            rest = words[:start] + words[end:]
            return all(word in _VARIANTS or word.isdigit() for word in rest)
    return False

"""Rows as scikit-learn's users hand them over: arrays, and frames of any library."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.sparse import issparse
from sklearn.utils.validation import column_or_1d

from assay.data.contract import Contract
from assay.data.source import read_table
from assay.model.plan import Array

_NUMBERS = ("number", "integer", "boolean")
_TEXTS = ("category", "text")
_PLAIN = (str, int, float, bool, date, type(None))


def is_frame(X: object) -> bool:
    """Whether the rows come with named columns, rather than as an array or a list of rows.

    Examples
    --------
    >>> is_frame(pl.DataFrame({"a": [1]})), is_frame([[1.0]]), is_frame({"a": [1]})
    (True, False, True)
    """
    if issparse(X):  # one of SciPy's formats is a dict
        return False
    if isinstance(X, Mapping | pl.LazyFrame):
        return True
    if getattr(X, "ndim", 2) != 2 or isinstance(X, pl.Series):
        return False
    arrow = any(hasattr(X, f"__arrow_c_{kind}__") for kind in ("stream", "array"))
    return arrow or hasattr(X, "columns")


def read_frame(X: Any) -> pl.DataFrame:
    """A frame as `assay.data.read_table` reads it; a pandas category stays one, of numbers too.

    Raises
    ------
    InvalidTable
        It is no table of plain columns.
    """
    if hasattr(X, "__arrow_c_array__") and not hasattr(X, "__arrow_c_stream__"):
        X = pl.DataFrame(X)
    return read_table(_categories_as_text(X) if hasattr(X, "iloc") else X)


def _categories_as_text(X: Any) -> Any:
    texts = {
        name: [None if level is None else str(level) for level in cells]
        for name, cells in (
            (name, X[name].astype(object).where(X[name].notna(), None))
            for name, kind in X.dtypes.items()
            if str(kind) == "category"
        )
    }
    return X.assign(**texts) if texts else X


def frame_of_array(X: Array) -> pl.DataFrame:
    """A checked two-dimensional array as columns ``x0``, ``x1``, ..."""
    names = [f"x{i}" for i in range(X.shape[1])]
    if X.dtype.kind not in "OUS":
        return read_table(pl.DataFrame(np.asarray(X), schema=names, orient="row"))
    return read_table({name: [_cell(c) for c in X[:, i].tolist()] for i, name in enumerate(names)})


def _cell(value: object) -> object:
    """A cell as it is; what is neither number, date nor text as its text."""
    return value if isinstance(value, _PLAIN) else str(value)


def typed(contract: Contract, frame: pl.DataFrame) -> pl.DataFrame:
    """The contract's features as a graph takes them: numbers as Float64, text as String.

    Numbers and texts are taken as they come, so that 2.5 may stand where training saw whole
    numbers, and an empty text where a cell is missing; all else is held to the contract.

    Raises
    ------
    ContractViolation
        A cell is of the wrong kind.
    """
    numbers = [
        c.name for c in contract.features if c.kind in _NUMBERS and _is_number(frame[c.name])
    ]
    texts = [c.name for c in contract.features if c.kind in _TEXTS and _is_string(frame[c.name])]
    done = frame.select(
        pl.col(numbers).cast(pl.Float64).fill_nan(None), pl.col(texts).str.strip_chars()
    )
    known = {*numbers, *texts}
    others = Contract(columns=tuple(c for c in contract.features if c.name not in known))
    if not others.columns:
        return done
    return done.hstack(others.conform(frame.select(c.name for c in others.columns)))


def _is_string(series: pl.Series) -> bool:
    return series.dtype == pl.String


def _is_number(series: pl.Series) -> bool:
    return series.dtype.is_numeric() or series.dtype == pl.Boolean


def read_answers(y: Any) -> Array:
    """Answers in one dimension, shape (n_rows,), as their library writes them in NumPy.

    Raises
    ------
    ValueError
        They have two dimensions or more; a single column is taken, with a warning.
    """
    arrow = hasattr(y, "__arrow_c_array__") or hasattr(y, "__arrow_c_stream__")
    if isinstance(y, pl.Series) or (arrow and not hasattr(y, "__array__")):
        series = pl.Series(y)
        y = (series.cast(pl.String) if _is_category(series) else series).to_numpy()
    return np.asarray(column_or_1d(y, warn=True))


def _is_category(series: pl.Series) -> bool:
    return series.dtype == pl.Categorical or isinstance(series.dtype, pl.Enum)


def is_missing(y: Array) -> npt.NDArray[np.bool_]:
    """Which answers are None or NaN.

    Examples
    --------
    >>> is_missing(np.array(["a", None, float("nan")], dtype=object)).tolist()
    [False, True, True]
    """
    if y.dtype.kind == "O":
        return np.array([_is_absent(value) for value in y.tolist()], dtype=bool)
    if y.dtype.kind == "f":
        return np.isnan(y)
    return np.zeros(len(y), dtype=bool)


def _is_absent(value: object) -> bool:
    """None, NaN, or the missing value of pandas, which has no truth value to ask for."""
    nan = isinstance(value, float) and math.isnan(value)
    return value is None or nan or type(value).__name__ in {"NAType", "NaTType"}

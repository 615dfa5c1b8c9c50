"""From a table to the columns that a graph takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from assay.data.contract import Contract
from assay.errors import ContractViolation, InputError, UnknownColumn
from assay.model.plan import Array, Input

if TYPE_CHECKING:
    import polars as pl

_CATEGORY_KINDS = ("category", "text")
_MICROSECONDS_A_DAY = 86_400_000_000.0


def plan_inputs(contract: Contract) -> tuple[Input, ...]:
    """One input per feature column of the contract, in order.

    Numbers, integers, booleans (0 and 1) and dates (days since 1970-01-01, with the time of day
    as a fraction) are numbers; categories and text are categories.

    Examples
    --------
    >>> from assay.data.contract import Column, Contract
    >>> contract = Contract(columns=(Column(name="sold", kind="date"),
    ...                              Column(name="make", kind="category"),
    ...                              Column(name="price", kind="number", role="target")))
    >>> [(i.name, i.kind) for i in plan_inputs(contract)]
    [('sold', 'number'), ('make', 'category')]
    """
    return tuple(
        Input(name=c.name, kind="category" if c.kind in _CATEGORY_KINDS else "number")
        for c in contract.features
    )


def graph_inputs(inputs: Sequence[Input], frame: pl.DataFrame) -> dict[str, Array]:
    """The columns of ``frame`` as a graph takes them.

    Parameters
    ----------
    inputs : sequence of Input
        From `plan_inputs` or a scorer.
    frame : polars.DataFrame
        Typed as `Contract.conform` types it; further columns are left out.

    Returns
    -------
    dict of str to ndarray, shape (n, 1)
        ``number``: float64, NaN where missing. ``category``: object array of str, the empty
        string where missing.

    Raises
    ------
    UnknownColumn
        A column is absent.
    ContractViolation
        A column's type cannot be read as its kind.

    Examples
    --------
    >>> from datetime import date
    >>> import polars as pl
    >>> frame = pl.DataFrame({"sold": [date(1970, 1, 2), None], "make": ["audi", None]})
    >>> kinds = (Input(name="sold", kind="number"), Input(name="make", kind="category"))
    >>> {k: v.ravel().tolist() for k, v in graph_inputs(kinds, frame).items()}
    {'sold': [1.0, nan], 'make': ['audi', '']}
    """
    columns = dict(zip(frame.columns, frame.get_columns(), strict=True))
    plain = _plain_numbers(inputs, columns, frame)
    return {i.name: plain[i.name] if i.name in plain else _column(i, columns) for i in inputs}


def row_count(arrays: dict[str, Array]) -> int:
    """Number of rows that all arrays share; `InputError` where they differ or there are none."""
    sizes = {len(array) for array in arrays.values()}
    if len(sizes) != 1:
        raise InputError(
            "The columns to score do not have one common number of rows.",
            hint="Send every column, each of shape (rows, 1).",
        )
    return sizes.pop()


def _plain_numbers(
    inputs: Sequence[Input], columns: Mapping[str, pl.Series], frame: pl.DataFrame
) -> dict[str, Array]:
    """The columns that are doubles already, read in one go: a table may have thousands."""
    import polars as pl  # a scoring server has no tables, so it need not load them

    names = [
        item.name
        for item in inputs
        if item.kind == "number" and item.name in columns and columns[item.name].dtype == pl.Float64
    ]
    if not names:
        return {}
    matrix = frame.select(pl.col(names).fill_null(float("nan"))).to_numpy(order="fortran")
    return {name: matrix[:, place : place + 1] for place, name in enumerate(names)}


def _column(item: Input, columns: Mapping[str, pl.Series]) -> Array:
    if item.name not in columns:
        raise UnknownColumn(item.name, columns)
    series = columns[item.name]
    flat = _texts(series) if item.kind == "category" else _numbers(series)
    return flat.reshape(-1, 1)


def _numbers(series: pl.Series) -> Array:
    import polars as pl  # as above

    kind, unit = series.dtype, 1.0
    if kind == pl.Date:
        series = series.cast(pl.Int32)
    elif isinstance(kind, pl.Datetime):
        series, unit = series.dt.epoch("us"), _MICROSECONDS_A_DAY
    elif not (kind.is_numeric() or kind in (pl.Boolean, pl.Null)):
        raise _wrong_kind(series, "a number, a boolean or a date")
    numbers = series.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    return np.asarray(numbers, dtype=np.float64) / unit


def _texts(series: pl.Series) -> Array:
    import polars as pl  # as above

    kind = series.dtype
    if not (kind in (pl.String, pl.Categorical, pl.Null) or isinstance(kind, pl.Enum)):
        raise _wrong_kind(series, "text")
    texts = series.cast(pl.String).fill_null("").to_numpy()
    return np.asarray(texts, dtype=object)


def _wrong_kind(series: pl.Series, expected: str) -> ContractViolation:
    return ContractViolation(
        [{"column": series.name, "row": None, "expected": expected, "got": str(series.dtype)}]
    )

"""The encoders of a plan in NumPy: the reference that the graph is held to.

Everything is computed in double and cast to float32 at the end, as in the graph, so that the
features are equal bit for bit (the sign of a zero aside).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from assay.errors import UnknownColumn
from assay.model.inputs import row_count
from assay.model.plan import (
    Array,
    DateEncoder,
    Encoder,
    Float32,
    Float64,
    LevelEncoder,
    MissingEncoder,
    ModelPlan,
    NumberEncoder,
    OneHotEncoder,
)

FIRST_DAY, LAST_DAY = -719_162.0, 2_932_896.0
"""0001-01-01 and 9999-12-31, in days since 1970-01-01."""


def encode(plan: ModelPlan | Sequence[Encoder], inputs: Mapping[str, Array]) -> Float32:
    """The features that members read.

    Parameters
    ----------
    plan : ModelPlan or sequence of Encoder
        Whose encoders to apply, in order.
    inputs : mapping of str to ndarray, shape (n, 1)
        As `graph_inputs` gives them.

    Returns
    -------
    ndarray of float32, shape (n, n_features), C-contiguous

    Examples
    --------
    >>> encoders = (NumberEncoder(column="age", fill=40.0, low=18.0, high=90.0),
    ...             OneHotEncoder(column="fuel", levels=("diesel", "gas")))
    >>> inputs = {"age": np.array([[np.nan], [120.0]]),
    ...           "fuel": np.array([["gas"], ["coal"]], dtype=object)}
    >>> encode(encoders, inputs).tolist()
    [[40.0, 0.0, 1.0, 0.0], [90.0, 0.0, 0.0, 1.0]]
    """
    encoders = plan.encoders if isinstance(plan, ModelPlan) else tuple(plan)
    for encoder in encoders:
        if encoder.column not in inputs:
            raise UnknownColumn(encoder.column, inputs)
    needed = {e.column: inputs[e.column] for e in encoders}
    features = np.empty((row_count(needed), feature_count(encoders)), dtype=np.float32)
    start = 0
    for encoder in encoders:
        width = feature_width(encoder)
        column = needed[encoder.column].reshape(-1)
        with np.errstate(over="ignore"):
            features[:, start : start + width] = _ENCODE[type(encoder)](encoder, column)
        start += width
    return features


def feature_width(encoder: Encoder) -> int:
    """How many features one encoder makes."""
    if isinstance(encoder, OneHotEncoder):
        return len(encoder.levels) + 1
    return 2 if isinstance(encoder, DateEncoder) else 1


def feature_count(encoders: Sequence[Encoder]) -> int:
    """How many features the encoders make together."""
    return sum(feature_width(e) for e in encoders)


def feature_columns(encoders: Sequence[Encoder]) -> tuple[str, ...]:
    """For each feature, the user's column it is made from."""
    return tuple(e.column for e in encoders for _ in range(feature_width(e)))


def name_features(encoders: Sequence[Encoder]) -> tuple[str, ...]:
    """A name for each feature, which says from what it is made.

    Examples
    --------
    >>> name_features([MissingEncoder(column="age"), OneHotEncoder(column="fuel", levels=("gas",)),
    ...                DateEncoder(column="sold", fill=0.0)])
    ('age is missing', 'fuel = gas', 'fuel = other', 'sold: month', 'sold: weekday')
    """
    return tuple(name for encoder in encoders for name in _names(encoder))


def calendar(days: Float64) -> tuple[Float64, Float64]:
    """Month (1 to 12) and weekday (0 = Monday) of days since 1970-01-01, in double.

    Days are bounded to the years 1 to 9999; fractions of a day are dropped. Every product and
    quotient is below 2^53 and no quotient lies within rounding of the next integer, so the
    floors are exact. Source: C. Neri and L. Schneider, Euclidean affine functions and their
    application to calendar algorithms, Software: Practice and Experience 53 (2023).

    Examples
    --------
    >>> month, weekday = calendar(np.array([0.0, 59.5, -1.0]))
    >>> month.tolist(), weekday.tolist()
    ([1.0, 3.0, 12.0], [3.0, 6.0, 2.0])
    """
    since_march = np.floor(np.minimum(np.maximum(days, FIRST_DAY), LAST_DAY)) + 719_468.0
    day_of_century = np.floor(np.fmod(4.0 * since_march + 3.0, 146_097.0) / 4.0)
    day_of_year = np.floor(np.fmod(4.0 * day_of_century + 3.0, 1_461.0) / 4.0)
    month = np.fmod(np.floor((2_141.0 * day_of_year + 132_377.0) / 65_536.0), 12.0) + 1.0
    return month, np.fmod(since_march + 2.0, 7.0)


def _number(encoder: NumberEncoder, column: Array) -> Array:
    filled = np.where(np.isnan(column), encoder.fill, column)
    bounded = np.minimum(np.maximum(filled, encoder.low), encoder.high)
    return (bounded - encoder.offset).astype(np.float32)[:, None]


def _missing(_: MissingEncoder, column: Array) -> Array:
    is_text = column.dtype.kind in "OU"
    missing = np.asarray(column == "") if is_text else np.isnan(column)
    return missing.astype(np.float32)[:, None]


def _level(encoder: LevelEncoder, column: Array) -> Array:
    table = dict(zip(encoder.levels, encoder.values, strict=True))
    table[""] = encoder.missing
    found = (table.get(value, encoder.unseen) for value in column)
    return np.fromiter(found, dtype=np.float64, count=len(column)).astype(np.float32)[:, None]


def _one_hot(encoder: OneHotEncoder, column: Array) -> Array:
    codes = {level: code for code, level in enumerate(encoder.levels)}
    rest = len(codes)
    hot = np.zeros((len(column), rest + 1), dtype=np.float32)
    found = (codes.get(value, rest) for value in column)
    hot[np.arange(len(column)), np.fromiter(found, dtype=np.int64, count=len(column))] = 1.0
    return hot


def _date(encoder: DateEncoder, column: Array) -> Array:
    days = np.where(np.isnan(column), encoder.fill, column)
    return np.stack(calendar(days), axis=1).astype(np.float32)


_ENCODE: dict[type, Callable[..., Array]] = {
    NumberEncoder: _number,
    MissingEncoder: _missing,
    LevelEncoder: _level,
    OneHotEncoder: _one_hot,
    DateEncoder: _date,
}


def _names(encoder: Encoder) -> list[str]:
    column = encoder.column
    if isinstance(encoder, OneHotEncoder):
        return [f"{column} = {level}" for level in (*encoder.levels, "other")]
    if isinstance(encoder, DateEncoder):
        return [f"{column}: month", f"{column}: weekday"]
    return [f"{column} is missing" if isinstance(encoder, MissingEncoder) else column]

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
    CrossEncoder,
    DateEncoder,
    DatePart,
    Encoder,
    Float32,
    Float64,
    HashedTextEncoder,
    HashEncoder,
    LevelEncoder,
    MissingEncoder,
    ModelPlan,
    NumberEncoder,
    OneHotEncoder,
    PairEncoder,
    TextEncoder,
    columns_of,
)
from assay.model.text import bucket, ngrams, separator, tokens

FIRST_DAY, LAST_DAY = -719_162.0, 2_932_896.0
"""0001-01-01 and 9999-12-31, in days since 1970-01-01."""
FIRST_OF_JANUARY = 306.0
"""Its place in a year that begins on 1 March, from 0."""
MICROSECONDS_A_DAY, MICROSECONDS_AN_HOUR = 86_400_000_000.0, 3_600_000_000.0


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
        for name in columns_of(encoder):
            if name not in inputs:
                raise UnknownColumn(name, inputs)
    needed = {name: inputs[name] for e in encoders for name in columns_of(e)}
    features = np.empty((row_count(needed), feature_count(encoders)), dtype=np.float32)
    start = 0
    for encoder in encoders:
        width = feature_width(encoder)
        columns = [needed[name].reshape(-1) for name in columns_of(encoder)]
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            features[:, start : start + width] = _ENCODE[type(encoder)](encoder, *columns)
        start += width
    return features


def feature_width(encoder: Encoder) -> int:
    """How many features one encoder makes."""
    if isinstance(encoder, OneHotEncoder):
        return len(encoder.levels) + 1
    if isinstance(encoder, DateEncoder):
        return len(encoder.parts)
    if isinstance(encoder, TextEncoder):
        return len(encoder.terms)
    return encoder.buckets if isinstance(encoder, (HashEncoder, HashedTextEncoder)) else 1


def feature_count(encoders: Sequence[Encoder]) -> int:
    """How many features the encoders make together."""
    return sum(feature_width(e) for e in encoders)


def feature_columns(encoders: Sequence[Encoder]) -> tuple[tuple[str, ...], ...]:
    """For each feature, the user's columns it is made from."""
    return tuple(columns_of(e) for e in encoders for _ in range(feature_width(e)))


def name_features(encoders: Sequence[Encoder]) -> tuple[str, ...]:
    """A name for each feature, which says from what it is made.

    Examples
    --------
    >>> name_features([MissingEncoder(column="age"), OneHotEncoder(column="fuel", levels=("gas",)),
    ...                DateEncoder(column="sold", fill=0.0)])
    ('age is missing', 'fuel = gas', 'fuel = other', 'sold: month', 'sold: weekday')
    """
    return tuple(name for encoder in encoders for name in _names(encoder))


def calendar(days: Float64) -> dict[DatePart, Float64]:
    """Parts of the calendar and the clock of days since 1970-01-01, in double.

    Days are bounded to the years 1 to 9999. Every product and quotient is below 2^53 and no
    quotient lies within rounding of the next integer, so the floors are exact. The time of day
    is rounded to the microsecond first, which a double holds for these years to within one.
    Source: C. Neri and L. Schneider, Euclidean affine functions and their application to
    calendar algorithms, Software: Practice and Experience 53 (2023).

    Examples
    --------
    >>> parts = calendar(np.array([0.0, 59.5, -1.0]))
    >>> parts["month"].tolist(), parts["weekday"].tolist(), parts["hour"].tolist()
    ([1.0, 3.0, 12.0], [3.0, 6.0, 2.0], [0.0, 12.0, 0.0])
    """
    bounded = np.minimum(np.maximum(days, FIRST_DAY), LAST_DAY)
    day = np.floor(bounded)
    since_march = day + 719_468.0
    of_400_years = 4.0 * since_march + 3.0
    century = np.floor(of_400_years / 146_097.0)
    of_100_years = 4.0 * np.floor(np.fmod(of_400_years, 146_097.0) / 4.0) + 3.0
    year_of_century = np.floor(of_100_years / 1_461.0)
    march_day = np.floor(np.fmod(of_100_years, 1_461.0) / 4.0)
    late = np.asarray(march_day >= FIRST_OF_JANUARY, dtype=np.float64)
    year = 100.0 * century + year_of_century + late
    microseconds = np.floor((bounded - day) * MICROSECONDS_A_DAY + 0.5)
    return {
        "year": year,
        "month": np.fmod(np.floor((2_141.0 * march_day + 132_377.0) / 65_536.0), 12.0) + 1.0,
        "day": np.floor(np.fmod(2_141.0 * march_day + 197_913.0, 65_536.0) / 2_141.0) + 1.0,
        "weekday": np.fmod(since_march + 2.0, 7.0),
        "day_of_year": march_day + 1.0 + np.where(late, -FIRST_OF_JANUARY, 59.0 + _leap(year)),
        "hour": np.minimum(np.floor(microseconds / MICROSECONDS_AN_HOUR), 23.0),
    }


def _leap(year: Float64) -> Float64:
    """1.0 in leap years."""
    fourth, century, fourth_century = (np.fmod(year, n) == 0 for n in (4.0, 100.0, 400.0))
    return np.asarray(fourth & ~century | fourth_century, dtype=np.float64)


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


def _hash(encoder: HashEncoder, column: Array) -> Array:
    found = {text: bucket(text, encoder.buckets, encoder.seed) for text in set(column.tolist())}
    found[""] = encoder.buckets
    hot = np.zeros((len(column), encoder.buckets + 1), dtype=np.float32)
    hot[np.arange(len(column)), [found[text] for text in column.tolist()]] = 1.0
    return hot[:, :-1]


def _cross(encoder: CrossEncoder, one: Array, other: Array) -> Array:
    table = dict(zip(encoder.levels, encoder.values, strict=True))
    pairs = zip(one.tolist(), other.tolist(), strict=True)
    found = [table.get(pair, encoder.unseen) for pair in pairs]
    return np.array(found, dtype=np.float64).astype(np.float32)[:, None]


def _pair(encoder: PairEncoder, one: Array, other: Array) -> Array:
    value = _OPERATIONS[encoder.operation](one, other)
    filled = np.where(np.isnan(value), encoder.fill, value)
    bounded = np.minimum(np.maximum(filled, encoder.low), encoder.high)
    return bounded.astype(np.float32)[:, None]


def _date(encoder: DateEncoder, column: Array) -> Array:
    days = np.where(np.isnan(column), encoder.fill, column)
    parts = calendar(days)
    return np.stack([parts[name] for name in encoder.parts], axis=1).astype(np.float32)


def _text(encoder: TextEncoder, column: Array) -> Array:
    place = {term: i for i, term in enumerate(encoder.terms)}
    lengths = sorted({len(term) for term in encoder.terms})
    counts = np.zeros((len(column), len(place)))
    for row, text in enumerate(column.tolist()):
        parts = tokens(text, encoder.analyzer)
        for length in lengths:
            for gram in ngrams(parts, length):
                if gram in place:
                    counts[row, place[gram]] += 1.0
    weighted = counts * np.asarray(encoder.weights, dtype=np.float64)
    return _unit(weighted) if encoder.unit_length else weighted.astype(np.float32)


def _hashed_text(encoder: HashedTextEncoder, column: Array) -> Array:
    counts = np.zeros((len(column), encoder.buckets))
    between = separator(encoder.analyzer)
    for row, text in enumerate(column.tolist()):
        parts = tokens(text, encoder.analyzer)
        for length in range(encoder.shortest, encoder.longest + 1):
            for gram in ngrams(parts, length):
                counts[row, bucket(between.join(gram), encoder.buckets, encoder.seed)] += 1.0
    return _unit(counts) if encoder.unit_length else counts.astype(np.float32)


def _unit(rows: Float64) -> Array:
    """Rows divided by their Euclidean length; rows of zeros as they are."""
    length = np.sqrt((rows**2).sum(axis=1, keepdims=True))
    return (rows / np.where(length == 0, 1.0, length)).astype(np.float32)


_OPERATIONS: dict[str, Callable[[Array, Array], Array]] = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.divide,
}

_ENCODE: dict[type, Callable[..., Array]] = {
    NumberEncoder: _number,
    MissingEncoder: _missing,
    LevelEncoder: _level,
    OneHotEncoder: _one_hot,
    HashEncoder: _hash,
    CrossEncoder: _cross,
    PairEncoder: _pair,
    DateEncoder: _date,
    TextEncoder: _text,
    HashedTextEncoder: _hashed_text,
}

_SIGNS = {"add": "+", "subtract": "-", "multiply": "×", "divide": "/"}


def _names(encoder: Encoder) -> list[str]:
    if isinstance(encoder, CrossEncoder):
        return [f"{encoder.columns[0]} with {encoder.columns[1]}"]
    if isinstance(encoder, PairEncoder):
        return [f" {_SIGNS[encoder.operation]} ".join(encoder.columns)]
    if isinstance(encoder, (NumberEncoder, LevelEncoder)):
        return [encoder.column]
    return [f"{encoder.column}{what}" for what in _whats(encoder)]


def _whats(
    encoder: MissingEncoder
    | OneHotEncoder
    | HashEncoder
    | DateEncoder
    | TextEncoder
    | HashedTextEncoder,
) -> list[str]:
    """What each feature tells of its column."""
    if isinstance(encoder, MissingEncoder):
        return [" is missing"]
    if isinstance(encoder, OneHotEncoder):
        return [f" = {level}" for level in (*encoder.levels, "other")]
    if isinstance(encoder, DateEncoder):
        return [f": {part.replace('_', ' ')}" for part in encoder.parts]
    if isinstance(encoder, TextEncoder):
        between = separator(encoder.analyzer)
        return [f" has {between.join(term)}" for term in encoder.terms]
    return [f": bucket {i}" for i in range(encoder.buckets)]

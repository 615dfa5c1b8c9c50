"""Encoders applied to a `Table`: what a category gives is worked out once a level."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from assay.automl.table import Category, Rows, Table
from assay.errors import UnknownColumn
from assay.model.encode import encode, feature_count, feature_width
from assay.model.plan import (
    Array,
    Encoder,
    Float32,
    TextEncoder,
    columns_of,
)
from assay.model.text import WORD_PATTERN

CHUNK = 50_000
"""Texts that are cut into words at a time: their counts would take much memory all at once."""
ROWS_AT_A_TIME = 4_000
"""Rows that are written at a time, which then stay in the processor's cache."""


def encode_table(encoders: Sequence[Encoder], table: Table) -> Float32:
    """The features of a table, equal bit for bit to ``encode(encoders, table.inputs())``.

    Returns
    -------
    ndarray of float32, shape (n_rows, n_features), C-contiguous
        What a category's level gives is worked out once a level.

    Raises
    ------
    UnknownColumn
        The table lacks a column that an encoder reads.
    """
    features = np.empty((table.rows, feature_count(encoders)), dtype=np.float32)
    read: dict[tuple[str, ...], list[tuple[int, Encoder]]] = {}
    start = 0
    for encoder in encoders:
        read.setdefault(columns_of(encoder), []).append((start, encoder))
        start += feature_width(encoder)
    for names, placed in read.items():
        values, codes = _level_features(names, [encoder for _, encoder in placed], table)
        end = 0
        for start, encoder in placed:
            width = feature_width(encoder)
            _write(features[:, start : start + width], values[:, end : end + width], codes)
            end += width
    return features


def observed_pairs(one: Category, other: Category) -> tuple[Rows, Rows]:
    """The pairs of levels that occur, as one number each, ascending; each row's place in them."""
    cells = len(one.texts) * len(other.texts)
    pairs = one.codes.astype(np.int64) * len(other.texts) + other.codes
    if cells > 4 * len(pairs) + CHUNK:
        found, places = np.unique(pairs, return_inverse=True)
        return found, places
    return _occurring(pairs, cells)


def words(texts: pl.Series) -> pl.DataFrame:
    """Every word of every text, as `assay.model.text.tokens` cuts them.

    Returns
    -------
    polars.DataFrame
        ``text``, the place of the text; ``word``, once for each time that it occurs.

    Examples
    --------
    >>> words(pl.Series(["Red car", "", "red"])).rows()
    [(0, 'red'), (0, 'car'), (2, 'red')]
    """
    word = pl.col("word")
    is_ascii = word.str.len_bytes() == word.str.len_chars()
    return (
        pl.DataFrame({"word": texts.str.extract_all(WORD_PATTERN)})
        .with_row_index("text")
        .explode("word")
        .drop_nulls()
        .with_columns(pl.when(is_ascii).then(word.str.to_lowercase()).otherwise(word))
    )


def _occurring(codes: Array, size: int) -> tuple[Rows, Rows]:
    """The codes below ``size`` that occur, ascending, and each row's place in them."""
    occurs = np.zeros(size, dtype=np.bool_)
    occurs[codes] = True
    return np.flatnonzero(occurs), (np.cumsum(occurs) - 1)[codes]


def _write(features: Float32, values: Float32, codes: npt.NDArray[np.integer] | None) -> None:
    """Put the values, or those at the rows' codes, in place."""
    if codes is None:
        features[:] = values
        return
    own = np.ascontiguousarray(values)
    for start in range(0, len(codes), ROWS_AT_A_TIME):
        rows = slice(start, start + ROWS_AT_A_TIME)
        features[rows] = own[codes[rows]]


def _level_features(
    names: tuple[str, ...], encoders: Sequence[Encoder], table: Table
) -> tuple[Float32, npt.NDArray[np.integer] | None]:
    """The features of encoders that read the same columns; each row's place, if not its own."""
    for name in names:
        if name not in table.numbers and name not in table.categories:
            raise UnknownColumn(name, [*table.numbers, *table.categories])
    if names[0] in table.numbers:
        return encode(encoders, {name: table.numbers[name][:, None] for name in names}), None
    one = table.categories[names[0]]
    if len(names) == 2:
        other = table.categories[names[1]]
        pairs, places = observed_pairs(one, other)
        first, second = np.divmod(pairs, len(other.texts))
        inputs = {names[0]: _texts(one, first), names[1]: _texts(other, second)}
        return encode(encoders, inputs), places
    used, places = _occurring(one.codes, len(one.texts))
    return np.hstack([_of_levels(encoder, one, used) for encoder in encoders]), places


def _of_levels(encoder: Encoder, category: Category, levels: Rows) -> Float32:
    if isinstance(encoder, TextEncoder) and _counts_words(encoder):
        return _word_features(encoder, category.texts.gather(levels))
    return encode([encoder], {columns_of(encoder)[0]: _texts(category, levels)})


def _texts(category: Category, levels: Rows) -> Array:
    """Some levels as a column that `encode` takes."""
    return np.asarray(category.texts.gather(levels).to_numpy(), dtype=object)[:, None]


def _counts_words(encoder: TextEncoder) -> bool:
    """Whether its terms are single words, as `learn_features` makes them."""
    return encoder.analyzer == "word" and all(len(term) == 1 for term in encoder.terms)


def _word_features(encoder: TextEncoder, texts: pl.Series) -> Float32:
    """What `encode` makes of single words, without a step of Python for each text."""
    places = pl.DataFrame(
        {"word": [word for (word,) in encoder.terms], "place": range(len(encoder.terms))}
    )
    weights = np.asarray(encoder.weights, dtype=np.float64)
    features = np.empty((len(texts), len(weights)), dtype=np.float32)
    for start in range(0, len(texts), CHUNK):
        part = texts.slice(start, CHUNK)
        found = words(part).join(places, on="word", maintain_order="left")
        cells = found["text"].to_numpy().astype(np.int64) * len(weights) + found["place"].to_numpy()
        counts = np.bincount(cells, minlength=len(part) * len(weights))
        weighted = counts.reshape(len(part), len(weights)) * weights
        if encoder.unit_length:
            length = np.sqrt((weighted**2).sum(axis=1, keepdims=True))
            weighted /= np.where(length == 0, 1.0, length)
        features[start : start + CHUNK] = weighted
    return features

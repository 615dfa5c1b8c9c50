"""Hashes and texts as graph nodes; the rules of tokens are in `assay.model.text`."""

from __future__ import annotations

from string import ascii_lowercase, ascii_uppercase
from typing import Any

import numpy as np
from onnx import TensorProto

from assay.model.graph import ML, GraphBuilder
from assay.model.plan import Analyzer, HashedTextEncoder, HashEncoder, TextEncoder
from assay.model.text import PAD, WORD_PATTERN, separator


def compile_hashes(builder: GraphBuilder, encoder: HashEncoder, column: str) -> str:
    """Float (N, buckets); the bucket after the last is that of missing cells, and falls away."""
    buckets = _buckets(builder, column, encoder.buckets, encoder.seed)
    nothing = builder.constant(np.array([[""]], dtype=object))
    missing = builder.node("Equal", column, nothing)
    code = builder.node("Where", missing, _whole(builder, encoder.buckets), buckets)
    hot = builder.node("Squeeze", _one_hot(builder, code, encoder.buckets), builder.axis(1))
    return _first(builder, hot, encoder.buckets)


def compile_text(builder: GraphBuilder, encoder: TextEncoder, column: str) -> str:
    """Float (N, n_terms)."""
    parts = _tokens(builder, column, encoder.analyzer)
    lengths = sorted({len(term) for term in encoder.terms})
    order = sorted(range(len(encoder.terms)), key=lambda i: len(encoder.terms[i]))
    pool = [token for i in order for token in encoder.terms[i]]
    starts = _pool_starts([len(encoder.terms[i]) for i in order], lengths[-1])
    counts = builder.node(
        "TfIdfVectorizer",
        parts,
        mode="TF",
        min_gram_length=lengths[0],
        max_gram_length=lengths[-1],
        max_skip_count=0,
        ngram_counts=starts,
        ngram_indexes=order,
        pool_strings=pool,
    )
    exact = builder.cast(counts, TensorProto.DOUBLE)
    weights = builder.constant(np.asarray(encoder.weights, dtype=np.float64)[None, :])
    weighted = builder.node("Mul", exact, weights)
    return _finished(builder, weighted, unit_length=encoder.unit_length)


def compile_hashed_text(builder: GraphBuilder, encoder: HashedTextEncoder, column: str) -> str:
    """Float (N, buckets)."""
    parts = _tokens(builder, column, encoder.analyzer)
    between = separator(encoder.analyzer)
    codes = []
    for length in range(encoder.shortest, encoder.longest + 1):
        grams, blank = _grams(builder, parts, length, between)
        code = _buckets(builder, grams, encoder.buckets, encoder.seed)
        codes.append(builder.node("Where", blank, _whole(builder, encoder.buckets), code))
    hot = _one_hot(builder, builder.concat(codes), encoder.buckets)
    counts = builder.node("ReduceSum", hot, builder.axis(1), keepdims=0)
    exact = builder.cast(_first(builder, counts, encoder.buckets), TensorProto.DOUBLE)
    return _finished(builder, exact, unit_length=encoder.unit_length)


def _tokens(builder: GraphBuilder, column: str, analyzer: Analyzer) -> str:
    """Tokens of each text, short rows and the last column filled with `PAD`, (N, T)."""
    flat = builder.node("Reshape", column, builder.axis(-1))
    how: dict[str, Any] = {"separators": [""]} if analyzer == "char" else {"tokenexp": WORD_PATTERN}
    how |= {"mark": 0, "mincharnum": 1, "pad_value": PAD}
    found = builder.foreign("Tokenizer", flat, TensorProto.STRING, ("N", "T"), **how)
    # Where no text has a token, the tokenizer gives no column at all; one of pads is added.
    pads = builder.node(
        "LabelEncoder", column, domain=ML, keys_strings=[""], values_strings=[PAD],
        default_string=PAD,
    )  # fmt: skip
    parts = builder.node("Concat", found, pads, axis=1)
    return _lower_letters(builder, parts) if analyzer == "char" else _lower_words(builder, parts)


def _lower_letters(builder: GraphBuilder, letters: str) -> str:
    """A to Z by a table; every other letter stays."""
    lower = builder.node(
        "LabelEncoder", letters, domain=ML, keys_strings=list(ascii_uppercase),
        values_strings=list(ascii_lowercase), default_string="",
    )  # fmt: skip
    other = builder.node("Equal", lower, builder.constant(np.array([[""]], dtype=object)))
    return builder.node("Where", other, letters, lower)


def _lower_words(builder: GraphBuilder, words: str) -> str:
    """Words of ASCII alone in lower case, which is the same in every locale and build."""
    flat = builder.node("Reshape", words, builder.axis(-1))
    lower = builder.node(
        "StringNormalizer", flat, case_change_action="LOWER", is_case_sensitive=1, locale="C"
    )
    plain = builder.node("RegexFullMatch", flat, pattern=r"[\x00-\x7f]*")
    kept = builder.node("Where", plain, lower, flat)
    return builder.node("Reshape", kept, builder.node("Shape", words))


def _grams(builder: GraphBuilder, parts: str, length: int, between: str) -> tuple[str, str]:
    """N-grams as one string each, and where they hold a pad: (N, T)."""
    pad = builder.constant(np.array([[PAD]], dtype=object))
    joined, blank = parts, builder.node("Equal", parts, pad)
    for shift in range(1, length):
        moved = _shifted(builder, parts, shift)
        if between:
            joined = builder.node(
                "StringConcat", joined, builder.constant(np.array([[between]], dtype=object))
            )
        joined = builder.node("StringConcat", joined, moved)
        blank = builder.node("Or", blank, builder.node("Equal", moved, pad))
    return joined, blank


def _shifted(builder: GraphBuilder, parts: str, shift: int) -> str:
    """Each row moved left; what the last column, all pads, holds comes in from the right."""
    last = builder.node("Slice", parts, *_slice(builder, -1, np.iinfo(np.int64).max))
    rest = builder.node("Slice", parts, *_slice(builder, shift, np.iinfo(np.int64).max))
    shape = builder.node("Shape", parts)
    wide = builder.node("Concat", rest, *([last] * shift), axis=1)
    width = builder.node("Slice", shape, builder.axis(1), builder.axis(2))
    start, axis = builder.axis(0), builder.axis(1)
    return builder.node("Slice", wide, start, width, axis)


def _slice(builder: GraphBuilder, start: int, stop: int) -> tuple[str, str, str]:
    """Start, stop and axis of a slice of columns."""
    return builder.axis(start), builder.axis(stop), builder.axis(1)


def _buckets(builder: GraphBuilder, texts: str, buckets: int, seed: int) -> str:
    """MurmurHash3 of each text modulo ``buckets``, int64."""
    shape = ("N", "hashed")
    hashed = builder.foreign("MurmurHash3", texts, TensorProto.UINT32, shape, positive=1, seed=seed)
    return builder.node("Mod", builder.cast(hashed, TensorProto.INT64), _whole(builder, buckets))


def _one_hot(builder: GraphBuilder, codes: str, buckets: int) -> str:
    """One 1.0 along a further axis of ``buckets + 1``."""
    off_on = builder.constant(np.array([0.0, 1.0], dtype=np.float32))
    return builder.node("OneHot", codes, _whole(builder, buckets + 1), off_on, axis=-1)


def _first(builder: GraphBuilder, matrix: str, count: int) -> str:
    """The first columns of a matrix."""
    return builder.node("Slice", matrix, *_slice(builder, 0, count))


def _finished(builder: GraphBuilder, rows: str, *, unit_length: bool) -> str:
    """Divided by their Euclidean length where asked for, and cast to float."""
    if unit_length:
        squares = builder.node("ReduceSumSquare", rows, builder.axis(1), keepdims=1)
        length = builder.node("Sqrt", squares)
        nothing = builder.node("Equal", length, builder.number(0.0))
        rows = builder.node(
            "Div", rows, builder.node("Where", nothing, builder.number(1.0), length)
        )
    return builder.cast(rows, TensorProto.FLOAT)


def _pool_starts(lengths: list[int], longest: int) -> list[int]:
    """Where in the pool the n-grams of each length begin; ``lengths`` ascend."""
    return [sum(n for n in lengths if n < length) for length in range(1, longest + 1)]


def _whole(builder: GraphBuilder, value: int) -> str:
    return builder.constant(np.array(value, dtype=np.int64))

"""How short texts fall into tokens and n-grams, and how letters are hashed.

The rules are few, so that NumPy, ONNX Runtime on any system and a browser agree on every text:
a token is brought to lower case where all of it is ASCII and stays as written otherwise (what
"lower case" does beyond ASCII differs between systems, in the locale "C" too), a word is a run
of ASCII letters, digits, underscores and anything beyond ASCII, and nothing else is normalised.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from assay.model.plan import Analyzer

PAD = "\x01"
"""Fills short rows of tokens in the graph; an n-gram that holds it does not count."""
WORD_PATTERN = r"[0-9A-Za-z_\x{80}-\x{10FFFF}]+"
"""A word, as the graph's tokenizer (RE2) spells it."""

_WORD = re.compile("[0-9A-Za-z_\x80-\U0010ffff]+")
_32_BITS = 0xFFFFFFFF


def tokens(text: str, analyzer: Analyzer) -> list[str]:
    """The tokens of a text, in order.

    Examples
    --------
    >>> tokens("Don't PANIC, Ärzte!", "word")
    ['don', 't', 'panic', 'Ärzte']
    >>> tokens("A Éb", "char")
    ['a', ' ', 'É', 'b']
    """
    parts = text if analyzer == "char" else _WORD.findall(text)
    return [part.lower() if part.isascii() else part for part in parts]


def ngrams(parts: Sequence[str], length: int) -> list[tuple[str, ...]]:
    """Every run of ``length`` tokens that holds no `PAD`.

    Examples
    --------
    >>> ngrams(["to", "be", "or"], 2)
    [('to', 'be'), ('be', 'or')]
    """
    runs = (tuple(parts[i : i + length]) for i in range(len(parts) - length + 1))
    return [run for run in runs if PAD not in run]


def separator(analyzer: Analyzer) -> str:
    """What stands between the tokens of an n-gram before it is hashed."""
    return "" if analyzer == "char" else " "


def bucket(text: str, buckets: int, seed: int) -> int:
    """The bucket of a text: its hash modulo ``buckets``."""
    return murmur3(text.encode("utf-8", "surrogatepass"), seed) % buckets


def murmur3(body: bytes, seed: int) -> int:
    """MurmurHash3, x86, 32 bits (A. Appleby, public domain), as an unsigned number.

    Examples
    --------
    >>> murmur3(b"", 0), murmur3(b"hello", 0)
    (0, 613153351)
    """
    state = seed & _32_BITS
    whole = len(body) // 4 * 4
    for start in range(0, whole, 4):
        state ^= _scramble(int.from_bytes(body[start : start + 4], "little"))
        state = (_rotated(state, 13) * 5 + 0xE6546B64) & _32_BITS
    if body[whole:]:
        state ^= _scramble(int.from_bytes(body[whole:], "little"))
    state ^= len(body)
    state = ((state ^ (state >> 16)) * 0x85EBCA6B) & _32_BITS
    state = ((state ^ (state >> 13)) * 0xC2B2AE35) & _32_BITS
    return state ^ (state >> 16)


def _scramble(block: int) -> int:
    return _rotated(block * 0xCC9E2D51 & _32_BITS, 15) * 0x1B873593 & _32_BITS


def _rotated(word: int, by: int) -> int:
    return (word << by | word >> (32 - by)) & _32_BITS

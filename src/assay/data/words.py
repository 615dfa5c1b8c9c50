"""The written forms of yes and no."""

from __future__ import annotations

PAIRS = (("yes", "no"), ("y", "n"), ("true", "false"), ("t", "f"), ("on", "off"))
"""Pairs that make a column of strings a boolean; case does not matter."""

TRUE_WORDS = frozenset({"1", *(yes for yes, _ in PAIRS)})
FALSE_WORDS = frozenset({"0", *(no for _, no in PAIRS)})

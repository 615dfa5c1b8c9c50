"""Durations as people write them."""

from __future__ import annotations

import re

from assay.errors import InputError

_UNITS = {"": 1.0, "s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


def budget_seconds(budget: str | float) -> float:
    """Seconds of a budget.

    Raises
    ------
    InputError
        It is no positive duration.

    Examples
    --------
    >>> budget_seconds("60s"), budget_seconds("5min"), budget_seconds("2h"), budget_seconds(30)
    (60.0, 300.0, 7200.0, 30.0)
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", str(budget).lower())
    unit = found[2] if found else "?"
    if found is None or unit not in _UNITS or float(found[1]) == 0:
        raise InputError(
            "The budget is no positive duration.",
            hint="Write seconds, or a number with a unit: 60s, 5min, 2h.",
        )
    return float(found[1]) * _UNITS[unit]

"""The sentences in which the gate gives its reasons."""

from __future__ import annotations

import math
from typing import Literal

from assay.assess.finding import Finding
from assay.policy.policy import Rule

_ROWS = {
    "held-out": "held-out rows",
    "cross-fitted": "cross-fitted rows",
    "table": "rows of the table",
}


def measured(rule: Rule, finding: Finding, status: Literal["met", "not met", "undecided"]) -> str:
    """What was measured, its bound, the limit and the rows: one sentence.

    ``value``, ``lower`` and ``upper`` of the finding are numbers, and the rule has a limit.
    """
    value, lower, upper = finding.value or 0.0, finding.lower or 0.0, finding.upper or 0.0
    limits = [limit for limit in (rule.at_most, rule.at_least) if limit is not None]
    digits = _digits(value, lower, upper, *limits)

    def say(number: float) -> str:
        return with_unit(number, finding.unit, digits=digits)

    parts = [f"{finding.measure[:1].upper()}{finding.measure[1:]} is {say(value)}"]
    if not lower == value == upper:
        parts.append(_bound(rule, finding, status, say(lower), say(upper)))
    if rule.at_most is not None and rule.at_least is not None:
        parts.append(f"the limits are {say(rule.at_least)} and {say(rule.at_most)}")
    elif rule.at_most is not None:
        parts.append(f"the limit is {say(rule.at_most)}")
    else:
        parts.append(f"at least {say(limits[0])} is asked")
    rows = _ROWS.get(finding.evidence)
    counted = f" ({shown(finding.rows)} {rows})" if rows and finding.rows else ""
    return f"{'; '.join(parts)}{counted}.{_missing(finding)}"


def _missing(finding: Finding) -> str:
    """What the record lacks, by name, where the check tells it."""
    lacking = finding.details.get("missing")
    return f" Missing: {', '.join(map(str, lacking))}." if lacking else ""


def with_unit(number: float, unit: str, *, digits: int = 3) -> str:
    """A number with its unit; a share is said in per cent.

    Examples
    --------
    >>> with_unit(0.92, "share"), with_unit(1840.0, "USD"), with_unit(0.21, "")
    ('92 %', '1,840 USD', '0.21')
    """
    if unit == "share":
        return f"{shown(100 * number, digits=digits)} %"
    return f"{shown(number, digits=digits)} {unit}".rstrip()


def shown(number: float, *, digits: int = 3) -> str:
    """A number for a person: ``digits`` significant digits, whole numbers in full.

    Examples
    --------
    >>> shown(0.21349), shown(0.6), shown(12345.6), shown(1.0)
    ('0.213', '0.6', '12,346', '1')
    """
    if number == 0:
        return "0"
    if not math.isfinite(number):
        return f"{number:g}"
    magnitude = math.floor(math.log10(abs(number)))
    if not -6 <= magnitude < 15:
        return f"{number:.{digits}g}"
    places = max(0, digits - 1 - magnitude)
    text = f"{number:,.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def percent(confidence: float) -> str:
    """A confidence in per cent, with digits enough to tell it from certainty.

    Examples
    --------
    >>> percent(0.95), percent(0.995), percent(0.9999167)
    ('95', '99.5', '99.9917')
    """
    rest = 100 * (1 - confidence)
    if rest <= 0:
        return "100"
    places = max(0, 1 - math.floor(math.log10(rest)))
    text = f"{100 * confidence:.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _digits(*numbers: float) -> int:
    """Fewest digits, from three, that show different numbers as different."""
    distinct = set(numbers)
    for digits in range(3, 17):
        if len({shown(number, digits=digits) for number in distinct}) == len(distinct):
            return digits
    return 17


def _bound(rule: Rule, finding: Finding, status: str, lower: str, upper: str) -> str:
    """The bound that the verdict rests on; each bound holds alone at its confidence."""
    sure = percent(finding.confidence)
    if status == "undecided":
        return f"its {sure} % bounds are {lower} and {upper}"
    if status == "not met":
        above = rule.at_most is not None and (finding.lower or 0.0) > rule.at_most
        return f"with {sure} % confidence {f'at least {lower}' if above else f'at most {upper}'}"
    sides = [f"at least {lower}"] if rule.at_least is not None else []
    sides += [f"at most {upper}"] if rule.at_most is not None else []
    return f"with {sure} % confidence {' and '.join(sides)}"

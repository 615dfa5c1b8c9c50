"""Numbers and words for people: one place where a report decides how a figure reads.

Three significant digits, thousands separators, percent where a figure is a share, a true
minus sign. Counts are exact.
"""

from __future__ import annotations

import math
import re
from datetime import date, datetime, timedelta

SHARES = frozenset({"%", "fraction", "percent", "probability", "proportion", "rate", "share"})
"""Units that mean "a number between 0 and 1, shown as a percentage"."""

_EPOCH = date(1970, 1, 1)

NONE = "–"
"""Shown where there is no figure."""

_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")
_RAISED = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")

STATUS_SHAPES = {
    "met": "●",
    "not met": "✕",
    "undecided": "◐",
    "missing": "○",
    "waived": "◇",
    "not applicable": "–",
}
"""One shape a status, so that no reader depends on colour."""

PRINCIPLES = {
    "fairness": "Fairness",
    "reliability-safety": "Reliability and safety",
    "privacy-security": "Privacy and security",
    "inclusiveness": "Inclusiveness",
    "transparency": "Transparency",
    "accountability": "Accountability",
}
"""The six principles, in the order of every document."""

EVIDENCE = {
    "held-out": "held-out evidence, {rows}",
    "cross-fitted": "cross-fitted evidence about the procedure, {rows}",
    "table": "the table itself, {rows}",
    "record": "the record",
}
"""Where evidence comes from, in words."""


def number(value: float | None, *, digits: int = 3) -> str:
    """Three significant digits with thousands separators.

    Parameters
    ----------
    value : float or None
        Any number; None and NaN read as a dash.
    digits : int
        Four where close figures are compared.

    Returns
    -------
    str
        Text for people.

    Examples
    --------
    >>> number(12345.6), number(0.04567), number(-2.0), number(0.0000123)
    ('12,300', '0.0457', '−2', '1.23 × 10⁻⁵')
    >>> number(None), number(0.84831, digits=4)
    ('–', '0.8483')
    """
    if value is None or math.isnan(value):
        return NONE
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    sign = "−" if value < 0 else ""
    size = abs(value)
    if size < 1e-4 or size >= 1e15:
        mantissa, _, exponent = f"{size:.{digits - 1}e}".partition("e")
        power = int(exponent)
        return f"{sign}{_trim(mantissa)} × 10{str(power).translate(_RAISED)}"
    decimals = digits - 1 - math.floor(math.log10(size))
    rounded = round(size, decimals)
    decimals = digits - 1 - math.floor(math.log10(rounded))  # 999.9 became 1,000
    return sign + _trim(f"{rounded:,.{max(decimals, 0)}f}")


def share(value: float | None) -> str:
    """A share between 0 and 1 as a percentage.

    Examples
    --------
    >>> share(0.8534), share(1.0), share(0.00042), share(-0.021)
    ('85.3%', '100%', '0.042%', '−2.1%')
    """
    if value is None or math.isnan(value):
        return NONE
    percent = value * 100
    if percent == 0:
        return "0%"
    sign = "−" if percent < 0 else ""
    size = abs(percent)
    decimals = 1 if size >= 1 else 1 - math.floor(math.log10(size))
    return f"{sign}{_trim(f'{size:,.{decimals}f}')}%"


def quantity(value: float | None, unit: str = "", *, digits: int = 3) -> str:
    """A number with its unit; shares become percentages.

    Examples
    --------
    >>> quantity(1843.2, "USD"), quantity(0.07, "share"), quantity(3.0)
    ('1,840 USD', '7%', '3')
    """
    if value is None or math.isnan(value):
        return NONE
    if unit in SHARES:
        return share(value)
    words = number(value, digits=digits)
    return f"{words} {unit}" if unit else words


def between(lower: float | None, upper: float | None, unit: str = "", *, digits: int = 3) -> str:
    """An interval in words; a missing end is left open.

    Examples
    --------
    >>> between(1.0, 2.5, "USD"), between(None, 0.4, "share"), between(2.0, None)
    ('1 to 2.5 USD', 'up to 40%', 'from 2')
    """
    if lower is None and upper is None:
        return NONE
    if lower is None:
        return f"up to {quantity(upper, unit, digits=digits)}"
    if upper is None:
        return f"from {quantity(lower, unit, digits=digits)}"
    first = quantity(lower, unit if unit in SHARES else "", digits=digits)
    return f"{first} to {quantity(upper, unit, digits=digits)}"


def bounds(value: float | None, lower: float | None, upper: float | None, unit: str = "") -> str:
    """Bounds around a value in words; empty where there are none, or nothing is uncertain.

    Examples
    --------
    >>> bounds(0.2, 0.1, 0.3), bounds(1.0, 1.0, 1.0), bounds(2.0, None, None)
    ('0.1 to 0.3', '', '')
    """
    if (lower is None and upper is None) or lower == value == upper:
        return ""
    return between(lower, upper, unit)


def count(value: int | None) -> str:
    """An exact count with thousands separators.

    Examples
    --------
    >>> count(7043)
    '7,043'
    """
    return NONE if value is None else f"{value:,}".replace("-", "−")


def counted(value: int, one: str, many: str = "") -> str:
    """A count with its noun.

    Examples
    --------
    >>> counted(1, "rule"), counted(2, "rule"), counted(0, "entry", "entries")
    ('1 rule', '2 rules', '0 entries')
    """
    return f"{count(value)} {one if value == 1 else many or one + 's'}"


def duration(seconds: float | None) -> str:
    """Seconds as a person says them.

    Examples
    --------
    >>> duration(0.042), duration(12.3), duration(95), duration(7500)
    ('42 ms', '12.3 s', '1 min 35 s', '2 h 5 min')
    """
    if seconds is None:
        return NONE
    if seconds < 1:
        return f"{number(seconds * 1000)} ms"
    if seconds < 60:
        return f"{number(seconds)} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{count(hours)} h {minutes} min" if minutes else f"{count(hours)} h"


def moment(stamp: str) -> str:
    """An ISO 8601 time as ``14 March 2026, 09:30 UTC``; other text stays as it is.

    Examples
    --------
    >>> moment("2026-03-14T09:30:00.123Z")
    '14 March 2026, 09:30 UTC'
    """
    try:
        when = datetime.fromisoformat(stamp)
    except ValueError:
        return stamp
    zone = "UTC" if when.utcoffset() is not None and not when.utcoffset() else when.strftime("%z")
    return f"{when.day} {when:%B %Y}, {when:%H:%M} {zone}".rstrip()


def span(kind: str, low: float | None, high: float | None) -> str:
    """A column's range; dates arrive as days since 1970-01-01.

    Examples
    --------
    >>> span("number", 48.0, 262.0), span("date", 0.0, 31.0), span("category", None, None)
    ('48 to 262', '1970-01-01 to 1970-02-01', '–')
    """
    if kind != "date" or low is None or high is None:
        return between(low, high)
    first, last = (_EPOCH + timedelta(days=math.floor(day)) for day in (low, high))
    return f"{first} to {last}"


def short(digest: str) -> str:
    """The first twelve digits of a digest, for reading; the whole one is in the record.

    Examples
    --------
    >>> short("sha256:0123456789abcdef0123")
    '0123456789ab'
    """
    return digest.rpartition(":")[2][:12] or NONE


def sentence(text: str) -> str:
    """Text with a capital first and a full stop last.

    Examples
    --------
    >>> sentence("rows are few"), sentence("Why?")
    ('Rows are few.', 'Why?')
    """
    text = text.strip()
    if not text:
        return ""
    end = "" if text[-1] in ".!?…:" else "."
    return text[0].upper() + text[1:] + end


def printable(text: str) -> str:
    r"""Text without the control characters that XML forbids; nothing at all reads as such.

    Examples
    --------
    >>> printable("a\x1bb"), printable("  ")
    ('a�b', '(empty)')
    """
    return _FORBIDDEN.sub("\ufffd", text).strip() or "(empty)"


def listed(words: list[str]) -> str:
    """Words joined as a sentence joins them.

    Examples
    --------
    >>> listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"])
    ('a', 'a and b', 'a, b and c')
    """
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"


def _trim(text: str) -> str:
    """Drop zeros that say nothing after the decimal point."""
    return text.rstrip("0").rstrip(".") if "." in text else text

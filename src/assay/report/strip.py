"""The bound picture: one interval against one limit, small enough to stand beside a sentence.

Drawn by hand as SVG rather than by a chart library: a report has dozens of them, and the
notebook fragments should not start a rendering engine.
"""

from __future__ import annotations

from collections.abc import Callable
from html import escape

from assay.report.wording import printable

WIDTH = 180
HEIGHT = 34
_MARGIN = 10
_MIDDLE = 17
_TINY = 1e-200
"""Below it all figures are one: nothing is left of their differences."""

INK = "#1d2733"
BAND = "#009e73"
TRACK = "#d9dde2"
LIMIT = "#d55e00"


def bound_strip(
    value: float,
    *,
    lower: float | None,
    upper: float | None,
    at_least: float | None = None,
    at_most: float | None = None,
    text: str = "",
) -> str:
    """Draw an interval, its value, and the band that a rule allows.

    Parameters
    ----------
    value : float
        Drawn as a dot.
    lower, upper : float or None
        Ends of the interval; None leaves that end open (drawn to the edge, without a cap).
    at_least, at_most : float or None
        Limits: a dashed line each; the allowed side carries a band.
    text : str
        Says the same in words; plain text, escaped here.

    Returns
    -------
    str
        An ``<svg>`` element of 180 by 34 CSS pixels.

    Examples
    --------
    >>> "<title>" in bound_strip(0.2, lower=0.1, upper=0.3, at_most=0.5, text="0.2")
    True
    """
    known = [x for x in (value, lower, upper, at_least, at_most) if x is not None]
    place = _ruler(min(known), max(known))
    parts = [f'<path d="M0 {_MIDDLE}H{WIDTH}" stroke="{TRACK}" stroke-width="1"/>']
    parts += _allowed(
        None if at_least is None else place(at_least),
        None if at_most is None else place(at_most),
    )
    parts += _interval(
        place(value),
        None if lower is None else place(lower),
        None if upper is None else place(upper),
    )
    label = escape(printable(text))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="{WIDTH}" height="{HEIGHT}" role="img" aria-label="{label}">'
        f"<title>{label}</title>{''.join(parts)}</svg>"
    )


def _ruler(low: float, high: float) -> Callable[[float], float]:
    """From a figure to a place in the picture."""
    size = max(abs(low), abs(high))
    if size < _TINY:
        return lambda _: WIDTH / 2
    room = (high - low) * 0.12 if high - low > size * 1e-9 else size * 0.5
    scale = (WIDTH - 2 * _MARGIN) / (high - low + 2 * room)
    return lambda value: round(_MARGIN + scale * (value - low + room), 1)


def _allowed(left: float | None, right: float | None) -> list[str]:
    """A band over what is allowed and a line at each limit; nothing without a limit."""
    if left is None and right is None:
        return []
    start, end = left or 0.0, WIDTH if right is None else right
    band = (
        f'<rect x="{start}" y="6" width="{round(max(end - start, 0), 1)}" height="22" '
        f'fill="{BAND}" opacity="0.16"/>'
    )
    lines = [
        f'<path d="M{at} 3V31" stroke="{LIMIT}" stroke-width="2" stroke-dasharray="4 2"/>'
        for at in (left, right)
        if at is not None
    ]
    return [band, *lines]


def _interval(value: float, lower: float | None, upper: float | None) -> list[str]:
    """The interval with a cap at each closed end, and the dot."""
    left = 0.0 if lower is None else lower
    right = float(WIDTH) if upper is None else upper
    parts = []
    if left != right:
        parts.append(f'<path d="M{left} {_MIDDLE}H{right}" stroke="{INK}" stroke-width="2.5"/>')
        parts += [
            f'<path d="M{end} {_MIDDLE - 5}V{_MIDDLE + 5}" stroke="{INK}" stroke-width="2"/>'
            for end in (lower, upper)
            if end is not None
        ]
    parts.append(f'<circle cx="{value}" cy="{_MIDDLE}" r="4.5" fill="{INK}"/>')
    return parts

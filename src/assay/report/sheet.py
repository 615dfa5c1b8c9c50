"""All pictures of a record in one file: SVG, PNG, or a page that opens without network."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from html import escape
from pathlib import Path

from assay.errors import InvalidFile
from assay.report.charts import INK, MUTED, WIDTH
from assay.report.picture import Picture
from assay.report.wording import printable

KINDS = (".svg", ".png", ".html")
_COLUMNS = 2
_GAP = 32
_TITLE_PX, _LINE_PX = 26, 16
_LINE_LETTERS = 68
"""Letters of a caption that fit into the width of a picture."""
_PNG_SCALE = 2.0
_SIZE = re.compile(r'width="([\d.]+)" height="([\d.]+)"')

_CSS = (
    "body{font-family:system-ui,sans-serif;line-height:1.45;color:#1d2733;background:#fff;"
    "max-width:60em;margin:2em auto;padding:0 1em}svg{max-width:100%;"
    "height:auto}table{border-collapse:collapse}th,td{text-align:left;padding:.2em 1em .2em 0}"
)


def write_pictures(title: str, pictures: Sequence[Picture], file: Path) -> None:
    """Write pictures with their titles and sentences into one file.

    Parameters
    ----------
    title : str
        Heading of the file.
    pictures : sequence of Picture
        In the order to show.
    file : Path
        Ends in ``.svg``, ``.png`` or ``.html``; the page also holds each table of figures.

    Raises
    ------
    InvalidFile
        Another ending, or a place that cannot be written.
    """
    kind = file.suffix.lower()
    if kind not in KINDS:
        raise InvalidFile(
            f"A picture cannot be written as {kind or 'a file without an ending'}.",
            hint=f"Let the name end in one of {', '.join(KINDS)}.",
        )
    body = page(title, pictures).encode() if kind == ".html" else sheet(title, pictures).encode()
    try:
        file.write_bytes(_png(body.decode()) if kind == ".png" else body)
    except OSError as error:
        raise InvalidFile(
            f"The picture cannot be written: {error.strerror}.",
            hint="Choose a folder that exists and that you may write to.",
        ) from None


def sheet(title: str, pictures: Sequence[Picture]) -> str:
    """Pictures two abreast as one SVG on white, each below its title and its sentence."""
    depths = [0.0] * _COLUMNS
    placed = []
    for picture in pictures:
        column = depths.index(min(depths))
        body, height = _cell(picture)
        left, top = _GAP + column * (WIDTH + _GAP), 2 * _GAP + depths[column]
        placed.append(f'<g transform="translate({left},{top:.0f})">{body}</g>')
        depths[column] += height + _GAP
    width = _COLUMNS * WIDTH + (_COLUMNS + 1) * _GAP
    height = 2 * _GAP + max(depths)
    heading = _text(title, 0, size=18, weight="bold")
    words = " ".join(f"{p.title}: {p.text}" for p in pictures)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height:.0f}" '
        f'width="{width}" height="{height:.0f}" role="img" font-family="sans-serif">'
        f"<title>{escape(printable(title))}</title><desc>{escape(printable(words))}</desc>"
        f'<rect width="100%" height="100%" fill="#fff"/>'
        f'<g transform="translate({_GAP},{_GAP + 6})">{heading}</g>{"".join(placed)}</svg>'
    )


def page(title: str, pictures: Sequence[Picture]) -> str:
    """Pictures as a page without scripts, each with its sentence and its table of figures."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_CSS}</style></head><body><main>"
        f"<h1>{escape(title)}</h1>{''.join(map(figure, pictures))}</main></body></html>"
    )


def figure(picture: Picture) -> str:
    """One picture as HTML: sentence, chart, and the figures to unfold."""
    title, label = escape(printable(picture.title)), escape(printable(picture.text))
    chart = picture.svg.replace("<svg", f'<svg role="img" aria-label="{label}"', 1)
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in picture.columns)
    rows = "".join(
        f"<tr>{''.join(f'<td>{escape(printable(cell))}</td>' for cell in row)}</tr>"
        for row in picture.rows
    )
    return (
        f'<figure style="margin:1em 0"><figcaption><strong>{title}</strong> {label}</figcaption>'
        f"{chart}<details><summary>The figures behind “{title}”</summary><table>"
        f"<caption>{label}</caption><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
        "</details></figure>"
    )


def _cell(picture: Picture) -> tuple[str, float]:
    """A picture below its words, and the height of it all in CSS pixels."""
    lines = textwrap.wrap(printable(picture.text), _LINE_LETTERS)
    top = _TITLE_PX + _LINE_PX * len(lines)
    size = _SIZE.search(picture.svg)
    height = float(size[2]) if size else 0.0
    words = _text(picture.title, 14, size=14, weight="bold") + "".join(
        _text(line, _TITLE_PX + 6 + _LINE_PX * n, size=12, colour=MUTED)
        for n, line in enumerate(lines)
    )
    return f'{words}<g transform="translate(0,{top})">{picture.svg}</g>', top + height


def _text(words: str, y: float, *, size: int, weight: str = "normal", colour: str = INK) -> str:
    return (
        f'<text y="{y}" font-size="{size}" font-weight="{weight}" fill="{colour}">'
        f"{escape(printable(words))}</text>"
    )


def _png(svg: str) -> bytes:
    import vl_convert

    return bytes(vl_convert.svg_to_png(svg, scale=_PNG_SCALE))

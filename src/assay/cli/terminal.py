"""What every command shares: one shape of output, of errors, and of progress."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.errors import AssayError

if TYPE_CHECKING:
    from rich.console import Console

    from assay.progress import Progress

Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
ProjectArg = Annotated[
    str, typer.Argument(help="Project folder, or the name of a project that was opened before.")
]


def console(*, to_error: bool = False) -> Console:
    """A terminal that is as wide as it is, and at least 100 columns where it is not one."""
    from rich.console import Console

    stream = sys.stderr if to_error else sys.stdout
    return Console(file=stream, width=None if stream.isatty() else 110, highlight=False)


def emit_json(value: Any) -> None:
    """Print records, or JSON values, as indented JSON."""
    import msgspec

    body = msgspec.json.encode(value, order="deterministic")
    sys.stdout.write(msgspec.json.format(body, indent=2).decode() + "\n")


def emit_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    title: str = "",
    right: Sequence[str] = (),
) -> None:
    """Print a table; ``right`` names the columns aligned to the right."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title or None, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Text) else Text(shown(cell)) for cell in row))
    console().print(table)


def emit_facts(facts: Mapping[str, Any], *, title: str = "") -> None:
    """Print names and values in two columns."""
    emit_table(("", ""), list(facts.items()), title=title)


def say(text: str = "") -> None:
    """Print one plain line for a person."""
    console().print(text, markup=False)


def shown(value: Any) -> str:
    """A value as a person reads it in a cell."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.0f}" if 1e3 <= abs(value) < 1e15 else f"{value:.4g}"
    return str(value)


@contextmanager
def errors(as_json: bool = False) -> Iterator[None]:
    """Print a deliberate error in the one shape, and leave with its exit code."""
    try:
        yield
    except AssayError as error:
        print_error(error, as_json=as_json)
        raise typer.Exit(error.exit_code) from None


def print_error(error: AssayError, *, as_json: bool) -> None:
    """Print the error on standard error; never a traceback, never a cell's value."""
    if as_json:
        sys.stderr.write(json.dumps({"error": error.to_dict()}, indent=2) + "\n")
        return
    from rich.text import Text

    out = console(to_error=True)
    out.print(Text.assemble((f"{error.code}: ", "bold red"), error.message))
    if error.where:
        out.print(Text(f"  where: {error.where}"))
    if error.hint:
        out.print(Text(f"  try:   {error.hint}"))


def short(digest: str | None) -> str:
    """The first twelve digits of a digest, as shown in tables."""
    return (digest or "").removeprefix("sha256:")[:12] or "–"


def progress(*, as_json: bool) -> Progress:
    """A live display, or silence where JSON was asked for."""
    from assay.cli.live import Live
    from assay.progress import Silent

    return Silent() if as_json else Live(console(to_error=True))


def answer(value: Any, *, as_json: bool, show: Callable[[], None]) -> None:
    """Print ``value`` as JSON, or call ``show`` to draw it for a person."""
    if as_json:
        emit_json(value)
    else:
        show()

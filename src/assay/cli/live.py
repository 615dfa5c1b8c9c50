"""What a terminal shows while work runs: a bar with the time left, and how the search stands."""

from __future__ import annotations

import atexit
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from assay.cli.terminal import shown

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live as RichLive
    from rich.progress import Progress as RichProgress

    from assay.progress import Standing

MOST_STANDINGS = 5
_REFRESH_HZ = 4


class Live:
    """Progress on a terminal: one line a step; while it works, a bar and the best trials so far.

    Where the console is no terminal, each step is a plain line when it begins and when it ends.

    Parameters
    ----------
    console : Console
        Where to write: standard error, so that results can be piped.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: RichLive | None = None
        self._bar: RichProgress | None = None
        self._best: tuple[Standing, ...] = ()
        self._note = ""
        self._began = time.monotonic()
        self._about_s: float | None = None

    def start(self, step: str, *, about_s: float | None = None) -> None:
        """Show a bar for the step where this is a terminal, else one plain line."""
        self._stop()
        self._began, self._about_s = time.monotonic(), about_s
        self._best, self._note = (), ""
        if not self._console.is_terminal:
            about = f" (about {about_s:.0f} s)" if about_s and about_s > 2 else ""
            self._console.print(f"  … {step}{about}", markup=False)
            return
        from rich.live import Live as RichLive
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[left]}", style="dim"),
        )
        self._bar.add_task(step, total=1.0 if about_s else None, left="")
        self._live = RichLive(
            get_renderable=self._draw,
            console=self._console,
            refresh_per_second=_REFRESH_HZ,
            transient=True,
        )
        atexit.register(self._stop)  # an interrupted step leaves the cursor where it was
        self._live.start()

    def update(self, fraction: float, note: str = "") -> None:
        """Move the bar, and say what runs now."""
        self._note = note
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=fraction, total=1.0)

    def board(self, best: Sequence[Standing]) -> None:
        """Show the best trials so far."""
        self._best = tuple(best[:MOST_STANDINGS])

    def finish(self, step: str, summary: str) -> None:
        """Replace the bar with one line that stays."""
        self._stop()
        from rich.text import Text

        took = time.monotonic() - self._began
        self._console.print(
            Text.assemble(
                ("✓ ", "green"), (f"{step:<14}", "bold"), f"{summary}  ", (f"{took:.1f} s", "dim")
            )
        )

    def _stop(self) -> None:
        if self._live is not None:
            self._live.stop()
        self._live = self._bar = None
        atexit.unregister(self._stop)

    def _draw(self) -> RenderableType:
        """The whole panel as it is now: called by the clock, so that the time left runs down."""
        from rich.console import Group
        from rich.text import Text

        if self._bar is None:
            return ""  # stopped meanwhile
        self._bar.update(self._bar.task_ids[0], left=self._left())
        note = Text(f"  now: {self._note}", style="dim", no_wrap=True, overflow="ellipsis")
        return Group(
            self._bar,
            *([self._standings()] if self._best else []),
            *([note] if self._note else []),
        )

    def _left(self) -> str:
        """Time left in words: of what was expected; time spent where nothing was."""
        spent = time.monotonic() - self._began
        if self._about_s is None:
            return f"{spent:.0f} s"
        left = self._about_s - spent
        return f"{left:.0f} s left" if left > 0 else f"{-left:.0f} s over"

    def _standings(self) -> RenderableType:
        """The best trials, best first."""
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, padding=(0, 2, 0, 0), show_edge=False, pad_edge=False)
        table.add_column("")
        table.add_column("best so far", style="bold")
        table.add_column("score", justify="right")
        table.add_column("took", justify="right", style="dim")
        for place, s in enumerate(self._best):
            mark = Text("▸" if place == 0 else " ", style="green")
            table.add_row(
                mark,
                Text(f"{s.family} #{s.number}"),
                Text(shown(s.score)),
                Text(f"{s.took_s:.1f} s"),
            )
        return table

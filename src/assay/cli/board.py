"""How a terminal shows a leaderboard; at 80 columns as well as at 160."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from assay.cli.terminal import console, emit_facts, emit_table, say, shown

if TYPE_CHECKING:
    from rich.text import Text

    from assay.automl.leaderboard import Leaderboard, Trial

MOST = 15
_MOST_FEATURES = 12
_MOST_FAILED = 3
_WIDE = 110
"""From so many columns on, there is room for notes and for two spaces between cells."""
_NARROW = 78
"""Below it, what is left is the score and its share; `--trial` tells the rest."""
_BAR_CELLS = 24
_EIGHTHS = " ▏▎▍▌▋▊▉█"


def show_leaderboard(board: Leaderboard, *, most: int | None = MOST) -> None:
    """Trials best first, then why the winner won and what features and rows brought.

    Parameters
    ----------
    board : Leaderboard
        Of a search that ended.
    most : int or None
        How many trials to show; None for all, those that did not finish included.
    """
    _show_trials(board, most)
    _show_unfinished(board, every=most is None)
    _show_winner(board)
    _show_features(board)
    _show_curve(board)
    _show_front(board)
    for note in board.notes:
        say(f"Note: {note}")


def show_trial(board: Leaderboard, trial: Trial) -> None:
    """Everything about one trial, its parameters included."""
    facts = {
        board.metric: trial.score,
        "interval": _interval(trial.low, trial.high),
        "share in the model": f"{trial.weight:.0%}" if trial.weight else "none",
        "features": trial.recipe,
        "glass box": trial.transparent,
        "fit of one fold": f"{trial.fit_s:.2f} s",
        "cross-validation": f"{trial.took_s:.2f} s, from {trial.began_s:.1f} s on",
        "one answer": f"{trial.predict_us_per_row:.1f} µs",
        "size": f"{_size(trial)}, {trial.nodes:,} nodes",
    }
    if trial.gap is not None:
        facts[board.gap_of or "gap between groups"] = trial.gap
    if trial.note:
        facts["note"] = trial.note
    emit_facts(facts, title=f"Trial {trial.number}: {trial.family}, {trial.status}")
    if trial.params:
        emit_facts(trial.params, title="Parameters")


def _show_trials(board: Leaderboard, most: int | None) -> None:
    from rich import box
    from rich.table import Table

    out = console()
    wide = out.width >= _WIDE
    finished = [t for t in board.trials if t.status == "finished"]
    table = Table(
        title=_title(board),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 1) if wide else 0,
        show_edge=False,
        pad_edge=False,
    )
    left = {"family", "interval", "glass", "recipe", "note"}
    columns = _columns(finished, out.width)
    for name in columns:
        table.add_column(
            board.metric if name == "score" else name,
            justify="left" if name in left else "right",
            no_wrap=name not in {"family", "note"},
            overflow="fold",
        )
    for trial in finished[:most]:
        cells = _cells(trial)
        table.add_row(*(cells[name] for name in columns), style="bold" if trial.weight else None)
    out.print(table)
    if most is not None and len(finished) > most:
        say(f"… and {len(finished) - most} more. `assay leaderboard --all` shows every trial.")
    say()


def _columns(finished: list[Trial], width: int) -> list[str]:
    """Columns with something to tell, in order, as far as there is room."""
    columns = ["no.", "family", "score", "interval", "fit s", "µs/row", "size", "glass"]
    if width < _NARROW:
        return [*columns[:4], "size", "share"]
    if any(t.recipe != "plain" for t in finished):
        columns.append("recipe")
    columns.append("share")
    if width >= _WIDE and any(t.note for t in finished):
        columns.append("note")
    return columns


def _cells(trial: Trial) -> dict[str, Text]:
    from rich.text import Text

    words = {
        "no.": str(trial.number),
        "family": trial.family,
        "score": shown(trial.score),
        "interval": _interval(trial.low, trial.high),
        "fit s": f"{trial.fit_s:.2f}",
        "µs/row": f"{trial.predict_us_per_row:.1f}",
        "size": _size(trial),
        "glass": "yes" if trial.transparent else "no",
        "recipe": "eng." if trial.recipe == "engineered" else "plain",
        "share": f"{trial.weight:.0%}" if trial.weight else "",
        "note": trial.note,
    }
    return {name: Text(word) for name, word in words.items()}


def _title(board: Leaderboard) -> str:
    trials = len(board.trials)
    taken = f", {board.resumed} taken over" if board.resumed else ""
    return (
        f"Leaderboard: {trials} trial{'' if trials == 1 else 's'}{taken} in {board.spent_s:.0f} s, "
        f"cross-validated {board.metric} ({board.better} is better)"
    )


def _show_unfinished(board: Leaderboard, *, every: bool) -> None:
    """How many trials did not finish, and why some failed; all reasons where all are shown."""
    left = [t for t in board.trials if t.status != "finished"]
    if not left:
        return
    if every:
        emit_table(
            ("no.", "family", "", "why"),
            [(t.number, t.family, t.status, t.note) for t in left],
            title="Not finished",
            right=("no.",),
        )
        return
    counts = Counter(t.status for t in left)
    say(f"Not finished: {', '.join(f'{n} {status}' for status, n in counts.items())}.")
    for trial in [t for t in left if t.status == "failed"][:_MOST_FAILED]:
        say(f"  {trial.number} {trial.family}: {trial.note}")


def _show_winner(board: Leaderboard) -> None:
    interval = _interval(board.ensemble_low, board.ensemble_high)
    _head("Why the winner won")
    say(board.why or "The search does not say.")
    say(
        f"The model: {board.metric} {shown(board.ensemble_score)}"
        f"{f' ({interval})' if interval else ''}; the same answer for everyone: "
        f"{shown(board.baseline)}."
    )


def _show_features(board: Leaderboard) -> None:
    """A bar a feature, as long as its share of what the largest brought."""
    from rich.table import Table
    from rich.text import Text

    brought = board.contributions
    if not brought:
        return
    _head("What each feature brought")
    largest = max(c.share for c in brought) or 1.0
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column(overflow="fold", max_width=36)
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(style="dim")
    for c in brought[:_MOST_FEATURES]:
        table.add_row(
            Text(c.feature),
            Text(bar(c.share / largest), style="cyan"),
            f"{c.share:.1%}",
            "engineered" if c.engineered else "",
        )
    console().print(table)
    left = brought[_MOST_FEATURES:]
    if left:
        say(f"… and {len(left)} more with {sum(c.share for c in left):.1%} together.")


def _show_curve(board: Leaderboard) -> None:
    from assay.report.leaderboard_words import more_data

    if len(board.curve) < 2:
        return
    _head("Would more data help?")
    emit_table(
        ("rows", board.metric, "interval"),
        [(f"{p.rows:,}", p.score, _interval(p.low, p.high)) for p in board.curve],
        right=("rows", board.metric),
    )
    say(more_data(board))


def _show_front(board: Leaderboard) -> None:
    """Trials that no other beats in both score and gap, smallest gap first."""
    front = sorted((t.gap, t) for t in board.trials if t.front and t.gap is not None)
    if not front:
        return
    _head("Score against the gap between groups")
    emit_table(
        ("no.", "family", board.metric, "gap"),
        [(t.number, t.family, t.score, gap) for gap, t in front],
        right=("no.", board.metric, "gap"),
    )
    say(f"Gap: {board.gap_of or 'largest difference between groups'}. No other trial beats these.")


def _head(words: str) -> None:
    from rich.text import Text

    say()
    console().print(Text(words, style="bold"))


def _interval(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{shown(low)} to {shown(high)}"


def _size(trial: Trial) -> str:
    """Kilobytes or megabytes; nodes where an older record has no size."""
    size: Any = trial.kilobytes
    if not size:
        return f"{trial.nodes:,} n"
    return f"{size / 1000:.1f} MB" if size >= 1000 else f"{size:.0f} kB"


def bar(part: float) -> str:
    """A bar of block characters, ``part`` in [0, 1] of its full length.

    Examples
    --------
    >>> bar(1.0) == "█" * 24, bar(0.1), bar(0.0)
    (True, '██▍', '')
    """
    full, rest = divmod(round(min(max(part, 0.0), 1.0) * _BAR_CELLS * 8), 8)
    return "█" * full + _EIGHTHS[rest].strip()

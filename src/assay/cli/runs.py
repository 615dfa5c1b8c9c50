"""`assay runs` and `assay leaderboard`: what was run, and how its trials did."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from assay.cli.terminal import Json, ProjectArg, emit_json, emit_table, errors, say
from assay.errors import InvalidFile, UnknownName

if TYPE_CHECKING:
    from assay.automl.leaderboard import Leaderboard, Trial

app = typer.Typer(no_args_is_help=True, help="What was run.")
RunArg = Annotated[str, typer.Option("--run", help="Identifier of a run; default: the newest.")]


def register(parent: typer.Typer) -> None:
    """Add this module's commands."""
    parent.command()(leaderboard)
    parent.add_typer(app, name="runs")


@app.command("list")
def list_runs(project: ProjectArg, as_json: Json = False) -> None:
    """List the runs of a project, oldest first.

    Example: assay runs list car-price
    """
    from assay.project import Project

    with errors(as_json):
        found = Project.open(project).runs()
        if as_json:
            emit_json([r.to_dict() for r in found])
            return
        emit_table(
            ("run", "started", "by", "state", "version"),
            [(r.id, r.started_at, r.actor, r.state, r.version_name) for r in found],
        )


@app.command()
def show(project: ProjectArg, run: RunArg = "", as_json: Json = False) -> None:
    """Show one run: its steps, decision and version.

    Example: assay runs show car-price
    """
    from assay.cli import pages
    from assay.project import Project

    with errors(as_json):
        found = Project.open(project).find_run(run)
        if as_json:
            emit_json(found.to_dict())
        else:
            pages.show_run(found)


def leaderboard(
    place: Annotated[
        str,
        typer.Argument(
            help="Project folder or name, a folder that `assay automl --out` wrote, or its "
            "leaderboard.json."
        ),
    ] = ".",
    run: RunArg = "",
    every: Annotated[bool, typer.Option("--all", help="Every trial, not only the best.")] = False,
    trial: Annotated[int | None, typer.Option(min=1, help="One trial, with parameters.")] = None,
    picture: Annotated[
        Path | None, typer.Option(help="Write pictures: FILE.svg, FILE.png or FILE.html.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what a search tried, why the winner won, and what each feature brought.

    Example: assay leaderboard car-price --picture trials.html
    """
    from assay.cli import board as shown

    with errors(as_json):
        found = _find_board(place, run)
        one = None if trial is None else _find_trial(found.board, trial)
        if picture is not None:
            _write_picture(found, picture)
        if as_json:
            emit_json(found.board if one is None else one)
        elif one is not None:
            shown.show_trial(found.board, one)
        else:
            shown.show_leaderboard(found.board, most=None if every else shown.MOST)
        if picture is not None and not as_json:
            say(f"Wrote {picture}.")


class _Found(NamedTuple):
    """A leaderboard, whose it is, and the unit of its target."""

    board: Leaderboard
    name: str
    unit: str = ""


def _find_board(place: str, run: str) -> _Found:
    """The leaderboard of a saved estimator, or else of a project's run."""
    from assay.automl.leaderboard import Leaderboard
    from assay.project import Project

    path = Path(place)
    saved = path if path.is_file() else path / "leaderboard.json"
    if not saved.is_file() or (path / "assay.yaml").is_file():
        done = Project.open(place).find_run(run)
        return _Found(done.leaderboard, done.question.name, done.question.unit)
    try:
        return _Found(Leaderboard.from_json(saved.read_bytes()), saved.resolve().parent.name)
    except (OSError, ValueError):
        raise InvalidFile(
            "This file holds no leaderboard.",
            hint="Give the folder that `assay automl --out` wrote, or a project.",
            where=str(saved),
        ) from None


def _find_trial(board: Leaderboard, number: int) -> Trial:
    for trial in board.trials:
        if trial.number == number:
            return trial
    raise UnknownName("trial", str(number), [str(t.number) for t in board.trials])


def _write_picture(found: _Found, file: Path) -> None:
    from assay.report.leaderboard_pictures import leaderboard_pictures
    from assay.report.sheet import write_pictures

    pictures = leaderboard_pictures(found.board, unit=found.unit)
    write_pictures(f"Leaderboard of {found.name}", pictures, file)

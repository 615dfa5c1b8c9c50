"""`assay runs`: what was run, and how its trials did."""

from __future__ import annotations

from typing import Annotated

import typer

from assay.cli.terminal import Json, ProjectArg, emit_json, emit_table, errors

app = typer.Typer(no_args_is_help=True, help="What was run, and how its trials did.")
RunArg = Annotated[str, typer.Option("--run", help="Identifier of a run; default: the newest.")]


def register(parent: typer.Typer) -> None:
    """Add this module's commands."""
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


@app.command()
def leaderboard(project: ProjectArg, run: RunArg = "", as_json: Json = False) -> None:
    """Show every trial of the search, best first.

    Example: assay runs leaderboard car-price
    """
    from assay.cli import pages
    from assay.project import Project

    with errors(as_json):
        board = Project.open(project).find_run(run).leaderboard
        if as_json:
            emit_json(board)
        else:
            pages.show_leaderboard(board)

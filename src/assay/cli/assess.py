"""`assay assess`: what was measured about a model."""

from __future__ import annotations

from typing import Annotated

import typer

from assay.cli.terminal import Json, ProjectArg, emit_json, emit_table, errors


def register(parent: typer.Typer) -> None:
    """Add this module's commands."""
    parent.command()(assess)
    parent.command()(checks)


def assess(
    project: ProjectArg,
    run: Annotated[str, typer.Option(help="Identifier of a run; default: the newest.")] = "",
    again: Annotated[bool, typer.Option(help="Measure again, with the checks of today.")] = False,
    as_json: Json = False,
) -> None:
    """Show every finding about the model of a run.

    Example: assay assess car-price
    """
    from assay.cli import pages
    from assay.project import Project

    with errors(as_json):
        opened = Project.open(project)
        found = opened.find_run(run)
        assessment = opened.assess(found.searched) if again else found.assessment
        if as_json:
            emit_json(assessment)
        else:
            pages.show_assessment(assessment)


def checks(as_json: Json = False) -> None:
    """List the checks there are: code, principle, what each asks.

    Example: assay checks
    """
    from assay.assess.check import all_checks

    with errors(as_json):
        rows = [
            {"code": c.code, "principle": c.principle, "title": c.title, "asks": _first_line(c)}
            for c in all_checks()
        ]
        if as_json:
            emit_json(rows)
        else:
            emit_table(("code", "principle", "title", "asks"), [tuple(r.values()) for r in rows])


def _first_line(check: type) -> str:
    return (check.__doc__ or "").strip().partition("\n")[0]

"""`assay schema` and `assay doctor`: for editors, and for a machine that misbehaves."""

from __future__ import annotations

from typing import Annotated

import typer

from assay.cli.terminal import Json, emit_json, emit_table, errors, say


def register(parent: typer.Typer) -> None:
    """Add this module's commands."""
    parent.command()(schema)
    parent.command()(doctor)


def schema(
    of: Annotated[
        str, typer.Argument(help="'question' (assay.yaml) or 'policy' (policy.yaml).")
    ] = "question",
) -> None:
    """Print the JSON Schema of assay.yaml or policy.yaml, for editors to complete and check.

    Example: assay schema policy > policy.schema.json
    """
    from assay.schema import schema_of

    with errors():
        emit_json(schema_of(of))


def doctor(as_json: Json = False) -> None:
    """Check what Assay needs on this machine, and say what to do about what is missing.

    Example: assay doctor
    """
    from assay.diagnosis import examine
    from assay.settings import Settings

    with errors(as_json):
        points = examine(Settings.load())
        if as_json:
            emit_json(points)
        else:
            emit_table(
                ("what", "state", "detail"),
                [(p["what"], "✓" if p["ok"] else "✗", p["detail"]) for p in points],
            )
            if all(p["ok"] for p in points):
                say("All is well.")
        if not all(p["ok"] for p in points):
            raise typer.Exit(8)

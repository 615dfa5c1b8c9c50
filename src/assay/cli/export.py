"""`assay export`: a hallmarked version as a folder for one place."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from assay.cli.terminal import Json, emit_json, errors, progress, say

_TARGETS = "onnx, python, browser, c, mlflow or spark."


def register(parent: typer.Typer) -> None:
    """Add this module's command."""
    parent.command()(export)


def export(
    version: Annotated[
        str, typer.Argument(help="NAME (the newest hallmarked version) or NAME@NUMBER.")
    ],
    folder: Annotated[Path, typer.Argument(help="Folder to write: new, empty, or an old export.")],
    target: Annotated[str, typer.Option(help=f"What it is for: {_TARGETS}")] = "onnx",
    int8: Annotated[
        bool, typer.Option("--int8", help="Smaller weights, if that changes no answer; measured.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Write a hallmarked version for one place: a file, a page, Python, C, MLflow, Spark.

    Example: assay export car-price@1 to-ship/ --target python
    """
    from assay.project import Project

    with errors(as_json):
        project = Project.of_version(version, progress=progress(as_json=as_json))
        made = project.export(version, folder, target=target, int8=int8)
        if as_json:
            emit_json({"folder": str(folder), "export": made})
            return
        say(f"Wrote {folder}: {made.version} for {made.target}.")
        if "README.md" in made.files:
            say(f"How to use it: {folder / 'README.md'}")

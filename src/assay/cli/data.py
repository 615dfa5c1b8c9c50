"""`assay data`: versions of the table, their profile and contract."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from assay.cli.terminal import Json, ProjectArg, emit_json, emit_table, errors, say, short

app = typer.Typer(no_args_is_help=True, help="Versions of the table, their profile and contract.")


def register(parent: typer.Typer) -> None:
    """Add this module's commands."""
    parent.add_typer(app, name="data")


@app.command()
def add(
    project: ProjectArg,
    source: Annotated[Path | None, typer.Argument(help="Table; default: the question's.")] = None,
    as_json: Json = False,
) -> None:
    """Read a table into an immutable version, profile it, and derive the contract.

    Example: assay data add examples/car-price
    """
    from assay.project import Project

    with errors(as_json):
        added = Project.open(project).data.add(source)
        if as_json:
            emit_json(added)
        else:
            say(added.summary)


@app.command("list")
def versions(project: ProjectArg, as_json: Json = False) -> None:
    """List the versions of the table, oldest first.

    Example: assay data list car-price
    """
    from assay.project import Project

    with errors(as_json):
        found = Project.open(project).data.versions()
        if as_json:
            emit_json(found)
            return
        emit_table(
            ("version", "rows", "columns", "source", "read at"),
            [(short(d.digest), d.rows, d.columns, d.source, d.read_at) for d in found],
            right=("rows", "columns"),
        )


@app.command()
def profile(project: ProjectArg, as_json: Json = False) -> None:
    """Show what each column of the newest version holds.

    Example: assay data profile car-price
    """
    from assay.project import Project

    with errors(as_json):
        found = Project.open(project).data.profile()
        if as_json:
            emit_json(found)
            return
        emit_table(
            ("column", "kind", "role", "missing", "distinct", "low", "median", "high", "notes"),
            [
                (
                    c.name,
                    c.kind,
                    c.role,
                    c.missing,
                    c.distinct,
                    c.low,
                    c.quantiles[3] if c.quantiles else None,
                    c.high,
                    "; ".join(filter(None, (*c.flags, c.note))),
                )
                for c in found.columns
            ],
            title=f"{found.rows:,} rows, {found.missing_cells:,} missing cells, "
            f"{found.duplicates:,} repeated rows",
            right=("missing", "distinct", "low", "median", "high"),
        )


@app.command()
def contract(project: ProjectArg, as_json: Json = False) -> None:
    """Show the contract that every later table and request is held to.

    Example: assay data contract car-price --json
    """
    from assay.project import Project

    with errors(as_json):
        found = Project.open(project).data.contract()
        if as_json:
            emit_json(found)
            return
        emit_table(
            ("column", "kind", "role", "may be missing", "low", "high", "categories"),
            [
                (c.name, c.kind, c.role, c.nullable, c.low, c.high, ", ".join(c.categories[:8]))
                for c in found.columns
            ],
            right=("low", "high"),
        )


@app.command()
def check(
    project: ProjectArg,
    table: Annotated[Path, typer.Argument(help="Table to hold to the contract.")],
    as_json: Json = False,
) -> None:
    """Hold another table to the contract; exit code 2 where it breaks it.

    Example: assay data check car-price new-cars.csv
    """
    from assay.project import Project

    with errors(as_json):
        report = Project.open(project).data.check(table)
        if as_json:
            emit_json(report)
            return
        say(f"{report['rows']:,} rows keep the contract.")
        emit_table(
            ("column", "never seen in training", "rows"),
            [(n["column"], n["kind"], n["rows"]) for n in report["novelties"]],
            right=("rows",),
        )

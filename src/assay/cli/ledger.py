"""`assay ledger`: the record that nobody can rewrite."""

from __future__ import annotations

from typing import Annotated

import typer

from assay.cli.terminal import Json, emit_json, emit_table, errors, say, short

app = typer.Typer(no_args_is_help=True, help="The append-only, hash-chained record.")


def register(parent: typer.Typer) -> None:
    """Add this module's commands."""
    parent.add_typer(app, name="ledger")


@app.command()
def show(
    project: Annotated[str, typer.Argument(help="Name of a project; default: all.")] = "",
    as_json: Json = False,
) -> None:
    """Show the entries, oldest first.

    Example: assay ledger show car-price
    """
    from assay.settings import Settings
    from assay.store.store import Store

    with errors(as_json), Store.of(Settings.load()) as store:
        entries = store.ledger.entries(project or None)
        if as_json:
            emit_json(entries)
            return
        emit_table(
            ("no.", "at", "project", "action", "by", "subject", "hash"),
            [
                (
                    e.seq,
                    e.at,
                    e.project,
                    e.action,
                    e.actor,
                    e.subject.removeprefix("sha256:")[:24],
                    short(e.hash),
                )
                for e in entries
            ],
            right=("no.",),
        )


@app.command()
def verify(as_json: Json = False) -> None:
    """Check every hash and signature; exit code 5, and the entries at fault, where one is wrong.

    Example: assay ledger verify
    """
    from assay.settings import Settings
    from assay.store.store import Store

    with errors(as_json), Store.of(Settings.load()) as store:
        report = store.ledger.verify()
        if as_json:
            emit_json(report)
        elif report.ok:
            say(f"{report.entries:,} entries and {report.checkpoints:,} signed checkpoints hold.")
        else:
            for problem in report.problems:
                say(f"✗ {problem}")
        if not report.ok:
            raise typer.Exit(5)

"""`assay policy`: the rules, and what they say of the newest evidence."""

from __future__ import annotations

import typer

from assay.cli.terminal import Json, ProjectArg, emit_json, emit_table, errors

app = typer.Typer(no_args_is_help=True, help="The rules, and what they say of the evidence.")


def register(parent: typer.Typer) -> None:
    """Add this module's commands."""
    parent.add_typer(app, name="policy")


@app.command()
def show(project: ProjectArg, as_json: Json = False) -> None:
    """Show the rules of a project's policy.

    Example: assay policy show examples/car-price
    """
    from assay.project import Project

    with errors(as_json):
        policy = Project.open(project).policy
        if as_json:
            emit_json(policy)
            return
        emit_table(
            ("check", "column", "limit", "if undecided", "because"),
            [(r.check, r.column, r.limit, r.undecided, r.because) for r in policy.rules],
            title=f"{policy.name}: {policy.approvals.required} approval(s)"
            f"{', not by the person who ran it' if policy.approvals.four_eyes else ''}",
        )


@app.command()
def check(project: ProjectArg, as_json: Json = False) -> None:
    """Decide again: today's policy over the newest assessment. Exit code 3 where it refuses.

    Nothing is recorded or released; use it in CI.

    Example: assay policy check car-price
    """
    from assay.cli import pages
    from assay.project import Project

    with errors(as_json):
        opened = Project.open(project)
        decision = opened.decide(opened.find_run().assessment)
        if as_json:
            emit_json({"allowed": decision.allowed, "outcomes": decision.outcomes})
        else:
            pages.show_decision(decision)
        if not decision.allowed:
            raise typer.Exit(3)

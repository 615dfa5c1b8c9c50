"""`assay init`, `assay run`, `assay status`: the lifecycle, start to end."""

from __future__ import annotations

import sys
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.cli.terminal import (
    Json,
    ProjectArg,
    emit_json,
    emit_table,
    errors,
    progress,
    say,
)

if TYPE_CHECKING:
    from assay.lifecycle import Item


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(init)
    app.command()(run)
    app.command()(status)


def init(
    folder: Annotated[Path, typer.Argument(help="Folder of the new project.")],
    question: Annotated[str, typer.Option(help="What is asked, in plain words.")] = "",
    data: Annotated[Path | None, typer.Option(help="The table; copied into the project.")] = None,
    target: Annotated[str, typer.Option(help="Column that holds the answer.")] = "",
    decision: Annotated[str, typer.Option(help="The decision that the answer supports.")] = "",
    owner: Annotated[str, typer.Option(help="Who answers for the model.")] = "",
    group: Annotated[
        list[str] | None, typer.Option(help="Column with affected groups; may be repeated.")
    ] = None,
    intended_use: Annotated[str, typer.Option(help="What the model is for.")] = "",
    out_of_scope: Annotated[str, typer.Option(help="What it is not for.")] = "",
    data_source: Annotated[str, typer.Option(help="Where the table comes from.")] = "",
    data_licence: Annotated[str, typer.Option(help="Licence of the table.")] = "",
    as_json: Json = False,
) -> None:
    """Start a project: asks the business questions, or takes them as options.

    Example: assay init price --data cars.csv --target price --owner ana@example.org
    """
    from assay.project import Project

    given: dict[str, Any] = {
        "question": question,
        "data": str(data) if data else "",
        "target": target,
        "decision": decision,
        "owner": owner,
        "affected_groups": group or [],
        "intended_use": intended_use,
        "out_of_scope": out_of_scope,
        "data_source": data_source,
        "data_licence": data_licence,
    }
    with errors(as_json):
        if sys.stdin.isatty() and not as_json:
            given = _ask(given)
        project = Project.create(folder, **given)
        if as_json:
            emit_json({"folder": str(project.folder), "question": project.question})
            return
        say(f"Wrote {project.folder}/assay.yaml and policy.yaml. Read both, then:")
        say(f"  assay run {project.folder}")


def _ask(given: dict[str, Any]) -> dict[str, Any]:
    """Ask for what the options left open; an empty answer leaves the default."""
    prompts = {
        "question": "What do you want to know, in one sentence",
        "data": "Path of the table (CSV, Parquet, Arrow, NDJSON)",
        "target": "Column that holds the answer",
        "decision": "Which decision does the answer support",
        "owner": "Who answers for the model (name or mail)",
        "intended_use": "What is the model for",
        "out_of_scope": "What is it not for",
        "data_source": "Where does the table come from",
        "data_licence": "Under which licence, or by whose leave, is it used",
    }
    answers = {
        key: given[key] or typer.prompt(text, default="", show_default=False).strip()
        for key, text in prompts.items()
    }
    groups = given["affected_groups"] or [
        name.strip()
        for name in typer.prompt(
            "Columns with groups of affected people, separated by commas",
            default="",
            show_default=False,
        ).split(",")
        if name.strip()
    ]
    return {**answers, "affected_groups": groups}


def run(
    project: ProjectArg = ".",
    fresh: Annotated[
        bool, typer.Option(help="Start anew, even if a run can be continued.")
    ] = False,
    approve: Annotated[
        str,
        typer.Option(help="Approve with this note when the gate allows it; else you are asked."),
    ] = "",
    accept_undecided: Annotated[
        bool,
        typer.Option(help="With --approve: accept, by name, each rule the data left undecided."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Run the lifecycle: question, data, policy, search, assessment, decision, registration.

    A run that was interrupted continues after its last finished step.

    Example: assay run examples/car-price
    """
    from assay.cli import pages
    from assay.project import Project

    with errors(as_json):
        opened = Project.open(project, progress=progress(as_json=as_json))
        if not as_json:
            pages.show_question(opened)
        done = opened.run(fresh=fresh)
        if not as_json:
            pages.show_run(done)
        if done.version is not None:
            _approve(opened, done, note=approve, accept_all=accept_undecided, quiet=as_json)
        if as_json:
            emit_json(done.to_dict())
        else:
            pages.show_next_steps(opened, done)
        if done.version is None:
            raise typer.Exit(3)


def _approve(project: Any, done: Any, *, note: str, accept_all: bool, quiet: bool) -> None:
    """Ask the person at the keyboard, or take what the options say."""
    if project.registry.status(done.version) != "awaiting approval":
        return
    open_rules = [o.key for o in done.decision.to_accept]
    how = "option --approve"
    if not note:
        if quiet or not sys.stdin.isatty():
            return
        if open_rules:
            say(f"To approve means to accept what stayed undecided: {', '.join(open_rules)}.")
        note = typer.prompt(
            "Approve it? Write why (empty: not now)", default="", show_default=False
        )
        if not note.strip():
            return
        accept_all, how = True, "at the keyboard"
    project.registry.approve(
        done.version, note=note, how=how, accept=tuple(open_rules) if accept_all else ()
    )
    done.refresh()


def status(project: ProjectArg = ".", as_json: Json = False) -> None:
    """Show the lifecycle board: each stage's deliverables and checkpoints, done or missing.

    Worked out from the record; nothing is ticked by hand.

    Example: assay status car-price
    """
    from assay.project import Project

    with errors(as_json):
        board = Project.open(project).status()
        if as_json:
            emit_json(board)
            return
        say(f"{board.project}: {board.summary}")
        for stage, items in groupby(board.items, key=lambda item: item.stage):
            emit_table(
                ("", stage, ""),
                [(_MARKS[i.state], _named(i), i.evidence) for i in items],
            )
        if board.next_step:
            say(f"Next: {board.next_step}")


_MARKS = {"done": "✓", "missing": "·", "open": "?"}


def _named(item: Item) -> str:
    return f"checkpoint: {item.name}" if item.kind == "checkpoint" else item.name

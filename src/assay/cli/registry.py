"""`assay registry`, `assay approve`, `assay verify`, `assay reproduce`, `assay bom`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from assay.cli.terminal import Json, emit_facts, emit_json, emit_table, errors, say, short

app = typer.Typer(no_args_is_help=True, help="Model versions: list, show, export, retire.")
VersionArg = Annotated[str, typer.Argument(help="NAME (the newest version) or NAME@NUMBER.")]


def _reference(version: str) -> str:
    """A bare name means its newest version."""
    return version if "@" in version else "latest"


def register(parent: typer.Typer) -> None:
    """Add this module's commands."""
    parent.add_typer(app, name="registry")
    parent.command()(approve)
    parent.command()(verify)
    parent.command()(reproduce)
    parent.command()(bom)


@app.command("list")
def versions(
    name: Annotated[str, typer.Argument(help="Project folder or name.")], as_json: Json = False
) -> None:
    """List the versions of a project's model.

    Example: assay registry list car-price
    """
    from assay.project import Project

    with errors(as_json):
        registry = Project.open(name).registry
        found = [(v, registry.status(v)) for v in registry.versions()]
        if as_json:
            emit_json([{"version": v, "status": s} for v, s in found])
            return
        emit_table(
            ("version", "status", "model", "run", "created", "by"),
            [(v.label, s, short(v.model), v.run, v.created_at, v.created_by) for v, s in found],
        )


@app.command()
def show(version: VersionArg, as_json: Json = False) -> None:
    """Show a version: every digest it is bound to, its approvals and status.

    Example: assay registry show car-price@1
    """
    from assay.project import Project
    from assay.registry.lineage import trace

    with errors(as_json):
        project = Project.of_version(version)
        registry = project.registry
        found = registry.get(_reference(version))
        facts = {
            **{link.what: link.digest for link in trace(project.store, found).links},
            "created": f"{found.created_at} by {found.created_by}",
            "run": found.run,
            "status": registry.status(found),
            "approvals": "; ".join(f"{a.by}: {a.note}" for a in registry.approvals(found)),
        }
        if as_json:
            emit_json(
                {
                    "version": found,
                    "status": facts["status"],
                    "approvals": registry.approvals(found),
                }
            )
        else:
            emit_facts(facts, title=found.label)


@app.command()
def export(
    version: VersionArg,
    folder: Annotated[Path, typer.Argument(help="Folder to write the bundle to.")],
    as_json: Json = False,
) -> None:
    """Write a hallmarked version as one folder that verifies offline.

    Example: assay registry export car-price@1 bundle/
    """
    from assay.project import Project

    with errors(as_json):
        registry = Project.of_version(version).registry
        registry.export(registry.get(_reference(version)), folder)
        if as_json:
            emit_json({"folder": str(folder)})
        else:
            say(f"Wrote {folder}. Check it anywhere: assay verify {folder} --key your-key.pem")


@app.command()
def retire(
    version: VersionArg,
    reason: Annotated[str, typer.Option(help="Why it must not be used any more.")],
    as_json: Json = False,
) -> None:
    """Withdraw a version: recorded for good; it is not served any more.

    Example: assay registry retire car-price@1 --reason "prices of 1985 no longer hold"
    """
    from assay.project import Project

    with errors(as_json):
        registry = Project.of_version(version).registry
        registry.retire(registry.get(_reference(version)), reason=reason)
        if as_json:
            emit_json({"version": version, "status": "retired"})
        else:
            say(f"{version} is retired.")


def approve(
    version: VersionArg,
    note: Annotated[str, typer.Option(help="What you checked, and why you say yes.")],
    accept: Annotated[
        list[str] | None,
        typer.Option(help="An undecided rule you accept, e.g. REL004; may be repeated; 'all'."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Approve a version that the gate allows; strikes the hallmark when approvals suffice.

    Example: assay approve car-price@1 --note "read the report" --accept all
    """
    from assay.project import Project

    with errors(as_json):
        registry = Project.of_version(version).registry
        found = registry.get(_reference(version))
        registry.approve(found, note=note, how="assay approve", accept=tuple(accept or ()))
        status = registry.status(found)
        if as_json:
            emit_json({"version": found.label, "status": status})
        else:
            say(f"{found.label}: {status}.")


def verify(
    target: Annotated[str, typer.Argument(help="NAME, NAME@NUMBER, or a bundle folder.")],
    key: Annotated[
        list[Path] | None, typer.Option(help="Public key (PEM) you trust; default: this store's.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Check a hallmark offline: signature, every digest, decision, approvals.

    Example: assay verify car-price
    """
    from assay.project import verify as verify_target

    with errors(as_json):
        report = verify_target(target, keys=[k.read_text() for k in key or ()])
        if as_json:
            emit_json(report)
            return
        emit_table(
            ("checked", "result"), [(name, "✓ " + result) for name, result in report.checked]
        )
        say(f"The hallmark of {report.version} holds.")


def reproduce(
    version: VersionArg,
    train: Annotated[
        bool, typer.Option(help="Repeat the search too, where its budget counts trials.")
    ] = True,
    as_json: Json = False,
) -> None:
    """Make a version again from its record and compare the digests. Exit code 3 where they differ.

    The outcome goes into the ledger; the next assessment finds it there (ACC005).

    Example: assay reproduce car-price@1
    """
    from assay.project import Project

    with errors(as_json):
        project = Project.of_version(version)
        found = project.reproduce(project.registry.get(_reference(version)).run, train=train)
        if as_json:
            emit_json(found)
        else:
            emit_table(
                ("made again", "result"),
                [
                    (name, "✓ the same" if pair["digest"] == pair["again"] else "✗ differs")
                    for name, pair in found.again.items()
                ],
            )
            for words in found.not_repeated:
                say(f"Not repeated. {words}")
        if found.differing:
            raise typer.Exit(3)


def bom(
    version: VersionArg,
    out: Annotated[Path | None, typer.Option(help="File to write; else standard output.")] = None,
    advisories: Annotated[
        Path | None, typer.Option(help="Known vulnerabilities, as JSON in OSV format.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write the bill of materials of a version: model, data and packages, in CycloneDX 1.6.

    Example: assay bom car-price@1 --out bom.json
    """
    from assay.project import Project

    with errors(as_json):
        project = Project.of_version(version)
        bill = project.bill_of_materials(_reference(version), advisories=advisories)
        if out is None:
            typer.echo(bill.decode())
            return
        out.write_bytes(bill)
        if as_json:
            emit_json({"file": str(out), "bytes": len(bill)})
        else:
            say(f"Wrote {out}.")

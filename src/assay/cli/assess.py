"""`assay assess`: what was measured about a model, made here or elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.cli.terminal import Json, emit_json, emit_table, errors, progress, say

if TYPE_CHECKING:
    from assay.evidence import Judged, RemoteModel

HERE = "A model of a project"
PREDICTIONS = "A model made elsewhere: a table of predictions"
ADDRESS = "A model made elsewhere: its address"


def register(parent: typer.Typer) -> None:
    """Add this module's commands."""
    parent.command()(assess)
    parent.command()(checks)


def _option(text: str, panel: str, *names: str) -> Any:
    return typer.Option(*names, help=text, rich_help_panel=panel)


def assess(
    what: Annotated[
        str,
        typer.Argument(
            help="Project folder or name; with --truth, a CSV, Parquet, Arrow or NDJSON file."
        ),
    ],
    run: Annotated[str, _option("Identifier of a run; default: the newest.", HERE)] = "",
    again: Annotated[
        bool, _option("Measure again, with the checks of today.", HERE, "--again")
    ] = False,
    on: Annotated[
        Path | None, _option("Measure the newest version on this table with the truth.", HERE)
    ] = None,
    truth: Annotated[str, _option("Column of what turned out.", PREDICTIONS)] = "",
    prediction: Annotated[
        str,
        _option("Column of labels, values, or probabilities of the positive class.", PREDICTIONS),
    ] = "",
    score: Annotated[
        list[str] | None,
        _option("Column of probabilities; class=column, once for each class.", PREDICTIONS),
    ] = None,
    groups: Annotated[
        str, _option("Columns whose groups are compared: sex,race.", PREDICTIONS)
    ] = "",
    weight: Annotated[str, _option("Column of what each row counts.", PREDICTIONS)] = "",
    lower: Annotated[str, _option("Column of an interval's lower end.", PREDICTIONS)] = "",
    upper: Annotated[str, _option("Column of its upper end.", PREDICTIONS)] = "",
    coverage: Annotated[float, _option("What the interval promises.", PREDICTIONS)] = 0.9,
    kind: Annotated[
        str, _option("regression, binary or multiclass; default: inferred.", PREDICTIONS)
    ] = "",
    positive: Annotated[str, _option("The class that is asked for.", PREDICTIONS)] = "",
    threshold: Annotated[
        float, _option("Probability from which it is answered.", PREDICTIONS)
    ] = 0.5,
    url: Annotated[
        str, _option("Ask the model at this address instead of reading predictions.", ADDRESS)
    ] = "",
    protocol: Annotated[str, _option("assay, azure, mlflow or v2.", ADDRESS)] = "assay",
    send: Annotated[
        str, _option("Columns to send; default: all but truth and weight.", ADDRESS)
    ] = "",
    classes: Annotated[
        str, _option("What unnamed probabilities stand for, in order: no,yes.", ADDRESS)
    ] = "",
    token_env: Annotated[
        str, _option("Environment variable that holds the endpoint's token.", ADDRESS)
    ] = "",
    policy: Annotated[
        Path | None,
        _option("Policy to decide by; exit code 3 where it refuses.", PREDICTIONS),
    ] = None,
    look: Annotated[
        int,
        _option("How many models, this one included, were judged on these rows.", PREDICTIONS),
    ] = 0,
    report: Annotated[
        Path | None, _option("Write rules and findings as an HTML page.", PREDICTIONS)
    ] = None,
    as_json: Json = False,
) -> None:
    """Show every finding about a model: of a project, or made elsewhere.

    Example: assay assess car-price

    Example: assay assess predictions.csv --truth y --prediction p --groups sex,race
    """
    with errors(as_json):
        if not truth:
            _assess_project(what, run=run, again=again, on=on, as_json=as_json)
            return
        from assay.evidence import assess_predictions

        judged = assess_predictions(
            what,
            truth=truth,
            prediction=prediction,
            scores=_scores(score or ()),
            groups=_names(groups),
            weight=weight,
            lower=lower,
            upper=upper,
            coverage=coverage,
            kind=_kind(kind),
            positive=positive or None,
            threshold=threshold,
            model=_model(url, protocol, classes, token_env),
            send=_names(send),
            policy=policy,
            look=look,
            progress=progress(as_json=as_json),
        )
        _show(judged, report=report, as_json=as_json)
        if judged.allowed is False:
            raise typer.Exit(3)


def _assess_project(project: str, *, run: str, again: bool, on: Path | None, as_json: bool) -> None:
    """The findings of a run, or those of the newest version on another table."""
    from assay.cli import pages
    from assay.project import Project

    if on is None and Path(project).is_file():
        from assay.errors import InputError

        raise InputError(
            f"{Path(project).name!r} is a table: which column holds the truth?",
            hint="assay assess TABLE --truth COLUMN --prediction COLUMN",
        )
    opened = Project.open(project)
    if on is not None:
        assessment = opened.assess(on)
    else:
        found = opened.find_run(run)
        assessment = opened.assess(found.searched) if again else found.assessment
    if as_json:
        emit_json(assessment)
    else:
        pages.show_assessment(assessment)


def _show(judged: Judged, *, report: Path | None, as_json: bool) -> None:
    """Print findings and decision, and write the report where one is asked for."""
    from assay.cli import pages

    if report is not None:
        judged.write_report(report)
    if as_json:
        decision = judged.decision
        told = decision and {"allowed": decision.allowed, "outcomes": decision.outcomes}
        emit_json({"assessment": judged.assessment, "decision": told})
        return
    pages.show_assessment(judged.assessment)
    if judged.decision is not None:
        pages.show_decision(judged.decision)
    if report is not None:
        say(f"Report: {report}")


def _names(text: str) -> tuple[str, ...]:
    """Names between commas."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _scores(words: Sequence[str]) -> Any:
    """Columns, or class -> column where every one is written ``class=column``."""
    pairs = [word.rpartition("=") for word in words]
    if words and all(sign for _, sign, _ in pairs):
        return {name: column for name, _, column in pairs}
    return tuple(words)


def _kind(text: str) -> Any:
    from typing import get_args

    from assay.errors import UnknownName
    from assay.question import Kind

    if text and text not in get_args(Kind):
        raise UnknownName("kind", text, get_args(Kind))
    return text or None


def _model(url: str, protocol: str, classes: str, token_env: str) -> RemoteModel | None:
    """The model at an address, where one is given."""
    if not url:
        return None
    from assay.evidence import RemoteModel
    from assay.evidence.remote import token_of

    return RemoteModel(
        url=url, protocol=protocol, token=token_of(token_env), classes=_names(classes)
    )


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

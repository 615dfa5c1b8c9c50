"""`assay serve`, `predict` and `score`: from a hallmarked version to answers."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from assay.cli.terminal import Json, emit_json, emit_table, errors, progress, say, shown

SHOWN_ROWS = 10
VersionArg = Annotated[
    str, typer.Argument(help="NAME (the newest hallmarked version) or NAME@NUMBER.")
]


def register(parent: typer.Typer) -> None:
    """Add this module's commands."""
    parent.command()(serve)
    parent.command()(predict)
    parent.command()(score)


def serve(
    version: VersionArg,
    port: Annotated[int, typer.Option(help="TCP port on this machine; 0 takes a free one.")] = 8100,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    background: Annotated[bool, typer.Option("--background", help="Start it and return.")] = False,
    stop: Annotated[bool, typer.Option("--stop", help="Stop the endpoint of this name.")] = False,
    as_json: Json = False,
) -> None:
    """Serve a version over HTTP, after its hallmark was verified. Ctrl-C stops it.

    Example: assay serve car-price
    """
    from assay.project import Project

    with errors(as_json):
        project = Project.of_version(version)
        if stop:
            project.stop_endpoint()
            _told(
                as_json, {"endpoint": project.name, "state": "stopped"}, f"Stopped {project.name}."
            )
            return
        endpoint = project.deploy(version, host=host, port=port)
        facts = {"endpoint": project.name, "url": endpoint.url, "version": endpoint.version}
        _told(as_json, facts, f"{endpoint.version} answers at {endpoint.url}/score")
        if not background:
            if not as_json:
                say("Stop it with Ctrl-C.")
            endpoint.wait()


def _told(as_json: bool, facts: dict[str, Any], sentence: str) -> None:
    if as_json:
        emit_json(facts)
    else:
        say(sentence)


def predict(
    version: VersionArg,
    row: Annotated[
        str,
        typer.Argument(help="A JSON object or list of them, @file.json, or - for standard input."),
    ],
    url: Annotated[str, typer.Option(help="Endpoint to ask; default: this machine's.")] = "",
    strangeness: Annotated[
        bool, typer.Option("--strangeness", help="Tell how unlike the training rows each row is.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Ask a running endpoint for an answer.

    Example: assay predict car-price @examples/car-price/row.json
    """
    from assay.project import Project

    with errors(as_json):
        endpoint = Project.of_version(version).endpoint(url)
        answer = endpoint.predict(_rows(row), strangeness=strangeness)
        if as_json:
            emit_json(answer)
            return
        for prediction in answer["predictions"]:
            _show(prediction)
        say(f"Model {answer['model']}, request {answer['request_id']}.")


def score(
    version: VersionArg,
    table: Annotated[Path, typer.Argument(help="CSV, Parquet, Arrow or NDJSON file.")],
    out: Annotated[
        Path | None, typer.Option(help="File for the answers: .csv, .parquet or .ndjson.")
    ] = None,
    native: Annotated[
        bool, typer.Option("--native", help="Compile the model first: for very many rows.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Answer every row of a table, here, without an endpoint; nothing is recorded.

    Example: assay score car-price examples/car-price/automobile.csv --out prices.parquet
    """
    from assay.deploy.batch import check_suffix, write_answers
    from assay.project import Project

    with errors(as_json):
        if out is not None:
            check_suffix(out)
        project = Project.of_version(version, progress=progress(as_json=as_json))
        answers = project.score(table, version, native=native)
        if out is not None:
            write_answers(answers, out)
            _told(as_json, {"rows": answers.height, "file": str(out)}, f"Wrote {out}.")
        elif as_json:
            emit_json(answers.to_dicts())
        else:
            rows = [tuple(map(_cell, row)) for row in answers.head(SHOWN_ROWS).iter_rows()]
            emit_table(answers.columns, rows)
            if answers.height > SHOWN_ROWS:
                say(f"The first {SHOWN_ROWS} of {answers.height:,} rows; --out keeps them all.")


def _cell(value: Any) -> Any:
    return " or ".join(value) if isinstance(value, list) else value


def _rows(text: str) -> Any:
    from assay.errors import InvalidFile

    if text == "-":
        text = sys.stdin.read()
    elif text.startswith("@"):
        path = Path(text[1:])
        if not path.exists():
            raise InvalidFile(f"There is no file {path.name!r}.", where=str(path))
        text = path.read_text(encoding="utf-8")
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise InvalidFile(
            "The row is not JSON.",
            hint='Write it as {"column": value, …}.',
            where=f"line {error.lineno}, column {error.colno}",
        ) from None


def _answer(prediction: dict[str, Any]) -> str:
    """An answer with its uncertainty, in one line."""
    coverage = prediction.get("coverage")
    if "value" in prediction:
        unit = prediction.get("unit") or ""
        line = f"{shown(prediction['value'])} {unit}".rstrip()
        if prediction.get("lower") is not None:
            ends = f"{shown(prediction['lower'])} to {shown(prediction['upper'])}"
            line += f", {coverage:.0%} interval {ends}"
        return line
    line = f"{prediction['label']} (probability {shown(prediction['probability'])})"
    if prediction.get("set"):
        line += f"; with {coverage:.0%} coverage: {' or '.join(prediction['set'])}"
    return line


def _show(prediction: dict[str, Any]) -> None:
    reasons = prediction.get("reasons", ())
    say(_answer(prediction))
    for novelty in prediction.get("novelties", ()):
        say(f"  never seen in training: {novelty['column']} ({novelty['what']})")
    told = prediction.get("strangeness")
    if told:
        alike = f"{told['p_value']:.1%} of rows like the training rows are at least as strange"
        say(f"  {'strange: ' if told['strange'] else ''}{alike}")
    if reasons:
        emit_table(
            ("reason", "effect"), [(r["text"], r["effect"]) for r in reasons], right=("effect",)
        )
